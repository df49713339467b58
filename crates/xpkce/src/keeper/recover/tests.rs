#![allow(clippy::unwrap_used)]
use std::path::{Path, PathBuf};

use super::super::presence::Presence;
use super::super::tests::{keeper, keeper_by, keeper_in};
use super::*;
use crate::grant::PairId;
use crate::store::{LeaseEnd, contract};
use crate::{ManualClock, Timestamp};

fn id(nth: u16) -> GrantId {
    let [high, low] = nth.to_be_bytes();
    GrantId::new(std::array::from_fn(|at| if at % 2 == 0 { high } else { low }))
}

#[tokio::test]
async fn a_sign_in_is_found_behind_more_than_are_read_at_once_and_not_another_apps() {
    let keeper = keeper();
    let put = async |app: &str, nth: u16| {
        let grant = contract::grant(Account::new(app, format!("{nth:03}")));
        let grant = Grant { grant_id: id(nth), ..grant };
        keeper.desk().store.swap(&grant, None, LeaseEnd::Keep).await.unwrap();
    };
    for nth in 0..501 {
        put("app", nth).await;
    }
    put("other app", 501).await;
    let find = async |nth| keeper.desk().find("app", &id(nth)).await.unwrap();
    for nth in [0, 499, 500] {
        assert_eq!(find(nth).await.unwrap().grant.account.user, format!("{nth:03}"));
    }
    assert!(find(501).await.is_none(), "it is another app's");
}

/// Puts a dead holder's file into a folder.
fn dead_in(folder: &Path) -> PathBuf {
    let living = Presence::enter(folder, &PairId::new([7; 16])).unwrap();
    let dead = folder.join(format!("{}.holder", PairId::new([8; 16]).as_str()));
    std::fs::copy(folder.join(&living.liveness().file), &dead).unwrap();
    dead
}

#[test]
fn a_dead_holders_file_is_dated_at_first_and_then_once_in_a_leases_time() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp::from_secs(0)));
    let keeper = keeper_by(clock.clone(), Some(folder.path().to_owned()));
    let is_dated = || {
        let dead = dead_in(folder.path());
        keeper.desk().clear_now_and_then();
        std::fs::metadata(&dead).unwrap().len() == 1
    };
    assert_eq!([is_dated(), is_dated()], [true, false]);
    clock.advance(Desk::LOOK_AT_ALL_AGAIN);
    assert_eq!([is_dated(), is_dated()], [true, false]);
}

#[test]
fn a_file_that_never_got_its_name_goes_with_the_next_look_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let unnamed = folder.path().join(format!("{}.new", PairId::new([8; 16]).as_str()));
    std::fs::write(&unnamed, "").unwrap();
    let far = Timestamp::from_secs(1_000_000_000_000);
    let keeper = keeper_by(Arc::new(ManualClock::new(far)), Some(folder.path().to_owned()));
    keeper.desk().clear_now_and_then();
    assert!(!unnamed.exists());
}

#[tokio::test]
async fn a_round_dates_every_dead_holders_file() {
    let folder = tempfile::tempdir().unwrap();
    let dead = dead_in(folder.path());
    let keeper = keeper_in(Some(folder.path().to_owned()));
    keeper.desk().recover_all().await.unwrap();
    assert_eq!(std::fs::metadata(&dead).unwrap().len(), 1);
}
