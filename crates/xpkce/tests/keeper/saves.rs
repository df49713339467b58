//! The store failing, before a spend and after it.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use futures_util::FutureExt as _;
use xpkce::grant::{Lease, State};
use xpkce::keeper::{Report, Tending};
use xpkce::store::Store as _;
use xpkce::{Clock as _, ErrorKind, Result, SystemClock, TokenGuard, TokenSource};
use xpkce_emulator::{Fault, FaultRule};

use crate::picky::Picky;
use crate::world::{A_LIFE, World};

#[tokio::test]
async fn a_store_that_takes_nothing_is_found_before_the_token_is_spent() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    world.advance(A_LIFE);
    world.store.fail_writes(true);
    let asked = world.x.token_requests();
    assert_eq!(source.access_token().await.unwrap_err().kind(), ErrorKind::Store);
    assert_eq!(world.x.token_requests(), asked);
}

#[tokio::test]
async fn a_store_that_takes_nothing_is_found_before_the_code_is_spent() {
    let world = World::start().await;
    let keeper = world.keeper();
    let login = keeper.begin_login().unwrap();
    let callback = world.x.approve(login.url()).await;
    world.store.fail_writes(true);
    let why = keeper.sign_in(login.approve(&callback).unwrap()).await.unwrap_err();
    assert_eq!(why.kind(), ErrorKind::Store);
    assert_eq!(world.x.exchanges(), 0);
}

/// Lets the refresh begin, and the store fail before its answer comes.
async fn rotate_into_a_failing_store(world: &World, source: &TokenSource) {
    world.advance(A_LIFE);
    let mut call = Box::pin(source.access_token());
    world.hold(&mut call).await;
    world.store.fail_writes(true);
    world.release(&world.keeper()).await;
    // The pair is served although it is not in the store.
    assert_eq!(call.await.unwrap().generation().0, 2);
    assert_eq!(world.x.refreshes(), 1);
}

#[tokio::test]
async fn a_pair_that_the_store_would_not_take_is_served_and_saved_when_it_does() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    rotate_into_a_failing_store(&world, &source).await;
    assert_eq!(world.grant(&source).await.generation.0, 1);
    world.store.fail_writes(false);
    let account = source.account().clone();
    drop(source);
    let grant = world.grant_of(&account).await.unwrap();
    assert_eq!((grant.generation.0, grant.state), (2, State::Ready));
}

#[tokio::test]
async fn a_pair_that_was_never_saved_is_found_by_the_next_process() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    rotate_into_a_failing_store(&world, &source).await;
    let account = source.account().clone();
    // The store still fails when the process ends.
    drop(source);
    world.store.fail_writes(false);
    assert_eq!(world.grant_of(&account).await.unwrap().generation.0, 1);

    world.advance(Duration::from_secs(100));
    let next = world.keeper().token_source(&account.user);
    assert_eq!(next.access_token().await.unwrap().generation().0, 2);
    assert_eq!(world.x.replays(), 0, "the spent token was sent again");
    assert_eq!(next.refresh().await.unwrap().generation().0, 3);
}

/// A refresh whose answer X holds back until its lease has run out. The next holder sends the same
/// token: then X answers the first with the pair, and the next that the token is invalid.
async fn overtaken(
    world: &World,
    slow: &TokenSource,
    next: &TokenSource,
) -> [Result<TokenGuard>; 2] {
    world.advance(A_LIFE);
    let mut late = Box::pin(slow.access_token());
    world.hold(&mut late).await;
    world.advance(Lease::SPAN + Duration::from_secs(1));
    let (late, next) = futures_util::future::join(late, next.access_token()).await;
    [late, next]
}

#[tokio::test]
async fn a_late_answer_is_accepted_after_a_takeover() {
    let world = World::start().await;
    let store = Picky::new(world.store.clone());
    let (slow, quick) = (world.start_on(store.clone()), world.keeper());
    let source = world.sign_in(&slow).await;
    let other = quick.token_source(&source.account().user);
    // The late pair is not saved before the next holder has heard that the token is invalid.
    store.refuses_answers.store(true, SeqCst);
    let [late, next] = overtaken(&world, &source, &other).await;
    assert_eq!(late.unwrap().generation().0, 2);
    assert_eq!(next.unwrap_err().kind(), ErrorKind::Retry);
    assert_eq!(world.state(&source).await, State::Rejected);

    store.refuses_answers.store(false, SeqCst);
    world.eventually(async || world.state(&source).await == State::Ready).await;
    assert_eq!(world.grant(&source).await.generation.0, 2);
    assert_eq!(other.access_token().await.unwrap().generation().0, 2);
    assert_eq!((world.x.refreshes(), world.x.replays()), (1, 1));
}

#[tokio::test]
async fn who_took_over_adopts_the_late_answer_that_was_saved_meanwhile() {
    /// Of the reads of a refresh, counted from zero, the one after X has said that the token is
    /// invalid.
    const AFTER_THE_WORD: usize = 1;
    let world = World::start().await;
    let store = Picky::new(world.store.clone());
    let (slow, quick) = (world.keeper(), world.start_on(store.clone()));
    let source = world.sign_in(&slow).await;
    let other = quick.token_source(&source.account().user);
    let (shared, account) = (world.store.clone(), source.account().clone());
    store.before_load(AFTER_THE_WORD, move || {
        let load = || shared.load(&account).now_or_never().unwrap().unwrap().unwrap();
        let begun = SystemClock.uptime();
        while load().grant.generation.0 < 2 {
            assert!(SystemClock.uptime() - begun < Duration::from_secs(20), "it was never saved");
            std::thread::yield_now();
        }
    });
    for outcome in overtaken(&world, &source, &other).await {
        assert_eq!(outcome.unwrap().generation().0, 2);
    }
    let grant = world.grant(&source).await;
    assert_eq!((grant.generation.0, grant.state), (2, State::Ready));
    assert_eq!((world.x.refreshes(), world.x.replays()), (1, 1));
}

#[tokio::test]
async fn nothing_but_the_pair_in_hand_is_served_while_x_fails() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    source.access_token().await.unwrap();
    world.advance(A_LIFE - Duration::from_secs(30));
    let down = Fault::Status { status: 503, body: xpkce_emulator::BodyForm::Html };
    world.x.fault(FaultRule::new(xpkce_emulator::Endpoint::Refresh, down).always());
    assert_eq!(source.access_token().await.unwrap().generation().0, 1);
    world.advance(Duration::from_secs(60));
    assert_eq!(source.access_token().await.unwrap_err().kind(), ErrorKind::InDoubt);
}

#[tokio::test]
async fn a_sign_in_that_the_store_would_not_take_is_found_by_the_next_process() {
    let world = World::start().await;
    let keeper = world.keeper();
    let login = keeper.begin_login().unwrap();
    let callback = world.x.approve(login.url()).await;
    let approval = login.approve(&callback).unwrap();
    let gather = Fault::Gather { count: 2, winner: 1 };
    world.x.fault(FaultRule::new(xpkce_emulator::Endpoint::Exchange, gather).times(2));
    let mut call = Box::pin(keeper.sign_in(approval));
    world.begun(&mut call).await;
    world.store.fail_writes(true);
    let (other, second) = (world.keeper(), keeper.begin_login().unwrap());
    let nothing = second.approve_bare_code("fake-code").unwrap();
    let (why, _) = futures_util::future::join(call, other.client().redeem(nothing)).await;
    assert_eq!(why.unwrap_err().kind(), ErrorKind::Store);
    drop(keeper);

    world.store.fail_writes(false);
    let source = world.keeper().token_source("unlabelled-1");
    assert_eq!(source.access_token().await.unwrap().generation().0, 1);
    assert_eq!(source.refresh().await.unwrap().generation().0, 2);
}

#[tokio::test]
async fn a_store_that_cannot_be_read_does_not_take_a_living_token_away() {
    let world = World::start().await;
    let store = Picky::new(world.store.clone());
    let keeper = world.start_on(store.clone());
    let source = world.sign_in(&keeper).await;
    source.access_token().await.unwrap();
    world.advance(A_LIFE - Duration::from_secs(30));
    store.refuses_reads.store(true, SeqCst);
    assert_eq!(source.access_token().await.unwrap().generation().0, 1);
    world.advance(Duration::from_secs(60));
    assert_eq!(source.access_token().await.unwrap_err().kind(), ErrorKind::Store);
}

#[tokio::test]
async fn a_living_token_is_served_while_x_takes_its_time() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    source.access_token().await.unwrap();
    world.advance(A_LIFE - Duration::from_secs(30));
    let mut call = Box::pin(source.access_token());
    world.hold(&mut call).await;
    let waited = tokio::time::timeout(Duration::from_secs(30), call).await;
    assert_eq!(waited.expect("X is waited for").unwrap().generation().0, 1);
    world.release(&world.keeper()).await;
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_cannot_be_read_is_looked_at_ever_less_often_down_to_five_minutes() {
    let world = World::start().await;
    let store = Picky::new(world.store.clone());
    store.refuses_reads.store(true, SeqCst);
    let keeper = world.start_on(store);
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let tending = Tending::new().reporting(move |report| {
        if let Report::Failed(_, pause) = report {
            tell.send(pause.as_secs()).unwrap();
        }
    });
    let hear = async {
        let mut pauses = Vec::new();
        while pauses.len() < 6 {
            pauses.push(told.recv().await.unwrap());
        }
        pauses
    };
    let pauses = tokio::select! {
        never = keeper.keep(&tending) => match never {},
        pauses = hear => pauses,
    };
    assert_eq!(pauses, [40, 80, 160, 300, 300, 300]);
}

#[tokio::test]
async fn a_lease_whose_acknowledgement_was_lost_is_ones_own() {
    let world = World::start().await;
    let store = Picky::new(world.store.clone());
    let keeper = world.start_on(store.clone());
    let source = world.sign_in(&keeper).await;
    world.advance(A_LIFE);
    store.lost_acknowledgements.store(1, SeqCst);
    assert_eq!(source.refresh().await.unwrap().generation().0, 2);
    assert_eq!((world.x.refreshes(), world.grant(&source).await.lease), (1, None));
}

#[tokio::test]
async fn a_save_whose_acknowledgement_was_lost_is_one_rotation() {
    let world = World::start().await;
    let store = Picky::new(world.store.clone());
    let keeper = world.start_on(store.clone());
    let source = world.sign_in(&keeper).await;
    world.advance(A_LIFE);
    let mut call = Box::pin(source.access_token());
    world.hold(&mut call).await;
    store.lost_acknowledgements.store(1, SeqCst);
    world.release(&world.keeper()).await;
    assert_eq!(call.await.unwrap().generation().0, 2);
    let account = source.account().clone();
    // The end waits for the save that is tried again.
    drop((source, keeper));
    let grant = world.grant_of(&account).await.unwrap();
    assert_eq!((grant.generation.0, grant.state, grant.lease), (2, State::Ready, None));
    assert!(grant.candidates.is_empty());
    let files = std::fs::read_dir(world.folder.path()).unwrap();
    assert_eq!(files.count(), 0, "a pair that is saved is left beside the store");
}

#[tokio::test]
async fn a_save_whose_acknowledgement_is_lost_is_told_as_what_it_is() {
    let world = World::start().await;
    let store = Picky::new(world.store.clone());
    let keeper = world.start_on(store.clone());
    let source = world.sign_in(&keeper).await;
    let mut call = Box::pin(source.refresh());
    world.hold(&mut call).await;
    store.lost_acknowledgements.store(1, SeqCst);
    world.release(&world.keeper()).await;
    assert_eq!(call.await.unwrap().generation().0, 2);
    assert_eq!(world.grant(&source).await.candidates.len(), 0);
}

#[tokio::test]
async fn a_sign_in_whose_acknowledgement_is_lost_is_one_sign_in() {
    let world = World::start().await;
    let store = Picky::new(world.store.clone());
    let keeper = world.start_on(store.clone());
    store.lost_acknowledgements.store(1, SeqCst);
    let source = world.sign_in(&keeper).await;
    assert_eq!(source.access_token().await.unwrap().generation().0, 1);
    assert_eq!(world.store.list(None, 10).await.unwrap().len(), 1);
}
