#![allow(clippy::unwrap_used)]
use super::super::Keeper;
use super::super::meanwhile::Meanwhile;
use super::super::tests::{keeper_by, keeper_in};
use super::*;
use crate::grant::Account;
use crate::store::contract;

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
