//! The SQLite file is private, and one that is not a sound store of this version is left alone.
#![allow(clippy::unwrap_used, reason = "a test that fails here has failed")]
#![allow(unreachable_pub, reason = "shared by several tests")]

#[path = "silence/silence.rs"]
mod silence;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Waker};

use rusqlite::Connection;
use tempfile::TempDir;
use xpkce::grant::{Account, Lease};
use xpkce::store::contract::{big_grant, grant};
use xpkce::store::{LeaseEnd, Revision, SqliteStore, Store, Swapped};
use xpkce::{Error, Reason, SystemClock};

use self::silence::Silence;

struct Folder(TempDir, Silence);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap(), Silence::listen())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("made").join("xpkce.db")
    }

    fn with_file(bytes: &[u8]) -> Self {
        let folder = Self::new();
        fs::create_dir(folder.path().parent().unwrap()).unwrap();
        fs::write(folder.path(), bytes).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o600)).unwrap();
        folder
    }

    fn with_database(sql: &str) -> Self {
        let folder = Self::with_file(b"");
        Connection::open(folder.path()).unwrap().execute_batch(sql).unwrap();
        folder
    }

    async fn open(&self) -> Result<SqliteStore, Error> {
        SqliteStore::open(self.path()).await.inspect_err(|why| self.1.hear(why))
    }

    /// Changes the store behind its back.
    fn execute(&self, sql: &str) {
        Connection::open(self.path()).unwrap().execute_batch(sql).unwrap();
    }

    async fn assert_left_alone(&self, reason: Reason) {
        let before = fs::read(self.path()).unwrap();
        let why = self.open().await.unwrap_err();
        assert_eq!(why.reason(), reason, "{why:?}");
        assert_eq!(fs::read(self.path()).unwrap(), before);
    }
}

fn sample() -> xpkce::grant::Grant {
    grant(Account::new("app", "user"))
}

async fn write(store: &SqliteStore, expected: Option<Revision>) -> Result<Swapped, Error> {
    let written = store.swap(&sample(), expected, LeaseEnd::Keep).await;
    written.inspect_err(|why| Silence::listen().hear(why))
}

async fn revision(store: &SqliteStore, account: &Account) -> Revision {
    store.load(account).await.unwrap().unwrap().revision
}

#[tokio::test]
async fn the_files_and_their_folder_are_private() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    write(&store, None).await.unwrap();
    let made = fs::metadata(folder.path().parent().unwrap()).unwrap();
    assert_eq!(made.mode() & 0o777, 0o700);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder.path().parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().mode() & 0o777, 0o600, "{entry:?}");
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["xpkce.db", "xpkce.db-shm", "xpkce.db-wal"]);
}

#[tokio::test]
async fn a_store_that_others_can_read_is_refused() {
    let folder = Folder::new();
    drop(folder.open().await.unwrap());
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o640)).unwrap();
    let why = folder.open().await.unwrap_err();
    assert_eq!(why.reason(), Reason::Store);
    assert!(why.hint().unwrap().starts_with("chmod 600"));
}

#[tokio::test]
async fn what_is_not_a_database_is_left_alone() {
    let long = "{\"access_token\": 1}".repeat(1000);
    for text in ["x", "client_id = 1\n", &long] {
        Folder::with_file(text.as_bytes()).assert_left_alone(Reason::StoreDamaged).await;
    }
}

#[tokio::test]
async fn a_store_that_was_cut_to_nothing_is_not_taken_for_a_new_one() {
    Folder::with_file(b"").assert_left_alone(Reason::StoreDamaged).await;
    let folder = Folder::new();
    write(&folder.open().await.unwrap(), None).await.unwrap();
    fs::File::create(folder.path()).unwrap();
    folder.assert_left_alone(Reason::StoreDamaged).await;
    let hint = folder.open().await.unwrap_err().hint().unwrap().to_owned();
    assert!(
        hint.contains("xpkce.db-wal"),
        "what lies beside it would be laid over the next: {hint}"
    );
}

#[tokio::test]
async fn a_folder_is_not_a_store() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path()).unwrap();
    let why = folder.open().await.unwrap_err();
    assert_eq!(why.reason(), Reason::Store);
    assert!(why.hint().unwrap().ends_with("made/xpkce.db/xpkce.db"), "{why:?}");
}

#[tokio::test]
async fn what_is_no_file_is_not_a_store() {
    let folder = Folder::new();
    fs::create_dir(folder.path().parent().unwrap()).unwrap();
    let _listening = UnixListener::bind(folder.path()).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o600)).unwrap();
    let why = folder.open().await.unwrap_err();
    assert!(why.to_string().ends_with("is not a file"), "{why}");
}

#[tokio::test]
async fn another_programs_database_is_left_alone() {
    for sql in ["CREATE TABLE t (x)", "PRAGMA application_id = 7", "PRAGMA user_version = 7"] {
        Folder::with_database(sql).assert_left_alone(Reason::StoreDamaged).await;
    }
}

#[tokio::test]
async fn a_newer_versions_store_is_left_alone() {
    let folder = Folder::new();
    drop(folder.open().await.unwrap());
    folder.execute("PRAGMA user_version = 1000; PRAGMA wal_checkpoint(TRUNCATE)");
    folder.assert_left_alone(Reason::StoreNewer).await;
}

#[tokio::test]
async fn the_log_beside_a_newer_versions_store_is_left_alone() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    write(&store, None).await.unwrap();
    folder.execute("PRAGMA user_version = 1000");
    // A copy of both, as the end of the machine leaves them.
    let [left, log] = ["left.db", "left.db-wal"].map(|name| folder.path().with_file_name(name));
    fs::copy(folder.path(), &left).unwrap();
    fs::copy(folder.path().with_file_name("xpkce.db-wal"), &log).unwrap();
    let before = [&left, &log].map(|path| fs::read(path).unwrap());
    assert!(!before[1].is_empty());
    let why = SqliteStore::open(&left).await.unwrap_err();
    assert_eq!(why.reason(), Reason::StoreNewer);
    assert!([&left, &log].map(|path| fs::read(path).unwrap()) == before, "it was changed");
}

#[tokio::test]
async fn a_store_that_became_newer_while_it_was_open_is_not_written() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    write(&store, None).await.unwrap();
    folder.execute("PRAGMA user_version = 1000");
    assert_eq!(write(&store, Some(Revision(1))).await.unwrap_err().reason(), Reason::StoreNewer);
}

#[tokio::test]
async fn a_damaged_store_says_so() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    for user in 0..20 {
        let grant = big_grant(Account::new("app", user.to_string()));
        store.swap(&grant, None, LeaseEnd::Keep).await.unwrap();
    }
    store.check().await.unwrap();
    drop(store);
    folder.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    let mut bytes = fs::read(folder.path()).unwrap();
    bytes[4096..].fill(0xa5);
    let damaged = Folder::with_file(&bytes);
    let store = damaged.open().await.unwrap();
    assert_eq!(store.check().await.unwrap_err().reason(), Reason::StoreDamaged);
    assert_eq!(store.list(None, 9).await.unwrap_err().reason(), Reason::StoreDamaged);
    assert_eq!(write(&store, None).await.unwrap_err().reason(), Reason::StoreDamaged);
    assert_eq!(fs::read(damaged.path()).unwrap(), bytes);
}

#[tokio::test]
async fn a_record_that_was_altered_says_so() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    for change in ["record = '{'", "user = 'another'", "record = replace(record, '41', '-41')"] {
        write(&store, None).await.unwrap();
        folder.execute(&format!("UPDATE grants SET {change}"));
        let listed = store.list(None, 1).await.unwrap_err();
        assert_eq!(listed.reason(), Reason::StoreDamaged, "{change}");
        folder.execute("DELETE FROM grants");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_many_make_at_once_is_one() {
    // It is a race, which is not lost every time.
    for folder in (0..6).map(|_| Arc::new(Folder::new())) {
        let opening = (0..16).map(|_| {
            let folder = Arc::clone(&folder);
            tokio::spawn(async move { folder.open().await.unwrap().next_sign_in().await.unwrap() })
        });
        let mut numbers = Vec::new();
        for number in opening.collect::<Vec<_>>() {
            numbers.push(number.await.unwrap());
        }
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=16).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_lease_ends_with_the_boot_it_was_taken_in() {
    let folder = Folder::new();
    let clock = Arc::new(SystemClock);
    let store = SqliteStore::open_in_boot(folder.path(), "one", clock.clone()).await.unwrap();
    store.swap(&sample(), None, LeaseEnd::In(Lease::SPAN)).await.unwrap();
    let next = SqliteStore::open_in_boot(folder.path(), "another", clock).await.unwrap();
    let there = |there: Option<xpkce::store::Stored>| there.unwrap().lease_left;
    assert!(!there(store.load(&sample().account).await.unwrap()).is_zero());
    assert!(there(next.load(&sample().account).await.unwrap()).is_zero());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_lease_is_of_the_boot_that_the_kernel_names() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    store.swap(&sample(), None, LeaseEnd::In(Lease::SPAN)).await.unwrap();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let clock = Arc::new(SystemClock);
    let same = SqliteStore::open_in_boot(folder.path(), boot.trim(), clock).await.unwrap();
    let there = same.load(&sample().account).await.unwrap().unwrap();
    assert!(!there.lease_left.is_zero(), "it would outlast the boot, or not last it out");
}

#[tokio::test]
async fn its_holders_show_that_they_live_in_its_own_folder() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    assert_eq!(store.folder(), folder.path().parent());
}

#[tokio::test]
async fn a_store_that_was_replaced_while_open_is_not_written() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    write(&store, None).await.unwrap();
    let copy = folder.path().with_extension("copy");
    fs::copy(folder.path(), &copy).unwrap();
    fs::rename(copy, folder.path()).unwrap();
    assert_eq!(write(&store, Some(Revision(1))).await.unwrap_err().reason(), Reason::Store);
    fs::remove_file(folder.path()).unwrap();
    assert_eq!(write(&store, Some(Revision(1))).await.unwrap_err().reason(), Reason::Store);
}

#[tokio::test]
async fn a_write_whose_caller_went_away_is_written() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    let grant = sample();
    let mut swap = store.swap(&grant, None, LeaseEnd::Keep);
    let _ = swap.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    drop(swap);
    store.next_sign_in().await.unwrap();
    assert!(store.load(&sample().account).await.unwrap().is_some());
}

#[tokio::test]
async fn a_swap_that_has_lost_does_not_wait_for_the_lock() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    write(&store, None).await.unwrap();
    let other = Connection::open(folder.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(matches!(write(&store, None).await.unwrap(), Swapped::Moved(Some(_))));
    assert!(store.load(&sample().account).await.unwrap().is_some());
}

#[tokio::test]
async fn a_store_is_opened_and_read_while_somebody_writes() {
    let folder = Folder::new();
    write(&folder.open().await.unwrap(), None).await.unwrap();
    let other = Connection::open(folder.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let store = folder.open().await.unwrap();
    assert!(store.load(&sample().account).await.unwrap().is_some());
}

#[tokio::test]
async fn a_swap_waits_for_the_lock_and_lands() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    let other = Connection::open(folder.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let grant = sample();
    let mut swap = store.swap(&grant, None, LeaseEnd::Keep);
    assert!(swap.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    store.load(&sample().account).await.unwrap();
    other.execute_batch("COMMIT").unwrap();
    assert!(matches!(swap.await.unwrap(), Swapped::Done(_)));
}

#[tokio::test]
async fn a_spend_that_joins_those_who_wait_for_the_lock_is_not_begun_without_room() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    write(&store, None).await.unwrap();
    // In the place of the room that is kept.
    fs::create_dir(folder.path().with_file_name("xpkce.db-reserve")).unwrap();
    let lock = Connection::open(folder.path()).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (other, own) = (grant(Account::new("app", "other")), sample());
    let read = revision(&store, &own.account).await;
    let mut waits = store.swap(&other, None, LeaseEnd::Keep);
    let mut spend = store.swap(&own, Some(read), LeaseEnd::In(Lease::SPAN));
    for write in [&mut waits, &mut spend] {
        assert!(write.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        // One that has lost is answered once those before it have been taken in.
        assert!(matches!(self::write(&store, None).await.unwrap(), Swapped::Moved(Some(_))));
    }
    lock.execute_batch("COMMIT").unwrap();
    assert!(matches!(waits.await.unwrap(), Swapped::Done(_)));
    assert_eq!(spend.await.unwrap_err().reason(), Reason::Store);
}

#[tokio::test]
async fn writes_that_wait_together_are_committed_together() {
    const WRITES: u64 = 64;
    const PAGE: u64 = 4096;
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    store.next_sign_in().await.unwrap();
    let log = || fs::metadata(folder.path().with_file_name("xpkce.db-wal")).unwrap().len();
    let before = log();
    let lock = Connection::open(folder.path()).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut waiting: Vec<_> = (0..WRITES).map(|_| store.next_sign_in()).collect();
    for write in &mut waiting {
        assert!(write.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    lock.execute_batch("COMMIT").unwrap();
    for (write, number) in waiting.into_iter().zip(2..) {
        assert_eq!(write.await.unwrap(), number);
    }
    // Every commit writes the page of the counter anew.
    let commits = (log() - before) / PAGE;
    assert!(commits < WRITES / 4, "{commits} commits");
}

#[tokio::test]
async fn a_relabelling_that_loses_leaves_nothing_to_those_it_is_committed_with() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    let [from, to, other] = ["unlabelled-1", "1", "2"].map(|user| Account::new("app", user));
    for account in [&from, &to] {
        store.swap(&grant(account.clone()), None, LeaseEnd::Keep).await.unwrap();
    }
    let lock = Connection::open(folder.path()).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (losing, winning) = (grant(to), grant(other));
    let read = revision(&store, &from).await;
    let mut relabel = store.relabel((&from, read), &losing, None);
    let mut swap = store.swap(&winning, None, LeaseEnd::Keep);
    let mut polling = Context::from_waker(Waker::noop());
    assert!(relabel.as_mut().poll(&mut polling).is_pending());
    assert!(swap.as_mut().poll(&mut polling).is_pending());
    lock.execute_batch("COMMIT").unwrap();
    assert!(matches!(relabel.await.unwrap(), Swapped::Moved(Some(_))));
    assert!(matches!(swap.await.unwrap(), Swapped::Done(_)));
    assert!(store.load(&from).await.unwrap().is_some());
}
