//! Many want a token that has ended.

use std::sync::Arc;

use futures_util::future::join_all;

use super::explore::{Pace, explore, repeat};
use super::slow::chance;
use super::world::{World, give_up_after};
use super::x::USER;
use crate::grant::Generation;
use crate::keeper::Keeper;
use crate::store::Due;
use crate::turns;

/// Works on the login as the queue does.
fn errand(keeper: &Keeper) -> turns::JoinHandle<()> {
    let desk = Arc::clone(keeper.desk());
    let keeper = keeper.clone();
    turns::spawn(async move {
        let due = Due { minute: 1, user: USER.to_owned() };
        let errand = keeper.run(async move { Ok(desk.run_errand(&due).await) });
        drop(errand.await.unwrap());
    })
}

pub(super) async fn many_ask_two_keepers(world: Arc<World>) {
    world.end_token();
    let keepers = [world.keeper(), world.keeper()];
    let callers: Vec<_> =
        keepers.iter().flat_map(|keeper| (0..2).map(|_| world.caller(keeper))).collect();
    let by_itself = errand(&keepers[0]);
    for asked in join_all(callers).await {
        let (generation, _) = asked.unwrap().unwrap();
        assert_eq!(generation, Generation(2));
    }
    by_itself.await.unwrap();
    drop(keepers);
    assert_eq!(world.x.rotations(), 1);
    world.is_well();
}

#[test]
fn one_generation_is_spent_once_however_many_ask() {
    explore(Pace::Even, many_ask_two_keepers);
}

#[test]
fn a_schedule_that_is_given_again_goes_the_same_way() {
    repeat(Pace::Even, many_ask_two_keepers);
}

#[test]
fn who_goes_away_takes_no_spend_along() {
    explore(Pace::Even, |world| async move {
        world.end_token();
        let keeper = world.keeper();
        let gone = [2, 5, 11].map(|turns| {
            let (world, source) = (Arc::clone(&world), keeper.token_source(USER));
            turns::spawn(async move { drop(give_up_after(turns, world.ask(&source)).await) })
        });
        let goes_too = chance(2);
        let stays = (!goes_too).then(|| world.caller(&keeper));
        for gone in gone {
            gone.await.unwrap();
        }
        // What is being spent is waited for.
        drop(keeper);
        if let Some(stays) = stays {
            assert_eq!(stays.await.unwrap().unwrap().0, Generation(2));
        }
        assert!(world.x.rotations() <= 1);
        world.is_well();
    });
}

pub(super) async fn some_ask_while_another_refreshes(world: Arc<World>) {
    world.age_token();
    let keeper = world.keeper();
    let forced = {
        let source = keeper.token_source(USER);
        turns::spawn(async move { source.refresh().await.unwrap().generation() })
    };
    let callers: Vec<_> = (0..2)
        .map(|_| {
            let (world, source) = (Arc::clone(&world), keeper.token_source(USER));
            turns::spawn(async move {
                let mut last = Generation::default();
                for _ in 0..3 {
                    let (generation, _) = world.ask(&source).await.unwrap();
                    assert!(generation >= last, "{generation} after {last}");
                    last = generation;
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    assert_eq!(forced.await.unwrap(), Generation(2));
    let (generation, _) = world.ask(&keeper.token_source(USER)).await.unwrap();
    assert_eq!(generation, Generation(2), "what is served is not what was made");
    drop(keeper);
    world.is_well();
}

#[test]
fn who_asks_again_gets_no_older_token() {
    explore(Pace::Even, some_ask_while_another_refreshes);
}
