//! The user signs out while others ask.

use super::explore::{Pace, explore};
use super::slow::chance;
use super::x::USER;
use crate::grant::{Lease, State};
use crate::keeper::{Keeper, SignedOut};
use crate::turns::{self, JoinHandle};
use crate::{ErrorKind, Result};

fn sign_out(keeper: &Keeper) -> JoinHandle<Result<SignedOut>> {
    let source = keeper.token_source(USER);
    turns::spawn(async move { source.sign_out().await })
}

#[test]
fn a_login_that_is_signed_out_lives_nowhere_and_is_handed_out_no_more() {
    explore(Pace::Even, |world| async move {
        let keepers = [world.keeper(), world.keeper()];
        match chance(2) {
            true => world.end_token(),
            false => world.age_token(),
        }
        let callers = [world.caller(&keepers[0]), world.caller(&keepers[1])];
        let forced = {
            let source = keepers[0].token_source(USER);
            turns::spawn(async move { source.refresh().await.map(drop) })
        };
        let signed_out = sign_out(&keepers[0]).await.unwrap().unwrap();
        assert_eq!(signed_out, SignedOut::Revoked);
        // Whoever asks this keeper from now on is told so.
        let asked = world.ask(&keepers[0].token_source(USER)).await;
        assert_eq!(asked.err().map(|why| why.kind()), Some(ErrorKind::SignIn));
        for caller in callers {
            drop(caller.await.unwrap());
        }
        drop(forced.await.unwrap());
        let asked = world.ask(&keepers[0].token_source(USER)).await;
        assert_eq!(asked.err().map(|why| why.kind()), Some(ErrorKind::SignIn));
        drop(keepers);
        assert_eq!(world.x.current(), None, "the login lives on at X");
        assert_eq!(world.record().state, State::SignedOut);
        assert!(world.x.most_sends() <= 1, "a token was sent twice");
    });
}

#[test]
fn two_who_sign_out_at_once_both_find_it_done() {
    explore(Pace::Even, |world| async move {
        let keepers = [world.keeper(), world.keeper()];
        let both = [sign_out(&keepers[0]), sign_out(&keepers[1])];
        let mut revoked = 0;
        for one in both {
            match one.await.unwrap().unwrap() {
                SignedOut::Revoked => revoked += 1,
                other => assert_eq!(other, SignedOut::Already),
            }
        }
        drop(keepers);
        assert_eq!(revoked, 1);
        assert_eq!(world.x.current(), None);
        assert_eq!(world.record().state, State::SignedOut);
    });
}

#[test]
fn a_pair_that_comes_after_the_sign_out_is_taken_back() {
    explore(Pace::Even, |world| async move {
        world.store.may_be_given_up();
        world.end_token();
        let way = world.store.another_way();
        let keepers = [world.keeper_on(way.clone()), world.keeper()];
        let caller = world.caller(&keepers[0]);
        while world.x.rotations() == 0 {
            shuttle::future::yield_now().await;
        }
        way.is_out_of_reach(true);
        turns::sleep(Lease::SPAN).await;
        let leaving = sign_out(&keepers[1]);
        way.is_out_of_reach(false);
        assert!(leaving.await.unwrap().is_ok());
        drop(caller.await.unwrap());
        drop(keepers);
        assert_eq!(world.x.current(), None, "the login lives on at X");
        assert_eq!(world.record().state, State::SignedOut);
    });
}
