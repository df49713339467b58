//! A keeper spends over the record that it saved last, without reading it, and finds out by the swap
//! what others have made of it since.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use xpkce::grant::State;
#[cfg(feature = "sqlite")]
use xpkce::keeper::note_use;
#[cfg(feature = "sqlite")]
use xpkce::store::SqliteStore;
use xpkce::store::{LeaseEnd, Store as _, Swapped};
use xpkce::{Keeper, Reason, Timestamp, TokenSource};
use xpkce_emulator::{Fault, OddAnswer};

use crate::picky::Picky;
use crate::spills::{copy_of_the_spill, put_back};
use crate::world::{A_LIFE, World};

/// One process's keeper of a login that it has rotated just now, and its way to the store.
async fn rotated_by(world: &World) -> (Keeper, TokenSource, Arc<Picky>) {
    let store = Picky::new(world.store.clone());
    let keeper = world.start_on(store.clone());
    let source = world.sign_in(&keeper).await;
    source.refresh().await.unwrap();
    store.loads.store(0, SeqCst);
    (keeper, source, store)
}

fn the_app_is_refused() -> Fault {
    let (error, description) = ("invalid_client".to_owned(), String::new());
    Fault::OauthError { status: 401, error, description }
}

/// The same login in another process.
fn elsewhere(world: &World, source: &TokenSource) -> (Keeper, TokenSource) {
    let keeper = world.keeper();
    let source = keeper.token_source(&source.account().user);
    (keeper, source)
}

#[tokio::test]
async fn what_was_saved_last_is_not_read_before_it_is_spent() {
    let world = World::start().await;
    let (keeper, source, store) = rotated_by(&world).await;
    assert_eq!(source.refresh().await.unwrap().generation().0, 3);
    assert_eq!(store.loads.load(SeqCst), 0);
    world.advance(A_LIFE);
    let mut asking = Box::pin(source.access_token());
    world.hold(&mut asking).await;
    assert_eq!(store.loads.load(SeqCst), 0, "a token that has ended is refreshed");
    world.release(&keeper).await;
    assert_eq!(asking.await.unwrap().generation().0, 4);
}

#[tokio::test]
async fn who_asks_for_a_rotation_gets_a_token_though_a_refresh_token_comes_alone() {
    let world = World::start().await;
    let (_keeper, source, _) = rotated_by(&world).await;
    world.x.fault(world.on_refresh(Fault::Odd { answer: OddAnswer::NoAccessToken }));
    assert_eq!(source.refresh().await.unwrap().generation().0, 4);
}

#[tokio::test]
async fn what_another_process_has_rotated_since_is_adopted() {
    let world = World::start().await;
    let (_keeper, source, _) = rotated_by(&world).await;
    let (_other, there) = elsewhere(&world, &source);
    world.advance(A_LIFE / 2);
    let theirs = there.refresh().await.unwrap().expose().to_owned();
    world.advance(A_LIFE / 2);
    let asked = world.x.token_requests();
    assert_eq!(source.access_token().await.unwrap().expose(), theirs);
    assert_eq!(world.x.token_requests(), asked, "it was rotated once more");
}

#[tokio::test]
async fn who_asks_for_a_rotation_gets_one_of_what_another_process_has_made_since() {
    let world = World::start().await;
    let (_keeper, source, _) = rotated_by(&world).await;
    let (_other, there) = elsewhere(&world, &source);
    assert_eq!(there.refresh().await.unwrap().generation().0, 3);
    assert_eq!(source.refresh().await.unwrap().generation().0, 4);
    assert_eq!(there.refresh().await.unwrap().generation().0, 5);
    assert_eq!(world.state(&source).await, State::Ready);
}

#[tokio::test]
async fn who_finds_another_process_at_it_waits_for_what_that_one_makes() {
    let world = World::start().await;
    let (_keeper, source, _) = rotated_by(&world).await;
    let (other, there) = elsewhere(&world, &source);
    let mut theirs = Box::pin(there.refresh());
    world.hold(&mut theirs).await;
    let asked = world.x.token_requests();
    let mut ours = std::pin::pin!(source.refresh());
    let waits = tokio::time::timeout(Duration::from_millis(100), ours.as_mut()).await;
    assert!(waits.is_err() && world.x.token_requests() == asked, "{waits:?}");
    world.release(&other).await;
    assert_eq!(theirs.await.unwrap().generation().0, 3);
    assert_eq!(ours.await.unwrap().generation().0, 3);
}

#[tokio::test]
async fn who_was_signed_out_by_another_process_is_told_so() {
    let world = World::start().await;
    let (_keeper, source, _) = rotated_by(&world).await;
    let (_other, there) = elsewhere(&world, &source);
    there.sign_out().await.unwrap();
    let asked = world.x.token_requests();
    assert_eq!(source.refresh().await.unwrap_err().reason(), Reason::SignedOut);
    assert_eq!(world.x.token_requests(), asked, "a token that was revoked is sent");
}

#[tokio::test]
async fn who_was_signed_out_by_another_process_is_told_so_once_the_token_has_ended() {
    let world = World::start().await;
    let (_keeper, source, _) = rotated_by(&world).await;
    let (_other, there) = elsewhere(&world, &source);
    there.sign_out().await.unwrap();
    world.advance(A_LIFE);
    assert_eq!(source.access_token().await.unwrap_err().reason(), Reason::SignedOut);
}

#[tokio::test]
async fn a_spend_over_what_is_remembered_is_dated_by_the_stores_clock() {
    let world = World::start().await;
    let (_keeper, source, store) = rotated_by(&world).await;
    for _ in 0..2 {
        world.advance(Duration::from_secs(1000));
        source.refresh().await.unwrap();
        let grant = world.grant(&source).await;
        assert_eq!(grant.history.last().unwrap().at, world.now());
        assert_eq!(grant.used_at, Some(world.now()));
    }
    assert_eq!(store.loads.load(SeqCst), 0);
}

#[tokio::test]
async fn what_is_remembered_is_dated_by_when_it_was_read_and_not_by_when_it_was_saved() {
    for is_read_again in [false, true] {
        let world = World::start().await;
        let (keeper, source, _) = rotated_by(&world).await;
        let mut rotating = Box::pin(source.refresh());
        world.hold(&mut rotating).await;
        world.advance(Duration::from_secs(30));
        if is_read_again {
            let stored = world.store.load(source.account()).await.unwrap().unwrap();
            let swap = world.store.swap(&stored.grant, Some(stored.revision), LeaseEnd::Keep);
            assert!(matches!(swap.await, Ok(Swapped::Done(_))));
        }
        world.release(&keeper).await;
        rotating.await.unwrap();
        source.refresh().await.unwrap();
        let rotated = world.grant(&source).await.history.last().unwrap().at;
        assert_eq!(rotated, world.now(), "read again: {is_read_again}");
    }
}

#[tokio::test]
async fn what_is_remembered_is_not_spent_before_its_time() {
    let world = World::start().await;
    let (_keeper, source, _) = rotated_by(&world).await;
    // The early window begins for all; a keeper of its own begins a little later.
    world.advance(A_LIFE - Duration::from_secs(301));
    source.access_token().await.unwrap();
    assert_eq!(world.x.refreshes(), 1);
}

#[tokio::test]
async fn what_is_remembered_is_not_spent_while_the_app_backs_off() {
    let world = World::with_users(1).await;
    let (keeper, source, _) = rotated_by(&world).await;
    let second = world.sign_in_as(&keeper, 1).await;
    world.x.fault(world.on_refresh(the_app_is_refused()));
    assert!(second.refresh().await.is_err());
    let asked = world.x.token_requests();
    assert_eq!(source.refresh().await.unwrap_err().reason(), Reason::WrongSecretOrAppType);
    assert_eq!(world.x.token_requests(), asked);
}

#[tokio::test]
async fn a_store_that_takes_nothing_is_asked_once() {
    let world = World::start().await;
    let (_keeper, source, store) = rotated_by(&world).await;
    world.store.fail_writes(true);
    store.swaps.store(0, SeqCst);
    assert_eq!(source.refresh().await.unwrap_err().reason(), Reason::Store);
    assert_eq!(store.swaps.load(SeqCst), 1);
}

#[tokio::test]
async fn a_lease_over_what_is_remembered_whose_acknowledgement_was_lost_is_its_own() {
    let world = World::start().await;
    let (_keeper, source, store) = rotated_by(&world).await;
    store.lost_acknowledgements.store(1, SeqCst);
    assert_eq!(source.refresh().await.unwrap().generation().0, 3);
    assert_eq!((world.x.refreshes(), world.x.replays()), (2, 0));
}

#[tokio::test]
async fn a_record_is_read_once_in_sixteen_spends() {
    let world = World::start().await;
    let (_keeper, source, store) = rotated_by(&world).await;
    for _ in 0..32 {
        source.refresh().await.unwrap();
    }
    assert_eq!(store.loads.load(SeqCst), 2);
}

#[tokio::test]
async fn a_keeper_of_very_many_logins_remembers_the_records_of_none() {
    let world = World::start().await;
    let (keeper, source, store) = rotated_by(&world).await;
    let _many: Vec<_> = (0..10_000).map(|user| keeper.token_source(&user.to_string())).collect();
    source.refresh().await.unwrap();
    assert_eq!(store.loads.swap(0, SeqCst), 0, "what is remembered is not forgotten");
    source.refresh().await.unwrap();
    assert_eq!(store.loads.load(SeqCst), 1);
}

/// Signs in, and has another process rotate it after half a life, so that the first one's token is
/// dead and the other's is in its early window.
async fn with_their_token_in_its_early_window(world: &World) -> (TokenSource, Vec<Keeper>, String) {
    let (keeper, source, _) = rotated_by(world).await;
    let (other, there) = elsewhere(world, &source);
    world.advance(A_LIFE / 2);
    let theirs = there.refresh().await.unwrap().expose().to_owned();
    world.advance(A_LIFE - Duration::from_secs(150));
    (source, vec![keeper, other], theirs)
}

#[tokio::test]
async fn what_another_process_has_rotated_since_is_served_though_x_fails() {
    let world = World::start().await;
    let (source, _keepers, theirs) = with_their_token_in_its_early_window(&world).await;
    world.x.fault(world.on_refresh(Fault::Cloudflare).times(9));
    assert_eq!(source.access_token().await.unwrap().expose(), theirs);
}

#[tokio::test]
async fn what_another_process_has_rotated_since_is_served_while_that_one_refreshes_it() {
    let world = World::start().await;
    let (source, keepers, theirs) = with_their_token_in_its_early_window(&world).await;
    let there = keepers[1].token_source(&source.account().user);
    let mut rotating = Box::pin(there.refresh());
    world.hold(&mut rotating).await;
    let asking = tokio::time::timeout(Duration::from_secs(2), source.access_token());
    assert_eq!(asking.await.expect("it waits").unwrap().expose(), theirs);
    world.release(&keepers[1]).await;
    rotating.await.unwrap();
}

#[tokio::test]
async fn a_token_in_its_early_window_that_another_process_has_signed_out_is_not_served() {
    let world = World::start().await;
    let (_keeper, source, _) = rotated_by(&world).await;
    let (_other, there) = elsewhere(&world, &source);
    there.sign_out().await.unwrap();
    world.advance(A_LIFE - Duration::from_secs(150));
    assert_eq!(source.access_token().await.unwrap_err().reason(), Reason::SignedOut);
}

#[tokio::test]
async fn what_another_process_has_rotated_since_is_served_while_the_app_backs_off() {
    let world = World::with_users(1).await;
    let (keeper, source, _) = rotated_by(&world).await;
    let second = world.sign_in_as(&keeper, 1).await;
    let (_other, there) = elsewhere(&world, &source);
    world.advance(A_LIFE / 2);
    let theirs = there.refresh().await.unwrap().expose().to_owned();
    world.advance(A_LIFE / 2);
    world.x.fault(world.on_refresh(the_app_is_refused()));
    assert!(second.refresh().await.is_err());
    assert_eq!(source.access_token().await.unwrap().expose(), theirs);
}

#[tokio::test]
async fn what_another_process_has_rotated_since_is_served_though_the_store_takes_nothing() {
    let world = World::start().await;
    let (_keeper, source, store) = rotated_by(&world).await;
    let (_other, there) = elsewhere(&world, &source);
    world.advance(A_LIFE / 2);
    let theirs = there.refresh().await.unwrap().expose().to_owned();
    world.advance(A_LIFE / 2);
    store.lost_acknowledgements.store(9, SeqCst);
    assert_eq!(source.access_token().await.unwrap().expose(), theirs);
}

#[tokio::test]
async fn a_wait_that_x_asks_for_runs_from_now_though_the_wall_clock_was_set_since() {
    for (name, set) in [("on", 3600), ("back", -600)] {
        let world = World::start().await;
        let (_keeper, source, _) = rotated_by(&world).await;
        world.clock.set_wall(Timestamp::from_secs(world.now().as_secs() + set));
        world
            .x
            .fault(world.on_refresh(Fault::RateLimited { reset_in: None, retry_after: Some(100) }));
        assert!(source.refresh().await.is_err());
        let until = world.grant(&source).await.not_before.unwrap();
        let wait = until.as_secs() - world.now().as_secs();
        assert!((90..=110).contains(&wait), "{name}: {wait}");
    }
}

#[tokio::test]
async fn a_spill_that_others_have_saved_and_spent_since_is_no_candidate() {
    let world = World::start().await;
    let (_keeper, source, _) = rotated_by(&world).await;
    let their_store = Picky::new(world.store.clone());
    let other = world.start_on(their_store.clone());
    let there = other.token_source(&source.account().user);
    their_store.refuses_answers.store(true, SeqCst);
    assert!(there.refresh().await.is_err());
    let spill = copy_of_the_spill(world.folder.path());
    their_store.refuses_answers.store(false, SeqCst);
    world
        .eventually(async || there.refresh().await.is_ok_and(|token| token.generation().0 == 4))
        .await;
    put_back(world.folder.path(), &spill);
    assert_eq!(source.refresh().await.unwrap().generation().0, 5);
    assert!(world.grant(&source).await.candidates.is_empty());
}

#[tokio::test]
async fn what_is_remembered_is_not_sent_past_a_spill_whose_lease_the_store_has_lost() {
    let world = World::start().await;
    let (_keeper, source, _) = rotated_by(&world).await;
    let their_store = Picky::new(world.store.clone());
    let other = world.start_on(their_store.clone());
    let there = other.token_source(&source.account().user);
    their_store.lost_writes.store(1, SeqCst);
    their_store.refuses_answers.store(true, SeqCst);
    assert!(there.refresh().await.is_err());
    assert_eq!(source.refresh().await.unwrap().generation().0, 3, "their pair is one");
    assert_eq!((world.x.refreshes(), world.x.replays()), (2, 0));
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn a_record_of_a_store_out_of_a_backup_is_not_taken_for_the_one_that_is_remembered() {
    let world = World::start().await;
    let [path, backup] = ["first.db", "backup.db"].map(|name| world.folder.path().join(name));
    let account = {
        let keeper = world.start_on(Arc::new(SqliteStore::open(&path).await.unwrap()));
        world.sign_in(&keeper).await.account().clone()
    };
    std::fs::copy(&path, &backup).unwrap();
    let store = Picky::new(Arc::new(SqliteStore::open(&path).await.unwrap()));
    let keeper = world.start_on(store.clone());
    let source = keeper.token_source(&account.user);
    source.refresh().await.unwrap();

    // The user signs in again, and the record has been written twice since, as the other has.
    let restored = Arc::new(SqliteStore::open(&backup).await.unwrap());
    let other = world.start_on(restored.clone());
    assert_eq!(*world.sign_in(&other).await.account(), account);
    let there = async || restored.load(&account).await.unwrap().unwrap();
    note_use(&*restored, &there().await, world.now() + A_LIFE).await;
    let signed_in = there().await.grant.grant_id;
    let _ = store.restored.set(restored.clone());
    let refreshed = source.refresh().await;
    assert_eq!(there().await.grant.grant_id, signed_in, "the new sign-in is lost");
    refreshed.unwrap();
}
