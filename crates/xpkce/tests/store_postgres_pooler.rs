//! The PostgreSQL store keeps the contract through a pooler that shares connections between
//! transactions: no prepared statement, no setting and no lock of a session may be needed.
#![allow(clippy::unwrap_used, reason = "a test that fails here has failed")]
#![allow(unreachable_pub, reason = "shared by several tests")]

#[path = "postgres/pooler.rs"]
mod pooler;
#[path = "postgres/server.rs"]
mod server;
#[path = "silence/silence.rs"]
mod silence;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio_postgres::NoTls;
use xpkce::http::Pending;
use xpkce::store::contract::Subject;
use xpkce::store::{PostgresStore, PostgresUri, Store};

use self::pooler::pooler;
use self::server::server;
use self::silence::Silence;

/// A database of its own, reached through the pooler.
struct Pooled {
    database: String,
    _silence: Silence,
}

async fn pooled() -> Pooled {
    static DATABASES: AtomicU32 = AtomicU32::new(0);
    let database = format!("d{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    execute("postgres", &format!("CREATE DATABASE {database}")).await;
    Pooled { database, _silence: Silence::listen() }
}

/// Runs SQL without the pooler.
async fn execute(database: &str, sql: &str) {
    let address = format!("host=127.0.0.1 port={} user=xpkce dbname={database}", server().port);
    let (client, connection) = tokio_postgres::connect(&address, NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client.batch_execute(sql).await.unwrap();
    drop(client);
    connection.await.unwrap().unwrap();
}

impl Subject for Pooled {
    fn open(&self) -> Pending<'_, Arc<dyn Store>> {
        Box::pin(async {
            let port = pooler().port;
            let address = format!("postgres://xpkce@127.0.0.1:{port}/{}", self.database);
            Arc::new(PostgresStore::open(&PostgresUri::new(address)).await.unwrap())
                as Arc<dyn Store>
        })
    }

    fn pass(&self, span: Duration) -> Pending<'_, ()> {
        let earlier = span.as_millis();
        Box::pin(async move {
            let sql = format!("UPDATE xpkce_grants SET lease_ends = lease_ends - {earlier}");
            execute(&self.database, &sql).await;
        })
    }
}

xpkce::store_contract!(in one test: pooled);
