//! Sends whose outcome is not known.

use std::time::Duration;

use futures_util::FutureExt as _;
use xpkce::grant::{Death, Grant, State};
use xpkce::store::{LeaseEnd, Store as _};
use xpkce::{ErrorKind, Reason};
use xpkce_emulator::{BodyForm, Cut, Fault, OddAnswer};

use crate::picky::Picky;
use crate::world::{A_LIFE, World};

/// Of the reads of a refresh, counted from zero, the one between two sends of its token.
const BETWEEN_SENDS: usize = 1;
const LOST: Fault = Fault::Drop { at: Cut::BeforeHeaders };

#[tokio::test]
async fn a_request_that_was_cut_before_the_commit_is_sent_once_more_and_succeeds() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    world.advance(A_LIFE);
    world.x.fault(world.on_refresh(Fault::Reset));
    assert_eq!(source.access_token().await.unwrap().generation().0, 2);
    assert_eq!(world.x.refreshes(), 1);
}

#[tokio::test]
async fn a_gateway_error_is_a_doubt_and_the_same_token_is_sent_once_more() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    world.advance(A_LIFE);
    world.x.fault(world.on_refresh(Fault::Status { status: 503, body: BodyForm::Html }));
    assert_eq!(source.access_token().await.unwrap().generation().0, 2);
}

#[tokio::test]
async fn two_lost_requests_leave_the_grant_in_doubt_until_x_answers() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    world.advance(A_LIFE);
    world.x.fault(world.on_refresh(Fault::Reset).times(2));
    let why = source.access_token().await.unwrap_err();
    assert_eq!(why.kind(), ErrorKind::InDoubt);
    let grant = world.grant(&source).await;
    assert_eq!((grant.state, grant.unresolved_sends), (State::InDoubt, 2), "each send counts");

    let asked = world.x.token_requests();
    let why = source.access_token().await.unwrap_err();
    assert_eq!(why.kind(), ErrorKind::InDoubt, "a back-off runs");
    assert!(why.retry_after().is_some());
    assert_eq!(world.x.token_requests(), asked, "it was asked again without a pause");

    world.advance(Duration::from_secs(6));
    assert_eq!(source.access_token().await.unwrap().generation().0, 2);
    let grant = world.grant(&source).await;
    assert_eq!((grant.unresolved_sends, grant.doubt_since), (0, None));
}

#[tokio::test]
async fn a_token_is_not_sent_once_more_after_its_login_has_moved_on() {
    let world = World::start().await;
    let store = Picky::new(world.store.clone());
    let source = world.sign_in(&world.start_on(store.clone())).await;
    let (shared, account) = (world.store.clone(), source.account().clone());
    store.before_load(BETWEEN_SENDS, move || {
        let there = shared.load(&account).now_or_never().unwrap().unwrap().unwrap();
        let mut grant = Grant::clone(&there.grant);
        grant.generation = grant.generation.next();
        (grant.state, grant.lease) = (State::SignedOut, None);
        shared.swap(&grant, Some(there.revision), LeaseEnd::Now).now_or_never().unwrap().unwrap();
    });
    world.x.fault(world.on_refresh(Fault::Reset));
    let asked = world.x.token_requests();
    assert_eq!(source.refresh().await.unwrap_err().reason(), Reason::SignedOut);
    assert_eq!(world.x.token_requests(), asked + 1);
}

#[tokio::test]
async fn a_doubt_begins_when_the_last_send_has_failed_and_not_when_the_lease_was_taken() {
    let world = World::start().await;
    let store = Picky::new(world.store.clone());
    let source = world.sign_in(&world.start_on(store.clone())).await;
    let (clock, pause) = (world.clock.clone(), Duration::from_secs(10));
    store.before_load(BETWEEN_SENDS, move || clock.advance(pause));
    world.x.fault(world.on_refresh(Fault::Reset).times(2));
    let begun = world.now();
    assert_eq!(source.refresh().await.unwrap_err().kind(), ErrorKind::InDoubt);
    assert_eq!(world.grant(&source).await.doubt_since, Some(begun + pause));
}

#[tokio::test]
async fn a_lost_answer_is_told_apart_from_a_dead_login() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    world.advance(A_LIFE);
    world.x.fault(world.on_refresh(LOST).after_commit());
    let why = source.access_token().await.unwrap_err();
    assert_eq!(why.kind(), ErrorKind::Retry, "one word is not enough");
    assert_eq!(world.state(&source).await, State::Rejected);

    world.advance(Grant::SECOND_WORD + Duration::from_secs(1));
    let why = source.access_token().await.unwrap_err();
    assert_eq!(why.reason(), Reason::TokenRejected);
    assert!(why.to_string().contains("connected_apps"), "{why}");
    let grant = world.grant(&source).await;
    assert_eq!((grant.state, grant.death), (State::SignInNeeded, Some(Death::AnswerLost)));
    assert!(grant.refresh.is_some(), "nothing is deleted");

    let asked = world.x.token_requests();
    source.access_token().await.unwrap_err();
    assert_eq!(world.x.token_requests(), asked, "a dead grant costs no more requests");
}

#[tokio::test]
async fn a_doubt_outlives_an_attempt_that_was_only_told_to_wait() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    world.advance(A_LIFE);
    world.x.fault(world.on_refresh(Fault::Reset).times(2));
    source.access_token().await.unwrap_err();
    world.advance(Duration::from_secs(6));
    let limited = Fault::RateLimited { reset_in: Some(30), retry_after: None };
    world.x.fault(world.on_refresh(limited));
    assert_eq!(source.access_token().await.unwrap_err().reason(), Reason::RateLimited);
    let grant = world.grant(&source).await;
    assert_eq!(grant.state, State::InDoubt);
    assert!(grant.unresolved_sends > 0);
}

#[tokio::test]
async fn a_send_that_was_lost_stays_a_doubt_though_the_next_one_was_told_to_wait() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    world.x.fault(world.on_refresh(Fault::Reset));
    let limited = Fault::RateLimited { reset_in: Some(30), retry_after: None };
    world.x.fault(world.on_refresh(limited));
    let asked = world.x.token_requests();
    assert_eq!(source.refresh().await.unwrap_err().kind(), ErrorKind::InDoubt);
    assert_eq!(world.x.token_requests(), asked + 2);
    let grant = world.grant(&source).await;
    assert_eq!((grant.state, grant.unresolved_sends), (State::InDoubt, 1));
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_kept_and_not_asked_for_again_at_once() {
    for fault in [Fault::HtmlInside200, Fault::ErrorInside200, Fault::Empty200] {
        let world = World::start().await;
        let source = world.sign_in(&world.keeper()).await;
        world.advance(A_LIFE);
        let before = world.x.token_requests();
        world.x.fault(world.on_refresh(fault.clone()).after_commit());
        let why = source.access_token().await.unwrap_err();
        assert_eq!(why.kind(), ErrorKind::InDoubt, "{fault:?}");
        assert_eq!(world.x.token_requests() - before, 1, "{fault:?}");
        let grant = world.grant(&source).await;
        assert_eq!(grant.state, State::InDoubt);
        assert!(grant.unread.is_some(), "{fault:?}");
    }
}

#[tokio::test]
async fn what_is_left_of_a_cut_answer_is_put_to_use() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    world.advance(A_LIFE);
    world.x.fault(world.on_refresh(Fault::TruncatedJson).after_commit());
    let outcome = source.access_token().await.map(|token| token.generation().0);
    let grant = world.grant(&source).await;
    match outcome {
        // A refresh token that came whole is a rotation, with or without its access token.
        Ok(generation) => {
            assert_eq!(grant.state, State::Ready);
            assert_eq!(generation, world.x.refreshes() as u64 + 1);
            source.refresh().await.unwrap();
        }
        Err(why) => {
            assert_eq!((why.kind(), grant.state), (ErrorKind::InDoubt, State::InDoubt));
            assert!(grant.unread.is_some());
        }
    }
}

#[tokio::test]
async fn a_refresh_token_alone_is_a_rotation_and_is_spent_at_once() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    world.advance(A_LIFE);
    world.x.fault(world.on_refresh(Fault::Odd { answer: OddAnswer::NoAccessToken }));
    assert_eq!(source.access_token().await.unwrap().generation().0, 3);
    assert_eq!(world.x.refreshes(), 2);
}

#[tokio::test]
async fn who_asks_for_a_rotation_gets_a_token_though_a_refresh_token_comes_alone() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    world.x.fault(world.on_refresh(Fault::Odd { answer: OddAnswer::NoAccessToken }));
    assert_eq!(source.refresh().await.unwrap().generation().0, 3);
    assert_eq!(world.x.refreshes(), 2);
}

#[tokio::test]
async fn an_answer_without_a_refresh_token_keeps_the_old_one() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    world.advance(A_LIFE);
    world.x.fault(world.on_refresh(Fault::Odd { answer: OddAnswer::NoRefreshToken }));
    assert_eq!(source.access_token().await.unwrap().generation().0, 2);
    assert!(world.grant(&source).await.refresh.is_some());
}

#[tokio::test]
async fn odd_answers_cost_nothing() {
    use OddAnswer::*;
    let odd = [
        NoExpiresIn,
        ExpiresInString,
        ExpiresInZero,
        ExpiresInNegative,
        ExpiresInFraction,
        UnknownScope,
        MissingScope,
        FewerScopes,
        CapitalBearer,
        ExtraFields,
        LongTokens,
    ];
    for answer in odd {
        let world = World::start().await;
        let source = world.sign_in(&world.keeper()).await;
        world.advance(A_LIFE);
        world.x.fault(world.on_refresh(Fault::Odd { answer }));
        assert_eq!(source.access_token().await.unwrap().generation().0, 2, "{answer:?}");
        assert_eq!(source.refresh().await.unwrap().generation().0, 3, "{answer:?}");
    }
}

#[tokio::test]
async fn answers_without_an_access_token_are_not_asked_for_without_end() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    world.advance(A_LIFE);
    world.x.fault(world.on_refresh(Fault::Odd { answer: OddAnswer::NoAccessToken }).always());
    source.access_token().await.unwrap_err();
    assert_eq!(world.x.refreshes(), 2, "one more at once, then a back-off");
    source.access_token().await.unwrap_err();
    assert_eq!(world.x.refreshes(), 2);
    world.x.clear_faults();
    world.advance(Duration::from_secs(6));
    assert_eq!(source.access_token().await.unwrap().generation().0, 4);
}
