//! What stops the queue: X that fails, or seems to; a wrong secret; a store that takes nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use xpkce::Keeper;
use xpkce::grant::State;
use xpkce::keeper::Tending;
use xpkce_emulator::{BodyForm, Endpoint, Fault, FaultRule};

use crate::queue::{INTO_THE_WINDOW, MINUTE, all, in_use, once, states};
use crate::world::{SCOPES, World};

/// Works the queue off every half minute for that long.
async fn keep_for(world: &World, keeper: &Keeper, span: Duration) {
    let mut passed = Duration::ZERO;
    while passed < span {
        once(keeper).await;
        world.advance(MINUTE / 2);
        passed += MINUTE / 2;
    }
}

fn down() -> FaultRule {
    let status = Fault::Status { status: 503, body: BodyForm::Html };
    FaultRule::new(Endpoint::Refresh, status).always()
}

fn refused() -> FaultRule {
    let invalid = Fault::OauthError {
        status: 400,
        error: "invalid_request".into(),
        description: "Value passed for the token was invalid.".into(),
    };
    FaultRule::new(Endpoint::Refresh, invalid).always()
}

#[tokio::test]
async fn an_outage_leads_to_few_requests_and_to_no_dead_login() {
    let world = World::with_users(60).await;
    in_use(&world, 60).await;
    world.advance(INTO_THE_WINDOW);
    let keeper = world.keeper();
    world.x.fault(down());
    let before = world.x.token_requests();
    let held = once(&keeper).await;
    assert!(held.held_for.is_some() && held.rotated == 0, "{held:?}");
    keep_for(&world, &keeper, MINUTE * 60).await;
    let asked = world.x.token_requests() - before;
    // Every send that is not answered is tried twice: what was under way when the queue stopped,
    // and then two logins after each of some twenty pauses.
    assert!(asked <= 2 * (8 + 5) + 4 * 25, "{asked} requests in an hour of outage");
    world.x.clear_faults();
    keep_for(&world, &keeper, MINUTE * 30).await;
    assert_eq!(states(&world).await, BTreeMap::from([(("ready", 2), 60)]));
}

#[tokio::test]
async fn an_outage_that_calls_every_token_invalid_ends_no_login() {
    let world = World::with_users(60).await;
    in_use(&world, 60).await;
    world.advance(INTO_THE_WINDOW);
    let keeper = world.keeper();
    world.x.fault(refused());
    let before = world.x.token_requests();
    keep_for(&world, &keeper, MINUTE * 120).await;
    let asked = world.x.token_requests() - before;
    assert!(asked <= 8 + 5 + 2 * 60, "{asked} requests in two hours of outage");
    let dead = all(&world).await.iter().filter(|it| it.state == State::SignInNeeded).count();
    assert_eq!(dead, 0);
    world.x.clear_faults();
    keep_for(&world, &keeper, MINUTE * 30).await;
    assert_eq!(states(&world).await, BTreeMap::from([(("ready", 2), 60)]));
}

#[tokio::test]
async fn logins_that_are_all_dead_are_called_so_in_the_end_and_cost_no_more_requests() {
    let world = World::with_users(8).await;
    in_use(&world, 8).await;
    for user in &world.x.users()[..8] {
        world.x.disconnect_app(&user.username);
    }
    world.advance(INTO_THE_WINDOW);
    let keeper = world.keeper();
    keep_for(&world, &keeper, MINUTE * 60 * 9).await;
    assert_eq!(states(&world).await, BTreeMap::from([(("sign_in_needed", 1), 8)]));
    let asked = world.x.token_requests();
    keep_for(&world, &keeper, MINUTE * 30).await;
    assert_eq!(world.x.token_requests(), asked);
}

#[tokio::test]
async fn who_asks_for_one_login_has_its_verdict_while_the_queue_waits() {
    let world = World::with_users(20).await;
    in_use(&world, 20).await;
    for user in &world.x.users()[..20] {
        world.x.disconnect_app(&user.username);
    }
    world.advance(INTO_THE_WINDOW);
    let keeper = world.keeper();
    keep_for(&world, &keeper, MINUTE * 3).await;
    assert!(all(&world).await.iter().all(|grant| grant.state != State::SignInNeeded));
    let one = world.keeper().token_source(&world.x.users()[0].id);
    for _ in 0..2 {
        one.refresh().await.unwrap_err();
        world.advance(MINUTE);
    }
    assert_eq!(world.state(&one).await, State::SignInNeeded);
}

#[tokio::test]
async fn a_wrong_secret_stops_the_queue_at_once() {
    let world = World::start().await;
    let app = world.x.confidential_app();
    let keeper = world.keeper_of(&app, world.store.clone(), SCOPES);
    for nth in 0..2 {
        world.sign_in_as(&keeper, nth).await.access_token().await.unwrap();
    }
    drop(keeper);
    world.advance(INTO_THE_WINDOW);
    world.x.rotate_secret(&app.client_id);
    let keeper = world.keeper_of(&app, world.store.clone(), SCOPES);
    let before = world.x.token_requests();
    let round = keeper.keep_once(&Tending::new().with_concurrency(1)).await.unwrap();
    assert_eq!((round.failed, world.x.token_requests() - before), (1, 1));
    let ready = all(&world).await.iter().all(|grant| grant.state == State::Ready);
    assert!(ready, "a wrong secret has moved a login");
}

#[tokio::test]
async fn a_store_that_takes_nothing_stops_the_queue_before_anything_is_spent() {
    let world = World::with_users(20).await;
    in_use(&world, 20).await;
    world.advance(INTO_THE_WINDOW);
    let keeper = world.keeper();
    world.store.fail_writes(true);
    let before = world.x.token_requests();
    let round = keeper.keep_once(&Tending::new().with_concurrency(4)).await.unwrap();
    assert!(round.failed <= 4, "{round:?}");
    assert_eq!(world.x.token_requests(), before);
}
