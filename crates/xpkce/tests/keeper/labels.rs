//! Whose a sign-in is: found out after it is saved, however long that takes.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use xpkce::grant::{Grant, Lease};
use xpkce::keeper::Tending;
use xpkce::{Clock as _, Reason, SystemClock, TokenSource};
use xpkce_emulator::{Endpoint, Fault, FaultRule, Problem};

use crate::picky::Picky;
use crate::world::World;

async fn is_labelled(world: &World) -> bool {
    let app = world.x.public_app().client_id;
    let account = xpkce::grant::Account::new(app, world.x.users()[0].id.clone());
    world.grant_of(&account).await.is_some()
}

async fn is_gone(world: &World, source: &TokenSource) -> bool {
    world.grant_of(source.account()).await.is_none()
}

#[tokio::test]
async fn a_label_that_the_store_would_not_take_lands_by_itself() {
    let world = World::start().await;
    let store = Picky::new(world.store.clone());
    let keeper = world.start_on(store.clone());
    store.refused_labels.store(2, SeqCst);
    let source = world.sign_in(&keeper).await;
    assert!(source.account().is_unlabelled());
    world.eventually(|| is_labelled(&world)).await;
    assert!(is_gone(&world, &source).await);
}

#[tokio::test]
async fn a_user_whom_x_would_not_name_is_asked_for_again() {
    let world = World::start().await;
    let keeper = world.keeper();
    let out = Fault::Problem { problem: Problem::ServiceUnavailable };
    world.x.fault(FaultRule::new(Endpoint::Whoami, out));
    let source = world.sign_in(&keeper).await;
    assert!(source.account().is_unlabelled());
    world.eventually(|| is_labelled(&world)).await;
    // Its first name goes on naming it.
    assert_eq!(source.refresh().await.unwrap().generation().0, 2);
    assert_eq!(source.access_token().await.unwrap().generation().0, 2);
    assert_eq!(
        keeper.label(&source.account().user).await.unwrap().account.user,
        world.x.users()[0].id
    );
}

#[tokio::test]
async fn a_user_is_found_out_though_x_refused_the_app_for_a_while() {
    let world = World::start().await;
    let keeper = world.keeper();
    let out = Fault::Problem { problem: Problem::ServiceUnavailable };
    world.x.fault(FaultRule::new(Endpoint::Whoami, out));
    let refused = Fault::OauthError {
        status: 401,
        error: "unauthorized_client".into(),
        description: "Missing valid authorization header".into(),
    };
    world.x.fault(world.on_refresh(refused));
    let _source = world.sign_in(&keeper).await;
    // X is asked with a token that lives, which must be refreshed first.
    let asked = world.x.token_requests();
    world.advance(crate::world::A_LIFE);
    world.eventually(async || world.x.token_requests() > asked).await;
    assert!(!is_labelled(&world).await);
    let is_labelled_in_time = async || {
        world.advance(Duration::from_millis(50));
        is_labelled(&world).await
    };
    world.eventually(is_labelled_in_time).await;
}

#[tokio::test]
async fn a_user_who_is_known_is_not_asked_for_again() {
    let world = World::start().await;
    let keeper = world.keeper();
    let source = world.sign_in(&keeper).await;
    let calls = world.x.whoami_calls();
    let known = keeper.label(&source.account().user).await.unwrap();
    assert_eq!(known.account, *source.account());
    assert_eq!(world.x.whoami_calls(), calls);
}

#[tokio::test]
async fn whoever_asks_for_an_unlabelled_token_finds_out_whose_it_is() {
    let world = World::start().await;
    let first = world.sign_in_unlabelled(&world.keeper()).await;
    let user = first.account().user.clone();
    drop(first);
    assert!(!is_labelled(&world).await);
    let next = world.keeper().token_source(&user);
    next.access_token().await.unwrap();
    world.eventually(|| is_labelled(&world)).await;
    assert_eq!(next.refresh().await.unwrap().generation().0, 2);
}

#[tokio::test]
async fn a_process_that_lives_for_one_token_finds_out_whose_it_is() {
    let world = World::start().await;
    let user = world.sign_in_unlabelled(&world.keeper()).await.account().user.clone();
    world.advance(crate::world::A_LIFE);
    let keeper = world.keeper();
    let next = keeper.token_source(&user);
    assert_eq!(next.access_token().await.unwrap().generation().0, 2);
    drop((next, keeper));
    assert!(is_labelled(&world).await);
}

#[tokio::test]
async fn a_login_that_is_rotated_on_request_is_labelled_after() {
    let world = World::start().await;
    let user = world.sign_in_unlabelled(&world.keeper()).await.account().user.clone();
    let next = world.keeper().token_source(&user);
    assert_eq!(next.refresh().await.unwrap().generation().0, 2);
    world.eventually(|| is_labelled(&world)).await;
}

#[tokio::test]
async fn the_queue_finds_out_whose_a_login_is_that_it_has_rotated() {
    let world = World::start().await;
    let user = world.sign_in_unlabelled(&world.keeper()).await.account().user.clone();
    world.advance(Grant::KEEP_ALIVE + Grant::KEEP_ALIVE_SPREAD);
    let keeper = world.keeper();
    assert_eq!(keeper.keep_once(&Tending::new()).await.unwrap().rotated, 1);
    world.eventually(|| is_labelled(&world)).await;
    assert_eq!(keeper.token_source(&user).access_token().await.unwrap().generation().0, 2);
}

#[tokio::test]
async fn a_refusal_to_name_the_user_is_not_asked_for_again_by_itself() {
    let world = World::start().await;
    let refused = Fault::Problem { problem: Problem::Forbidden };
    world.x.fault(FaultRule::new(Endpoint::Whoami, refused).always());
    let keeper = world.keeper();
    let source = world.sign_in(&keeper).await;
    source.access_token().await.unwrap();
    world.eventually(async || world.x.whoami_calls() == 2).await;
    for _ in 0..3 {
        world.advance(crate::world::A_LIFE);
        source.access_token().await.unwrap();
    }
    drop((source, keeper));
    assert_eq!(world.x.whoami_calls(), 2);
}

#[tokio::test]
async fn a_label_that_never_comes_does_not_hold_up_the_end_of_the_process() {
    let world = World::start().await;
    let out = Fault::Problem { problem: Problem::ServiceUnavailable };
    world.x.fault(FaultRule::new(Endpoint::Whoami, out).always());
    let keeper = world.keeper();
    let source = world.sign_in(&keeper).await;
    // It waits for the second of its pauses, which only grow.
    world.eventually(async || world.x.whoami_calls() == 3).await;
    let begun = SystemClock.uptime();
    drop((source, keeper));
    let took = SystemClock.uptime() - begun;
    assert!(took < Duration::from_millis(900), "{took:?}");
}

#[tokio::test]
async fn a_login_that_is_being_refreshed_is_labelled_after() {
    let world = World::start().await;
    let (keeper, other) = (world.keeper(), world.keeper());
    let source = world.sign_in_unlabelled(&keeper).await;
    let mut call = Box::pin(source.refresh());
    world.hold(&mut call).await;
    let why = other.label(&source.account().user).await.unwrap_err();
    assert_eq!(why.reason(), Reason::Busy);
    assert!(!is_labelled(&world).await, "it was moved away from under who sends");
    world.release(&other).await;
    call.await.unwrap();
    other.label(&source.account().user).await.unwrap();
    assert!(is_labelled(&world).await);
}

#[tokio::test]
async fn an_answer_that_comes_after_the_login_was_labelled_is_saved_under_its_new_name() {
    let world = World::start().await;
    let (slow, other) = (world.keeper(), world.keeper());
    let source = world.sign_in_unlabelled(&slow).await;
    let mut late = Box::pin(source.refresh());
    world.hold(&mut late).await;
    // Its lease runs out, and with it the reason to wait for it.
    world.advance(Lease::SPAN + Duration::from_secs(1));
    let labelled = other.label(&source.account().user).await.unwrap().account;
    assert!(!labelled.is_unlabelled());
    world.release(&other).await;
    assert_eq!(late.await.unwrap().generation().0, 2);
    let grant = world.grant_of(&labelled).await.unwrap();
    assert_eq!((grant.generation.0, grant.candidates.len()), (2, 0));
    let next = other.token_source(&labelled.user);
    assert_eq!(next.refresh().await.unwrap().generation().0, 3);
    assert_eq!(world.x.replays(), 0);
}

#[tokio::test]
async fn an_older_login_is_not_labelled_beside_one_that_is_being_refreshed() {
    let world = World::start().await;
    let (keeper, other) = (world.keeper(), world.keeper());
    // The later number is redeemed first, so that the older login is the one that X knows.
    let login = keeper.begin_login().unwrap();
    let callback = world.x.approve(login.url()).await;
    world.x.fault(FaultRule::delay(Endpoint::Exchange, Duration::from_secs(2)));
    let mut slow = Box::pin(keeper.sign_in(login.approve(&callback).unwrap()));
    world.begun(&mut slow).await;
    let newer = world.sign_in(&other).await;
    let refused = Fault::Problem { problem: Problem::Forbidden };
    world.x.fault(FaultRule::new(Endpoint::Whoami, refused));
    let older = slow.await.unwrap().account;
    assert!(older.is_unlabelled());
    let mut call = Box::pin(newer.refresh());
    world.hold(&mut call).await;
    let why = other.label(&older.user).await.unwrap_err();
    assert_eq!(why.reason(), Reason::Busy);
    let stored = xpkce::store::Store::load(&*world.store, newer.account()).await.unwrap().unwrap();
    assert!(!stored.lease_left.is_zero(), "the label has ended somebody's lease");
    world.release(&other).await;
    call.await.unwrap_err();
    other.label(&older.user).await.unwrap();
    assert_eq!(world.grant(&newer).await.candidates.len(), 1);
}
