//! What the log is told of a login: whose it is, and of which generation.

use xpkce_emulator::Fault;

use crate::world::{A_LIFE, World};

#[tokio::test]
async fn what_a_refresh_does_is_logged_under_its_account_and_generation() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    source.refresh().await.unwrap();
    let span = format!("spend{{account={} generation=1}}", source.account());
    for event in ["client: answered status=200", "keeper::land: what X answered is saved now=2"] {
        assert!(world.silence.has_heard(&format!("{span}: xpkce::{event}")), "{event}");
    }
}

#[tokio::test]
async fn xs_word_on_a_token_is_logged_with_what_it_came_to() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    world.x.fault(world.on_refresh(Fault::Reset).after_commit());
    source.refresh().await.unwrap_err();
    let word = "X says that the refresh token is invalid verdict=Heard";
    let span = format!("spend{{account={} generation=1}}", source.account());
    assert!(world.silence.has_heard(&format!("{span}: xpkce::keeper::spend: {word}")));
}

#[tokio::test]
async fn a_token_that_another_process_has_rotated_is_logged_as_adopted() {
    let world = World::start().await;
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
async fn what_a_sign_out_does_is_logged_under_its_account() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    source.sign_out().await.unwrap();
    let span = format!("sign_out{{account={}}}", source.account());
    assert!(world.silence.has_heard(&format!("{span}: xpkce::client: answered status=200")));
}
