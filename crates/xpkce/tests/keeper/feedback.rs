//! What a resource server's 401 leads to.

use std::time::Duration;

use futures_util::future::join_all;
use http::{HeaderMap, Method};
use xpkce::grant::{Grant, State};
use xpkce::{ErrorKind, Reason};
use xpkce_emulator::{Endpoint, Fault, FaultRule, Problem, TokenKind};

use crate::world::World;

#[tokio::test]
async fn many_callers_with_one_refused_token_cause_one_rotation() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    let token = source.access_token().await.unwrap().clone();
    world.advance(Duration::from_secs(60));
    world.x.expire(&world.x.users()[0].username, TokenKind::Access);
    let told = join_all((0..20).map(|_| source.rejected(&token))).await;
    assert!(told.iter().all(Result::is_ok), "{told:?}");
    assert_eq!(world.x.refreshes(), 1);
    assert!(!source.access_token().await.unwrap().matches(token.expose()));
}

#[tokio::test]
async fn a_token_that_is_not_current_any_more_causes_nothing() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    let old = source.access_token().await.unwrap().clone();
    source.refresh().await.unwrap();
    world.advance(Duration::from_secs(60));
    source.rejected(&old).await.unwrap();
    assert_eq!(world.x.refreshes(), 1);
}

#[tokio::test]
async fn a_token_that_x_refuses_is_rotated_when_it_is_ten_seconds_old_and_not_before() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    let token = source.access_token().await.unwrap().clone();
    world.advance(Duration::from_millis(9_999));
    source.rejected(&token).await.unwrap();
    assert_eq!(world.x.refreshes(), 0, "X may not know it everywhere yet");
    assert!(source.access_token().await.unwrap().matches(token.expose()));
    world.advance(Duration::from_millis(1));
    source.rejected(&token).await.unwrap();
    assert_eq!(world.x.refreshes(), 1);
}

#[tokio::test]
async fn a_refusal_that_is_only_noted_asks_x_nothing_and_the_next_caller_rotates() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    let token = source.access_token().await.unwrap().clone();
    world.advance(Duration::from_secs(60));
    source.note_rejected(&token).await.unwrap();
    assert_eq!(world.x.refreshes(), 0);
    assert!(!source.access_token().await.unwrap().matches(token.expose()));
    assert_eq!(world.x.refreshes(), 1);
}

#[tokio::test]
async fn noted_refusals_too_rotate_at_most_once_a_minute() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    for _ in 0..2 {
        let token = source.access_token().await.unwrap().clone();
        world.advance(Duration::from_secs(20));
        source.note_rejected(&token).await.unwrap();
    }
    assert_eq!(source.access_token().await.unwrap_err().reason(), Reason::Busy);
    assert_eq!(world.x.refreshes(), 1);
}

#[tokio::test]
async fn a_storm_of_refusals_rotates_once_a_minute_and_then_less_often() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    for expected in 1..=2 {
        world.advance(Duration::from_secs(61));
        let token = source.access_token().await.unwrap().clone();
        source.rejected(&token).await.unwrap();
        assert_eq!(world.x.refreshes(), expected);
    }
    world.advance(Duration::from_secs(61));
    let token = source.access_token().await.unwrap().clone();
    assert_eq!(source.rejected(&token).await.unwrap_err().reason(), Reason::Busy);
    assert_eq!(world.x.refreshes(), 2);
}

#[tokio::test]
async fn a_request_is_repeated_once_after_a_401() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    source.access_token().await.unwrap();
    world.advance(Duration::from_secs(60));
    world.x.expire(&world.x.users()[0].username, TokenKind::Access);
    let answer = source.request(Method::GET, "/2/users/me", HeaderMap::new(), None).await.unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(world.x.refreshes(), 1);
}

#[tokio::test]
async fn a_request_with_a_new_token_that_x_refuses_is_repeated_with_the_same_one() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    let token = source.access_token().await.unwrap().clone();
    let calls = world.x.whoami_calls();
    let unknown = Fault::Problem { problem: Problem::Unauthorized };
    world.x.fault(FaultRule::new(Endpoint::Whoami, unknown));
    let answer = source.request(Method::GET, "/2/users/me", HeaderMap::new(), None).await.unwrap();
    assert_eq!((answer.status, world.x.whoami_calls()), (200, calls + 2));
    assert_eq!(world.x.refreshes(), 0);
    assert!(source.access_token().await.unwrap().matches(token.expose()));
}

#[tokio::test]
async fn a_403_is_not_repeated_and_rotates_nothing() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    let calls = world.x.whoami_calls();
    let forbidden = Fault::Problem { problem: Problem::Forbidden };
    world.x.fault(FaultRule::new(Endpoint::Whoami, forbidden).always());
    let answer = source.request(Method::GET, "/2/users/me", HeaderMap::new(), None).await.unwrap();
    assert_eq!(answer.status, 403);
    assert_eq!(world.x.whoami_calls(), calls + 1);
    assert_eq!(world.x.refreshes(), 0);
}

#[tokio::test]
async fn a_held_back_rotation_is_not_made_by_asking_for_a_token() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    for _ in 0..3 {
        world.advance(Duration::from_secs(20));
        if let Ok(token) = source.access_token().await.map(|token| token.clone()) {
            let _ = source.rejected(&token).await;
        }
    }
    let rotated = world.x.refreshes();
    assert_eq!(source.access_token().await.unwrap_err().reason(), Reason::Busy);
    assert_eq!(world.x.refreshes(), rotated);
    assert_eq!(rotated, 1);
}

#[tokio::test]
async fn a_login_that_a_401_has_shown_to_be_dead_is_told_as_dead_from_then_on() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    let token = source.access_token().await.unwrap().clone();
    world.x.disconnect_app(&world.x.users()[0].username);
    world.advance(Duration::from_secs(60));
    source.rejected(&token).await.unwrap_err();
    world.advance(Grant::SECOND_WORD);
    source.access_token().await.unwrap_err();
    assert_eq!(world.state(&source).await, State::SignInNeeded);
    let told = [
        source.access_token().await.unwrap_err(),
        source.refresh().await.unwrap_err(),
        source.rejected(&token).await.unwrap_err(),
    ];
    assert_eq!(told.map(|why| why.kind()), [ErrorKind::SignIn; 3]);
}

#[tokio::test]
async fn who_asks_while_refusals_are_held_back_is_told_why_as_who_reports_one_is() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    let refuse = async || {
        world.advance(Duration::from_secs(20));
        let token = source.access_token().await.unwrap().clone();
        source.rejected(&token).await
    };
    refuse().await.unwrap();
    let reported = refuse().await.unwrap_err();
    let asked = source.access_token().await.unwrap_err();
    assert_eq!(asked.to_string(), reported.to_string());
}
