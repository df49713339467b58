//! Refreshing follows use: what counts as one, when it is noted, and how long it lasts.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::SeqCst;

use xpkce::grant::Account;
use xpkce::keeper::Round;
use xpkce::store::Store as _;

use crate::picky::Picky;
use crate::queue::{DAY, MINUTE, all, idle, in_use, once, states};
use crate::world::{A_LIFE, World};

#[tokio::test]
async fn a_login_that_nobody_asks_for_is_rotated_after_ninety_days_and_not_before() {
    let world = World::start().await;
    idle(&world, 2).await;
    let keeper = world.keeper();
    world.advance(DAY * 90 - MINUTE);
    assert_eq!(once(&keeper).await, Round::default());
    assert_eq!(world.x.refreshes(), 0);
    world.advance(DAY * 9 + MINUTE * 2);
    assert_eq!(once(&keeper).await.rotated, 2);
    assert_eq!(states(&world).await, BTreeMap::from([(("ready", 2), 2)]));
}

#[tokio::test]
async fn a_login_that_is_not_asked_for_any_more_is_left_alone_after_a_day() {
    let world = World::start().await;
    in_use(&world, 1).await;
    let keeper = world.keeper();
    for _ in 0..48 {
        world.advance(MINUTE * 60);
        once(&keeper).await;
    }
    let rotated = world.x.refreshes();
    assert!((10..=13).contains(&rotated), "{rotated} rotations in two days for one use");
}

#[tokio::test]
async fn a_use_is_noted_once_an_hour() {
    let world = World::start().await;
    in_use(&world, 1).await;
    let account = all(&world).await[0].account.clone();
    let revision = async || world.store.load(&account).await.unwrap().unwrap().revision;
    let (noted, first) = (all(&world).await[0].used_at, revision().await);
    assert_eq!(noted, Some(world.now()));
    world.advance(MINUTE * 59);
    ask_anew(&world, &account).await;
    assert_eq!((all(&world).await[0].used_at, revision().await), (noted, first));
    world.advance(MINUTE);
    ask_anew(&world, &account).await;
    assert_eq!(all(&world).await[0].used_at, Some(world.now()));
}

/// Asks as a process does that has just begun, and ends.
async fn ask_anew(world: &World, account: &Account) {
    let keeper = world.keeper();
    keeper.token_source(&account.user).access_token().await.unwrap();
}

#[tokio::test]
async fn a_use_that_cannot_be_noted_is_served_all_the_same() {
    let world = World::start().await;
    idle(&world, 1).await;
    world.store.fail_writes(true);
    let account = all(&world).await[0].account.clone();
    ask_anew(&world, &account).await;
    assert_eq!(all(&world).await[0].used_at, None);
}

#[tokio::test]
async fn a_rotation_that_a_caller_caused_is_a_use_and_one_of_the_queue_is_none() {
    let world = World::start().await;
    idle(&world, 2).await;
    let account = all(&world).await[0].account.clone();
    let store = Picky::new(world.store.clone());
    world.advance(A_LIFE);
    let keeper = world.start_on(store.clone());
    keeper.token_source(&account.user).access_token().await.unwrap();
    drop(keeper);
    assert_eq!(store.swaps.load(SeqCst), 2, "the use was noted by a write of its own");
    let called = world.now();
    world.advance(DAY * 99 + MINUTE);
    once(&world.keeper()).await;
    let used: Vec<_> = all(&world).await.iter().map(|grant| grant.used_at).collect();
    assert_eq!(used, [Some(called), None]);
    assert_eq!(world.x.refreshes(), 3);
}
