//! Pairs that come after the sign-out.

use std::pin::Pin;
use std::sync::atomic::Ordering::SeqCst;

use futures_util::FutureExt as _;
use xpkce::grant::{Account, Grant, GrantId, Lease, State, What};
use xpkce::keeper::{Action, SignedOut, Tending};
use xpkce::store::{LeaseEnd, MemoryStore, Store};
use xpkce::{Keeper, Reason, Result, TokenGuard, TokenSource};
use xpkce_emulator::{BodyForm, Endpoint, Fault, FaultRule, Problem};

use crate::picky::Picky;
use crate::world::{A_LIFE, SCOPES, World};

type Call<'a> = Pin<Box<dyn Future<Output = Result<TokenGuard>> + 'a>>;

/// The login is forgotten by another process while X holds back the answer to its refresh.
async fn forgotten_while_refreshing<'a>(world: &World, source: &'a TokenSource) -> Call<'a> {
    let mut late = Box::pin(source.refresh());
    world.hold(&mut late).await;
    world.advance(Lease::SPAN);
    world.keeper().token_source(&source.account().user).forget().await.unwrap();
    late
}

fn no_revocation(world: &World) {
    let down = Fault::Status { status: 503, body: BodyForm::Html };
    world.x.fault(FaultRule::new(Endpoint::Revoke, down).always());
}

#[tokio::test]
async fn a_late_pair_that_x_does_not_take_back_is_found_and_tried_again() {
    let world = World::start().await;
    let (slow, other) = (world.keeper(), world.keeper());
    let source = world.sign_in(&slow).await;
    let late = forgotten_while_refreshing(&world, &source).await;
    no_revocation(&world);
    world.release(&other).await;
    late.await.unwrap_err();
    let grant = world.grant(&source).await;
    assert_eq!((grant.state, grant.candidates.len()), (State::SigningOut, 1));
    assert_eq!(grant.history.last().unwrap().what, What::NotRevoked);
    assert_eq!(other.logins().await.unwrap()[0].action, Action::SignOutAgain);

    let before = world.x.revocations();
    world.x.clear_faults();
    world.eventually(async || world.state(&source).await == State::SignedOut).await;
    assert!(world.x.revocations() > before);
    assert!(world.grant(&source).await.candidates.is_empty());
}

#[tokio::test]
async fn a_late_pair_that_was_not_taken_back_is_revoked_by_another_process() {
    let world = World::start().await;
    let (slow, other) = (world.keeper(), world.keeper());
    let source = world.sign_in(&slow).await;
    let account = source.account().clone();
    let late = forgotten_while_refreshing(&world, &source).await;
    no_revocation(&world);
    world.release(&other).await;
    late.await.unwrap_err();
    drop((source, slow));
    world.x.clear_faults();
    let source = other.token_source(&account.user);
    assert_eq!(source.sign_out().await.unwrap(), SignedOut::Revoked);
    assert_eq!(world.state(&source).await, State::SignedOut);
}

#[tokio::test]
async fn a_late_token_is_served_no_more_once_the_store_tells_of_the_sign_out() {
    let world = World::start().await;
    let store = Picky::new(world.store.clone());
    let (slow, other) = (world.start_on(store.clone()), world.keeper());
    let source = world.sign_in(&slow).await;
    let late = forgotten_while_refreshing(&world, &source).await;
    store.refuses_answers.store(true, SeqCst);
    store.refuses_reads.store(true, SeqCst);
    world.release(&other).await;
    late.await.unwrap_err();
    assert_eq!(source.access_token().await.unwrap().generation().0, 2, "nobody knows better yet");
    store.refuses_answers.store(false, SeqCst);
    store.refuses_reads.store(false, SeqCst);
    world.eventually(async || source.access_token().await.is_err()).await;
}

#[tokio::test]
async fn a_late_token_is_not_served_by_who_knows_of_the_sign_out() {
    let world = World::start().await;
    let store = Picky::new(world.store.clone());
    let (slow, other) = (world.start_on(store.clone()), world.keeper());
    let source = world.sign_in(&slow).await;
    let token = source.access_token().await.unwrap().clone();
    let late = forgotten_while_refreshing(&world, &source).await;
    assert_eq!(source.rejected(&token).await.unwrap_err().reason(), Reason::SignedOut);
    store.refuses_answers.store(true, SeqCst);
    store.refuses_reads.store(true, SeqCst);
    world.release(&other).await;
    late.await.unwrap_err();
    assert!(source.access_token().await.is_err());
}

/// Another user signs in, whom X does not name.
async fn sign_in_unnamed(world: &World, keeper: &Keeper) -> TokenSource {
    let refused = Fault::Problem { problem: Problem::Forbidden };
    world.x.fault(FaultRule::new(Endpoint::Whoami, refused).always());
    world.sign_in_as(keeper, 1).await
}

/// The answer comes, and waits in the tombstone.
async fn lands_and_is_not_revoked(
    world: &World,
    keeper: &Keeper,
    source: &TokenSource,
    late: Call<'_>,
) {
    let before = world.x.revocations();
    world.release(keeper).await;
    let _ = late.await;
    world.eventually(async || world.state(source).await == State::SigningOut).await;
    let round = keeper.keep_once(&Tending::new()).await.unwrap();
    assert_eq!((round.signed_out, round.failed), (0, 0), "{round:?}");
    assert_eq!(world.grant(source).await.candidates.len(), 1);
    assert_eq!(world.x.revocations(), before);
}

#[tokio::test]
async fn a_late_pair_is_not_revoked_while_a_newer_sign_in_may_be_the_same_users() {
    let world = World::with_users(1).await;
    let (slow, other) = (world.keeper(), world.keeper());
    let source = world.sign_in(&slow).await;
    let late = forgotten_while_refreshing(&world, &source).await;
    let newer = sign_in_unnamed(&world, &other).await;
    let before = world.x.revocations();
    lands_and_is_not_revoked(&world, &other, &source, late).await;

    // It is another user's.
    world.x.clear_faults();
    other.label(&newer.account().user).await.unwrap();
    world.eventually(async || world.state(&source).await == State::SignedOut).await;
    assert!(world.x.revocations() > before);
}

#[tokio::test]
async fn a_newer_sign_in_is_found_behind_a_hundred_that_have_ended() {
    let world = World::with_users(1).await;
    let (slow, other) = (world.keeper(), world.keeper());
    let source = world.sign_in(&slow).await;
    let late = forgotten_while_refreshing(&world, &source).await;
    let newer = sign_in_unnamed(&world, &other).await;
    let grant = world.grant(&newer).await;
    for number in 100..200 {
        let user = format!("unlabelled-{number}");
        assert!(user < newer.account().user, "it comes after the one that lives");
        let account = Account::new(&grant.account.app, user);
        let ended = Grant { account, state: State::SignedOut, ..grant.clone() };
        world.store.swap(&ended, None, LeaseEnd::Now).await.unwrap();
    }
    lands_and_is_not_revoked(&world, &other, &source, late).await;
}

#[tokio::test]
async fn a_sign_out_does_not_go_on_by_itself_while_a_newer_sign_in_may_be_the_same_users() {
    let world = World::with_users(1).await;
    let keeper = world.keeper();
    let source = world.sign_in(&keeper).await;
    no_revocation(&world);
    source.sign_out().await.unwrap_err();
    let refused = Fault::Problem { problem: Problem::Forbidden };
    world.x.clear_faults();
    world.x.fault(FaultRule::new(Endpoint::Whoami, refused));
    let newer = world.sign_in_as(&keeper, 1).await;
    world.advance(Lease::SPAN);
    let round = world.keeper().keep_once(&Tending::new()).await.unwrap();
    assert_eq!((round.signed_out, round.left), (0, 1), "{round:?}");
    keeper.label(&newer.account().user).await.unwrap();
    let round = world.keeper().keep_once(&Tending::new()).await.unwrap();
    assert_eq!(round.signed_out, 1);
}

/// A login that X has not signed out yet, and a newer one, with these scopes, whose user is not known
/// and whose token has ended.
async fn signing_out_before_one_that_has_ended(world: &World, scopes: &str) -> TokenSource {
    let keeper = world.keeper();
    let source = world.sign_in(&keeper).await;
    no_revocation(world);
    source.sign_out().await.unwrap_err();
    world.x.clear_faults();
    let refused = Fault::Problem { problem: Problem::Forbidden };
    world.x.fault(FaultRule::new(Endpoint::Whoami, refused));
    let newer = world.keeper_of(&world.x.public_app(), world.store.clone(), scopes);
    assert!(world.sign_in_as(&newer, 1).await.account().is_unlabelled());
    world.advance(A_LIFE);
    source
}

#[tokio::test]
async fn a_newer_sign_in_whose_token_has_ended_is_refreshed_to_learn_whose_it_is() {
    let world = World::with_users(1).await;
    let source = signing_out_before_one_that_has_ended(&world, SCOPES).await;
    let keeper = world.keeper();
    let is_over = async || {
        keeper.keep_once(&Tending::new()).await.unwrap();
        world.state(&source).await == State::SignedOut
    };
    world.eventually(is_over).await;
    assert_eq!(world.x.refreshes(), 1);
}

#[tokio::test]
async fn a_sign_out_does_not_wait_for_a_newer_sign_in_that_has_nothing_left() {
    let world = World::with_users(1).await;
    let source = signing_out_before_one_that_has_ended(&world, "tweet.read users.read").await;
    let round = world.keeper().keep_once(&Tending::new()).await.unwrap();
    assert_eq!(round.signed_out, 1, "{round:?}");
    assert_eq!(world.state(&source).await, State::SignedOut);
}

/// Puts a newer sign-in of the same user in the place of what is there.
fn sign_in_again(store: &MemoryStore, source: &TokenSource) {
    let there = store.load(source.account()).now_or_never().unwrap().unwrap().unwrap();
    let mut grant = Grant::clone(&there.grant);
    grant.grant_id = GrantId::new([9; 16]);
    grant.sign_in += 1;
    grant.state = State::Ready;
    let swapped = store.swap(&grant, Some(there.revision), LeaseEnd::Now).now_or_never();
    swapped.unwrap().unwrap();
}

#[tokio::test]
async fn a_late_pair_is_not_revoked_beside_a_newer_sign_in() {
    let world = World::start().await;
    let picky = Picky::new(world.store.clone());
    let slow = world.start_on(picky.clone());
    let other = world.keeper();
    let source = world.sign_in(&slow).await;
    let late = forgotten_while_refreshing(&world, &source).await;
    // The user signs in between the look at the record and the revocation.
    let (store, again) = (world.store.clone(), source.clone());
    picky.before_load(0, move || sign_in_again(&store, &again));
    let before = world.x.revocations();
    world.release(&other).await;
    let _ = late.await;
    assert_eq!(world.x.revocations(), before);
    let grant = world.grant(&source).await;
    assert_eq!((grant.grant_id, grant.candidates.len()), (GrantId::new([9; 16]), 1));
}

#[tokio::test]
async fn a_sign_out_does_not_reach_a_sign_in_that_came_meanwhile() {
    let world = World::start().await;
    let picky = Picky::new(world.store.clone());
    let source = world.sign_in(&world.start_on(picky.clone())).await;
    let (store, again) = (world.store.clone(), source.clone());
    // The first read is of the login that is to end.
    picky.before_load(1, move || sign_in_again(&store, &again));
    assert_eq!(source.sign_out().await.unwrap(), SignedOut::Already);
    assert_eq!(world.state(&source).await, State::Ready);
    assert_eq!(world.x.revocations(), 0);
}
