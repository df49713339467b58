//! The sealing key going away: found before anything is spent.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use xpkce::keeper::{fresh_token, reseal};
use xpkce::seal::{KeySource, Sealer, unlock};
use xpkce::store::Store as _;
use xpkce::{ErrorKind, Keeper, Reason, Token};
use xpkce_emulator::{Endpoint, Fault, FaultRule, Problem};

use crate::world::{A_LIFE, KEY, Process, World};

/// A key that nothing is sealed with yet.
const ANOTHER: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// A keeper whose key is in a file.
async fn with_a_key_file(world: &World) -> (Keeper, PathBuf) {
    let key = world.folder.path().join("the-key");
    let keys = unlock(&*world.store, &KeySource::File(key.clone())).await.unwrap();
    let folder = world.folder.path().join("holders");
    (world.start_in(Process { sealer: Arc::new(keys), folder, ..world.process() }), key)
}

#[tokio::test]
async fn a_missing_key_is_found_before_the_token_is_spent() {
    let world = World::start().await;
    let (keeper, key) = with_a_key_file(&world).await;
    let source = world.sign_in(&keeper).await;
    world.advance(A_LIFE);
    std::fs::remove_file(key).unwrap();
    let asked = world.x.token_requests();
    assert_eq!(source.access_token().await.unwrap_err().kind(), ErrorKind::Configure);
    assert_eq!(world.x.token_requests(), asked);
}

#[tokio::test]
async fn a_missing_key_is_found_before_the_code_is_spent() {
    let world = World::start().await;
    let (keeper, key) = with_a_key_file(&world).await;
    let login = keeper.begin_login().unwrap();
    let callback = world.x.approve(login.url()).await;
    std::fs::remove_file(key).unwrap();
    let why = keeper.sign_in(login.approve(&callback).unwrap()).await.unwrap_err();
    assert_eq!(why.kind(), ErrorKind::Configure);
    assert_eq!(world.x.exchanges(), 0);
}

#[tokio::test]
async fn a_token_that_is_taken_over_is_sealed_with_a_key_that_was_added_since() {
    let world = World::start().await;
    let (keeper, key) = with_a_key_file(&world).await;
    let newest = Sealer::rotate_key_file(key).unwrap().current();
    let refused = Fault::Problem { problem: Problem::Forbidden };
    world.x.fault(FaultRule::new(Endpoint::Whoami, refused));
    let saved = r#"{"access_token": "old-access", "refresh_token": "old-refresh"}"#;
    let account = keeper.import(Token::from_json(saved).unwrap()).await.unwrap().account;
    let grant = world.grant_of(&account).await.unwrap();
    assert_eq!(*grant.refresh.unwrap().key(), newest);
}

#[tokio::test]
async fn a_sign_in_is_parked_under_a_key_that_was_added_since() {
    let world = World::start().await;
    let (keeper, key) = with_a_key_file(&world).await;
    let newest = Sealer::rotate_key_file(key).unwrap().current();
    keeper.park_login(&keeper.begin_login().unwrap()).await.unwrap();
    assert_eq!(world.store.login_keys().await.unwrap(), [newest]);
}

#[tokio::test]
async fn another_stores_key_is_found_before_the_token_is_spent() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    world.advance(A_LIFE);
    let anothers = Sealer::from_text(ANOTHER).unwrap();
    let keeper = world.start_in(Process { sealer: Arc::new(anothers), ..world.process() });
    let asked = world.x.token_requests();
    let why = keeper.token_source(&source.account().user).refresh().await.unwrap_err();
    assert_eq!(why.reason(), Reason::Key);
    assert_eq!(world.x.token_requests(), asked);
    assert_eq!(world.grant(&source).await.lease, None);
}

#[tokio::test]
async fn logins_are_sealed_anew_once_and_those_that_do_not_open_are_left() {
    let world = World::start().await;
    let own = world.sign_in(&world.keeper()).await;
    let foreign = Sealer::from_text("BAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8").unwrap();
    let process = Process { sealer: Arc::new(foreign), ..world.process() };
    let other = world.sign_in_as(&world.start_in(process), 1).await;
    let revision = async || world.store.load(other.account()).await.unwrap().unwrap().revision;
    let before = revision().await;

    let both = Sealer::from_text(&format!("{KEY} {ANOTHER}")).unwrap();
    let done = reseal(&*world.store, &both).await.unwrap();
    assert_eq!((done.resealed, done.failed), (1, 1));
    let newer = Sealer::from_text(ANOTHER).unwrap();
    assert!(fresh_token(&newer, &world.grant(&own).await, world.now()).unwrap().is_some());
    assert_eq!(revision().await, before);
    let again = reseal(&*world.store, &both).await.unwrap();
    assert_eq!((again.resealed, again.failed), (0, 1));
}

#[tokio::test]
async fn a_store_that_takes_nothing_is_no_login_that_does_not_open() {
    let world = World::start().await;
    world.sign_in(&world.keeper()).await;
    let both = Sealer::from_text(&format!("{KEY} {ANOTHER}")).unwrap();
    world.store.fail_writes(true);
    let why = reseal(&*world.store, &both).await.unwrap_err();
    assert_eq!(why.kind(), ErrorKind::Store);
}

#[tokio::test]
async fn a_sign_in_that_does_not_open_waits_on_for_who_has_its_key_and_no_longer_than_it_lives() {
    let world = World::start().await;
    let keeper = world.keeper();
    let anothers = Sealer::from_text(ANOTHER).unwrap();
    let other = world.start_in(Process { sealer: Arc::new(anothers), ..world.process() });
    let [login, late] = [keeper.begin_login().unwrap(), keeper.begin_login().unwrap()];
    for login in [&login, &late] {
        keeper.park_login(login).await.unwrap();
    }
    let callback = world.x.approve(login.url()).await;
    assert_eq!(other.finish_login(&callback).await.unwrap_err().reason(), Reason::Key);
    keeper.finish_login(&callback).await.unwrap();

    let callback = format!("?state={}&code=a-code", late.state().expose());
    world.advance(Duration::from_secs(599));
    assert_eq!(other.finish_login(&callback).await.unwrap_err().reason(), Reason::Key);
    world.advance(Duration::from_secs(2));
    let why = keeper.finish_login(&callback).await.unwrap_err();
    assert_eq!(why.reason(), Reason::LoginExpired);
    assert_eq!(world.x.token_requests(), 1);
}
