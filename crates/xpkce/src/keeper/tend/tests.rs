#![allow(clippy::unwrap_used)]
use std::collections::BTreeSet;

use super::super::tests::keeper;
use super::*;
use crate::RefreshToken;
use crate::grant::{Account, Generation, PairId};
use crate::store::{Revision, contract};
use crate::token::Issued;

/// A grant that serves its token.
fn ready() -> Grant {
    let mut grant = contract::grant(Account::new("app", "user"));
    grant.access.as_mut().unwrap().is_rejected = false;
    Grant { state: State::Ready, ..grant }
}

/// What came of the grant's token.
fn landing(desk: &Desk, grant: &Grant, pair: PairId) -> Landing {
    let rotated = Rotated {
        access: Some(Issued {
            access_token: AccessToken::new("fake-landed".to_owned()),
            token_type: "bearer".to_owned(),
            expires_in: Duration::from_secs(7200),
            expires_at: grant.access.as_ref().unwrap().expires_at,
        }),
        refresh: None,
        scopes: None,
        other: serde_json::Map::new(),
        server_date: None,
    };
    Landing {
        attempt: desk.attempt(desk.now()).unwrap(),
        spent: grant.spent(),
        pair,
        answer: Answer::Pair(rotated),
        refresh: RefreshToken::new("fake-spent"),
        received_at: desk.now(),
    }
}

fn saved(grant: &Grant) -> Stored {
    Stored {
        grant: Arc::new(grant.clone()),
        revision: Revision(1),
        lease_left: Duration::ZERO,
        now: Timestamp::from_secs(0),
    }
}

/// What a slot serves after `pair` has landed and `grant` has been saved.
fn served_of(pair: &PairId, grant: &Grant) -> Option<String> {
    let keeper = keeper();
    let (desk, slot) = (keeper.desk(), Slot::new(grant.account.clone()));
    desk.serve_landed(&slot, &landing(desk, grant, *pair), &saved(grant));
    slot.alive(desk.clock.uptime()).map(|token| token.expose().to_owned())
}

#[test]
fn what_has_landed_is_served_if_the_record_holds_it_and_serves() {
    let mut grant = ready();
    assert_eq!(served_of(&grant.pair, &grant).as_deref(), Some("fake-landed"));
    assert_eq!(served_of(&PairId::new([9; 16]), &grant), None, "it has lost its compare");
    let signing_out = Grant { state: State::SigningOut, ..grant.clone() };
    assert_eq!(served_of(&grant.pair, &signing_out), None);
    grant.access.as_mut().unwrap().is_rejected = true;
    assert_eq!(served_of(&grant.pair, &grant), None, "a server has refused it meanwhile");
}

#[test]
fn what_the_store_has_not_taken_yet_is_served_until_the_record_is_as_new() {
    let (keeper, grant) = (keeper(), ready());
    let (desk, slot) = (keeper.desk(), Slot::new(grant.account.clone()));
    let is_news = |generation: Generation| {
        desk.has_news_for(&slot, &saved(&Grant { generation, ..grant.clone() }))
    };
    let (before, next) = (grant.generation, grant.generation.next());
    let landing = Arc::new(landing(desk, &grant, PairId::new([9; 16])));
    slot.serve_unsaved(&landing, None, desk.clock.as_ref());
    assert!(!is_news(before));
    assert!(is_news(next), "another process has made one of the same token");
    assert!(is_news(next.next()));
    slot.is_saved(&landing);
    assert!(is_news(before), "a record that came back from a backup is what there is");
}

#[test]
fn keepers_begin_one_after_the_other_within_a_quarter_of_the_early_window() {
    let mut grant = contract::grant(Account::new("app", "user"));
    grant.access.as_mut().unwrap().is_rejected = false;
    let access = grant.access.clone().unwrap();
    let (first, end) = (access.refresh_at(), access.expires_at);
    let last = first + end.since(first) / 4;
    let begins: BTreeSet<_> = (0..16).map(|_| keeper().desk().begins_at(&grant)).collect();
    assert!(begins.iter().all(|at| (first..=last).contains(at)), "{begins:?}");
    assert!(begins.len() > 1, "all begin at once");
}

#[test]
fn what_x_has_refused_is_refreshed_at_once() {
    let (grant, keeper) = (contract::grant(Account::new("app", "user")), keeper());
    assert_eq!(keeper.desk().begins_at(&grant), keeper.desk().now());
}

#[test]
fn who_waits_looks_again_after_a_time_that_grows_by_half_up_to_a_quarter_of_a_second() {
    for _ in 0..16 {
        let keeper = keeper();
        let mut pause = Desk::FIRST_LOOK;
        for _ in 0..12 {
            let before = pause;
            let wait = keeper.desk().lengthen(&mut pause);
            assert!((before.mul_f64(0.75)..=before).contains(&wait), "{before:?}: {wait:?}");
            assert_eq!(pause, before.mul_f64(1.5).min(Duration::from_millis(250)));
        }
    }
}
