#![allow(clippy::unwrap_used)]
use super::super::meanwhile::Meanwhile;
use super::super::pair::{Answer, Landing};
use super::super::tests::{keeper_by, keeper_in};
use super::*;
use crate::grant::Account;
use crate::store::contract;
use crate::token::Unreadable;

#[tokio::test]
async fn who_dies_once_its_pair_was_looked_for_has_it_looked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let holder = keeper_in(Some(folder.path().to_owned()));
    let clock = Arc::new(Meanwhile::new());
    let keeper = keeper_by(clock.clone(), Some(folder.path().to_owned()));
    let (desk, account) = (keeper.desk(), Account::new("app", "user"));
    let mut grant = contract::grant(account.clone());
    (grant.lease, grant.unread) = (None, None);
    grant.candidates.clear();
    let attempt = holder.desk().attempt(desk.now()).unwrap();
    grant.begin(&attempt, false);
    desk.store.swap(&grant, None, LeaseEnd::In(Lease::SPAN)).await.unwrap();
    // Of another login: it keeps the file from being known for empty.
    holder.desk().presence().unwrap().spill(b"a pair").unwrap();
    let answer = Answer::Unread(Unreadable { status: 200, body: b"{}".to_vec().into() });
    let (spent, pair) = (grant.spent(), desk.new_pair().unwrap());
    let refresh = RefreshToken::new("spent");
    let received_at = attempt.at;
    let landing = Landing { attempt, spent, pair, answer, refresh, received_at };
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
