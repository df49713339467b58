//! What may happen to SQLite's file in the middle of a spend: its disk is full, or somebody puts
//! another file in its place.

use std::io::Write as _;
use std::path::Path;

use xpkce::store::{SqliteStore, Store as _};

use super::home::{Home, Kind};
use super::server::on_small_disk;
use super::spend::{Spend, goes_on};

/// Runs a test of this binary with a disk of 4 MiB, where its home is.
fn with_small_disk(role: &str) {
    let disk = tempfile::tempdir().unwrap();
    let output = on_small_disk(disk.path())
        .arg(std::env::current_exe().unwrap())
        .args([role, "--exact", "--ignored", "--nocapture", "--quiet"])
        .env("TMPDIR", disk.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    println!("{told}");
    assert!(told.contains("1 passed"), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Fills a disk to the last byte.
fn fill(folder: &Path) {
    let mut file = std::fs::File::create(folder.join("ballast")).unwrap();
    for size in [64 * 1024, 1] {
        let noise = vec![7; size];
        let why = loop {
            if let Err(why) = file.write_all(&noise) {
                break why;
            }
        };
        assert_eq!(why.kind(), std::io::ErrorKind::StorageFull);
    }
}

fn empty(folder: &Path) {
    std::fs::remove_file(folder.join("ballast")).unwrap();
}

#[test]
fn room_is_kept_for_a_pair_on_a_disk_that_fills() {
    with_small_disk("disks::a_pair_on_a_disk_that_fills");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run on a small disk by the test above"]
async fn a_pair_on_a_disk_that_fills() {
    let home = Home::new(Kind::Sqlite).await;
    let mut spend = Spend::begin(&home, &home.place).await;
    fill(&home.place.folder);
    let got = spend.end(&home).await;
    println!("| SQLite: the disk is full | {got} |");
    assert_eq!(got, "generation 2; generation 2 is served");
    assert_eq!(spend.record(&home).await.generation.0, 2);
    assert_eq!(spend.refresh().await, "says Store");
    assert_eq!(home.x.refreshes(), 1, "nothing is spent without room for what comes of it");
    empty(&home.place.folder);
    spend.ends_well(&home).await;
}

#[test]
fn a_pair_is_spilled_on_a_disk_that_is_full_to_the_last_byte() {
    with_small_disk("disks::a_pair_on_a_disk_without_room");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run on a small disk by the test above"]
async fn a_pair_on_a_disk_without_room() {
    let home = Home::new(Kind::Sqlite).await;
    let mut spend = Spend::begin(&home, &home.place).await;
    std::fs::remove_file(home.place.folder.join("logins.db-reserve")).unwrap();
    fill(&home.place.folder);
    let got = spend.end(&home).await;
    println!("| SQLite: the disk is full, and its reserve gone | {got} |");
    assert_eq!(got, "says Store; generation 2 is served");
    let user = spend.user();
    // A process that ends now leaves the pair in its spill file.
    tokio::task::block_in_place(|| drop(spend));
    empty(&home.place.folder);
    goes_on(&home, &user).await;
}

#[test]
fn a_code_is_not_spent_where_the_store_has_no_room_for_its_pair() {
    with_small_disk("disks::a_sign_in_into_a_store_without_room");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run on a small disk by the test above"]
async fn a_sign_in_into_a_store_without_room() {
    a_code_is_not_spent(Kind::Sqlite, "no room can be kept for the store").await;
}

#[test]
fn a_code_is_not_spent_where_the_holders_have_no_room_for_its_pair() {
    with_small_disk("disks::a_sign_in_beside_a_store_without_room");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run on a small disk by the test above"]
async fn a_sign_in_beside_a_store_without_room() {
    a_code_is_not_spent(Kind::Memory, "no room can be kept for the tokens").await;
}

/// Leaves room for a sign-in's number, and perhaps for its pair, and signs in.
async fn a_code_is_not_spent(kind: Kind, told: &str) {
    let home = Home::new(kind).await;
    let keeper = home.keeper().await;
    let login = keeper.begin_login().unwrap();
    let callback = home.x.approve(login.url()).await;
    fill(&home.place.folder);
    let ballast = home.place.folder.join("ballast");
    let ballast = std::fs::File::options().write(true).open(ballast).unwrap();
    ballast.set_len(ballast.metadata().unwrap().len() - 64 * 1024).unwrap();
    drop(ballast);
    let why = keeper.sign_in(login.approve(&callback).unwrap()).await.unwrap_err();
    assert!(why.hint().is_some_and(|hint| hint.starts_with("make room on the disk")), "{why:?}");
    let why = why.to_string();
    assert!(why.starts_with(told) && why.ends_with("the disk is full"), "{why}");
    assert_eq!(home.x.token_requests(), 0, "the code is spent");
    tokio::task::block_in_place(|| drop(keeper));
    empty(&home.place.folder);
    home.sign_in(&home.keeper().await).await;
}

#[test]
fn a_store_that_cannot_be_opened_on_a_full_disk_says_so() {
    with_small_disk("disks::a_store_on_a_disk_without_room");
}

#[tokio::test]
#[ignore = "run on a small disk by the test above"]
async fn a_store_on_a_disk_without_room() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logins.db");
    drop(SqliteStore::open(path.clone()).await.unwrap());
    fill(folder.path());
    let why = match SqliteStore::open(path).await {
        Ok(store) => store.next_sign_in().await.unwrap_err(),
        Err(why) => why,
    };
    assert!(why.to_string().ends_with("the disk is full"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_put_away_in_a_spend_gets_the_pair_when_it_is_back() {
    let home = Home::new(Kind::Sqlite).await;
    let mut spend = Spend::begin(&home, &home.place).await;
    let path = |name: &str| home.place.folder.join(name);
    std::fs::rename(path("logins.db"), path("aside")).unwrap();
    std::fs::copy(path("aside"), path("logins.db")).unwrap();
    let got = spend.end(&home).await;
    println!("| SQLite: another file is in its place | {got} |");
    assert_eq!(got, "says Store; generation 2 is served");
    std::fs::rename(path("aside"), path("logins.db")).unwrap();
    spend.ends_well(&home).await;
}
