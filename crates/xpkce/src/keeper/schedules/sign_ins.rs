//! The user signs in again while others ask.

use super::explore::{Pace, explore};
use super::x::USER;
use crate::Result;
use crate::keeper::{Keeper, SignedIn};
use crate::turns::{self, JoinHandle};

fn sign_in(keeper: &Keeper) -> JoinHandle<Result<SignedIn>> {
    let keeper = keeper.clone();
    turns::spawn(async move {
        let login = keeper.begin_login()?;
        let state = login.state().expose();
        let callback =
            format!("{}?state={state}&code=fake-code", keeper.client().app().redirect_uri());
        keeper.sign_in(login.approve(&callback)?).await
    })
}

#[test]
fn a_sign_in_during_a_spend_is_what_stays() {
    explore(Pace::Even, |world| async move {
        world.end_token();
        let keepers = [world.keeper(), world.keeper()];
        let callers = [world.caller(&keepers[0]), world.caller(&keepers[1])];
        sign_in(&keepers[0]).await.unwrap().unwrap();
        for caller in callers {
            drop(caller.await.unwrap());
        }
        drop(keepers);
        assert!(world.x.has_delivered());
        let keeper = world.keeper();
        world.ask(&keeper.token_source(USER)).await.unwrap();
        drop(keeper);
        assert!(world.holds_the_living(), "the living pair is not in the record");
    });
}
