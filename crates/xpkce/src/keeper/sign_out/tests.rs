#![allow(clippy::unwrap_used)]
use super::super::meanwhile::Meanwhile;
use super::super::pair::{Answer, Landing};
use super::super::tests::{keeper_by, keeper_in};
use super::*;
use crate::grant::{Account, PairId};
use crate::store::contract;
use crate::token::Unreadable;

/// A login that nobody is at, and of which nothing waits to be taken in.
fn idle(account: &Account) -> Grant {
    let mut grant = contract::grant(account.clone());
    (grant.lease, grant.unread) = (None, None);
    grant.candidates.clear();
    grant
}

/// An answer to whoever is spending it.
fn answered(attempt: Attempt, grant: &Grant, pair: PairId) -> Landing {
    let answer = Answer::Unread(Unreadable { status: 200, body: b"{}".to_vec().into() });
    let (spent, refresh) = (grant.spent(), RefreshToken::new("fake-spent"));
    let received_at = attempt.at;
    Landing { attempt, spent, pair, answer, refresh, received_at }
}

#[tokio::test]
async fn who_dies_once_its_pair_was_looked_for_has_it_looked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let holder = keeper_in(Some(folder.path().to_owned()));
    let clock = Arc::new(Meanwhile::new());
    let keeper = keeper_by(clock.clone(), Some(folder.path().to_owned()));
    let (desk, account) = (keeper.desk(), Account::new("app", "user"));
    let mut grant = idle(&account);
    let attempt = holder.desk().attempt(desk.now()).unwrap();
    grant.begin(&attempt, false);
    desk.store.swap(&grant, None, LeaseEnd::In(Lease::SPAN)).await.unwrap();
    // Of another login: it keeps the file from being known for empty.
    holder.desk().presence().unwrap().spill(b"a pair").unwrap();
    let landing = answered(attempt, &grant, desk.new_pair().unwrap());
    let dies = move || {
        assert!(holder.desk().spill(&landing, &grant).is_some());
        drop(holder);
    };
    // It is asked for the time of the record first.
    let once_more = Arc::clone(&clock);
    clock.let_happen(move || once_more.let_happen(dies));
    let slot = desk.slot(&account);
    let (stored, was_held) = desk.take_in_first(&slot, true).await.unwrap();
    assert!(clock.has_happened(), "the holder has not died");
    assert!(stored.grant.unread.is_none() && desk.is_spilled(&stored));
    let (attempt, leaving) = (desk.attempt(stored.now).unwrap(), stored.grant.grant_id);
    let begun = desk.mark(stored, &leaving, &attempt, was_held).await.unwrap().unwrap().0;
    assert_eq!(begun, SignOut::Busy, "its pair may live on");
    let (stored, was_held) = desk.take_in_first(&slot, true).await.unwrap();
    assert!(stored.grant.unread.is_some() && !was_held);
    let begun = desk.mark(stored, &leaving, &attempt, was_held).await.unwrap().unwrap().0;
    assert_eq!(begun, SignOut::Revoke);
}

#[tokio::test]
async fn who_comes_once_a_pair_was_looked_for_and_dies_has_its_own_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let [holder, keeper] = [(); 2].map(|()| keeper_in(Some(folder.path().to_owned())));
    let (desk, account) = (keeper.desk(), Account::new("app", "user"));
    let mut grant = idle(&account);
    desk.store.swap(&grant, None, LeaseEnd::Keep).await.unwrap();
    let slot = desk.slot(&account);
    let (stored, was_held) = desk.take_in_first(&slot, true).await.unwrap();
    let attempt = holder.desk().attempt(stored.now).unwrap();
    grant.begin(&attempt, false);
    let lease = LeaseEnd::In(Lease::SPAN);
    desk.store.swap(&grant, Some(stored.revision), lease).await.unwrap();
    let landing = answered(attempt, &grant, desk.new_pair().unwrap());
    assert!(holder.desk().spill(&landing, &grant).is_some());
    drop(holder);
    let (attempt, leaving) = (desk.attempt(stored.now).unwrap(), stored.grant.grant_id);
    let begun = desk.mark(stored, &leaving, &attempt, was_held).await.unwrap().unwrap().0;
    assert_eq!((begun, was_held), (SignOut::Busy, false), "its pair may live on");
    let (stored, was_held) = desk.take_in_first(&slot, true).await.unwrap();
    assert!(stored.grant.unread.is_some());
    let begun = desk.mark(stored, &leaving, &attempt, was_held).await.unwrap().unwrap().0;
    assert_eq!(begun, SignOut::Revoke);
}
