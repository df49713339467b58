//! What X says of a token, an app or the traffic, and what it may lead to.

use std::time::Duration;

use futures_util::future::join_all;
use xpkce::grant::{Death, Grant, Lease, State};
use xpkce::{ErrorKind, Reason};
use xpkce_emulator::{Fault, TokenKind};

use crate::world::{A_LIFE, SCOPES, World};

/// X's word for a token that is spent or revoked.
fn invalid() -> Fault {
    Fault::OauthError {
        status: 400,
        error: "invalid_request".into(),
        description: "Value passed for the token was invalid.".into(),
    }
}

#[tokio::test]
async fn a_wrong_secret_leaves_the_grant_alone_and_is_not_asked_about_again_at_once() {
    let world = World::start().await;
    let app = world.x.confidential_app();
    let source = world.sign_in(&world.keeper_of(&app, world.store.clone(), SCOPES)).await;
    world.advance(A_LIFE);
    let secret = world.x.rotate_secret(&app.client_id);
    let why = source.access_token().await.unwrap_err();
    assert_eq!(why.reason(), Reason::WrongSecretOrAppType);
    assert_eq!(world.state(&source).await, State::Ready);
    let asked = world.x.token_requests();
    assert_eq!(source.access_token().await.unwrap_err().kind(), ErrorKind::Configure);
    assert_eq!(world.x.token_requests(), asked);

    let mended = app.client_secret(secret);
    let mended = world.keeper_of(&mended, world.store.clone(), SCOPES);
    let source = mended.token_source(&source.account().user);
    assert_eq!(source.access_token().await.unwrap().generation().0, 2);
}

#[tokio::test]
async fn an_app_that_x_refuses_is_asked_ever_less_often_until_x_accepts_it() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    let refusal = Fault::OauthError {
        status: 401,
        error: "unauthorized_client".into(),
        description: "Missing valid authorization header".into(),
    };
    world.x.fault(world.on_refresh(refusal.clone()).times(3));
    let held_back = async || {
        source.refresh().await.unwrap_err();
        let asked = world.x.token_requests();
        let why = source.refresh().await.unwrap_err();
        assert_eq!(why.reason(), Reason::WrongSecretOrAppType);
        assert_eq!(world.x.token_requests(), asked, "it was asked again at once");
        why.retry_after().unwrap()
    };
    for pause in [1, 2, 4].map(Duration::from_secs) {
        assert_eq!(held_back().await, pause);
        world.advance(pause);
    }
    assert_eq!(source.refresh().await.unwrap().generation().0, 2);
    world.x.fault(world.on_refresh(refusal));
    assert_eq!(held_back().await, Duration::from_secs(1), "another refusal begins anew");
}

#[tokio::test]
async fn requests_of_an_app_that_are_refused_together_are_one_refusal() {
    let world = World::with_users(8).await;
    let keeper = world.keeper();
    let mut sources = Vec::new();
    for nth in 0..8 {
        sources.push(world.sign_in_as(&keeper, nth).await);
    }
    let refusal = Fault::OauthError {
        status: 401,
        error: "unauthorized_client".into(),
        description: "Missing valid authorization header".into(),
    };
    world.x.fault(world.on_refresh(refusal).times(8).delayed(Duration::from_secs(1)));
    let refused = join_all(sources.iter().map(|source| source.refresh())).await;
    assert!(refused.iter().all(Result::is_err) && world.x.refreshes() == 0);
    let why = sources[0].refresh().await.unwrap_err();
    assert_eq!(why.retry_after(), Some(Duration::from_secs(1)), "{why}");
}

#[tokio::test]
async fn who_is_not_asked_about_because_x_refuses_the_app_is_advised_like_who_was() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    let refusal = Fault::OauthError {
        status: 401,
        error: "unauthorized_client".into(),
        description: "Missing valid authorization header".into(),
    };
    world.x.fault(world.on_refresh(refusal));
    let asked = source.refresh().await.unwrap_err();
    let not_asked = source.refresh().await.unwrap_err();
    assert!(not_asked.to_string().contains("not asked again yet"), "{not_asked}");
    assert!(asked.hint().is_some());
    assert_eq!(not_asked.hint(), asked.hint());
}

#[tokio::test]
async fn a_disconnected_app_is_a_dead_login_after_the_second_word() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    world.x.disconnect_app(&world.x.users()[0].username);
    world.advance(A_LIFE);
    assert_eq!(source.access_token().await.unwrap_err().kind(), ErrorKind::Retry);
    let asked = world.x.token_requests();
    assert_eq!(source.access_token().await.unwrap_err().kind(), ErrorKind::Retry);
    assert_eq!(world.x.token_requests(), asked, "the second word was asked for at once");
    world.advance(Grant::SECOND_WORD + Duration::from_secs(1));
    assert_eq!(source.access_token().await.unwrap_err().kind(), ErrorKind::SignIn);
    assert_eq!(world.grant(&source).await.death, Some(Death::TokenInvalid));
}

#[tokio::test]
async fn a_wrong_first_word_costs_nothing() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    world.advance(A_LIFE);
    world.x.fault(world.on_refresh(invalid()));
    source.access_token().await.unwrap_err();
    world.advance(Grant::SECOND_WORD + Duration::from_secs(1));
    assert_eq!(source.access_token().await.unwrap().generation().0, 2);
    assert_eq!(world.grant(&source).await.rejection, None);
}

#[tokio::test]
async fn nobody_is_called_dead_while_x_rejects_everybody() {
    let world = World::start().await;
    let keeper = world.keeper();
    let source = world.sign_in(&keeper).await;
    let others = [world.sign_in_as(&keeper, 1).await, world.sign_in_as(&keeper, 2).await];
    world.advance(A_LIFE);
    world.x.fault(world.on_refresh(invalid()).always());
    for each in others.iter().chain([&source]) {
        each.access_token().await.unwrap_err();
    }
    world.advance(Grant::SECOND_WORD);
    for each in others.iter().chain([&source]) {
        each.access_token().await.unwrap_err();
    }
    assert_eq!(world.state(&source).await, State::Rejected);
    world.x.clear_faults();
    world.advance(Grant::SECOND_WORD + Duration::from_secs(1));
    source.access_token().await.unwrap();
}

#[tokio::test]
async fn a_limit_is_waited_out_as_told() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    world.advance(A_LIFE);
    world.x.fault(world.on_refresh(Fault::RateLimited { reset_in: Some(120), retry_after: None }));
    let why = source.access_token().await.unwrap_err();
    assert_eq!(why.reason(), Reason::RateLimited);
    let asked = world.x.token_requests();
    world.advance(Duration::from_secs(110));
    source.access_token().await.unwrap_err();
    assert_eq!(world.x.token_requests(), asked);
    world.advance(Duration::from_secs(60));
    assert_eq!(source.access_token().await.unwrap().generation().0, 2);
}

#[tokio::test]
async fn who_hears_that_a_token_is_spent_adopts_what_the_winner_of_the_race_made() {
    let world = World::start().await;
    let (slow, quick) = (world.keeper(), world.keeper());
    let source = world.sign_in(&slow).await;
    let other = quick.token_source(&source.account().user);
    world.x.fault(world.on_refresh(invalid()).delayed(Duration::from_secs(2)));
    let mut late = Box::pin(source.refresh());
    world.begun(&mut late).await;
    // The lease runs out while the answer is on its way, and the other one spends the token.
    world.advance(Lease::SPAN + Duration::from_secs(1));
    let won = other.refresh().await.unwrap().expose().to_owned();
    let adopted = late.await.unwrap();
    assert_eq!((adopted.generation().0, adopted.expose()), (2, won.as_str()));
    let grant = world.grant(&source).await;
    assert_eq!((grant.state, grant.rejection), (State::Ready, None));
}

#[tokio::test]
async fn what_another_has_rotated_is_taken_up_without_asking_x() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    world.x.expire(&world.x.users()[0].username, TokenKind::Access);
    source.refresh().await.unwrap();
    let other = world.keeper().token_source(&source.account().user);
    assert_eq!(other.access_token().await.unwrap().generation().0, 2);
    assert_eq!(world.x.replays(), 0);
}

#[tokio::test]
async fn a_login_without_offline_access_ends_with_its_access_token() {
    let world = World::start().await;
    let app = world.x.public_app();
    let keeper = world.keeper_of(&app, world.store.clone(), "tweet.read users.read");
    let source = world.sign_in(&keeper).await;
    source.access_token().await.unwrap();
    world.advance(A_LIFE);
    let why = source.access_token().await.unwrap_err();
    assert_eq!(why.reason(), Reason::NoRefreshToken);
    assert_eq!(why.hint(), Some("sign in again with the scope offline.access"));
    assert_eq!(world.grant(&source).await.death, Some(Death::NoRefreshToken));
}

#[tokio::test]
async fn a_login_without_offline_access_tries_the_pair_of_the_sign_in_before_and_then_ends() {
    let world = World::start().await;
    world.sign_in(&world.keeper()).await;
    let app = world.x.public_app();
    let keeper = world.keeper_of(&app, world.store.clone(), "tweet.read users.read");
    let source = world.sign_in(&keeper).await;
    assert_eq!(world.grant(&source).await.candidates.len(), 1);
    world.advance(A_LIFE);
    let asked = world.x.token_requests();
    let why = source.access_token().await.unwrap_err();
    assert_eq!((why.kind(), world.x.token_requests()), (ErrorKind::Retry, asked + 1));
    world.advance(Duration::from_secs(61));
    let why = source.access_token().await.unwrap_err();
    assert_eq!((why.kind(), world.x.token_requests()), (ErrorKind::SignIn, asked + 2));
}

#[tokio::test]
async fn a_login_without_offline_access_is_dead_from_the_very_end_of_its_access_token_on() {
    let world = World::start().await;
    let app = world.x.public_app();
    let keeper = world.keeper_of(&app, world.store.clone(), "tweet.read users.read");
    let source = world.sign_in(&keeper).await;
    let ends = world.grant(&source).await.access.unwrap().expires_at;
    world.advance(ends.since(world.now()) - Duration::from_millis(1));
    let why = source.refresh().await.unwrap_err();
    assert_eq!((why.reason(), world.state(&source).await), (Reason::NoRefreshToken, State::Ready));
    world.advance(Duration::from_millis(1));
    assert_eq!(source.refresh().await.unwrap_err().kind(), ErrorKind::SignIn);
    assert_eq!(world.state(&source).await, State::SignInNeeded);
}

#[tokio::test]
async fn a_login_that_was_signed_out_while_x_refused_its_token_is_called_signed_out() {
    let world = World::start().await;
    let (one, other) = (world.keeper(), world.keeper());
    let source = world.sign_in(&one).await;
    world.x.fault(world.on_refresh(invalid()).delayed(Duration::from_secs(2)));
    let mut call = Box::pin(source.refresh());
    world.begun(&mut call).await;
    world.advance(Lease::SPAN + Duration::from_secs(1));
    other.token_source(&source.account().user).forget().await.unwrap();
    assert_eq!(call.await.unwrap_err().reason(), Reason::SignedOut);
    assert_eq!(world.state(&source).await, State::SignedOut);
}

#[tokio::test]
async fn an_unknown_user_is_not_signed_in() {
    let world = World::start().await;
    let why = world.keeper().token_source("1").access_token().await.unwrap_err();
    assert_eq!(why.reason(), Reason::NotSignedIn);
}
