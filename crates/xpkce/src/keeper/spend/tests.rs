#![allow(clippy::unwrap_used)]
use std::future::ready;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::super::Keeper;
use super::super::meanwhile::Meanwhile;
use super::super::presence::Foreign;
use super::super::tests::{keeper_by, keeper_in};
use super::*;
use crate::grant::Account;
use crate::http::{HttpClient, HttpRequest, HttpResponse, Pending, SendError};
use crate::seal::Sealer;
use crate::store::{MemoryStore, contract};
use crate::{App, Client, ManualClock};

/// Spills a pair of another login, which keeps its file from being known for empty.
fn spill(keeper: &Keeper) {
    keeper.desk().presence().unwrap().spill(b"a pair").unwrap();
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
    let mut grant = Grant { state: State::Ready, ..contract::grant(account.clone()) };
    (grant.lease, grant.unread, grant.refresh_is_candidate) = (None, None, false);
    grant.feedback = Default::default();
    let refresh = pair::Seat::of(&grant).seal_refresh(&desk.sealer, &RefreshToken::new("spent"));
    grant.refresh = Some(refresh.unwrap());
    desk.store.swap(&grant, None, LeaseEnd::Keep).await.unwrap();
    assert!(desk.take_lease(&desk.slot(&account), None, |_| true).await.unwrap().is_ok());
    assert_eq!(std::fs::metadata(&dead).unwrap().len(), 1);
}

/// X, which is unwell; and whether there might have been a pair in the folder when it was asked.
#[derive(Debug)]
struct Unwell {
    folder: PathBuf,
    might_be: AtomicBool,
}

impl HttpClient for Unwell {
    fn send(&self, _: HttpRequest) -> Pending<'_, Result<HttpResponse, SendError>> {
        self.might_be.store(!Foreign::with_records(&self.folder, None).is_empty(), Relaxed);
        let (status, headers) = (503, http::HeaderMap::new());
        let body = Vec::new().into();
        Box::pin(ready(Ok(HttpResponse { status, headers, body, is_whole: true })))
    }
}

#[tokio::test(start_paused = true)]
async fn the_file_is_ready_for_a_pair_before_x_is_asked_for_it_and_only_for_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let x = Unwell { folder: folder.path().to_owned(), might_be: AtomicBool::new(false) };
    let (x, clock) = (Arc::new(x), Arc::new(ManualClock::new(Timestamp::from_secs(0))));
    let client = Client::new(App::public("app"), x.clone(), clock.clone());
    let sealer = Sealer::from_text(&"A".repeat(43)).unwrap();
    let store = Arc::new(MemoryStore::new(clock));
    let keeper =
        Keeper::new(client, store, Arc::new(sealer), Some(folder.path().to_owned())).unwrap();
    let looks_empty = || Foreign::with_records(folder.path(), None).is_empty();
    assert!(keeper.desk().presence().is_some() && looks_empty());
    let _ = keeper.desk().ask(&RefreshToken::new("spent")).await;
    assert!(x.might_be.load(Relaxed));
    turns::sleep(Desk::UNMARKED * 2).await;
    assert!(looks_empty());
}
