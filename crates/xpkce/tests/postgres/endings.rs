//! Connections that end while nobody looks at them, or under a statement, and statements without end.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::{join, join_all};
use xpkce::Reason;
use xpkce::grant::Account;
use xpkce::store::contract::grant;
use xpkce::store::{LeaseEnd, PostgresStore, PostgresUri, Revision, Store, Swapped};

use crate::server::server;
use crate::{Postgres, postgres};

const LOCK: &str = "LOCK TABLE xpkce_grants IN ACCESS EXCLUSIVE MODE";

fn account() -> Account {
    Account::new("app", "user")
}

/// Ends those of our connections that wait for a lock, and waits until they are gone.
fn end_waiting(subject: &Postgres) -> String {
    format!("SELECT count(pg_terminate_backend(pid, 5000)) {}", subject.held_up())
}

#[tokio::test]
async fn connections_that_the_server_has_ended_are_made_anew() {
    let subject = postgres().await;
    let store = subject.store().await;
    let grant = grant(account());
    subject.keep(&store, [&grant]).await;
    join_all((0..4).map(|_| store.load(&grant.account))).await;
    let all = subject.connections("true");
    assert!(
        subject.read(&format!("SELECT count(pg_terminate_backend(pid, 5000)) {all}")).await > 1
    );
    // Whatever comes of the server from now on comes after the news of their end.
    assert_eq!(subject.read(&format!("SELECT count(*) {all}")).await, 0);
    let swapped = store.swap(&grant, Some(Revision(1)), LeaseEnd::Keep).await;
    assert!(matches!(swapped, Ok(Swapped::Done(_))), "{swapped:?}");
}

#[tokio::test]
async fn a_read_whose_connection_the_server_ends_is_asked_again() {
    let subject = postgres().await;
    let store = subject.store().await;
    subject.keep(&store, [&grant(account())]).await;
    let locked = subject.lock(LOCK).await;
    let ending = async {
        subject.until(&end_waiting(&subject)).await;
        drop(locked);
    };
    let (read, ()) = join(store.load(&account()), ending).await;
    assert_eq!(read.unwrap().unwrap().revision, Revision(1));
}

#[tokio::test]
async fn a_read_is_asked_twice_and_no_more() {
    let subject = postgres().await;
    let store = subject.store().await;
    let _locked = subject.lock(LOCK).await;
    let mut asked = 0;
    let ending = async {
        loop {
            subject.until(&format!("SELECT count(*) {}", subject.held_up())).await;
            asked += 1;
            subject.until(&end_waiting(&subject)).await;
        }
    };
    let user = account();
    let read = tokio::select! {
        biased;
        read = store.load(&user) => read,
        () = ending => unreachable!("it goes on"),
    };
    assert_eq!(read.unwrap_err().reason(), Reason::Store);
    assert_eq!(asked, 2);
}

#[tokio::test]
async fn a_read_is_asked_again_on_no_connection_that_lay_idle() {
    let subject = postgres().await;
    let wire = Wire::to(server().port);
    let store = wire.store(&subject).await;
    let user = account();
    join_all((0..4).map(|_| store.load(&user))).await;
    wire.spoil();
    assert!(store.load(&user).await.unwrap().is_none());
    assert_eq!(wire.spoilt_used.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_write_that_failed_is_sent_again_on_no_connection_that_lay_idle() {
    let subject = postgres().await;
    let [first, other, third, fourth] =
        ["1", "2", "3", "4"].map(|user| grant(Account::new("app", user)));
    subject.keep(&subject.store().await, [&first, &other]).await;
    for nth in 0..3 {
        let wire = Wire::to(server().port);
        let store = wire.store(&subject).await;
        join_all((0..4).map(|_| store.load(&first.account))).await;
        wire.spoil();
        let write = || match nth {
            0 => store.swap(&first, Some(Revision(1)), LeaseEnd::Keep),
            1 => store.relabel((&other.account, Revision(1)), &third, None),
            _ => store.swap(&fourth, None, LeaseEnd::Keep),
        };
        write().await.unwrap_err();
        assert!(matches!(write().await, Ok(Swapped::Done(_))), "{nth}");
    }
}

#[tokio::test]
async fn a_connection_that_failed_is_used_no_more_though_its_end_is_not_seen() {
    let subject = postgres().await;
    let store = Wire::to(server().port).store(&subject).await;
    let grant = grant(account());
    subject.keep(&store, [&grant]).await;
    let locked = subject.lock(LOCK).await;
    let swap = store.swap(&grant, Some(Revision(1)), LeaseEnd::Keep);
    let (swapped, ()) = join(swap, subject.until(&end_waiting(&subject))).await;
    assert!(swapped.is_err(), "{swapped:?}");
    drop(locked);
    assert!(store.load(&grant.account).await.unwrap().is_some());
}

#[tokio::test]
async fn a_connection_on_which_a_relabel_failed_is_used_no_more() {
    let subject = postgres().await;
    let store = Wire::to(server().port).store(&subject).await;
    let (first, other) = (grant(account()), grant(Account::new("app", "another")));
    subject.keep(&store, [&first]).await;
    let locked = subject.lock(LOCK).await;
    let relabel = store.relabel((&first.account, Revision(1)), &other, None);
    let (relabelled, ()) = join(relabel, subject.until(&end_waiting(&subject))).await;
    assert!(relabelled.is_err(), "{relabelled:?}");
    drop(locked);
    // What is changed is sent once.
    let swapped = store.swap(&first, Some(Revision(1)), LeaseEnd::Keep).await.unwrap();
    assert!(matches!(swapped, Swapped::Done(_)), "{swapped:?}");
}

#[tokio::test]
async fn a_client_that_is_gone_in_the_midst_of_a_relabel_holds_nobody_up_for_long() {
    let subject = postgres().await;
    let port = silent_after(b"DELETE FROM xpkce_grants", server().port);
    let (parameters, first) = (subject.parameters(), grant(account()));
    let address = format!("postgres://xpkce@127.0.0.1:{port}/postgres?{parameters}");
    let gone = PostgresStore::open(&PostgresUri::new(address)).await.unwrap();
    subject.keep(&gone, [&first]).await;
    let another = grant(Account::new("app", "another"));
    let deleting = subject.connections("state = 'idle in transaction' AND query LIKE '%DELETE%'");
    let store = subject.store().await;
    let swapping = async {
        subject.until(&format!("SELECT count(*) {deleting}")).await;
        store.swap(&first, Some(Revision(1)), LeaseEnd::Keep).await
    };
    let relabelling = gone.relabel((&first.account, Revision(1)), &another, None);
    let (swapped, relabelled) = join(swapping, relabelling).await;
    assert!(relabelled.is_err(), "{relabelled:?}");
    assert!(matches!(swapped, Ok(Swapped::Done(_))), "{swapped:?}");
}

#[tokio::test]
async fn who_waits_for_a_row_that_somebody_has_locked_is_told_so_by_the_server() {
    let subject = postgres().await;
    let store = subject.store().await;
    let grant = grant(account());
    subject.keep(&store, [&grant]).await;
    let locked = subject.lock("SELECT 1 FROM xpkce_grants FOR UPDATE").await;
    let why = store.swap(&grant, Some(Revision(1)), LeaseEnd::Keep).await.unwrap_err();
    assert_eq!(why.reason(), Reason::Busy);
    assert!(why.to_string().contains("another transaction holds the row"), "{why}");
    drop(locked);
    assert_eq!(subject.read("SELECT max(revision) FROM xpkce_grants").await, 1);
}

/// A lock of the table, not of a row, which the server waits for before it has set any `lock_timeout`.
#[tokio::test]
async fn updates_that_take_the_server_too_long_are_undone() {
    let subject = postgres().await;
    let store = subject.store().await;
    let grants = ["0", "1"].map(|user| grant(Account::new("app", user)));
    subject.keep(&store, &grants).await;
    let locked = subject.lock(LOCK).await;
    let swap = |grant| store.swap(grant, Some(Revision(1)), LeaseEnd::Keep);
    for swapped in join_all(grants.iter().map(swap)).await {
        let why = swapped.unwrap_err();
        assert_eq!(why.reason(), Reason::Busy, "{why}");
    }
    drop(locked);
    assert_eq!(subject.read("SELECT max(revision) FROM xpkce_grants").await, 1);
}

/// A way to the server that does not tell when the server ends a connection. Connections may go bad
/// while they are idle, as behind a firewall: the first that is used is ended, and the others say
/// nothing any more.
struct Wire {
    port: u16,
    /// How often all connections there were have gone bad.
    spoils: Arc<AtomicUsize>,
    /// How many bad ones were used.
    spoilt_used: Arc<AtomicUsize>,
}

impl Wire {
    fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let [spoils, spoilt_used] = [(); 2].map(|()| Arc::<AtomicUsize>::default());
        let counts = (Arc::clone(&spoils), Arc::clone(&spoilt_used));
        // Ends with the process.
        std::thread::spawn(move || {
            for client in listener.incoming() {
                connect(client.unwrap(), server, counts.clone());
            }
        });
        Self { port, spoils, spoilt_used }
    }

    async fn store(&self, subject: &Postgres) -> PostgresStore {
        let (port, parameters) = (self.port, subject.parameters());
        let address = format!("postgres://xpkce@127.0.0.1:{port}/postgres?{parameters}");
        PostgresStore::open(&PostgresUri::new(address)).await.unwrap()
    }

    /// Lets every connection there is go bad; new ones are whole.
    fn spoil(&self) {
        self.spoils.fetch_add(1, Ordering::SeqCst);
    }
}

fn connect(client: TcpStream, server: u16, counts: (Arc<AtomicUsize>, Arc<AtomicUsize>)) {
    let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
    let [client_too, server_too] = [&client, &server].map(|it| it.try_clone().unwrap());
    let (spoils, spoilt_used) = counts;
    let made_at = spoils.load(Ordering::SeqCst);
    let way = move || match spoils.load(Ordering::SeqCst) == made_at {
        true => Way::On,
        false if spoilt_used.fetch_add(1, Ordering::SeqCst) == 0 => Way::End,
        false => Way::Nowhere,
    };
    std::thread::spawn(move || pass(client, server, way));
    std::thread::spawn(move || pass(server_too, client_too, || Way::On));
}

/// A way to the server on which nothing arrives any more after a piece with these words, and that
/// tells nobody.
fn silent_after(words: &'static [u8], server: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let pass_until = move |mut from: TcpStream, mut to: TcpStream| {
        let (mut bytes, mut is_silent) = ([0; 16 * 1024], false);
        while let Ok(read @ 1..) = from.read(&mut bytes) {
            if !is_silent && to.write_all(&bytes[..read]).is_err() {
                return;
            }
            is_silent |= bytes[..read].windows(words.len()).any(|there| there == words);
        }
    };
    // Ends with the process.
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(("127.0.0.1", server)));
            let server = server.unwrap();
            let [client_too, server_too] = [&client, &server].map(|it| it.try_clone().unwrap());
            std::thread::spawn(move || pass_until(client, server));
            std::thread::spawn(move || pass(server_too, client_too, || Way::On));
        }
    });
    port
}

/// Where what was read goes.
enum Way {
    On,
    Nowhere,
    End,
}

/// Passes on what is read, and tells nobody of its end.
fn pass(mut from: TcpStream, mut to: TcpStream, way: impl Fn() -> Way) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        match way() {
            Way::On if to.write_all(&bytes[..read]).is_ok() => {}
            Way::Nowhere => {}
            Way::On => return,
            Way::End => {
                let _ = from.shutdown(Shutdown::Both);
                return;
            }
        }
    }
}
