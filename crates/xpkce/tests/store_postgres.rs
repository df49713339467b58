//! The PostgreSQL store keeps the contract, on a server of its own that ends with this program.
//!
//! Needs PostgreSQL's programs (`apt-get install postgresql`); without them the tests fail.
#![allow(clippy::unwrap_used, reason = "a test that fails here has failed")]
#![allow(unreachable_pub, reason = "shared by several tests")]

#[path = "postgres/server.rs"]
mod server;

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio_postgres::NoTls;
use xpkce::Reason;
use xpkce::grant::{Account, Lease};
use xpkce::http::Pending;
use xpkce::store::contract::{Subject, grant};
use xpkce::store::{LeaseEnd, PostgresStore, Store, Swapped};

use self::server::server;

/// A schema of its own in the server.
struct Postgres {
    schema: String,
}

async fn postgres() -> Postgres {
    static SCHEMAS: AtomicU32 = AtomicU32::new(0);
    let schema = format!("s{}", SCHEMAS.fetch_add(1, Ordering::Relaxed));
    let subject = Postgres { schema };
    subject.execute(&format!("CREATE SCHEMA {}", subject.schema)).await;
    subject
}

impl Postgres {
    fn parameters(&self) -> String {
        format!("options=-c%20search_path%3D{}", self.schema)
    }

    async fn store(&self) -> PostgresStore {
        let address = server().address("127.0.0.1", &self.parameters());
        PostgresStore::open(&address).await.unwrap()
    }

    /// Changes the store behind its back.
    async fn execute(&self, sql: &str) {
        let address = format!("host=127.0.0.1 port={} user=xpkce dbname=postgres", server().port);
        let (client, connection) = tokio_postgres::connect(&address, NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        let schema = &self.schema;
        client.batch_execute(&format!("SET search_path = {schema}; {sql}")).await.unwrap();
        drop(client);
        connection.await.unwrap().unwrap();
    }
}

impl Subject for Postgres {
    fn open(&self) -> Pending<'_, Arc<dyn Store>> {
        Box::pin(async { Arc::new(self.store().await) as Arc<dyn Store> })
    }

    fn pass(&self, span: Duration) -> Pending<'_, ()> {
        let earlier = span.as_millis();
        Box::pin(async move {
            let sql = format!("UPDATE xpkce_grants SET lease_ends = lease_ends - {earlier}");
            self.execute(&sql).await;
        })
    }
}

xpkce::store_contract!(postgres);

#[tokio::test]
async fn a_newer_versions_store_is_refused() {
    let subject = postgres().await;
    drop(subject.store().await);
    subject.execute("INSERT INTO xpkce_migrations VALUES (1000)").await;
    let address = server().address("127.0.0.1", &subject.parameters());
    let why = PostgresStore::open(&address).await.unwrap_err();
    assert_eq!(why.reason(), Reason::StoreNewer);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_many_make_at_once_is_one() {
    let subject = Arc::new(postgres().await);
    let making = (0..8).map(|_| {
        let subject = Arc::clone(&subject);
        tokio::spawn(async move { subject.store().await.next_sign_in().await.unwrap() })
    });
    let mut numbers = Vec::new();
    for number in making.collect::<Vec<_>>() {
        numbers.push(number.await.unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=8).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_server_that_takes_no_writes_is_refused() {
    let subject = postgres().await;
    drop(subject.store().await);
    let parameters = subject.parameters() + "%20-c%20default_transaction_read_only%3Don";
    let why = PostgresStore::open(&server().address("127.0.0.1", &parameters)).await.unwrap_err();
    assert_eq!(why.reason(), Reason::Store);
    assert!(why.to_string().contains("read-only"), "{why:?}");
}

#[tokio::test]
async fn a_certificate_is_checked_against_the_root_that_was_given() {
    let subject = postgres().await;
    let tls = format!(
        "{}&sslmode=verify-full&sslrootcert={}",
        subject.parameters(),
        server().certificate
    );
    let store = PostgresStore::open(&server().address("localhost", &tls)).await.unwrap();
    store.next_sign_in().await.unwrap();
    let other_name = PostgresStore::open(&server().address("127.0.0.1", &tls)).await;
    assert_eq!(other_name.unwrap_err().reason(), Reason::Store);
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let address = server().address("localhost", "sslmode=require");
    assert_eq!(PostgresStore::open(&address).await.unwrap_err().reason(), Reason::Store);
}

#[tokio::test]
async fn a_dead_server_is_named_and_its_password_is_not() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("postgres://xpkce:hunter2@127.0.0.1:{closed}/postgres").into();
    let why = PostgresStore::open(&address).await.unwrap_err();
    assert_eq!(why.reason(), Reason::Store);
    assert!(!format!("{why:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_connection_that_the_server_ended_is_made_anew() {
    let subject = postgres().await;
    let store = subject.store().await;
    store.next_sign_in().await.unwrap();
    subject
        .execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
            WHERE application_name = 'xpkce' AND pid <> pg_backend_pid()",
        )
        .await;
    // The first call may be the one that finds out.
    let _ = store.next_sign_in().await;
    store.next_sign_in().await.unwrap();
}

#[tokio::test]
async fn a_store_outlives_the_runtime_that_opened_it() {
    let subject = postgres().await;
    let opening = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { subject.store().await })
    });
    let store = opening.join().unwrap();
    store.next_sign_in().await.unwrap();
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_no_transaction_open() {
    let subject = postgres().await;
    let store = subject.store().await;
    let grant = grant(Account::new("app", "user"));
    for _ in 0..3 {
        let swap = store.swap(&grant, None, LeaseEnd::In(Lease::SPAN));
        let _ = tokio::time::timeout(Duration::ZERO, swap).await;
    }
    let revision = match store.swap(&grant, None, LeaseEnd::Keep).await.unwrap() {
        Swapped::Done(revision) => revision,
        Swapped::Moved(there) => there.unwrap().revision,
    };
    let swapped = store.swap(&grant, Some(revision), LeaseEnd::Now).await.unwrap();
    assert!(matches!(swapped, Swapped::Done(_)));
}
