//! Many callers, one refresh.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::oneshot;

use crate::picky::Picky;
use crate::world::{A_LIFE, World};

#[tokio::test]
async fn a_fresh_token_is_served_without_asking_anyone() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    source.access_token().await.unwrap();
    world.store.fail_writes(true);
    let asked = world.x.token_requests();
    for _ in 0..100 {
        source.access_token().await.unwrap();
    }
    assert_eq!(world.x.token_requests(), asked);
}

#[tokio::test]
async fn a_hundred_callers_spend_one_refresh_token() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    world.advance(A_LIFE);
    let tokens = join_all((0..100).map(|_| source.access_token())).await;
    assert!(tokens.iter().all(Result::is_ok));
    assert_eq!(world.x.refreshes(), 1);
}

#[tokio::test]
async fn five_processes_with_twenty_callers_each_spend_one_refresh_token() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    let user = source.account().user.clone();
    world.advance(A_LIFE);
    let keepers: Vec<_> = (0..5).map(|_| world.keeper()).collect();
    let sources: Vec<_> = keepers.iter().map(|keeper| keeper.token_source(&user)).collect();
    let callers = sources.iter().flat_map(|source| (0..20).map(|_| source.access_token()));
    let tokens = join_all(callers).await;
    let generations: Vec<_> = tokens.into_iter().map(|token| token.unwrap().generation()).collect();
    assert!(generations.iter().all(|generation| generation.0 == 2), "{generations:?}");
    assert_eq!(world.x.token_requests() - world.x.exchanges(), 1);
}

#[tokio::test]
async fn a_token_is_refreshed_before_a_quarter_of_its_early_window_is_over() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    let access = world.grant(&source).await.access.unwrap();
    let (first, end) = (access.refresh_at(), access.expires_at);
    source.access_token().await.unwrap();
    world.advance(first.since(world.now()) - Duration::from_millis(1));
    assert_eq!(source.access_token().await.unwrap().generation().0, 1);
    world.advance(end.since(first) / 4 + Duration::from_millis(1));
    assert_eq!(source.access_token().await.unwrap().generation().0, 2);
}

#[tokio::test]
async fn a_token_rotated_by_another_process_is_adopted_inside_the_window() {
    let world = World::start().await;
    let (one, two) = (world.keeper(), world.keeper());
    let source = world.sign_in(&one).await;
    let other = two.token_source(&source.account().user);
    assert_eq!(other.access_token().await.unwrap().generation().0, 1);
    world.advance(A_LIFE / 2);
    source.refresh().await.unwrap();
    world.advance(A_LIFE / 2 - Duration::from_secs(100));
    assert_eq!(other.access_token().await.unwrap().generation().0, 2);
    assert_eq!(world.x.refreshes(), 1);
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_take_the_pair_with_it() {
    let world = World::start().await;
    let (keeper, other) = (world.keeper(), world.keeper());
    let source = world.sign_in(&keeper).await;
    world.advance(A_LIFE);
    let mut call = Box::pin(source.access_token());
    world.hold(&mut call).await;
    drop(call);
    world.release(&other).await;
    let account = source.account().clone();
    drop((source, keeper));
    assert_eq!(world.grant_of(&account).await.unwrap().generation.0, 2);
}

#[tokio::test]
async fn who_asks_for_a_rotation_waits_for_the_one_that_is_under_way() {
    let world = World::start().await;
    let one = world.keeper();
    let source = world.sign_in(&one).await;
    let store = Picky::new(world.store.clone());
    let other = world.start_on(store.clone()).token_source(&source.account().user);
    let mut first = Box::pin(source.refresh());
    world.hold(&mut first).await;
    // Its second look: what it rotates is by then the generation that the first one has in hand.
    let (tell, looks_again) = oneshot::channel();
    store.before_load(1, move || tell.send(()).unwrap());
    let mut second = Box::pin(other.refresh());
    tokio::select! {
        done = &mut second => panic!("it did not wait: {done:?}"),
        looks = looks_again => looks.unwrap(),
    }
    world.release(&one).await;
    assert_eq!(second.await.unwrap().generation().0, 2);
    assert_eq!(first.await.unwrap().generation().0, 2);
    assert_eq!(world.x.refreshes(), 1);
}

#[tokio::test]
async fn one_slow_account_holds_up_no_other() {
    let world = World::start().await;
    let keeper = world.keeper();
    let slow = world.sign_in(&keeper).await;
    let quick = world.sign_in_as(&keeper, 1).await;
    world.advance(A_LIFE);
    let mut held = Box::pin(slow.access_token());
    world.hold(&mut held).await;
    assert_eq!(quick.access_token().await.unwrap().generation().0, 2);
    assert_eq!(held.await.unwrap().generation().0, 2);
}

#[tokio::test]
async fn who_waits_for_another_holder_makes_no_file_among_the_holders() {
    let world = World::start().await;
    let keeper = world.keeper();
    let source = world.sign_in(&keeper).await;
    world.advance(A_LIFE - Duration::from_secs(10));
    let mut call = Box::pin(source.refresh());
    world.hold(&mut call).await;
    let other = world.keeper().token_source(&source.account().user);
    assert_eq!(other.access_token().await.unwrap().generation().0, 1);
    let files = std::fs::read_dir(world.folder.path()).unwrap().count();
    assert_eq!(files, 1);
    world.release(&keeper).await;
    assert_eq!(call.await.unwrap().generation().0, 2);
}
