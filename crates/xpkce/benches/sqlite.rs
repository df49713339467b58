//! How many swaps a second the SQLite store commits, beside the bare rate of one flushed commit
//! after the other in the same run.
//!
//! `cargo bench -p xpkce --features testing --bench sqlite`
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program to read that measures time"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use tempfile::TempDir;
use xpkce::grant::Account;
use xpkce::store::contract::grant;
use xpkce::store::{LeaseEnd, Revision, SqliteStore, Store, Swapped};

const SPAN: Duration = Duration::from_secs(2);
const IN_FLIGHT: [usize; 4] = [1, 8, 64, 1024];

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    println!("in flight   bare commits/s   swaps/s   of bare   loads/s");
    for in_flight in IN_FLIGHT {
        let bare = bare_commits();
        let (swaps, loads) = runtime.block_on(store(in_flight));
        println!("{in_flight:9}   {bare:14.0}   {swaps:7.0}   {:6.2}x   {loads:7.0}", swaps / bare);
    }
}

/// One connection, one row of the same size in one commit, `synchronous=FULL`.
fn bare_commits() -> f64 {
    let folder = TempDir::new().unwrap();
    let db = Connection::open(folder.path().join("bare.db")).unwrap();
    db.pragma_update(None, "journal_mode", "WAL").unwrap();
    db.pragma_update(None, "synchronous", "FULL").unwrap();
    db.execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, revision INTEGER, record TEXT)")
        .unwrap();
    let record = serde_json::to_string(&grant(Account::new("app", "user"))).unwrap();
    for id in 0..1024 {
        db.execute("INSERT INTO t VALUES (?1, 0, ?2)", params![id, record]).unwrap();
    }
    rate(|at| {
        // SQLite does not write what does not change.
        db.prepare_cached("UPDATE t SET revision = ?2, record = ?3 WHERE id = ?1")
            .unwrap()
            .execute(params![at % 1024, at + 1, record])
            .unwrap();
    })
}

fn rate(mut act: impl FnMut(i64)) -> f64 {
    let (start, mut done) = (Instant::now(), 0_i64);
    while start.elapsed() < SPAN {
        act(done);
        done += 1;
    }
    done as f64 / start.elapsed().as_secs_f64()
}

async fn store(in_flight: usize) -> (f64, f64) {
    let folder = TempDir::new().unwrap();
    let store = Arc::new(SqliteStore::open(folder.path().join("xpkce.db")).await.unwrap());
    let swaps = together(in_flight, &store, |store, user, until| async move {
        let grant = grant(Account::new("app", user));
        let (mut read, mut done) = (None::<Revision>, 0_u64);
        while Instant::now() < until {
            match store.swap(&grant, read, LeaseEnd::Keep).await.unwrap() {
                Swapped::Done(revision) => read = Some(revision),
                Swapped::Moved(_) => unreachable!("each has a record of its own"),
            }
            done += 1;
        }
        done
    })
    .await;
    let loads = together(in_flight, &store, |store, user, until| async move {
        let (account, mut done) = (Account::new("app", user), 0_u64);
        while Instant::now() < until {
            store.load(&account).await.unwrap().unwrap();
            done += 1;
        }
        done
    })
    .await;
    (swaps, loads)
}

async fn together<F: Future<Output = u64> + 'static>(
    in_flight: usize,
    store: &Arc<SqliteStore>,
    act: impl Fn(Arc<SqliteStore>, String, Instant) -> F,
) -> f64 {
    let start = Instant::now();
    let local = tokio::task::LocalSet::new();
    let tasks: Vec<_> = (0..in_flight)
        .map(|user| local.spawn_local(act(Arc::clone(store), user.to_string(), start + SPAN)))
        .collect();
    let mut done = 0;
    local
        .run_until(async {
            for task in tasks {
                done += task.await.unwrap();
            }
        })
        .await;
    done as f64 / start.elapsed().as_secs_f64()
}
