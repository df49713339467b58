//! The store fails, X fails, or a task is held up past every deadline.

use std::sync::Arc;

use futures_util::future::join_all;

use super::explore::{Pace, explore};
use super::world::World;
use super::x::USER;
use crate::Reason;

async fn two_rounds(world: Arc<World>) {
    let keepers = [world.keeper(), world.keeper()];
    for _ in 0..2 {
        world.end_token();
        let callers: Vec<_> =
            keepers.iter().flat_map(|keeper| (0..2).map(|_| world.caller(keeper))).collect();
        join_all(callers).await.into_iter().for_each(|asked| drop(asked.unwrap()));
    }
    world.store.fail_one_in(None);
    world.x.fail_one_in(None);
    drop(keepers);
}

#[test]
fn a_store_that_fails_between_costs_no_pair() {
    explore(Pace::Even, |world| async move {
        world.store.fail_one_in(Some(4));
        two_rounds(Arc::clone(&world)).await;
        assert!(world.x.has_delivered());
        assert!(world.keeps_the_living(), "a pair that came is lost");
    });
}

#[test]
fn an_x_that_fails_between_costs_no_pair() {
    explore(Pace::Even, |world| async move {
        world.x.fail_one_in(Some(3));
        two_rounds(Arc::clone(&world)).await;
        assert!(world.x.has_delivered());
        assert!(world.keeps_the_living(), "a pair that came is lost");
    });
}

#[test]
fn who_is_held_up_past_a_deadline_loses_no_pair_that_came() {
    explore(Pace::Stalls(200), |world| async move {
        world.store.may_be_given_up();
        two_rounds(Arc::clone(&world)).await;
        if world.x.has_delivered() {
            assert!(world.keeps_the_living(), "a pair that came is lost");
            let keeper = world.keeper();
            let asked = world.ask(&keeper.token_source(USER)).await;
            let reason = asked.err().map(|why| why.reason());
            assert_ne!(reason, Some(Reason::TokenRejected), "a living login is called dead");
        }
    });
}
