//! Many processes share one SQLite file, and one that is killed takes nothing with it that it was
//! told is kept. Each process is this test binary again.
#![allow(clippy::unwrap_used, reason = "a test that fails here has failed")]

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::future::join_all;
use tempfile::TempDir;
use xpkce::grant::{Account, Generation, Grant, Lease};
use xpkce::seal::{KeySource, unlock};
use xpkce::store::contract::{big_grant, grant};
use xpkce::store::{LeaseEnd, SqliteReading, SqliteStore, Store, Swapped};
use xpkce::{Clock as _, Reason, SystemClock, fork};

const STORE: &str = "XPKCE_TEST_STORE";

/// Starts this binary again, to run one of the ignored tests below on the store at `path`.
fn process(role: &str, path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([role, "--exact", "--ignored", "--nocapture", "--quiet"])
        .env(STORE, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Each runs so many roles, and every one of them well: a role that is not there fails nothing.
fn assert_all_succeed(roles: usize, processes: Vec<Child>) {
    for process in processes {
        let output = process.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{told}");
        assert_eq!(told.matches("1 passed").count(), roles, "{told}");
    }
}

/// The store of a process that was started here.
fn path() -> PathBuf {
    std::env::var_os(STORE).expect("run by another test").into()
}

fn account(number: usize) -> Account {
    Account::new("app", number.to_string())
}

/// Adds one to a record's generation, as often as it takes to win, and returns it.
async fn increment(store: &SqliteStore, account: &Account) -> u64 {
    let mut there = store.load(account).await.unwrap();
    loop {
        let read = there.as_ref().map(|there| there.revision);
        let generation = there.map_or(Generation(1), |there| there.grant.generation.next());
        let next = Grant { generation, ..grant(account.clone()) };
        match store.swap(&next, read, LeaseEnd::Keep).await.unwrap() {
            Swapped::Done(_) => return generation.0,
            Swapped::Moved(moved) => there = moved.map(|there| *there),
        }
    }
}

#[tokio::test]
async fn processes_that_write_one_record_lose_no_update() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("xpkce.db");
    assert_all_succeed(1, (0..4).map(|_| process("increments_one_record", &path)).collect());
    let store = SqliteStore::open(&path).await.unwrap();
    let there = store.load(&account(0)).await.unwrap().unwrap();
    assert_eq!(there.grant.generation, Generation(4 * 25));
    store.check().await.unwrap();
}

#[tokio::test]
#[ignore = "run by another test"]
async fn increments_one_record() {
    let store = SqliteStore::open(path()).await.unwrap();
    for _ in 0..25 {
        increment(&store, &account(0)).await;
    }
}

#[tokio::test]
async fn processes_that_start_at_once_share_one_key() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("home").join("xpkce.db");
    assert_all_succeed(1, (0..6).map(|_| process("unlocks", &path)).collect());
    let store = SqliteStore::open(&path).await.unwrap();
    unlock(&store, &KeySource::File(path.with_extension("key"))).await.unwrap();
}

#[tokio::test]
#[ignore = "run by another test"]
async fn unlocks() {
    let store = SqliteStore::open(path()).await.unwrap();
    unlock(&store, &KeySource::File(path().with_extension("key"))).await.unwrap();
}

#[tokio::test]
async fn a_killed_process_loses_nothing_that_was_acknowledged() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("xpkce.db");
    let mut acknowledged = BTreeMap::<String, u64>::new();
    for round in 0..6 {
        let mut writer = process("increments_until_it_is_killed", &path);
        let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines();
        for _ in 0..20 + 7 * round {
            note(&mut acknowledged, &lines.next().unwrap().unwrap());
        }
        writer.kill().unwrap();
        writer.wait().unwrap();
        lines.map_while(Result::ok).for_each(|line| note(&mut acknowledged, &line));

        let store = SqliteStore::open(&path).await.unwrap();
        store.check().await.unwrap();
        for (user, least) in &acknowledged {
            let there = store.load(&Account::new("app", user)).await.unwrap().unwrap();
            let generation = there.grant.generation.0;
            assert!((*least..=least + 1).contains(&generation), "{user}: {generation}, {least}");
        }
        // What was in flight may have landed: count on from there.
        for there in store.list(None, 100).await.unwrap() {
            acknowledged.insert(there.grant.account.user.clone(), there.grant.generation.0);
        }
    }
}

/// Reads a line of the process below; the test harness prints some of its own.
fn note(acknowledged: &mut BTreeMap<String, u64>, line: &str) {
    let Some((user, generation)) =
        line.strip_prefix("acknowledged ").and_then(|l| l.split_once(' '))
    else {
        return;
    };
    // The last line of a killed process may be cut.
    if let Some(generation) = generation.strip_suffix('.') {
        acknowledged.insert(user.to_owned(), generation.parse().unwrap());
    }
}

#[tokio::test]
#[ignore = "run by another test"]
async fn increments_until_it_is_killed() {
    let store = SqliteStore::open(path()).await.unwrap();
    join_all((0..8).map(|number| {
        let store = &store;
        async move {
            loop {
                let generation = increment(store, &account(number)).await;
                let mut stdout = std::io::stdout().lock();
                writeln!(stdout, "acknowledged {number} {generation}.").unwrap();
                stdout.flush().unwrap();
            }
        }
    }))
    .await;
}

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
        .args(roles)
        .env(STORE, folder.path().join("xpkce.db"))
        .env("folder", folder.path())
        .stdout(Stdio::piped())
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
    make_a_store().await;
}

async fn make_a_store() {
    let store = SqliteStore::open(path()).await.unwrap();
    store.swap(&grant(account(0)), None, LeaseEnd::Keep).await.unwrap();
}

#[tokio::test]
#[ignore = "run by another test"]
async fn finds_it_read_only() {
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
        .args([role, "--exact", "--ignored"])
        .env(STORE, folder.path().join("xpkce.db"))
        .stdout(Stdio::piped())
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

#[tokio::test]
async fn a_process_that_forks_has_its_store_closed_meanwhile() {
    let folder = TempDir::new().unwrap();
    assert_all_succeed(1, vec![process("closes_for_forks", &folder.path().join("xpkce.db"))]);
}

#[tokio::test]
#[ignore = "run by another test"]
async fn closes_for_forks() {
    assert!(!SqliteStore::is_open_here());
    let store = SqliteStore::open(path()).await.unwrap();
    for number in 1..=2 {
        assert_eq!(store.next_sign_in().await.unwrap(), number);
        assert!(SqliteStore::is_open_here());
        #[cfg(target_os = "linux")]
        assert!(has_open(&path()));
        let deadline = SystemClock.uptime() + Duration::from_secs(20);
        fork::begin();
        while !fork::is_still() {
            assert!(SystemClock.uptime() < deadline, "it is not closed");
            std::thread::yield_now();
        }
        assert!(!SqliteStore::is_open_here());
        #[cfg(target_os = "linux")]
        assert!(!has_open(&path()), "a child would have it open too");
        fork::end_in_parent();
    }
}

/// Returns whether this process has a file open.
#[cfg(target_os = "linux")]
fn has_open(path: &Path) -> bool {
    let mut open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    open.any(|it| std::fs::read_link(it.path()).is_ok_and(|file| file == path))
}
