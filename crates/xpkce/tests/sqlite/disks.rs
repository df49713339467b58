//! Disks that are full or read-only, and files without rights, as a process of its own finds them.

use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use xpkce::Reason;
use xpkce::grant::Lease;
use xpkce::store::contract::{big_grant, grant};
use xpkce::store::{LeaseEnd, SqliteReading, SqliteStore, Store as _, Swapped};

use super::silence::Silence;
use super::{STORE, account, assert_all_succeed, path};

/// Runs roles one after the other on a disk of their own, of 4 MiB, that no other process sees;
/// the last one cannot write to it when there is more than one.
fn on_a_small_disk(roles: &[&str], folder: &TempDir) -> Child {
    let script = r#"
        mount -t tmpfs -o size=4m,mode=700 tmpfs "$1"; test=$2; shift 2
        while [ $# -gt 1 ]; do
            "$test" "$1" --exact --ignored; shift
            mount -o remount,ro "$folder"
        done
        exec "$test" "$1" --exact --ignored"#;
    Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-ec", script, "sh"])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .args(roles.iter().map(|role| format!("disks::{role}")))
        .env(STORE, folder.path().join("xpkce.db"))
        .env("folder", folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("unshare, of util-linux")
}

#[tokio::test]
async fn on_a_full_disk_nothing_is_spent_and_what_was_is_saved() {
    let folder = TempDir::new().unwrap();
    assert_all_succeed(1, vec![on_a_small_disk(&["spends_on_a_full_disk"], &folder)]);
}

#[tokio::test]
#[ignore = "run by another test"]
async fn spends_on_a_full_disk() {
    let _silence = Silence::listen();
    let store = SqliteStore::open(path()).await.unwrap();
    let spend = LeaseEnd::In(Lease::SPAN);
    let begun = store.swap(&grant(account(0)), None, spend).await.unwrap();
    let Swapped::Done(revision) = begun else { panic!("{begun:?}") };
    let ballast = path().with_extension("ballast");
    fill_the_disk(&ballast);

    let refused = store.swap(&big_grant(account(1)), None, spend).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::Store);
    assert!(refused.to_string().contains("full"), "{refused}");

    let saved = store.swap(&big_grant(account(0)), Some(revision), LeaseEnd::Now).await.unwrap();
    let Swapped::Done(revision) = saved else { panic!("{saved:?}") };

    fill_the_disk(&ballast);
    let refused = store.swap(&grant(account(0)), Some(revision), spend).await.unwrap_err();
    let told = "no room can be kept for the store: the disk is full";
    assert_eq!(refused.to_string(), told);
    assert!(refused.hint().unwrap_or_default().starts_with("make room"), "{refused:?}");
    std::fs::remove_file(ballast).unwrap();
    store.swap(&grant(account(0)), Some(revision), spend).await.unwrap();
    store.check().await.unwrap();
}

#[tokio::test]
async fn on_a_full_disk_what_was_spent_is_saved_though_nobody_was_refused_before() {
    let folder = TempDir::new().unwrap();
    assert_all_succeed(1, vec![on_a_small_disk(&["saves_on_a_full_disk"], &folder)]);
}

#[tokio::test]
#[ignore = "run by another test"]
async fn saves_on_a_full_disk() {
    let _silence = Silence::listen();
    let ballast = path().with_extension("ballast");
    let mut store = SqliteStore::open(path()).await.unwrap();
    let mut there = None;
    for is_opened_anew in [false, true] {
        let spend = LeaseEnd::In(Lease::SPAN);
        let begun = store.swap(&grant(account(0)), there, spend).await.unwrap();
        let Swapped::Done(begun) = begun else { panic!("{begun:?}") };
        if is_opened_anew {
            drop(store);
            fill_the_disk(&ballast);
            store = SqliteStore::open(path()).await.unwrap();
        }
        fill_the_disk(&ballast);
        let saved = store.swap(&big_grant(account(0)), Some(begun), LeaseEnd::Now).await.unwrap();
        there = Some(if let Swapped::Done(saved) = saved { saved } else { panic!("{saved:?}") });
        std::fs::remove_file(&ballast).unwrap();
    }
}

fn fill_the_disk(path: &Path) {
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
    while file.write_all(&[0xa5; 4096]).is_ok() {}
}

#[tokio::test]
async fn on_a_read_only_disk_the_store_says_so() {
    let folder = TempDir::new().unwrap();
    let roles = ["makes_a_store", "finds_it_read_only"];
    assert_all_succeed(roles.len(), vec![on_a_small_disk(&roles, &folder)]);
}

#[tokio::test]
#[ignore = "run by another test"]
async fn makes_a_store() {
    let _silence = Silence::listen();
    make_a_store().await;
}

async fn make_a_store() {
    let store = SqliteStore::open(path()).await.unwrap();
    store.swap(&grant(account(0)), None, LeaseEnd::Keep).await.unwrap();
}

#[tokio::test]
#[ignore = "run by another test"]
async fn finds_it_read_only() {
    let _silence = Silence::listen();
    let store = SqliteStore::open(path()).await.unwrap();
    for _ in 0..2 {
        assert!(store.load(&account(0)).await.unwrap().is_some(), "it is read as it lies");
    }
    let spend = store.next_sign_in().await.unwrap_err();
    let write = store.swap(&grant(account(1)), None, LeaseEnd::Keep).await.unwrap_err();
    for why in [spend, write] {
        assert_eq!(why.reason(), Reason::Store);
        assert!(why.to_string().ends_with("its folder is read-only"), "{why}");
    }
}

/// Runs a role as a user whom the rights of files bind, as they bind no root.
fn without_privileges(role: &str, folder: &TempDir) -> Child {
    Command::new("unshare")
        .args(["--user", "--map-root-user", "setpriv", "--inh-caps=-all", "--bounding-set=-all"])
        .arg(std::env::current_exe().unwrap())
        .args([&format!("disks::{role}"), "--exact", "--ignored"])
        .env(STORE, folder.path().join("xpkce.db"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("unshare and setpriv, of util-linux")
}

#[tokio::test]
async fn a_file_that_was_read_only_for_a_while_is_written_again_after_it() {
    let folder = TempDir::new().unwrap();
    assert_all_succeed(1, vec![without_privileges("makes_its_file_read_only", &folder)]);
}

#[tokio::test]
#[ignore = "run by another test"]
async fn makes_its_file_read_only() {
    let _silence = Silence::listen();
    let rights = |mode| std::fs::set_permissions(path(), Permissions::from_mode(mode)).unwrap();
    make_a_store().await;
    rights(0o400);
    let open = std::fs::OpenOptions::new().write(true).open(path());
    assert!(open.is_err(), "the rights of files do not bind this process");
    let store = SqliteStore::open(path()).await.unwrap();
    assert!(store.load(&account(0)).await.unwrap().is_some());
    let why = store.swap(&grant(account(1)), None, LeaseEnd::Keep).await.unwrap_err();
    assert!(why.to_string().ends_with("cannot be written: it is read-only"), "{why}");
    assert_eq!(why.hint().unwrap(), format!("chmod 600 {}", path().display()));
    drop(store);
    assert!(SqliteReading::open(path()).unwrap().unwrap().grant(&account(0)).unwrap().is_some());
    assert_eq!(std::fs::read_dir(path().parent().unwrap()).unwrap().count(), 1);
    rights(0o600);
    let store = SqliteStore::open(path()).await.unwrap();
    assert_eq!(store.next_sign_in().await.unwrap(), 1);
}

#[tokio::test]
async fn what_lies_beside_a_store_and_cannot_be_written_is_named() {
    let folder = TempDir::new().unwrap();
    assert_all_succeed(1, vec![without_privileges("finds_its_memory_read_only", &folder)]);
}

#[tokio::test]
#[ignore = "run by another test"]
async fn finds_its_memory_read_only() {
    let _silence = Silence::listen();
    make_a_store().await;
    let memory = path().with_file_name("xpkce.db-shm");
    std::fs::write(&memory, [0; 32 * 1024]).unwrap();
    std::fs::set_permissions(&memory, Permissions::from_mode(0o400)).unwrap();
    let store = SqliteStore::open(path()).await.unwrap();
    assert!(store.load(&account(0)).await.unwrap().is_some());
    let why = store.swap(&grant(account(1)), None, LeaseEnd::Keep).await.unwrap_err();
    assert!(why.to_string().ends_with("xpkce.db-shm is read-only"), "{why:?}");
    assert_eq!(why.hint().unwrap(), format!("chmod 600 {}", memory.display()));
}

#[tokio::test]
async fn on_a_full_disk_a_store_is_read_as_it_lies_and_says_why_it_is_not_written() {
    let folder = TempDir::new().unwrap();
    assert_all_succeed(1, vec![on_a_small_disk(&["opens_it_on_a_full_disk"], &folder)]);
}

#[tokio::test]
#[ignore = "run by another test"]
async fn opens_it_on_a_full_disk() {
    let _silence = Silence::listen();
    make_a_store().await;
    fill_the_disk(&path().with_extension("ballast"));
    // Who could not open it leaves an empty log, and memory that was cut short.
    for _ in 0..2 {
        let store = SqliteStore::open(path()).await.unwrap();
        assert!(store.load(&account(0)).await.unwrap().is_some());
        let why = store.next_sign_in().await.unwrap_err();
        assert!(why.to_string().ends_with("the disk is full"), "{why}");
        let why = store.swap(&grant(account(1)), None, LeaseEnd::Keep).await.unwrap_err();
        assert!(why.to_string().ends_with("cannot be used: the disk is full"), "{why}");
        assert!(why.hint().unwrap_or_default().starts_with("make room"), "{why:?}");
        drop(store);
        let reading = SqliteReading::open(path()).unwrap().unwrap();
        assert!(reading.grant(&account(0)).unwrap().is_some());
    }
    std::fs::remove_file(path().with_extension("ballast")).unwrap();
    let store = SqliteStore::open(path()).await.unwrap();
    assert_eq!(store.next_sign_in().await.unwrap(), 1);
}
