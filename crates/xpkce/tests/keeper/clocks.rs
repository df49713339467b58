//! Clocks that disagree, step back, or run ahead.

use std::sync::Arc;
use std::time::Duration;

use xpkce::grant::{Death, Grant, State};
use xpkce::keeper::Tending;
use xpkce::{Clock as _, ErrorKind, ManualClock, Reason};
use xpkce_emulator::{BodyForm, Endpoint, Fault, FaultRule};

use crate::world::{A_LIFE, Process, World};

const AN_HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn the_second_word_is_dated_by_the_stores_clock_and_not_by_a_fast_one() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    world.x.disconnect_app(&world.x.users()[0].username);
    world.advance(A_LIFE);
    assert_eq!(source.access_token().await.unwrap_err().kind(), ErrorKind::Retry);
    let asked = world.x.token_requests();

    // Another machine, whose clock is an hour ahead, ten seconds later.
    world.advance(Duration::from_secs(10));
    let fast = Arc::new(ManualClock::new(world.clock.now() + AN_HOUR));
    let other = world.start_in(Process { clock: fast, ..world.process() });
    let other = other.token_source(&source.account().user);
    let why = other.access_token().await.unwrap_err();
    assert_eq!(why.kind(), ErrorKind::Retry, "{why}");
    assert!(why.retry_after().unwrap() <= Grant::SECOND_WORD);
    assert_eq!(world.x.token_requests(), asked, "the second word was asked for at once");
    assert_eq!(world.state(&source).await, State::Rejected);

    world.advance(Grant::SECOND_WORD);
    assert_eq!(other.access_token().await.unwrap_err().kind(), ErrorKind::SignIn);
    assert_eq!(world.grant(&source).await.death, Some(Death::TokenInvalid));
}

#[tokio::test]
async fn refusals_are_held_back_by_the_stores_clock_and_not_by_a_fast_one() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    world.advance(Duration::from_secs(61));
    let token = source.access_token().await.unwrap().clone();
    source.rejected(&token).await.unwrap();
    assert_eq!(world.x.refreshes(), 1);
    world.advance(Duration::from_secs(20));
    let fast = Arc::new(ManualClock::new(world.clock.now() + AN_HOUR));
    let other = world.start_in(Process { clock: fast, ..world.process() });
    let other = other.token_source(&source.account().user);
    let token = other.access_token().await.unwrap().clone();
    let why = other.rejected(&token).await.unwrap_err();
    assert_eq!(why.reason(), Reason::Busy);
    assert!(why.retry_after().unwrap() <= Duration::from_secs(40), "{why:?}");
    let why = other.access_token().await.unwrap_err();
    assert_eq!(why.reason(), Reason::Busy);
    assert!(why.retry_after().unwrap() <= Duration::from_secs(40), "{why:?}");
    assert_eq!(world.x.refreshes(), 1);
}

#[tokio::test]
async fn a_rotation_that_a_refusal_caused_is_dated_by_the_stores_clock() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    world.advance(Duration::from_secs(61));
    let fast = Arc::new(ManualClock::new(world.clock.now() + AN_HOUR));
    let fast = world.start_in(Process { clock: fast, ..world.process() });
    let fast = fast.token_source(&source.account().user);
    let token = fast.access_token().await.unwrap().clone();
    fast.rejected(&token).await.unwrap();
    assert_eq!(world.x.refreshes(), 1);
    world.advance(Duration::from_secs(20));
    let other = world.keeper().token_source(&source.account().user);
    let token = other.access_token().await.unwrap().clone();
    assert_eq!(other.rejected(&token).await.unwrap_err().reason(), Reason::Busy);
    assert_eq!(world.x.refreshes(), 1);
}

#[tokio::test]
async fn a_refused_token_that_seems_to_come_from_the_future_is_rotated() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    world.advance(Duration::from_secs(60));
    let slow = Arc::new(ManualClock::new(world.clock.now() - AN_HOUR));
    let other = world.start_in(Process { clock: slow, ..world.process() });
    let other = other.token_source(&source.account().user);
    let token = other.access_token().await.unwrap().clone();
    other.rejected(&token).await.unwrap();
    assert_eq!(world.x.refreshes(), 1);
}

#[tokio::test]
async fn a_keeper_whose_clock_is_fast_rotates_nothing_before_its_time() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    source.access_token().await.unwrap();
    world.eventually(async || world.grant(&source).await.used_at.is_some()).await;
    let fast = Arc::new(ManualClock::new(world.clock.now() + 2 * AN_HOUR));
    let other = world.start_in(Process { clock: fast, ..world.process() });
    let round = other.keep_once(&Tending::new()).await.unwrap();
    assert_eq!((round.left, round.rotated), (1, 0), "{round:?}");
    world.advance(A_LIFE);
    assert_eq!(other.keep_once(&Tending::new()).await.unwrap().rotated, 1);
}

#[tokio::test]
async fn a_slow_clock_is_no_reason_to_wait_longer() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    world.advance(A_LIFE);
    world.x.fault(world.on_refresh(Fault::RateLimited { reset_in: Some(120), retry_after: None }));
    source.access_token().await.unwrap_err();
    world.advance(Duration::from_secs(300));
    let slow = Arc::new(ManualClock::new(world.clock.now() - Duration::from_secs(270)));
    let other = world.start_in(Process { clock: slow, ..world.process() });
    let other = other.token_source(&source.account().user);
    assert_eq!(other.refresh().await.unwrap().generation().0, 2);
}

#[tokio::test]
async fn a_token_says_when_it_ends() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    let ends = source.access_token().await.unwrap().expires_at();
    assert_eq!(ends, world.now() + Duration::from_secs(7200));
    assert_eq!(ends, world.grant(&source).await.access.unwrap().expires_at);
}

#[tokio::test]
async fn a_wall_clock_that_steps_back_does_not_lengthen_a_tokens_life() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    source.access_token().await.unwrap();
    world.clock.set_wall(world.clock.now() - AN_HOUR * 24);
    world.advance(A_LIFE);
    assert_eq!(source.access_token().await.unwrap().generation().0, 2);
}

#[tokio::test]
async fn a_wall_clock_that_jumps_ahead_does_not_end_a_token_while_x_fails() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    source.access_token().await.unwrap();
    world.clock.set_wall(world.clock.now() + AN_HOUR * 24);
    let down = Fault::Status { status: 503, body: BodyForm::Html };
    world.x.fault(FaultRule::new(Endpoint::Refresh, down).always());
    world.advance(A_LIFE - Duration::from_secs(30));
    assert_eq!(source.access_token().await.unwrap().generation().0, 1);
}

#[tokio::test]
async fn a_token_taken_in_by_a_slow_clock_is_not_served_for_longer_than_its_life() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    let slow = Arc::new(ManualClock::new(world.clock.now() - AN_HOUR * 24));
    let other = world.start_in(Process { clock: slow.clone(), ..world.process() });
    let other = other.token_source(&source.account().user);
    other.access_token().await.unwrap();
    world.advance(A_LIFE);
    slow.advance(A_LIFE);
    assert_eq!(other.access_token().await.unwrap().generation().0, 2);
}

#[tokio::test]
async fn a_clock_that_is_far_from_xs_is_told_of_once_an_hour_and_nothing_is_judged_by_it() {
    for (seconds, told) in [
        (24 * 3600, "this machine's clock is behind X's"),
        (-24 * 3600, "this machine's clock is ahead of X's"),
    ] {
        let world = World::start_alone().await;
        let source = world.sign_in(&world.keeper()).await;
        world.x.fault(world.on_refresh(Fault::SkewedDate { seconds }).always());
        for generation in 2..5 {
            let token = source.refresh().await.unwrap();
            let ends = world.now() + Duration::from_secs(7200);
            assert_eq!((token.generation().0, token.expires_at()), (generation, ends));
        }
        assert_eq!(world.silence.times_heard(told), 1);
        assert!(world.silence.has_heard("best by NTP seconds=86400"));
        world.advance(AN_HOUR);
        source.refresh().await.unwrap();
        assert_eq!(world.silence.times_heard(told), 2);
        assert_eq!(world.silence.times_heard("this machine's clock is"), 2);
    }
}

#[tokio::test]
async fn a_clock_is_far_from_xs_from_five_minutes_on() {
    for (seconds, is_told) in [(299, false), (300, true), (-299, false), (-300, true)] {
        let world = World::start_alone().await;
        world.x.fault(FaultRule::new(Endpoint::Exchange, Fault::SkewedDate { seconds }));
        world.sign_in(&world.keeper()).await;
        assert_eq!(world.silence.has_heard("this machine's clock is"), is_told, "{seconds}");
    }
}
