//! The same over SQLite, whose threads take their turns too: the calls that wait are written
//! together, and what is read comes by another way than what is written.
//!
//! A transaction is one step here: SQLite's own locks are not the scheduler's.

use std::sync::Arc;

use futures_util::future::join_all;

use super::explore::{Pace, explore_from, how_many};
use super::spends::{many_ask_two_keepers, some_ask_while_another_refreshes};
use super::world::{World, give_up_after};
use crate::grant::Account;
use crate::store::{LeaseEnd, SqliteStore, Store as _, Swapped, contract};
use crate::{ManualClock, turns};

/// The short form: each has a file of its own.
const SHORT: usize = 20;

async fn open(folder: &tempfile::TempDir, clock: &Arc<ManualClock>) -> SqliteStore {
    let path = folder.path().join("store.db");
    SqliteStore::open_in_boot(path, "boot", clock.clone()).await.unwrap()
}

async fn tell<F: Future<Output = ()>>(clock: Arc<ManualClock>, story: impl Fn(Arc<World>) -> F) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, &clock).await;
    story(World::begin_on(Arc::new(store), clock)).await;
}

#[test]
fn one_generation_is_spent_once_however_many_ask() {
    explore_from(Pace::Even, how_many(SHORT), |clock| tell(clock, many_ask_two_keepers));
}

#[test]
fn who_asks_again_gets_no_older_token() {
    explore_from(Pace::Even, how_many(SHORT), |clock| {
        tell(clock, some_ask_while_another_refreshes)
    });
}

#[test]
fn what_waits_when_the_store_is_let_go_is_written_and_answered() {
    explore_from(Pace::Even, how_many(SHORT), |clock| async move {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(open(&folder, &clock).await);
        // Each asks at once; some go away before they are answered.
        let writing =
            [None, Some(0), None, Some(1), Some(2)].into_iter().enumerate().map(|(user, turns)| {
                let (store, account) = (Arc::clone(&store), Account::new("app", user.to_string()));
                turns::spawn(async move {
                    let grant = contract::grant(account);
                    let swap = store.swap(&grant, None, LeaseEnd::Keep);
                    match turns {
                        Some(turns) => give_up_after(turns, swap).await,
                        None => Some(swap.await),
                    }
                })
            });
        let writing: Vec<_> = writing.collect();
        drop(store);
        for written in join_all(writing).await {
            if let Some(swapped) = written.unwrap() {
                assert!(matches!(swapped, Ok(Swapped::Done(_))), "{swapped:?}");
            }
        }
        let kept = open(&folder, &clock).await.list(None, 9).await.unwrap();
        assert_eq!(kept.len(), 5);
    });
}
