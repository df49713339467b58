//! What the log is told of a login: whose it is, and of which generation.

use std::sync::atomic::Ordering::SeqCst;

use xpkce_emulator::Fault;

use crate::picky::Picky;
use crate::world::{A_LIFE, World};

#[tokio::test]
async fn what_a_refresh_does_is_logged_under_its_account_and_generation() {
    let world = World::start_alone().await;
    let source = world.sign_in(&world.keeper()).await;
    source.refresh().await.unwrap();
    let span = format!("spend{{account={} generation=1}}", source.account());
    for event in ["client: answered status=200", "keeper::land: what X answered is saved now=2"] {
        assert!(world.silence.has_heard(&format!("{span}: xpkce::{event}")), "{event}");
    }
}

#[tokio::test]
async fn xs_word_on_a_token_is_logged_with_what_it_came_to() {
    let world = World::start_alone().await;
    let source = world.sign_in(&world.keeper()).await;
    world.x.fault(world.on_refresh(Fault::Reset).after_commit());
    source.refresh().await.unwrap_err();
    let word = "X says that the refresh token is invalid verdict=Heard";
    let span = format!("spend{{account={} generation=1}}", source.account());
    assert!(world.silence.has_heard(&format!("{span}: xpkce::keeper::spend: {word}")));
}

#[tokio::test]
async fn a_token_that_another_process_has_rotated_is_logged_as_adopted() {
    let world = World::start_alone().await;
    let source = world.sign_in(&world.keeper()).await;
    source.access_token().await.unwrap();
    world.advance(A_LIFE / 2);
    let elsewhere = world.keeper().token_source(&source.account().user);
    elsewhere.refresh().await.unwrap();
    world.advance(A_LIFE / 2);
    source.access_token().await.unwrap();
    let told = format!("another holder has rotated it account={} generation=2", source.account());
    assert!(world.silence.has_heard(&told));
}

#[tokio::test]
async fn what_a_sign_out_does_is_logged_under_its_account_and_generation() {
    let world = World::start_alone().await;
    let source = world.sign_in(&world.keeper()).await;
    source.refresh().await.unwrap();
    source.sign_out().await.unwrap();
    let span = format!("sign_out{{account={} generation=2}}", source.account());
    assert!(world.silence.has_heard(&format!("{span}: xpkce::client: answered status=200")));
}

#[tokio::test]
async fn a_sign_in_is_logged_under_the_account_that_it_made() {
    let world = World::start_alone().await;
    let keeper = world.keeper();
    for source in [world.sign_in_unlabelled(&keeper).await, world.sign_in(&keeper).await] {
        let told = format!("the user is signed in account={}\n", source.account());
        assert!(world.silence.has_heard(&told), "{told}");
    }
}

#[tokio::test]
async fn a_save_in_the_background_is_logged_with_its_account_and_generation() {
    let world = World::start_alone().await;
    let store = Picky::new(world.store.clone());
    let source = world.sign_in(&world.start_on(store.clone())).await;
    store.refuses_answers.store(true, SeqCst);
    source.refresh().await.unwrap_err();
    let of = |generation| format!("account={} generation={generation}", source.account());
    let fails = format!("the store still takes nothing {} error=", of(1));
    world.eventually(async || world.silence.has_heard(&fails)).await;
    store.refuses_answers.store(false, SeqCst);
    let saved = format!("what was spilled is saved {}", of(2));
    world.eventually(async || world.silence.has_heard(&saved)).await;
}
