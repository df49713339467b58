//! Spilled pairs: found, told from what is saved, and never sent past.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use xpkce::grant::{Account, Lease, State};
use xpkce::keeper::{SignedOut, Tending};
use xpkce::seal::Sealer;
use xpkce::store::MemoryStore;
use xpkce::{ErrorKind, Keeper, Reason, TokenSource};

use crate::picky::Picky;
use crate::queue::{INTO_THE_WINDOW, once};
use crate::world::{A_LIFE, KEY, Process, World};

/// A key that a process has and others have not.
const NEWER: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// The keeper rotates, and its store does not take the pair.
async fn rotate_into_a_failing_store(world: &World, store: &Picky, source: &TokenSource) {
    world.advance(A_LIFE);
    store.refuses_answers.store(true, SeqCst);
    assert_eq!(source.access_token().await.unwrap().generation().0, 2);
    assert_eq!(world.grant(source).await.generation.0, 1);
}

async fn picky(world: &World) -> (Arc<Picky>, Keeper, TokenSource) {
    let store = Picky::new(world.store.clone());
    let keeper = world.start_on(store.clone());
    let source = world.sign_in(&keeper).await;
    (store, keeper, source)
}

/// Returns the one file in the folder that holds something, as an old backup would.
pub fn copy_of_the_spill(folder: &Path) -> Vec<u8> {
    let files =
        std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()));
    let full = |file: &Vec<u8>| file.iter().any(|byte| *byte != 0);
    files.map(Result::unwrap).find(full).expect("nothing is spilled")
}

/// Puts it back as the file of a holder that is dead.
pub fn put_back(folder: &Path, spill: &[u8]) -> PathBuf {
    let path = folder.join(format!("{}.holder", "0".repeat(32)));
    std::fs::write(&path, spill).unwrap();
    path
}

#[tokio::test]
async fn a_spent_token_is_not_sent_while_its_pair_waits_for_the_store() {
    let world = World::start().await;
    let (store, _keeper, source) = picky(&world).await;
    rotate_into_a_failing_store(&world, &store, &source).await;
    let asked = world.x.token_requests();
    assert_eq!(source.refresh().await.unwrap_err().kind(), ErrorKind::Store);
    assert_eq!(world.x.token_requests(), asked, "the spent token was sent again");
    assert_eq!(source.access_token().await.unwrap().generation().0, 2);
    store.refuses_answers.store(false, SeqCst);
    assert_eq!(source.refresh().await.unwrap().generation().0, 2, "the pair that waited is one");
    assert_eq!(source.refresh().await.unwrap().generation().0, 3);
    assert_eq!(world.x.replays(), 0);
}

#[tokio::test]
async fn a_pair_that_the_store_does_not_take_is_served_until_its_end() {
    let world = World::start().await;
    let (store, _keeper, source) = picky(&world).await;
    rotate_into_a_failing_store(&world, &store, &source).await;
    let asked = world.x.token_requests();
    // In its early window the store is asked, and has the pair before.
    world.advance(A_LIFE - Duration::from_secs(30));
    assert_eq!(source.access_token().await.unwrap().generation().0, 2);
    world.advance(Duration::from_secs(30));
    assert_eq!(source.access_token().await.unwrap_err().kind(), ErrorKind::Store);
    assert_eq!(world.x.token_requests(), asked, "the spent token was sent again");
}

#[tokio::test]
async fn a_pair_that_the_store_refuses_again_and_again_is_saved_when_it_does_not() {
    let world = World::start().await;
    let (store, _keeper, source) = picky(&world).await;
    rotate_into_a_failing_store(&world, &store, &source).await;
    world.eventually(async || store.refusals.load(SeqCst) > 2).await;
    store.refuses_answers.store(false, SeqCst);
    world.eventually(async || world.grant(&source).await.generation.0 == 2).await;
    assert_eq!(source.refresh().await.unwrap().generation().0, 3);
    assert_eq!(world.x.replays(), 0);
}

#[tokio::test]
async fn a_sign_in_that_the_store_refuses_again_and_again_is_saved_when_it_does_not() {
    let world = World::start().await;
    let store = Picky::new(world.store.clone());
    let keeper = sign_in_into_a_failing_store_of(&world, &store).await;
    world.eventually(async || store.refusals.load(SeqCst) > 2).await;
    store.refuses_answers.store(false, SeqCst);
    let account = Account::new(world.x.public_app().client_id, "unlabelled-1");
    world.eventually(async || world.grant_of(&account).await.is_some()).await;
    keeper.token_source("unlabelled-1").access_token().await.unwrap();
}

#[tokio::test]
async fn a_pair_that_a_living_process_cannot_save_is_taken_in_by_another() {
    let world = World::start().await;
    let (store, _keeper, source) = picky(&world).await;
    rotate_into_a_failing_store(&world, &store, &source).await;
    let asked = world.x.token_requests();
    let other = world.keeper().token_source(&source.account().user);
    assert_eq!(other.access_token().await.unwrap().generation().0, 2);
    assert_eq!(world.x.token_requests(), asked);
}

#[tokio::test]
async fn a_sign_out_revokes_the_pair_that_a_dead_process_could_not_save() {
    let world = World::start().await;
    let (store, keeper, source) = picky(&world).await;
    rotate_into_a_failing_store(&world, &store, &source).await;
    let account = source.account().clone();
    drop((source, keeper));
    let next = world.keeper().token_source(&account.user);
    assert_eq!(next.sign_out().await.unwrap(), SignedOut::Revoked);
    let grant = world.grant(&next).await;
    assert_eq!((grant.state, grant.generation.0), (State::SignedOut, 3), "the pair is left at X");
}

#[tokio::test]
async fn a_sign_out_revokes_the_pair_that_a_living_process_cannot_save() {
    let world = World::start().await;
    let (store, _keeper, source) = picky(&world).await;
    rotate_into_a_failing_store(&world, &store, &source).await;
    let other = world.keeper().token_source(&source.account().user);
    assert_eq!(other.sign_out().await.unwrap(), SignedOut::Revoked);
    let grant = world.grant(&other).await;
    assert_eq!((grant.state, grant.generation.0), (State::SignedOut, 3), "the pair is left at X");
}

#[tokio::test]
async fn a_sign_out_again_revokes_a_pair_that_was_spilled_past_the_first() {
    let world = World::start().await;
    let (store, keeper, source) = picky(&world).await;
    rotate_into_a_failing_store(&world, &store, &source).await;
    let account = source.account().clone();
    // A machine that does not see the spill signs out.
    let elsewhere = world.folder.path().join("elsewhere");
    let other = world.start_in(Process { folder: elsewhere, ..world.process() });
    world.advance(xpkce::grant::Lease::SPAN);
    other.token_source(&account.user).forget().await.unwrap();
    store.refuses_reads.store(true, SeqCst);
    drop((source, keeper));
    let before = world.x.revocations();
    let next = world.keeper().token_source(&account.user);
    assert_eq!(next.sign_out().await.unwrap(), SignedOut::Already);
    assert_eq!(world.x.revocations(), before + 1);
}

#[tokio::test]
async fn a_spilled_pair_that_was_saved_long_ago_is_no_candidate() {
    let world = World::start().await;
    let (store, keeper, source) = picky(&world).await;
    rotate_into_a_failing_store(&world, &store, &source).await;
    let spill = copy_of_the_spill(world.folder.path());
    store.refuses_answers.store(false, SeqCst);
    for generation in 2..=4 {
        assert_eq!(source.refresh().await.unwrap().generation().0, generation);
    }
    let account = source.account().clone();
    drop((source, keeper));
    put_back(world.folder.path(), &spill);
    let next = world.keeper().token_source(&account.user);
    assert_eq!(next.refresh().await.unwrap().generation().0, 5);
    assert!(world.grant(&next).await.candidates.is_empty());
}

#[tokio::test]
async fn a_spilled_pair_is_nobody_elses() {
    let world = World::with_users(1).await;
    let (store, keeper, source) = picky(&world).await;
    let neighbour = world.sign_in_as(&world.keeper(), 1).await;
    rotate_into_a_failing_store(&world, &store, &source).await;
    let account = source.account().clone();
    drop((source, keeper));
    assert_eq!(neighbour.refresh().await.unwrap().generation().0, 2);
    assert!(world.grant(&neighbour).await.candidates.is_empty());
    let next = world.keeper().token_source(&account.user);
    assert_eq!(next.refresh().await.unwrap().generation().0, 2, "it was there still");
    assert_eq!(world.x.replays(), 0);
}

#[tokio::test]
async fn a_spilled_pair_is_found_by_a_login_that_was_labelled_since() {
    let world = World::start().await;
    let store = Picky::new(world.store.clone());
    let keeper = world.start_on(store.clone());
    let source = world.sign_in_unlabelled(&keeper).await;
    let mut late = Box::pin(source.refresh());
    world.hold(&mut late).await;
    world.advance(Lease::SPAN + Duration::from_secs(1));
    let other = world.keeper();
    let labelled = other.label(&source.account().user).await.unwrap().account;
    store.refuses_answers.store(true, SeqCst);
    world.release(&other).await;
    assert_eq!(late.await.unwrap_err().kind(), ErrorKind::Store);
    drop((source, keeper));
    let next = world.keeper().token_source(&labelled.user);
    assert_eq!(next.refresh().await.unwrap().generation().0, 2);
    assert_eq!(world.x.replays(), 0);
    assert_eq!(next.refresh().await.unwrap().generation().0, 3);
}

#[tokio::test]
async fn a_spilled_pair_is_put_in_its_place_after_a_verdict_of_death() {
    let world = World::start().await;
    let (store, keeper, source) = picky(&world).await;
    rotate_into_a_failing_store(&world, &store, &source).await;
    let account = source.account().clone();
    // A machine that does not see the spill asks again and again, and X says no.
    let elsewhere = world.folder.path().join("elsewhere");
    let other = world.start_in(Process { folder: elsewhere, ..world.process() });
    let other = other.token_source(&account.user);
    drop((source, keeper));
    for _ in 0..2 {
        world.advance(xpkce::grant::Lease::SPAN);
        other.access_token().await.unwrap_err();
    }
    assert_eq!(world.state(&other).await, State::SignInNeeded);
    let next = world.keeper().token_source(&account.user);
    assert_eq!(next.access_token().await.unwrap().generation().0, 2);
    assert_eq!(next.refresh().await.unwrap().generation().0, 3);
}

fn both_keys() -> Arc<Sealer> {
    Arc::new(Sealer::from_text(&format!("{KEY} {NEWER}")).unwrap())
}

/// A process with a key that others have not dies with a pair in its file alone.
async fn leave_a_pair_that_does_not_open(world: &World) -> Account {
    let account = world.sign_in(&world.keeper()).await.account().clone();
    let store = Picky::new(world.store.clone());
    let process = Process { sealer: both_keys(), store: store.clone(), ..world.process() };
    let keeper = world.start_in(process);
    rotate_into_a_failing_store(world, &store, &keeper.token_source(&account.user)).await;
    account
}

#[tokio::test]
async fn a_token_is_not_sent_whose_spilled_pair_does_not_open() {
    let world = World::start().await;
    let account = leave_a_pair_that_does_not_open(&world).await;
    let asked = world.x.token_requests();
    let why = world.keeper().token_source(&account.user).refresh().await.unwrap_err();
    assert_eq!(why.reason(), Reason::Key);
    assert_eq!(world.x.token_requests(), asked, "the spent token was sent");

    let why = world.keeper().token_source(&account.user).sign_out().await.unwrap_err();
    assert_eq!(why.reason(), Reason::Key, "what does not open here lives on at X");

    let again = world.start_in(Process { sealer: both_keys(), ..world.process() });
    assert_eq!(again.token_source(&account.user).refresh().await.unwrap().generation().0, 2);
}

#[tokio::test]
async fn a_login_is_forgotten_though_its_spilled_pair_does_not_open() {
    let world = World::start().await;
    let account = leave_a_pair_that_does_not_open(&world).await;
    let forgotten = world.keeper().token_source(&account.user).forget().await.unwrap();
    assert_eq!(forgotten, SignedOut::Forgotten);
}

#[tokio::test]
async fn a_spilled_pair_that_does_not_open_keeps_no_other_login_from_being_refreshed() {
    let world = World::with_users(1).await;
    leave_a_pair_that_does_not_open(&world).await;
    let other = world.sign_in_as(&world.keeper(), 1).await;
    other.access_token().await.unwrap();
    // Its end waits for what is noted after a token was served.
    drop(other);
    world.advance(INTO_THE_WINDOW);
    assert_eq!(once(&world.keeper()).await.rotated, 1);
}

#[tokio::test]
async fn a_round_whose_store_does_not_take_a_spilled_pair_fails() {
    let world = World::start().await;
    let (store, keeper, source) = picky(&world).await;
    rotate_into_a_failing_store(&world, &store, &source).await;
    drop((source, keeper));
    let why = world.start_on(store).keep_once(&Tending::new()).await.unwrap_err();
    assert_eq!(why.kind(), ErrorKind::Store);
}

/// A sign-in that the store does not take.
async fn sign_in_into_a_failing_store(world: &World) -> Keeper {
    sign_in_into_a_failing_store_of(world, &Picky::new(world.store.clone())).await
}

async fn sign_in_into_a_failing_store_of(world: &World, store: &Arc<Picky>) -> Keeper {
    store.refuses_answers.store(true, SeqCst);
    let keeper = world.start_on(store.clone());
    let login = keeper.begin_login().unwrap();
    let callback = world.x.approve(login.url()).await;
    let why = keeper.sign_in(login.approve(&callback).unwrap()).await.unwrap_err();
    assert_eq!(why.kind(), ErrorKind::Store);
    keeper
}

#[tokio::test]
async fn a_sign_in_is_not_recovered_from_a_process_that_still_saves_it() {
    let world = World::start().await;
    let _keeper = sign_in_into_a_failing_store(&world).await;
    let other = world.keeper().token_source("unlabelled-1");
    assert_eq!(other.access_token().await.unwrap_err().reason(), Reason::NotSignedIn);
}

#[tokio::test]
async fn a_sign_in_that_the_store_still_does_not_take_is_not_told_as_none() {
    let world = World::start().await;
    let store = Picky::new(world.store.clone());
    drop(sign_in_into_a_failing_store_of(&world, &store).await);
    let source = world.start_on(store).token_source("unlabelled-1");
    assert_eq!(source.access_token().await.unwrap_err().kind(), ErrorKind::Store);
}

#[tokio::test]
async fn a_sign_in_is_recovered_once_though_its_spill_comes_back() {
    let world = World::start().await;
    let keeper = sign_in_into_a_failing_store(&world).await;
    let spill = copy_of_the_spill(world.folder.path());
    drop(keeper);
    let first = world.keeper();
    first.token_source("unlabelled-1").access_token().await.unwrap();
    let labelled = first.label("unlabelled-1").await.unwrap().account;
    drop(first);

    let file = put_back(world.folder.path(), &spill);
    let next = world.keeper();
    let nobody = next.token_source("nobody").access_token().await.unwrap_err();
    assert_eq!(nobody.reason(), Reason::NotSignedIn);
    let logins = next.logins().await.unwrap();
    let accounts: Vec<&Account> = logins.iter().map(|login| &login.account).collect();
    assert_eq!(accounts, [&labelled]);
    assert!(std::fs::read(file).unwrap().iter().all(|byte| *byte == 0), "it is erased");
}

#[tokio::test]
async fn a_login_goes_on_with_a_later_sign_in_whose_process_could_not_save_it() {
    let world = World::start().await;
    let account = world.sign_in(&world.keeper()).await.account().clone();
    drop(sign_in_into_a_failing_store(&world).await);
    let source = world.keeper().token_source(&account.user);
    assert_eq!(source.refresh().await.unwrap().generation().0, 2);
    assert_eq!(source.refresh().await.unwrap().generation().0, 3);
    assert_eq!(world.x.replays(), 0);
}

#[tokio::test]
async fn a_sign_in_that_the_queue_recovers_is_labelled() {
    let world = World::start().await;
    drop(sign_in_into_a_failing_store(&world).await);
    let keeper = world.keeper();
    assert_eq!(once(&keeper).await.recovered, 1);
    let account = Account::new(world.x.public_app().client_id, world.x.users()[0].id.clone());
    world.eventually(async || world.grant_of(&account).await.is_some()).await;
}

#[tokio::test]
async fn a_sign_in_of_a_store_that_was_put_away_keeps_nobody_from_the_one_in_its_place() {
    let world = World::with_users(1).await;
    let keeper = sign_in_into_a_failing_store(&world).await;
    let spill = copy_of_the_spill(world.folder.path());
    drop(keeper);

    // The store that came in its place numbers its sign-ins anew.
    let anew = Arc::new(MemoryStore::new(world.clock.clone()));
    let process = Process { store: anew, ..world.process() };
    let folder = world.folder.path().join("anew");
    let keeper = world.start_in(Process { folder: folder.clone(), ..process });
    let source = world.sign_in_unlabelled(&keeper).await;
    assert_eq!(source.account().user, "unlabelled-1");
    put_back(&folder, &spill);
    let nobody = keeper.token_source("nobody").access_token().await.unwrap_err();
    assert_eq!(nobody.reason(), Reason::NotSignedIn);
    keeper.keep_once(&Tending::new()).await.unwrap();
    assert_eq!(copy_of_the_spill(&folder), spill, "it may have its place another day");
}
