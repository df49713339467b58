//! The sealing key going away: found before anything is spent.

use std::path::PathBuf;
use std::sync::Arc;

use xpkce::seal::{KeySource, Sealer, unlock};
use xpkce::{ErrorKind, Keeper, Reason};

use crate::world::{A_LIFE, Process, World};

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
async fn another_stores_key_is_found_before_the_token_is_spent() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    world.advance(A_LIFE);
    let anothers = Sealer::from_text("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
    let keeper = world.start_in(Process { sealer: Arc::new(anothers), ..world.process() });
    let asked = world.x.token_requests();
    let why = keeper.token_source(&source.account().user).refresh().await.unwrap_err();
    assert_eq!(why.reason(), Reason::Key);
    assert_eq!(world.x.token_requests(), asked);
    assert_eq!(world.grant(&source).await.lease, None);
}
