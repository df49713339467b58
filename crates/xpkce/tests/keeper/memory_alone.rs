//! Pairs that neither the store nor the folder beside it takes: they live in memory alone.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use xpkce::{ErrorKind, Keeper, TokenSource};

use crate::picky::Picky;
use crate::world::{A_LIFE, Process, World};

/// A process whose store refuses, and whose folder cannot be one: a file is in its place.
struct Cramped {
    world: World,
    store: Arc<Picky>,
    in_the_way: PathBuf,
}

impl Cramped {
    async fn start() -> Self {
        let world = World::start_alone().await;
        let in_the_way = world.folder.path().join("holders");
        std::fs::write(&in_the_way, "").unwrap();
        Self { store: Picky::new(world.store.clone()), world, in_the_way }
    }

    fn keeper(&self) -> Keeper {
        let (store, folder) = (self.store.clone(), self.in_the_way.clone());
        self.world.start_in(Process { store, folder, ..self.world.process() })
    }

    /// Signs in, which is told to have failed.
    async fn sign_in(&self, keeper: &Keeper) {
        self.store.refuses_answers.store(true, SeqCst);
        let login = keeper.begin_login().unwrap();
        let callback = self.world.x.approve(login.url()).await;
        let why = keeper.sign_in(login.approve(&callback).unwrap()).await.unwrap_err();
        assert_eq!(why.kind(), ErrorKind::Store);
        assert!(why.to_string().contains("in this process alone"), "{why}");
    }

    fn make_way(&self) {
        std::fs::remove_file(&self.in_the_way).unwrap();
        self.world.advance(Duration::from_secs(61));
    }

    /// Ends a process while time goes on.
    async fn end(&self, process: impl Send + 'static) {
        let ending = tokio::task::spawn_blocking(move || drop(process));
        while !ending.is_finished() {
            self.world.advance(Duration::from_secs(1));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        ending.await.unwrap();
    }
}

const LOST: &str = "are lost with this process";

#[tokio::test]
async fn a_sign_in_is_saved_as_soon_as_the_store_takes_it() {
    let cramped = Cramped::start().await;
    let keeper = cramped.keeper();
    cramped.sign_in(&keeper).await;
    cramped.store.refuses_answers.store(false, SeqCst);
    let saved = keeper.token_source("unlabelled-1");
    cramped.world.eventually(async || saved.access_token().await.is_ok()).await;
    assert!(!cramped.world.silence.has_heard(LOST));
}

#[tokio::test]
async fn a_sign_in_is_spilled_as_soon_as_the_folder_takes_it() {
    let cramped = Cramped::start().await;
    let keeper = cramped.keeper();
    cramped.sign_in(&keeper).await;
    cramped.make_way();
    cramped.end(keeper).await;
    cramped.store.refuses_answers.store(false, SeqCst);
    let next = cramped.keeper().token_source("unlabelled-1");
    assert_eq!(next.access_token().await.unwrap().generation().0, 1);
}

#[tokio::test]
async fn a_rotated_pair_is_spilled_as_soon_as_the_folder_takes_it() {
    let cramped = Cramped::start().await;
    let keeper = cramped.keeper();
    let source: TokenSource = cramped.world.sign_in(&keeper).await;
    let user = source.account().user.clone();
    cramped.world.advance(A_LIFE);
    cramped.store.refuses_answers.store(true, SeqCst);
    assert_eq!(source.access_token().await.unwrap().generation().0, 2);
    cramped.make_way();
    cramped.end((source, keeper)).await;
    cramped.store.refuses_answers.store(false, SeqCst);
    let next = cramped.keeper().token_source(&user);
    assert_eq!(next.access_token().await.unwrap().generation().0, 2);
    assert_eq!(cramped.world.x.refreshes(), 1);
}

#[tokio::test]
async fn a_sign_in_that_is_lost_with_its_process_is_told_of() {
    let cramped = Cramped::start().await;
    let keeper = cramped.keeper();
    cramped.sign_in(&keeper).await;
    assert!(!cramped.world.silence.has_heard(LOST), "it may be saved yet");
    cramped.end(keeper).await;
    assert!(cramped.world.silence.has_heard(LOST));
}

#[tokio::test]
async fn a_rotated_pair_that_is_lost_with_its_process_is_told_of() {
    let cramped = Cramped::start().await;
    let keeper = cramped.keeper();
    let source = cramped.world.sign_in(&keeper).await;
    cramped.world.advance(A_LIFE);
    cramped.store.refuses_answers.store(true, SeqCst);
    assert_eq!(source.access_token().await.unwrap().generation().0, 2);
    cramped.end((source, keeper)).await;
    assert!(cramped.world.silence.has_heard(LOST));
}
