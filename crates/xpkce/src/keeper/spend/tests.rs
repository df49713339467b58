#![allow(clippy::unwrap_used)]
use std::future::{pending, ready};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::super::Keeper;
use super::super::meanwhile::Meanwhile;
use super::super::pauses::end;
use super::super::presence::Foreign;
use super::super::tests::{keeper_by, keeper_in};
use super::*;
use crate::grant::Account;
use crate::http::{HttpClient, HttpRequest, HttpResponse, Pending, SendError};
use crate::seal::Sealer;
use crate::store::{MemoryStore, contract};
use crate::{App, Client, Clock, ManualClock};

/// Spills a pair of another login, which keeps its file from being known for empty.
fn spill(keeper: &Keeper) {
    keeper.desk().presence().unwrap().spill(b"a pair").unwrap();
}

/// Puts a login into the store that may be spent.
async fn put_login(desk: &Desk, account: &Account) {
    let mut grant = Grant { state: State::Ready, ..contract::grant(account.clone()) };
    (grant.lease, grant.unread, grant.rejection) = (None, None, None);
    (grant.refresh_is_candidate, grant.unresolved_sends) = (false, 0);
    grant.feedback = Default::default();
    let refresh =
        pair::Seat::of(&grant).seal_refresh(&desk.sealer, &RefreshToken::new("fake-spent"));
    grant.refresh = Some(refresh.unwrap());
    desk.store.swap(&grant, None, LeaseEnd::Keep).await.unwrap();
}

#[tokio::test]
async fn who_dies_once_its_pair_was_looked_for_has_it_looked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let holder = keeper_in(Some(folder.path().to_owned()));
    spill(&holder);
    let clock = Arc::new(Meanwhile::new());
    let keeper = keeper_by(clock.clone(), Some(folder.path().to_owned()));
    let (desk, account) = (keeper.desk(), Account::new("app", "user"));
    let mut grant = contract::grant(account.clone());
    (grant.lease, grant.unread) = (None, None);
    grant.begin(&holder.desk().attempt(desk.now()).unwrap(), false);
    desk.store.swap(&grant, None, LeaseEnd::In(Lease::SPAN)).await.unwrap();
    let stored = desk.load(&account).await.unwrap();
    let slot = desk.slot(&account);
    let dies = move || {
        spill(&holder);
        drop(holder);
    };
    clock.let_happen(dies);
    let taken = desk.take_lease(&slot, Some(stored), |_| true).await;
    assert!(clock.has_happened(), "the holder has not died");
    assert!(matches!(taken, Ok(Err(Outcome::Busy(_)))), "its token may be sent again");
}

#[tokio::test]
async fn who_takes_a_lease_looks_whether_other_holders_have_died() {
    let folder = tempfile::tempdir().unwrap();
    let keeper = keeper_in(Some(folder.path().to_owned()));
    let (desk, account) = (keeper.desk(), Account::new("app", "user"));
    let own = desk.presence().unwrap().liveness().file.clone();
    let dead = folder.path().join(format!("{}.holder", PairId::new([8; 16]).as_str()));
    std::fs::copy(folder.path().join(own), &dead).unwrap();
    put_login(desk, &account).await;
    assert!(desk.take_lease(&desk.slot(&account), None, |_| true).await.unwrap().is_ok());
    assert_eq!(std::fs::metadata(&dead).unwrap().len(), 1);
}

#[tokio::test]
async fn what_this_process_has_received_is_found_once_its_own_lease_has_run_out() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp::from_secs(0)));
    let keeper = keeper_by(clock.clone(), Some(folder.path().to_owned()));
    let (desk, account) = (keeper.desk(), Account::new("app", "user"));
    put_login(desk, &account).await;
    let slot = desk.slot(&account);
    let take_lease = async || desk.take_lease(&slot, None, |_| true).await.unwrap();
    let Ok(claim) = take_lease().await else { panic!("the lease is somebody else's") };
    let answer = Answer::Unread(Unreadable { status: 200, body: b"{}".to_vec().into() });
    // The store takes long to save it.
    let (landing, stored) = claim.received(answer, desk.now());
    assert!(desk.spill(&landing, &stored.grant).is_some());
    clock.advance(Lease::SPAN);
    let again = take_lease().await;
    assert!(matches!(again, Err(Outcome::Wait(..))), "its spent token is sent again");
    assert!(desk.load(&account).await.unwrap().grant.unread.is_some());
}

/// X, which is unwell; and whether there might have been a pair in the folder when it was asked.
#[derive(Debug)]
struct Unwell {
    folder: PathBuf,
    might_be: AtomicBool,
}

impl HttpClient for Unwell {
    fn send(&self, _: HttpRequest) -> Pending<'_, Result<HttpResponse, SendError>> {
        self.might_be
            .store(!Foreign::with_records(&self.folder, None).unwrap().is_empty(), Relaxed);
        let (status, headers) = (503, http::HeaderMap::new());
        let body = Vec::new().into();
        Box::pin(ready(Ok(HttpResponse { status, headers, body, is_whole: true })))
    }
}

/// Takes the lease of a login by this clock and asks X, which is unwell, for its pair. Returns the
/// keeper, and whether there might have been a pair in the folder when X was asked, if it was.
async fn spend_by(clock: Arc<impl Clock + 'static>, folder: &Path) -> (Keeper, bool) {
    let x = Arc::new(Unwell { folder: folder.to_owned(), might_be: AtomicBool::new(false) });
    let keeper = spend_at(x.clone(), clock, folder).await;
    (keeper, x.might_be.load(Relaxed))
}

/// Takes the lease of a login by this clock and asks this X for its pair, which has none. Returns the
/// keeper.
async fn spend_at(
    x: Arc<impl HttpClient + 'static>,
    clock: Arc<impl Clock + 'static>,
    folder: &Path,
) -> Keeper {
    let sealer = Arc::new(Sealer::from_text(&"A".repeat(43)).unwrap());
    let client = Client::new(App::public("app"), x, clock.clone());
    let store = Arc::new(MemoryStore::new(clock));
    let keeper = Keeper::new(client, store, sealer, Some(folder.to_owned())).unwrap();
    let (desk, account) = (keeper.desk(), Account::new("app", "user"));
    put_login(desk, &account).await;
    let slot = desk.slot(&account);
    let Ok(claim) = desk.take_lease(&slot, None, |_| true).await.unwrap() else {
        panic!("the lease is somebody else's");
    };
    assert!(Foreign::with_records(folder, None).unwrap().is_empty());
    assert!(desk.send(&slot, claim).await.is_err());
    keeper
}

#[tokio::test(start_paused = true)]
async fn the_file_is_ready_for_a_pair_before_x_is_asked_for_it_and_only_for_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp::from_secs(0)));
    let (keeper, might_be) = spend_by(clock, folder.path()).await;
    assert!(might_be);
    turns::sleep(Desk::UNMARKED * 2).await;
    assert!(Foreign::with_records(folder.path(), None).unwrap().is_empty());
    end(keeper).await;
}

/// A clock by which a lease has run out once a file in the folder is ready for a pair.
#[derive(Debug)]
struct Hanging {
    folder: PathBuf,
    clock: ManualClock,
}

impl Clock for Hanging {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn uptime(&self) -> Duration {
        let is_ready = !Foreign::with_records(&self.folder, None).unwrap().is_empty();
        let hung = if is_ready { Lease::SPAN } else { Duration::ZERO };
        self.clock.uptime() + hung
    }
}

#[tokio::test]
async fn x_is_not_asked_once_the_lease_has_run_out_while_the_file_was_made_ready() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(Timestamp::from_secs(0));
    let clock = Arc::new(Hanging { folder: folder.path().to_owned(), clock });
    let (keeper, is_asked) = spend_by(clock, folder.path()).await;
    assert!(!is_asked, "another holder may have the lease by now");
    end(keeper).await;
}

/// X, which takes half a minute to say that a token is invalid.
#[derive(Debug)]
struct Slow(Arc<ManualClock>);

impl HttpClient for Slow {
    fn send(&self, _: HttpRequest) -> Pending<'_, Result<HttpResponse, SendError>> {
        self.0.advance(Duration::from_secs(30));
        let body = br#"{"error":"invalid_request","error_description":"Value passed for the token was invalid."}"#;
        let (status, headers, body) = (400, http::HeaderMap::new(), body.to_vec().into());
        Box::pin(ready(Ok(HttpResponse { status, headers, body, is_whole: true })))
    }
}

#[tokio::test]
async fn the_minute_until_xs_second_word_begins_when_the_first_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp::from_secs(0)));
    let x = Arc::new(Slow(clock.clone()));
    let keeper = spend_at(x, clock, folder.path()).await;
    let stored = keeper.desk().load(&Account::new("app", "user")).await.unwrap();
    assert_eq!(stored.grant.rejection.unwrap().at, Timestamp::from_secs(30));
    end(keeper).await;
}

/// X, which never answers, by a client without a deadline of its own.
#[derive(Debug)]
struct Silent;

impl HttpClient for Silent {
    fn send(&self, _: HttpRequest) -> Pending<'_, Result<HttpResponse, SendError>> {
        Box::pin(pending())
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_without_a_deadline_does_not_keep_a_login_waiting_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp::from_secs(0)));
    let spent = spend_at(Arc::new(Silent), clock, folder.path());
    let keeper = turns::timeout(Lease::SPAN, spent).await.expect("both sends have a deadline");
    let stored = keeper.desk().load(&Account::new("app", "user")).await.unwrap();
    assert_eq!((stored.grant.state, stored.grant.unresolved_sends), (State::InDoubt, 2));
    end(keeper).await;
}
