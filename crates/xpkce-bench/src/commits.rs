//! What a store commits by itself: one row with a record in one transaction, flushed, with no commit
//! sharing its flush by our doing.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rusqlite::{Connection, params};
use tokio::runtime::Runtime;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, NoTls, Statement};

use crate::cost::{self, Cost};

/// How many rows take turns.
const ROWS: i64 = 1024;

const TABLE: &str = "CREATE TABLE commits (id bigint PRIMARY KEY, revision bigint, record text);
    INSERT INTO commits SELECT id, 0, '' FROM generate_series(0, 1023) AS id";

/// One connection of SQLite, `synchronous=FULL`, one commit after the other.
pub struct Sqlite {
    db: Connection,
    record: String,
    turn: i64,
}

impl Sqlite {
    /// Makes a database in `folder` with such records.
    pub fn new(folder: &Path, record: String) -> Self {
        let db = Connection::open(folder.join("commits.db")).unwrap();
        db.pragma_update(None, "journal_mode", "WAL").unwrap();
        db.pragma_update(None, "synchronous", "FULL").unwrap();
        db.execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, revision INTEGER, record TEXT)")
            .unwrap();
        for id in 0..ROWS {
            db.execute("INSERT INTO t VALUES (?1, 0, ?2)", params![id, record]).unwrap();
        }
        Self { db, record, turn: 0 }
    }

    /// Commits for `span` and returns what one commit cost.
    pub fn commit(&mut self, span: Duration) -> Cost {
        let (until, first) = (Instant::now() + span, self.turn);
        let mut update = self
            .db
            .prepare_cached("UPDATE t SET revision = ?2, record = ?3 WHERE id = ?1")
            .unwrap();
        let mut turn = self.turn;
        let cost = cost::of(1, || {
            while Instant::now() < until {
                // SQLite does not write what does not change.
                turn += 1;
                update.execute(params![turn % ROWS, turn, self.record]).unwrap();
            }
        });
        drop(update);
        self.turn = turn;
        let count = (turn - first) as f64;
        Cost { wall: cost.wall / count, cpu: cost.cpu / count, memory: 0.0 }
    }
}

/// Connections to PostgreSQL that each commit one update after the other, prepared.
pub struct Postgres {
    runtime: Runtime,
    connections: Vec<(Client, Statement)>,
    record: String,
}

impl Postgres {
    /// Makes a table for such records, and so many connections.
    pub fn new(address: &str, record: String, count: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let connections = runtime.block_on(async {
            let update = "UPDATE commits SET revision = $2, record = $3 WHERE id = $1";
            let types = [Type::INT8, Type::INT8, Type::TEXT];
            let mut connections = Vec::new();
            for at in 0..count {
                let (client, connection) = tokio_postgres::connect(address, NoTls).await.unwrap();
                tokio::spawn(connection);
                if at == 0 {
                    client.batch_execute(TABLE).await.unwrap();
                }
                let statement = client.prepare_typed(update, &types).await.unwrap();
                connections.push((client, statement));
            }
            connections
        });
        Self { runtime, connections, record }
    }

    /// Commits on up to `abreast` connections at a time, and returns what one commit cost.
    pub fn commit(&self, abreast: usize, warm_up: Duration, span: Duration) -> Cost {
        let (done, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
        let abreast = abreast.min(self.connections.len());
        let step = abreast as i64;
        self.runtime.block_on(async {
            let commit = |at: usize| {
                let ((client, update), done, is_over) = (&self.connections[at], &done, &is_over);
                async move {
                    let mut turn = at as i64;
                    while !is_over.load(Relaxed) {
                        turn += step;
                        let row = turn % ROWS;
                        client.execute(update, &[&row, &turn, &self.record]).await.unwrap();
                        done.fetch_add(1, Relaxed);
                    }
                }
            };
            let timing = async {
                tokio::time::sleep(warm_up).await;
                let cost = cost::between(span, || done.load(Relaxed)).await;
                is_over.store(true, Relaxed);
                cost
            };
            futures_util::future::join(timing, join_all((0..abreast).map(commit))).await.0
        })
    }
}
