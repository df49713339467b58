//! Many processes share one SQLite file, and one that is killed takes nothing with it that it was
//! told is kept. Each process is this test binary again.
#![allow(clippy::unwrap_used, reason = "a test that fails here has failed")]
#![allow(unreachable_pub, reason = "shared by several tests")]

#[path = "sqlite/disks.rs"]
mod disks;
#[path = "silence/silence.rs"]
mod silence;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::future::join_all;
use tempfile::TempDir;
use xpkce::grant::{Account, Generation, Grant};
use xpkce::seal::{KeySource, unlock};
use xpkce::store::contract::grant;
use xpkce::store::{LeaseEnd, SqliteStore, Store, Swapped};
use xpkce::{Clock as _, SystemClock, fork};

use self::silence::Silence;

const STORE: &str = "XPKCE_TEST_STORE";

/// Starts this binary again, to run one of the ignored tests below on the store at `path`.
fn process(role: &str, path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([role, "--exact", "--ignored", "--nocapture", "--quiet"])
        .env(STORE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Each runs so many roles, and every one of them well: a role that is not there fails nothing.
fn assert_all_succeed(roles: usize, processes: Vec<Child>) {
    let silence = Silence::listen();
    for process in processes {
        let output = process.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
        silence.overhear(&output.stdout);
        silence.overhear(&output.stderr);
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
    let _silence = Silence::listen();
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
    let _silence = Silence::listen();
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

#[tokio::test]
async fn a_process_that_forks_has_its_store_closed_meanwhile() {
    let folder = TempDir::new().unwrap();
    assert_all_succeed(1, vec![process("closes_for_forks", &folder.path().join("xpkce.db"))]);
}

#[tokio::test]
#[ignore = "run by another test"]
async fn closes_for_forks() {
    let _silence = Silence::listen();
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
