//! What is told by a look past the keeper: at a record, at a lease, at the holders' files.

use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use xpkce::grant::{Grant, Holder, Liveness, State};
use xpkce::keeper::{LeaseHolder, fresh_token, note_use, spilled_keys, waiting_pairs, wants_note};
use xpkce::store::{Store as _, Stored};

use crate::picky::Picky;
use crate::world::{A_LIFE, World};

const HOUR: Duration = Duration::from_secs(3600);
const MILLISECOND: Duration = Duration::from_millis(1);

#[tokio::test]
async fn a_token_is_taken_from_its_record_until_its_early_window_begins() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    let mut grant = world.grant(&source).await;
    let sealer = world.process().sealer;
    let early = grant.access.as_ref().unwrap().refresh_at();
    let taken = |grant: &Grant, now| fresh_token(&sealer, grant, now).unwrap().is_some();
    assert!(taken(&grant, early - MILLISECOND));
    assert!(!taken(&grant, early), "a keeper would have asked X");
    grant.access.as_mut().unwrap().is_rejected = true;
    assert!(!taken(&grant, early - MILLISECOND), "X has refused it");
}

#[tokio::test]
async fn a_token_taken_from_its_record_is_a_use_and_is_noted_once_an_hour() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    let stored = async || world.store.load(source.account()).await.unwrap().unwrap();
    let first = stored().await.grant.used_at.unwrap_or(world.now()) + HOUR;
    note_use(&*world.store, &stored().await, first).await;
    let noted = stored().await;
    assert_eq!(noted.grant.used_at, Some(first));
    note_use(&*world.store, &noted, first + HOUR - MILLISECOND).await;
    assert_eq!(stored().await.revision, noted.revision, "it is noted already");
    note_use(&*world.store, &noted, first + HOUR).await;
    assert_eq!(stored().await.grant.used_at, Some(first + HOUR));
}

#[tokio::test]
async fn a_use_is_left_to_be_noted_by_who_holds_the_lease() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    let mut grant = world.grant(&source).await;
    let later = world.now() + HOUR;
    assert!(wants_note(&grant, later));
    grant.state = State::Spending;
    assert!(!wants_note(&grant, later));
    grant.used_at = None;
    assert!(!wants_note(&grant, later));
}

#[tokio::test]
async fn a_pair_waits_when_its_living_holder_has_not_saved_it_for_long_or_is_dead() {
    let world = World::start().await;
    let store = Picky::new(world.store.clone());
    let keeper = world.start_on(store.clone());
    let source = world.sign_in(&keeper).await;
    world.advance(A_LIFE);
    store.refuses_answers.store(true, SeqCst);
    source.access_token().await.unwrap();
    let received = world.now();
    let key = world.process().sealer.current();
    assert_eq!(spilled_keys(world.folder.path()).unwrap(), [key].into(), "it must stay");
    let waiting = |now| waiting_pairs(world.folder.path(), now).unwrap();
    let just_now = received + Duration::from_secs(5);
    assert_eq!(waiting(just_now), [], "it may be saving it just now");
    let [pair] = &waiting(just_now + MILLISECOND)[..] else { panic!("no pair waits") };
    assert_eq!((&pair.account, pair.generation.0), (source.account(), 2));
    assert_eq!((pair.is_sign_in, pair.received_at), (false, received));
    drop((source, keeper));
    assert_eq!(waiting(received).len(), 1, "nobody is left to save it");
}

#[tokio::test]
async fn a_pair_of_a_sign_in_that_waits_is_called_one() {
    let world = World::start().await;
    let store = Picky::new(world.store.clone());
    store.refuses_answers.store(true, SeqCst);
    let keeper = world.start_on(store);
    let login = keeper.begin_login().unwrap();
    let callback = world.x.approve(login.url()).await;
    keeper.sign_in(login.approve(&callback).unwrap()).await.unwrap_err();
    drop(keeper);
    let waiting = waiting_pairs(world.folder.path(), world.now()).unwrap();
    let [pair] = &waiting[..] else { panic!("{waiting:?}") };
    assert_eq!((pair.is_sign_in, pair.generation.0), (true, 1));
}

#[tokio::test]
async fn a_holder_is_called_gone_only_where_that_can_be_told() {
    let world = World::start().await;
    let keeper = world.keeper();
    let source = world.sign_in(&keeper).await;
    let load = async || world.store.load(source.account()).await.unwrap().unwrap();
    let look = |stored: &Stored| LeaseHolder::of(stored, world.folder.path());
    assert!(look(&load().await).is_none(), "nobody holds it");
    world.advance(A_LIFE);
    let mut call = Box::pin(source.access_token());
    world.hold(&mut call).await;

    let mut stored = load().await;
    let seen = look(&stored).unwrap();
    assert_eq!((seen.holder.pid, seen.is_gone), (std::process::id(), Some(false)));
    let out = Stored { lease_left: Duration::ZERO, ..stored.clone() };
    assert_eq!(look(&out).unwrap().is_gone, Some(true), "its lease has run out");
    // Another holder of this machine, whose file nobody has locked.
    let file = format!("{}.holder", "0".repeat(32));
    std::fs::write(world.folder.path().join(&file), "").unwrap();
    let met = std::fs::metadata(world.folder.path().join(&file)).unwrap();
    let holder = Holder::clone(&stored.grant.lease.as_ref().unwrap().holder);
    let liveness = Some(Liveness { file, device: met.dev(), inode: met.ino() });
    let boot_id = "another machine".to_owned();
    let mut is_held_by = |holder| {
        let lease = Arc::make_mut(&mut stored.grant).lease.as_mut().unwrap();
        lease.holder = Arc::new(holder);
        look(&stored).unwrap().is_gone
    };
    let elsewhere = Holder { boot_id, liveness: liveness.clone(), ..holder.clone() };
    assert_eq!(is_held_by(elsewhere), None, "from here it cannot be told");
    assert_eq!(is_held_by(Holder { liveness, ..holder }), Some(true), "it is dead");

    world.release(&keeper).await;
    call.await.unwrap();
}
