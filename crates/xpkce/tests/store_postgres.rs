//! The PostgreSQL store keeps the contract, on a server of its own that ends with this program.
//!
//! Needs PostgreSQL's programs (`apt-get install postgresql`); without them the tests fail.
#![allow(clippy::unwrap_used, reason = "a test that fails here has failed")]
#![allow(unreachable_pub, reason = "shared by several tests")]

#[path = "postgres/endings.rs"]
mod endings;
#[path = "postgres/lane.rs"]
mod lane;
#[path = "postgres/refusals.rs"]
mod refusals;
#[path = "postgres/server.rs"]
mod server;
#[path = "silence/silence.rs"]
mod silence;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls};
use xpkce::grant::{Account, Grant, Lease, State};
use xpkce::http::Pending;
use xpkce::store::contract::{Subject, grant};
use xpkce::store::{LeaseEnd, PostgresStore, PostgresUri, Revision, Store, Swapped};
use xpkce::{Reason, Timestamp};

use self::server::server;
use self::silence::Silence;

/// A schema of its own in the server.
struct Postgres {
    schema: String,
    _silence: Silence,
}

async fn postgres() -> Postgres {
    static SCHEMAS: AtomicU32 = AtomicU32::new(0);
    let schema = format!("s{}", SCHEMAS.fetch_add(1, Ordering::Relaxed));
    let subject = Postgres { schema, _silence: Silence::listen() };
    subject.execute(&format!("CREATE SCHEMA {}", subject.schema)).await;
    subject
}

impl Postgres {
    fn parameters(&self) -> String {
        let schema = &self.schema;
        format!("application_name={schema}&options=-c%20search_path%3D{schema}")
    }

    /// Those of the store's own connections of which that is true.
    fn connections(&self, what: &str) -> String {
        format!("FROM pg_stat_activity WHERE application_name = '{}' AND {what}", self.schema)
    }

    /// Those that wait for a lock.
    fn held_up(&self) -> String {
        self.connections("wait_event_type = 'Lock'")
    }

    async fn store(&self) -> PostgresStore {
        self.store_with("").await
    }

    /// Opens the store with more options of the server.
    async fn store_with(&self, options: &str) -> PostgresStore {
        let address = server().address("127.0.0.1", &(self.parameters() + options));
        PostgresStore::open(&address).await.unwrap()
    }

    /// Connects past the store.
    async fn client(&self) -> (Client, JoinHandle<()>) {
        let address = format!("host=127.0.0.1 port={} user=xpkce dbname=postgres", server().port);
        let (client, connection) = tokio_postgres::connect(&address, NoTls).await.unwrap();
        let connection = tokio::spawn(async { connection.await.unwrap() });
        client.batch_execute(&format!("SET search_path = {}", self.schema)).await.unwrap();
        (client, connection)
    }

    /// Keeps grants in the store, each at the revision 1.
    async fn keep(&self, store: &PostgresStore, grants: impl IntoIterator<Item = &Grant>) {
        for grant in grants {
            store.swap(grant, None, LeaseEnd::Now).await.unwrap();
        }
        self.execute("UPDATE xpkce_grants SET revision = 1").await;
    }

    /// Changes the store behind its back.
    async fn execute(&self, sql: &str) {
        let (client, connection) = self.client().await;
        client.batch_execute(sql).await.unwrap();
        drop(client);
        connection.await.unwrap();
    }

    /// Reads a number behind its back.
    async fn read(&self, sql: &str) -> i64 {
        self.client().await.0.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Reads until the number is not zero.
    async fn until(&self, sql: &str) {
        let (client, _) = self.client().await;
        for _ in 0..100_000 {
            if client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) != 0 {
                return;
            }
        }
        panic!("it did not come to that: {sql}");
    }

    /// Holds what the statement locks, until the connection is dropped.
    async fn lock(&self, sql: &str) -> Client {
        let client = self.client().await.0;
        client.batch_execute(&format!("BEGIN; {sql}")).await.unwrap();
        client
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

#[test]
fn a_store_outlives_the_runtime_that_called_it_first() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    let store = first.block_on(async {
        let store = postgres().await.store().await;
        assert_eq!(store.next_sign_in().await.unwrap(), 1);
        store
    });
    // The first one's connections are there, and nobody drives them.
    let number = runtime().block_on(async {
        tokio::time::timeout(Duration::from_secs(30), store.next_sign_in()).await
    });
    assert_eq!(number.expect("another runtime's connection was waited for").unwrap(), 2);
    drop(first);
    let number = runtime().block_on(store.next_sign_in());
    assert_eq!(number.unwrap(), 3);
}

#[test]
fn runtimes_that_take_turns_keep_their_connections() {
    let runtimes = [(); 2]
        .map(|()| tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap());
    let subject = runtimes[0].block_on(postgres());
    let store = runtimes[0].block_on(subject.store());
    let connections = || {
        for runtime in &runtimes {
            runtime.block_on(store.next_sign_in()).unwrap();
        }
        let all = format!("SELECT sum(pid) {}", subject.connections("true"));
        runtimes[0].block_on(subject.read(&all))
    };
    assert_eq!(connections(), connections());
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
    let other_name = PostgresStore::open(&server().address("127.0.0.1", &tls)).await.unwrap_err();
    assert_eq!(other_name.reason(), Reason::Store);
    let hint = other_name.hint().unwrap_or_default();
    assert!(hint.contains("as its certificate does"), "{other_name:?}");
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let address = server().address("localhost", "sslmode=require");
    let why = PostgresStore::open(&address).await.unwrap_err();
    assert_eq!(why.reason(), Reason::Store);
    assert!(why.hint().unwrap_or_default().contains("sslrootcert=FILE"), "{why:?}");
}

#[tokio::test]
async fn a_server_without_tls_says_how_to_go_on_without() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut asked, _) = server.accept().unwrap();
        asked.read_exact(&mut [0; 8]).unwrap();
        asked.write_all(b"N").unwrap();
    });
    let address =
        PostgresUri::new(format!("postgres://xpkce@127.0.0.1:{port}/postgres?sslmode=require"));
    let why = PostgresStore::open(&address).await.unwrap_err();
    assert!(why.hint().unwrap_or_default().contains("sslmode=disable"), "{why:?}");
}

#[tokio::test]
async fn an_address_that_lacks_what_the_server_asks_for_is_a_setting_to_mend() {
    let why = PostgresStore::open(&PostgresUri::new("postgres:///postgres")).await.unwrap_err();
    assert_eq!(why.reason(), Reason::InvalidSetting, "{why:?}");
}

#[tokio::test]
async fn a_dead_server_is_named_and_its_password_is_not() {
    let silence = Silence::listen();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = PostgresUri::new(format!("postgres://xpkce:hunter2@127.0.0.1:{closed}/postgres"));
    let why = PostgresStore::open(&address).await.unwrap_err();
    assert_eq!(why.reason(), Reason::Store);
    assert!(why.to_string().contains("the connection to the store failed"), "{why}");
    silence.hear(&why);
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

/// The tables of version 1, as they were released.
const VERSION_1: &str = "
CREATE TABLE xpkce_migrations (version integer PRIMARY KEY);
CREATE TABLE xpkce_grants (
    app         text COLLATE \"C\" NOT NULL,
    user_id     text COLLATE \"C\" NOT NULL,
    revision    bigint NOT NULL,
    grant_id    text NOT NULL,
    sign_in     bigint NOT NULL,
    generation  bigint NOT NULL,
    state       text NOT NULL,
    expires_at  bigint,
    lease_ends  bigint,
    record      text NOT NULL,
    PRIMARY KEY (app, user_id)
);
CREATE TABLE xpkce_logins (
    key         text PRIMARY KEY,
    login       text NOT NULL,
    expires_at  bigint NOT NULL
);
CREATE INDEX xpkce_logins_by_end ON xpkce_logins (expires_at);
CREATE TABLE xpkce_store (
    id          integer PRIMARY KEY CHECK (id = 1),
    sign_ins    bigint NOT NULL,
    key_check   text
);
INSERT INTO xpkce_store (id, sign_ins) VALUES (1, 41);
INSERT INTO xpkce_migrations (version) VALUES (1);
";

/// Writes a row as version 1 did.
fn row_of_version_1(grant: &Grant) -> String {
    let Account { app, user } = &grant.account;
    let (state, record) = (grant.state.name(), serde_json::to_string(grant).unwrap());
    format!(
        "INSERT INTO xpkce_grants (app, user_id, revision, grant_id, sign_in, generation, state,
        record) VALUES ('{app}', '{user}', 7, 'id', 1, 1, '{state}', '{record}');"
    )
}

fn in_state(user: &str, state: State) -> Grant {
    Grant { state, ..grant(Account::new("app", user)) }
}

const EVER: Timestamp = Timestamp::from_millis(i64::MAX);

#[tokio::test]
async fn every_record_of_version_1_is_kept_and_stands_in_the_queue() {
    let subject = postgres().await;
    let spending: Vec<_> =
        (0..1201).map(|n| in_state(&format!("{n:04}"), State::Spending)).collect();
    let dead = in_state("dead", State::SignInNeeded);
    let rows: String = spending.iter().chain([&dead]).map(row_of_version_1).collect();
    subject.execute(&(VERSION_1.to_owned() + &rows)).await;
    let store = subject.store().await;
    let due = store.due("app", EVER, None, 9999).await.unwrap();
    assert_eq!(due.len(), spending.len());
    assert!(due.iter().all(|due| Some(due.minute) == spending[0].due_minute()));
    let there = store.load(&spending[0].account).await.unwrap().unwrap();
    assert_eq!(there.revision, Revision(7));
    assert!(store.load(&dead.account).await.unwrap().is_some());
    assert_eq!(store.next_sign_in().await.unwrap(), 42);
}

#[tokio::test]
async fn a_row_that_an_earlier_program_writes_is_due_at_once() {
    let subject = postgres().await;
    let store = subject.store().await;
    subject.execute(&row_of_version_1(&in_state("user", State::Ready))).await;
    let due = store.due("app", Timestamp::from_secs(60), None, 9).await.unwrap();
    assert_eq!(due.iter().map(|due| due.minute).collect::<Vec<_>>(), [0]);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_kept_and_told_of() {
    let subject = postgres().await;
    let torn = row_of_version_1(&in_state("torn", State::Ready));
    let sound = row_of_version_1(&in_state("sound", State::SignedOut));
    let tear = "UPDATE xpkce_grants SET record = '{' WHERE user_id = 'torn';";
    subject.execute(&format!("{VERSION_1}{torn}{sound}{tear}")).await;
    let store = subject.store().await;
    let due = store.due("app", EVER, None, 9).await.unwrap();
    assert_eq!(due.iter().map(|due| &*due.user).collect::<Vec<_>>(), ["torn"]);
    assert!(store.load(&Account::new("app", "torn")).await.is_err());
}
