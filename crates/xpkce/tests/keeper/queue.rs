//! What the keeper does by itself, for many logins, with nobody asking.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use xpkce::grant::{Grant, State};
use xpkce::keeper::{Report, Round, Tending};
use xpkce::store::{LeaseEnd, SqliteStore, Store};
use xpkce::{Keeper, Reason};
use xpkce_emulator::{BodyForm, Endpoint, Fault, FaultRule};

use crate::picky::Picky;
use crate::world::{A_LIFE, SCOPES, World};

pub const DAY: Duration = Duration::from_secs(24 * 3600);
pub const MINUTE: Duration = Duration::from_secs(60);
/// From a sign-in into its token's early window, past the minute in which that begins.
pub const INTO_THE_WINDOW: Duration = Duration::from_secs(7000);

/// Signs this many users in; nobody asks for their tokens.
pub async fn idle(world: &World, many: usize) {
    let keeper = world.keeper();
    for nth in 0..many {
        world.sign_in_as(&keeper, nth).await;
    }
}

/// Signs this many users in, and asks for the token of each.
pub async fn in_use(world: &World, many: usize) {
    let keeper = world.keeper();
    for nth in 0..many {
        world.sign_in_as(&keeper, nth).await.access_token().await.unwrap();
    }
    // Its end waits for what is noted after a token was served.
    drop(keeper);
}

pub async fn all(world: &World) -> Vec<Grant> {
    let stored = world.store.list(None, 10_000).await.unwrap();
    stored.into_iter().map(|stored| Grant::clone(&stored.grant)).collect()
}

pub async fn states(world: &World) -> BTreeMap<(&'static str, u64), usize> {
    let mut states = BTreeMap::new();
    for grant in all(world).await {
        *states.entry((grant.state.name(), grant.generation.0)).or_default() += 1;
    }
    states
}

pub async fn once(keeper: &Keeper) -> Round {
    keeper.keep_once(&Tending::new().with_concurrency(8)).await.unwrap()
}

#[tokio::test]
async fn two_keepers_refresh_two_hundred_logins_that_are_due_once_each() {
    let world = World::with_users(200).await;
    in_use(&world, 200).await;
    let (one, other) = (world.keeper(), world.keeper());
    world.advance(INTO_THE_WINDOW);
    let tending = Tending::new();
    let (first, second) =
        futures_util::future::join(one.keep_once(&tending), other.keep_once(&tending)).await;
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!((first.failed, second.failed), (0, 0));
    assert_eq!(first.rotated + second.rotated, 200);
    assert_eq!((world.x.refreshes(), world.x.replays()), (200, 0));
    assert_eq!(states(&world).await, BTreeMap::from([(("ready", 2), 200)]));
    let again = once(&one).await;
    assert_eq!(again, Round::default(), "the queue is not empty");
}

#[tokio::test]
async fn a_queue_longer_than_a_page_is_worked_off_in_one_round() {
    let world = World::with_users(300).await;
    in_use(&world, 300).await;
    world.advance(INTO_THE_WINDOW);
    assert_eq!(once(&world.keeper()).await.rotated, 300);
}

#[tokio::test]
async fn nothing_is_rotated_before_its_early_window() {
    let world = World::start().await;
    in_use(&world, 2).await;
    world.advance(A_LIFE - Duration::from_secs(320));
    assert_eq!(once(&world.keeper()).await, Round::default());
    assert_eq!(world.x.refreshes(), 0);
}

/// Each counts what it did, so that the counts of all add up.
#[tokio::test]
async fn what_another_holder_has_rotated_meanwhile_is_not_told_as_rotated_here() {
    /// Of the reads of an errand, counted from zero, the one between two sends of its token.
    const BETWEEN_SENDS: usize = 1;
    let world = World::start().await;
    in_use(&world, 1).await;
    world.advance(INTO_THE_WINDOW);
    let store = Picky::new(world.store.clone());
    let keeper = world.start_on(store.clone());
    let (shared, account) = (world.store.clone(), all(&world).await.remove(0).account);
    store.before_load(BETWEEN_SENDS, move || {
        let there = shared.load(&account).now_or_never().unwrap().unwrap().unwrap();
        let mut grant = Grant::clone(&there.grant);
        grant.generation = grant.generation.next();
        (grant.state, grant.lease) = (State::Ready, None);
        let swap = shared.swap(&grant, Some(there.revision), LeaseEnd::Now);
        swap.now_or_never().unwrap().unwrap();
    });
    world.x.fault(world.on_refresh(Fault::Reset));
    let round = once(&keeper).await;
    assert_eq!((round.rotated, round.left, round.failed), (0, 1, 0));
    assert_eq!(world.x.refreshes(), 0);
    assert_eq!(states(&world).await, BTreeMap::from([(("ready", 2), 1)]));
}

#[tokio::test]
async fn a_sign_out_that_x_did_not_confirm_is_tried_again() {
    let world = World::start().await;
    let keeper = world.keeper();
    let source = world.sign_in(&keeper).await;
    let unreachable = Fault::Status { status: 503, body: BodyForm::Empty };
    world.x.fault(FaultRule::new(Endpoint::Revoke, unreachable).always());
    source.sign_out().await.unwrap_err();
    world.advance(MINUTE * 2);
    assert_eq!(once(&keeper).await.failed, 1);
    assert_eq!(world.state(&source).await, State::SigningOut);
    world.x.clear_faults();
    assert_eq!(once(&keeper).await, Round::default(), "it backs off");
    world.advance(MINUTE * 2);
    assert_eq!(once(&keeper).await.signed_out, 1);
    assert_eq!(world.state(&source).await, State::SignedOut);
}

#[tokio::test]
async fn a_pair_that_a_dead_holder_left_behind_is_saved_with_nobody_asking() {
    let world = World::start().await;
    let source = world.sign_in(&world.keeper()).await;
    world.advance(A_LIFE);
    let mut call = Box::pin(source.access_token());
    world.hold(&mut call).await;
    world.store.fail_writes(true);
    world.release(&world.keeper()).await;
    call.await.unwrap();
    let account = source.account().clone();
    drop(source);
    world.store.fail_writes(false);
    assert_eq!(world.grant_of(&account).await.unwrap().generation.0, 1);
    assert_eq!(once(&world.keeper()).await.recovered, 1);
    let grant = world.grant_of(&account).await.unwrap();
    assert_eq!((grant.generation.0, grant.state), (2, State::Ready));
    assert_eq!((world.x.refreshes(), world.x.replays()), (1, 0));
    assert_eq!(once(&world.keeper()).await.recovered, 0);
}

#[tokio::test]
async fn what_is_done_is_told() {
    let world = World::start().await;
    in_use(&world, 2).await;
    world.x.disconnect_app(&world.x.users()[1].username);
    world.advance(INTO_THE_WINDOW);
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    let tending = Tending::new().reporting(move |report| {
        let line = match report {
            Report::Login(account, tended) => format!("{} {tended:?}", account.user),
            other => format!("{other:?}"),
        };
        heard.lock().unwrap().push(line);
    });
    world.keeper().keep_once(&tending).await.unwrap();
    let told = told.lock().unwrap().join("\n");
    let users = world.x.users();
    assert!(told.contains(&format!("{} Rotated(Generation(2))", users[0].id)), "{told}");
    assert!(told.contains(&format!("{} Failed(Error", users[1].id)), "{told}");
    assert!(told.contains("Round(Round { rotated: 1, "), "{told}");
}

#[tokio::test]
async fn a_row_that_an_earlier_program_wrote_is_put_in_its_place() {
    let world = World::start().await;
    let path = world.folder.path().join("xpkce.db");
    let store = Arc::new(SqliteStore::open(&path).await.unwrap());
    let keeper = world.keeper_of(&world.x.public_app(), store.clone(), SCOPES);
    let source = world.sign_in(&keeper).await;
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute("UPDATE grants SET due = 0", ()).unwrap();
    assert_eq!(once(&keeper).await.left, 1);
    let due: Option<i64> = db.query_row("SELECT due FROM grants", (), |row| row.get(0)).unwrap();
    let grant = store.load(source.account()).await.unwrap().unwrap().grant;
    assert_eq!(due, grant.due_minute());
    assert_eq!(once(&keeper).await, Round::default());
}

#[tokio::test]
async fn one_damaged_record_holds_up_no_other() {
    let world = World::start().await;
    let path = world.folder.path().join("xpkce.db");
    let store = Arc::new(SqliteStore::open(&path).await.unwrap());
    let keeper = world.keeper_of(&world.x.public_app(), store.clone(), SCOPES);
    // SQLite's file goes by this machine's own clock.
    world.clock.set_wall(world.now() - INTO_THE_WINDOW);
    for nth in 0..2 {
        world.sign_in_as(&keeper, nth).await.access_token().await.unwrap();
    }
    drop(keeper);
    world.advance(INTO_THE_WINDOW);
    let db = rusqlite::Connection::open(&path).unwrap();
    let torn = world.x.users()[0].id.clone();
    db.execute("UPDATE grants SET record = '{' WHERE user = ?1", (torn,)).unwrap();
    let keeper = world.keeper_of(&world.x.public_app(), store, SCOPES);
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    let tending = Tending::new().with_concurrency(1).reporting(move |report| {
        if let Report::Login(_, xpkce::keeper::Tended::Failed(why)) = report {
            heard.lock().unwrap().push(why.reason());
        }
    });
    let round = keeper.keep_once(&tending).await.unwrap();
    assert_eq!((round.rotated, round.failed), (1, 1));
    assert_eq!(*told.lock().unwrap(), [Reason::StoreDamaged]);
}
