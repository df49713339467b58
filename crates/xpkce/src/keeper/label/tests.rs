#![allow(clippy::unwrap_used)]
use super::super::tests::keeper;
use super::*;
use crate::RefreshToken;
use crate::grant::{Generation, GrantId, PairId};
use crate::store::contract;

/// The login that a user's nth sign-in made.
fn login(desk: &Desk, user: &str, sign_in: u8) -> Grant {
    let mut grant = Grant {
        grant_id: GrantId::new([sign_in; 16]),
        sign_in: sign_in.into(),
        generation: Generation(1),
        pair: PairId::new([sign_in; 16]),
        state: State::Ready,
        lease: None,
        access: None,
        refresh_is_candidate: false,
        candidates: Vec::new(),
        unread: None,
        ..contract::grant(Account::new("app", user))
    };
    let token = RefreshToken::new(format!("fake-refresh-{sign_in}"));
    grant.refresh = Some(pair::Seat::of(&grant).seal_refresh(&desk.sealer, &token).unwrap());
    grant
}

#[test]
fn of_two_sign_ins_of_one_user_the_later_is_current_and_the_other_a_candidate() {
    let keeper = keeper();
    let desk = keeper.desk();
    let attempt = desk.attempt(desk.now()).unwrap();
    for (there, labelled) in [(1, 2), (2, 1)] {
        let (there, labelled) = (login(desk, "7", there), login(desk, "unlabelled-1", labelled));
        let merged = desk.merge(&labelled, &there, &attempt).unwrap();
        assert_eq!((merged.account.user.as_str(), merged.sign_in), ("7", 2));
        assert_eq!(merged.grant_id, GrantId::new([2; 16]));
        let current = pair::open_refresh(&desk.sealer, &merged).unwrap().unwrap();
        assert_eq!(current.expose(), "fake-refresh-2");
        let [candidate] = &merged.candidates[..] else { panic!("the older pair is lost") };
        let older = pair::open_candidate(&desk.sealer, &merged.account, candidate).unwrap();
        assert_eq!(older.expose(), "fake-refresh-1");
    }
}
