//! PostgreSQL goes away in the middle of a spend: X has answered, and the answer is held back until
//! the trouble is there.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use xpkce::{Clock, SystemClock};

use self::proxy::Proxy;
use super::home::{Home, Place, execute};
use super::server::{Server, server};
use super::spend::{Spend, goes_on};

#[path = "outages/proxy.rs"]
mod proxy;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_dies_and_comes_back_in_a_spend_costs_nothing() {
    let server = Server::own();
    let home = Home::on(&server).await;
    let mut spend = Spend::begin(&home, &home.place).await;
    tokio::task::block_in_place(|| {
        server.stop();
        server.restart();
    });
    let got = spend.end(&home).await;
    println!("| the server dies and comes back | {got} |");
    assert_eq!(got, "generation 2; generation 2 is served");
    spend.ends_well(&home).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pair_is_served_while_the_server_is_dead_and_saved_when_it_is_back() {
    let server = Server::own();
    let home = Home::on(&server).await;
    let mut spend = Spend::begin(&home, &home.place).await;
    tokio::task::block_in_place(|| server.stop());
    let got = spend.end(&home).await;
    println!("| the server dies | {got} |");
    assert_eq!(got, "says Store; generation 2 is served");
    assert_eq!(spend.refresh().await, "says Store");
    assert_eq!(home.x.refreshes(), 1, "nothing is spent that cannot be saved");
    tokio::task::block_in_place(|| server.restart());
    spend.ends_well(&home).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pair_outlives_its_process_though_the_server_is_dead() {
    let server = Server::own();
    let home = Home::on(&server).await;
    let mut spend = Spend::begin(&home, &home.place).await;
    tokio::task::block_in_place(|| server.stop());
    let got = spend.end(&home).await;
    assert_eq!(got, "says Store; generation 2 is served");
    let user = spend.user();
    tokio::task::block_in_place(|| {
        drop(spend);
        server.restart();
    });
    goes_on(&home, &user).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_the_server_ends_in_a_spend_cost_nothing() {
    let home = Home::on(server()).await;
    let mut spend = Spend::begin(&home, &home.place).await;
    let end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    execute(home.place.postgres.as_ref().unwrap(), end).await.unwrap();
    let got = spend.end(&home).await;
    println!("| the server ends the connections | {got} |");
    assert_eq!(got, "generation 2; generation 2 is served");
    spend.ends_well(&home).await;
}

/// A home, and the way to its server by a wire that can be cut.
async fn wired() -> (Home, Place, Proxy) {
    let home = Home::on(server()).await;
    let proxy = Proxy::to(server().port);
    let place = home.place.by_port(proxy.port);
    (home, place, proxy)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wire_that_is_cut_in_a_spend_costs_nothing() {
    let (home, place, proxy) = wired().await;
    let mut spend = Spend::begin(&home, &place).await;
    proxy.cut();
    let got = spend.end(&home).await;
    println!("| the wire is cut | {got} |");
    assert_eq!(got, "generation 2; generation 2 is served");
    spend.ends_well(&home).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_save_whose_acknowledgement_is_lost_is_known_for_what_it_is() {
    let (home, place, proxy) = wired().await;
    let mut spend = Spend::begin(&home, &place).await;
    proxy.deafen();
    spend.let_go();
    let begun = SystemClock.uptime();
    while spend.record(&home).await.generation.0 < 2 {
        assert!(SystemClock.uptime() - begun < Duration::from_secs(15), "never committed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    proxy.cut();
    let got = spend.end(&home).await;
    println!("| the acknowledgement of the save is lost | {got} |");
    assert_eq!(got, "generation 2; generation 2 is served");
    spend.ends_well(&home).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_save_that_waits_too_long_for_a_lock_is_made_later() {
    let home = Home::on(server()).await;
    let mut spend = Spend::begin(&home, &home.place).await;
    let address = home.place.postgres.as_ref().unwrap();
    let lock = Open::transaction(address, "BEGIN; SELECT 1 FROM xpkce_grants FOR UPDATE").await;
    let got = spend.end(&home).await;
    println!("| lock_timeout | {got} |");
    assert_eq!(got, "says Retry; generation 2 is served");
    lock.end().await;
    spend.ends_well(&home).await;
}

/// A transaction that somebody leaves open.
struct Open {
    client: tokio_postgres::Client,
    connection: JoinHandle<Result<(), tokio_postgres::Error>>,
}

impl Open {
    async fn transaction(address: &str, sql: &str) -> Self {
        let (client, connection) =
            tokio_postgres::connect(address, tokio_postgres::NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        client.batch_execute(sql).await.unwrap();
        Self { client, connection }
    }

    async fn end(self) {
        drop(self.client);
        self.connection.await.unwrap().unwrap();
    }
}

/// Fills the grants' disk, so that no version of a record has room. Soon: the keeper waits for X's
/// answer no longer than for any other.
async fn fill(address: &str) {
    let filling = Open::transaction(address, "").await;
    // More than the disk holds. The rows are undone, the blocks stay the table's.
    let ballast = "INSERT INTO ballast SELECT repeat('x', 1900) FROM generate_series(1, 5000)";
    let row = |size| {
        format!(
            "INSERT INTO xpkce_grants VALUES ('ballast', random()::text, 1, '', 1, 1, '', \
             NULL, NULL, repeat('x', {size}))"
        )
    };
    for sql in [ballast.to_owned(), row(1000), row(100), row(1)] {
        let why = loop {
            if let Err(why) = filling.client.batch_execute(&sql).await {
                break why;
            }
        };
        assert_eq!(why.code(), Some(&SqlState::DISK_FULL), "{why:?}");
    }
    filling.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fills_in_a_spend_is_said_and_costs_nothing() {
    let disk = tempfile::tempdir().unwrap();
    let server = Server::with_small_disk(disk.path());
    let home = Home::on(&server).await;
    let address = home.place.postgres.clone().unwrap();
    let place = disk.path().join("tables");
    let space = format!("CREATE TABLESPACE small LOCATION '{}'", place.display());
    execute(&address, &space).await.unwrap();
    execute(&address, "ALTER TABLE xpkce_grants SET TABLESPACE small").await.unwrap();
    // Nobody gives its blocks back but who drops it.
    let ballast = "CREATE TABLE ballast (noise text) WITH (autovacuum_enabled = false)";
    execute(&address, &format!("{ballast} TABLESPACE small")).await.unwrap();
    // Somebody who still sees them keeps the earlier versions of the record, and their room.
    let look = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1";
    let seen = Open::transaction(&address, look).await;
    let mut spend = Spend::begin(&home, &home.place).await;
    fill(&address).await;
    let got = spend.end(&home).await;
    println!("| the disk is full | {got} |");
    assert_eq!(got, "says Store; generation 2 is served");
    assert_eq!(spend.refresh().await, "says Store");
    assert_eq!(home.x.refreshes(), 1, "nothing is spent that cannot be saved");
    let empty = "DROP TABLE ballast; DELETE FROM xpkce_grants WHERE app = 'ballast'";
    execute(&address, empty).await.unwrap();
    seen.end().await;
    spend.ends_well(&home).await;
}
