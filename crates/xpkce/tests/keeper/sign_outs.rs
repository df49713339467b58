//! Sign-outs: confirmed, unconfirmed, forgotten.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use tokio::sync::oneshot;
use xpkce::grant::State;
use xpkce::keeper::SignedOut;
use xpkce::{ErrorKind, Reason};
use xpkce_emulator::{BodyForm, Endpoint, Fault, FaultRule};

use crate::picky::Picky;
use crate::world::World;

/// The reads of a sign-out before it has found another holder busy once.
const FIRST_READS: usize = 2;

#[tokio::test]
async fn a_sign_out_revokes_both_tokens_and_leaves_a_tombstone() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    assert_eq!(source.sign_out().await.unwrap(), SignedOut::Revoked);
    assert!(world.x.revocations() >= 1);
    assert_eq!(source.access_token().await.unwrap_err().reason(), Reason::SignedOut);
    let grant = world.grant(&source).await;
    assert_eq!(grant.state, State::SignedOut);
    assert!(grant.refresh.is_none() && grant.access.is_none());
    assert_eq!(source.sign_out().await.unwrap(), SignedOut::Already);
}

#[tokio::test]
async fn a_sign_out_that_x_did_not_hear_is_marked_and_tried_again() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    let down = Fault::Status { status: 503, body: BodyForm::Html };
    world.x.fault(FaultRule::new(Endpoint::Revoke, down).always());
    let why = source.sign_out().await.unwrap_err();
    assert_eq!(why.kind(), ErrorKind::Retry, "{why}");
    assert_eq!(world.state(&source).await, State::SigningOut);
    assert_eq!(source.access_token().await.unwrap_err().reason(), Reason::SignedOut);
    assert!(world.grant(&source).await.refresh.is_some(), "what must be revoked is still known");
    world.x.clear_faults();
    assert_eq!(source.sign_out().await.unwrap(), SignedOut::Revoked);
    assert_eq!(world.state(&source).await, State::SignedOut);
}

#[tokio::test]
async fn a_sign_out_that_the_store_does_not_take_revokes_nothing() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    world.store.fail_writes(true);
    assert_eq!(source.sign_out().await.unwrap_err().kind(), ErrorKind::Store);
    assert_eq!((world.x.revocations(), world.state(&source).await), (0, State::Ready));
}

#[tokio::test]
async fn a_forgotten_login_is_not_revoked() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    assert_eq!(source.forget().await.unwrap(), SignedOut::Forgotten);
    assert_eq!(world.x.revocations(), 0);
    assert_eq!(world.state(&source).await, State::SignedOut);
}

#[tokio::test]
async fn a_sign_in_after_a_sign_out_counts_on() {
    let world = World::start().await;
    let keeper = world.keeper();
    let source = world.sign_in(&keeper).await;
    source.sign_out().await.unwrap();
    let again = world.sign_in(&keeper).await;
    assert_eq!(again.account(), source.account());
    assert_eq!(again.access_token().await.unwrap().generation().0, 3);
    assert!(world.grant(&again).await.candidates.is_empty());
}

#[tokio::test]
async fn a_pair_that_comes_after_the_sign_out_is_revoked() {
    let world = World::start().await;
    let (slow, other) = (world.keeper(), world.keeper());
    let source = world.sign_in(&slow).await;
    let mut late = Box::pin(source.refresh());
    world.hold(&mut late).await;
    world.advance(xpkce::grant::Lease::SPAN);
    other.token_source(&source.account().user).forget().await.unwrap();
    let before = world.x.revocations();
    world.release(&other).await;
    late.await.unwrap_err();
    assert_eq!(world.state(&source).await, State::SignedOut);
    assert_eq!(world.x.revocations(), before + 1);
}

#[tokio::test]
async fn a_sign_out_waits_for_who_is_refreshing_and_revokes_what_came() {
    let world = World::start().await;
    let keeper = world.keeper();
    let source = world.sign_in(&keeper).await;
    let store = Picky::new(world.store.clone());
    let other = world.start_on(store.clone()).token_source(&source.account().user);
    let mut call = Box::pin(source.refresh());
    world.hold(&mut call).await;
    let (tell, looks_again) = oneshot::channel();
    store.before_load(FIRST_READS, move || tell.send(()).unwrap());
    let mut leaving = Box::pin(other.sign_out());
    tokio::select! {
        left = &mut leaving => panic!("it did not wait: {left:?}"),
        looks = looks_again => looks.unwrap(),
    }
    world.release(&keeper).await;
    assert_eq!(call.await.unwrap().generation().0, 2);
    assert_eq!(leaving.await.unwrap(), SignedOut::Revoked);
    assert_eq!(world.state(&source).await, State::SignedOut);
}

#[tokio::test]
async fn a_sign_out_does_not_wait_for_ever_for_who_is_refreshing() {
    let world = World::start().await;
    let keeper = world.keeper();
    let source = world.sign_in(&keeper).await;
    let store = Picky::new(world.store.clone());
    let other = world.start_on(store.clone()).token_source(&source.account().user);
    let mut call = Box::pin(source.refresh());
    world.hold(&mut call).await;
    let clock = world.clock.clone();
    store.before_load(FIRST_READS, move || clock.advance(Duration::from_secs(50)));
    let left = tokio::time::timeout(Duration::from_secs(20), other.sign_out()).await;
    let why = left.expect("it waits on").unwrap_err();
    assert_eq!((why.reason(), why.retry_after()), (Reason::Busy, Some(Duration::from_secs(40))));
    world.release(&keeper).await;
    call.await.unwrap();
}

#[tokio::test]
async fn a_sign_out_whose_mark_is_not_acknowledged_goes_on() {
    let world = World::start().await;
    let store = Picky::new(world.store.clone());
    let source = world.sign_in(&world.start_on(store.clone())).await;
    store.lost_acknowledgements.store(1, SeqCst);
    assert_eq!(source.sign_out().await.unwrap(), SignedOut::Revoked);
    assert_eq!(world.grant(&source).await.lease, None);
}
