//! A log that panics. It is one for the whole process, so these have a program of their own.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]
#![allow(
    dead_code,
    reason = "the world is that of the keeper's other tests, and they use all of it"
)]
#![cfg(all(feature = "keeper", feature = "hyper"))]

#[path = "keeper/picky.rs"]
mod picky;
#[path = "silence/silence.rs"]
mod silence;
#[path = "keeper/world.rs"]
mod world;

use std::sync::atomic::Ordering::SeqCst;

use xpkce::ErrorKind;
use xpkce::grant::Account;

use picky::Picky;
use world::World;

#[tokio::test]
async fn a_log_that_panics_takes_no_pair_along() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    world.silence.break_log();
    assert_eq!(source.refresh().await.unwrap().generation().0, 2);
}

#[tokio::test]
async fn a_log_that_panics_takes_no_pair_along_that_waits_for_the_store() {
    let world = World::start().await;
    let store = Picky::new(world.store.clone());
    let source = world.sign_in(&world.start_on(store.clone())).await;
    world.silence.break_log();
    store.refuses_answers.store(true, SeqCst);
    assert_eq!(source.refresh().await.unwrap_err().kind(), ErrorKind::Store);
    world.eventually(async || store.refusals.load(SeqCst) > 2).await;
    store.refuses_answers.store(false, SeqCst);
    world.eventually(async || world.grant(&source).await.generation.0 == 2).await;
}

#[tokio::test]
async fn a_log_that_panics_takes_no_sign_in_along_that_waits_for_the_store() {
    let world = World::start().await;
    let store = Picky::new(world.store.clone());
    let keeper = world.start_on(store.clone());
    world.silence.break_log();
    store.refuses_answers.store(true, SeqCst);
    let login = keeper.begin_login().unwrap();
    let callback = world.x.approve(login.url()).await;
    let why = keeper.sign_in(login.approve(&callback).unwrap()).await.unwrap_err();
    assert_eq!(why.kind(), ErrorKind::Store);
    world.eventually(async || store.refusals.load(SeqCst) > 2).await;
    store.refuses_answers.store(false, SeqCst);
    let account = Account::new(world.x.public_app().client_id, "unlabelled-1");
    world.eventually(async || world.grant_of(&account).await.is_some()).await;
}
