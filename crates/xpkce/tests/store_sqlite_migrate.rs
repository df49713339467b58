//! A SQLite store of an earlier version is brought up to this one, whole, and keeps what is in it.
#![allow(clippy::unwrap_used, reason = "a test that fails here has failed")]
#![allow(unreachable_pub, reason = "shared by several tests")]

#[path = "silence/silence.rs"]
mod silence;

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::Connection;
use tempfile::TempDir;
use xpkce::Timestamp;
use xpkce::grant::{Account, Grant, State};
use xpkce::store::contract::grant;
use xpkce::store::{LeaseEnd, Revision, SqliteStore, Store as _, Swapped};

use self::silence::Silence;

/// The tables of version 1, as they were released.
const VERSION_1: &str = "
PRAGMA journal_mode = WAL;
CREATE TABLE grants (
    app             TEXT NOT NULL,
    user            TEXT NOT NULL,
    revision        INTEGER NOT NULL,
    grant_id        TEXT NOT NULL,
    sign_in         INTEGER NOT NULL,
    generation      INTEGER NOT NULL,
    state           TEXT NOT NULL,
    expires_at      INTEGER,
    lease_boot_id   TEXT,
    lease_deadline  INTEGER,
    record          TEXT NOT NULL,
    PRIMARY KEY (app, user)
) STRICT;
CREATE TABLE logins (
    key             TEXT PRIMARY KEY,
    login           TEXT NOT NULL,
    expires_at      INTEGER NOT NULL
) STRICT;
CREATE INDEX logins_by_end ON logins (expires_at);
CREATE TABLE store (
    id              INTEGER PRIMARY KEY CHECK (id = 1),
    sign_ins        INTEGER NOT NULL,
    key_check       TEXT
) STRICT;
INSERT INTO store (id, sign_ins) VALUES (1, 41);
PRAGMA application_id = 0x78706b63;
PRAGMA user_version = 1;
";

const EVER: Timestamp = Timestamp::from_millis(i64::MAX);

struct Old {
    folder: TempDir,
    silence: Silence,
}

impl Old {
    /// A store of version 1 with these grants in it.
    fn with(grants: &[Grant]) -> Self {
        let old = Self { folder: TempDir::new().unwrap(), silence: Silence::listen() };
        let mut db = Connection::open(old.path()).unwrap();
        std::fs::set_permissions(old.path(), std::fs::Permissions::from_mode(0o600)).unwrap();
        db.execute_batch(VERSION_1).unwrap();
        let tx = db.transaction().unwrap();
        for grant in grants {
            let Account { app, user } = &grant.account;
            let record = serde_json::to_string(grant).unwrap();
            tx.execute(
                "INSERT INTO grants VALUES (?1, ?2, 7, 'id', 1, 1, ?3, NULL, NULL, NULL, ?4)",
                (app, user, grant.state.name(), record),
            )
            .unwrap();
        }
        tx.commit().unwrap();
        old
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("xpkce.db")
    }

    async fn open(&self) -> SqliteStore {
        SqliteStore::open(self.path()).await.unwrap()
    }

    fn dues(&self) -> Vec<(String, Option<i64>)> {
        let db = Connection::open(self.path()).unwrap();
        let mut dues = db.prepare("SELECT user, due FROM grants ORDER BY user").unwrap();
        let dues = dues.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        dues.map(Result::unwrap).collect()
    }
}

fn in_state(user: &str, state: State) -> Grant {
    Grant { state, ..grant(Account::new("app", user)) }
}

#[tokio::test]
async fn every_record_of_version_1_is_kept_and_stands_in_the_queue() {
    let spending = in_state("spending", State::Spending);
    let dead = in_state("dead", State::SignInNeeded);
    let old = Old::with(&[spending.clone(), dead]);
    let store = old.open().await;
    let there = store.load(&spending.account).await.unwrap().unwrap();
    assert_eq!(there.revision, Revision(7));
    assert_eq!(there.grant.due_at(), spending.due_at());
    assert_eq!(
        old.dues(),
        [("dead".to_owned(), None), ("spending".to_owned(), spending.due_minute())]
    );
    let due = store.due("app", EVER, None, 9).await.unwrap();
    assert_eq!(due.iter().map(|due| &*due.user).collect::<Vec<_>>(), ["spending"]);
    assert_eq!(store.next_sign_in().await.unwrap(), 42);
    let swapped = store.swap(&spending, Some(Revision(7)), LeaseEnd::Now).await.unwrap();
    assert!(matches!(swapped, Swapped::Done(next) if next > Revision(7)));
}

#[tokio::test]
async fn more_records_than_a_page_are_all_filled_in() {
    let grants: Vec<_> = (0..1201).map(|n| in_state(&format!("{n:04}"), State::Spending)).collect();
    let old = Old::with(&grants);
    drop(old.open().await);
    let dues = old.dues();
    assert_eq!(dues.len(), grants.len());
    assert!(dues.iter().all(|(_, due)| *due == grants[0].due_minute()));
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_kept_and_told_of() {
    let old = Old::with(&[in_state("sound", State::SignedOut), in_state("torn", State::Ready)]);
    let db = Connection::open(old.path()).unwrap();
    db.execute("UPDATE grants SET record = '{' WHERE user = 'torn'", ()).unwrap();
    drop(db);
    let store = old.open().await;
    let due = store.due("app", EVER, None, 9).await.unwrap();
    assert_eq!(due.iter().map(|due| &*due.user).collect::<Vec<_>>(), ["torn"]);
    let why = store.load(&Account::new("app", "torn")).await.unwrap_err();
    old.silence.hear(&why);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_that_open_it_at_once_one_migrates_and_all_work() {
    let old = Arc::new(Old::with(&[in_state("user", State::Spending)]));
    let opening = (0..16).map(|_| {
        let old = Arc::clone(&old);
        tokio::spawn(async move { old.open().await.due("app", EVER, None, 9).await.unwrap().len() })
    });
    for opened in opening.collect::<Vec<_>>() {
        assert_eq!(opened.await.unwrap(), 1);
    }
}

#[tokio::test]
async fn the_queue_is_read_from_its_index_alone() {
    let old = Old::with(&[]);
    drop(old.open().await);
    let db = Connection::open(old.path()).unwrap();
    let plan: String = db
        .query_row(
            "EXPLAIN QUERY PLAN SELECT due, user FROM grants
            WHERE app = 'app' AND due <= 5 AND (due, user) > (1, 'u') ORDER BY due, user LIMIT 9",
            (),
            |row| row.get(3),
        )
        .unwrap();
    assert!(plan.contains("COVERING INDEX grants_by_due"), "{plan}");
}
