//! The pauses between the tries of what the keeper does by itself, by a clock that goes on when all
//! wait for it.
#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::future::{pending, ready};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::pair::{Answer, Landing};
use super::sign_in::SignedIn;
use super::{Desk, Keeper};
use crate::grant::Account;
use crate::http::{HttpClient, HttpRequest, HttpResponse, Pending, SendError};
use crate::seal::Sealer;
use crate::store::{MemoryStore, Store as _};
use crate::token::{Issued, Rotated};
use crate::{AccessToken, App, Client, Clock, ManualClock, RefreshToken, Result, Timestamp};

const HOUR: Duration = Duration::from_secs(3600);
const ME: &str = "/2/users/me";
const REVOKE: &str = "/2/oauth2/revoke";
/// In place of a status: the answer never comes.
const NEVER: u16 = 0;

/// X, which answers who the user is with these and fails otherwise; and when it was asked for what.
#[derive(Debug)]
struct X {
    begun: Instant,
    says_who: Mutex<VecDeque<u16>>,
    asked: Mutex<Vec<(String, Duration)>>,
}

impl X {
    fn answering(says_who: impl Into<VecDeque<u16>>) -> Arc<Self> {
        Arc::new(Self {
            begun: Instant::now(),
            says_who: Mutex::new(says_who.into()),
            asked: Mutex::default(),
        })
    }

    /// Returns after how many milliseconds it was asked for that.
    fn asked_for(&self, path: &str) -> Vec<u128> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|(it, _)| it == path).map(|(_, at)| at.as_millis()).collect()
    }
}

impl HttpClient for X {
    fn send(&self, request: HttpRequest) -> Pending<'_, Result<HttpResponse, SendError>> {
        let path = request.url.path().to_owned();
        let said = if path == ME { self.says_who.lock().unwrap().pop_front() } else { None };
        let mut asked = self.asked.lock().unwrap();
        asked.push((path, self.begun.elapsed()));
        assert!(asked.len() < 100, "it is asked again and again");
        if said == Some(NEVER) {
            return Box::pin(pending());
        }
        Box::pin(ready(Ok(HttpResponse {
            status: said.unwrap_or(503),
            headers: http::HeaderMap::new(),
            body: br#"{"data":{"id":"7"}}"#.to_vec().into(),
            is_whole: true,
        })))
    }
}

fn keeper(x: Arc<X>) -> (Keeper, Arc<MemoryStore>) {
    let clock = Arc::new(ManualClock::new(Timestamp::from_secs(0)));
    let store = Arc::new(MemoryStore::new(clock.clone()));
    (keeper_on(store.clone(), Client::new(App::public("app"), x, clock), None), store)
}

fn keeper_on(store: Arc<MemoryStore>, client: Client, folder: Option<PathBuf>) -> Keeper {
    let sealer = Sealer::from_text(&"A".repeat(43)).unwrap();
    Keeper::new(client, store, Arc::new(sealer), folder).unwrap()
}

fn rotated(desk: &Desk) -> Rotated {
    let life = HOUR * 2;
    let access = Issued {
        access_token: AccessToken::new("fake-access"),
        token_type: "bearer".to_owned(),
        expires_in: life,
        expires_at: desk.clock.now() + life,
    };
    Rotated {
        access: Some(access),
        refresh: Some(RefreshToken::new("fake-refresh")),
        scopes: None,
        other: serde_json::Map::new(),
        server_date: None,
    }
}

/// Signs in to a store that takes the sign-in's number and, if it is to, the pair.
async fn sign_in(keeper: &Keeper, store: &MemoryStore, takes_pair: bool) -> Result<SignedIn> {
    let desk = keeper.desk();
    let seat = desk.new_sign_in().await.unwrap();
    store.fail_writes(!takes_pair);
    desk.save_sign_in(seat, rotated(desk)).await
}

/// Ends the keeper here, where its tasks are: its own thread would wait for them in vain.
pub(super) async fn end(keeper: Keeper) {
    keeper.desk().closing.send_replace(true);
    keeper.desk().finish_background().await;
}

/// Returns how long it was from each to the next.
fn pauses(instants: &[u128]) -> Vec<u128> {
    instants.windows(2).map(|two| two[1] - two[0]).collect()
}

/// Returns pauses that double from the first on, so many of them.
fn doubling(first: u128, count: u32) -> Vec<u128> {
    (0..count).map(|nth| first << nth).collect()
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_that_the_store_does_not_take_is_saved_after_pauses_that_double_up_to_ten_seconds()
 {
    for (takes_after, saved_after) in [(0, 100), (150, 300), (5000, 6300), (25_000, 32_700)] {
        let x = X::answering([200]);
        let (keeper, store) = keeper(x.clone());
        sign_in(&keeper, &store, false).await.unwrap_err();
        sleep(Duration::from_millis(takes_after)).await;
        store.fail_writes(false);
        end(keeper).await;
        assert_eq!(x.begun.elapsed().as_millis(), saved_after, "{takes_after}");
        assert!(store.load(&Account::new("app", "unlabelled-1")).await.unwrap().is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_pair_that_is_not_on_the_disk_takes_two_places_in_the_file_at_most_until_it_is_saved() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp::from_secs(0)));
    let store = Arc::new(MemoryStore::new(clock.clone()));
    let client = Client::new(App::public("app"), X::answering([200]), clock);
    let keeper = keeper_on(store.clone(), client, Some(folder.path().to_owned()));
    let presence = keeper.desk().presence().unwrap();
    // What lies in a file that somebody removed is not on the disk.
    std::fs::remove_dir_all(folder.path()).unwrap();
    let places_taken = || {
        let slots = [b"first", b"other"].map(|record| presence.spill(record).unwrap());
        slots.iter().for_each(|slot| presence.erase(slot).unwrap());
        slots[1].first - 1
    };
    let until_it_is_saved = async || {
        for _ in 0..3 {
            assert!((1..=2).contains(&places_taken()));
            sleep(Desk::LONGEST_PAUSE).await;
        }
        store.fail_writes(false);
        sleep(Desk::LONGEST_PAUSE).await;
        assert_eq!(places_taken(), 0);
    };
    assert_eq!(places_taken(), 0);
    sign_in(&keeper, &store, false).await.unwrap_err();
    until_it_is_saved().await;
    let (desk, account) = (keeper.desk(), Account::new("app", "unlabelled-1"));
    let stored = store.load(&account).await.unwrap().unwrap();
    let landing = Landing {
        attempt: desk.attempt(desk.now()).unwrap(),
        spent: stored.grant.spent(),
        pair: desk.new_pair().unwrap(),
        answer: Answer::Pair(rotated(desk)),
        refresh: RefreshToken::new("fake-refresh"),
        received_at: desk.now(),
    };
    store.fail_writes(true);
    desk.land(&desk.slot(&account), landing, stored).await.unwrap_err();
    until_it_is_saved().await;
    end(keeper).await;
}

/// Signs in, lets an hour pass, and returns after how many milliseconds X was asked who it was.
async fn asks_within_an_hour(says_who: impl Into<VecDeque<u16>>) -> Vec<u128> {
    let x = X::answering(says_who);
    let (keeper, store) = keeper(x.clone());
    sign_in(&keeper, &store, true).await.unwrap();
    sleep(HOUR).await;
    end(keeper).await;
    x.asked_for(ME)
}

#[tokio::test(start_paused = true)]
async fn x_is_asked_who_signed_in_after_pauses_that_double_up_to_a_quarter_of_an_hour() {
    let mut expected = doubling(500, 11);
    expected.extend([900_000, 900_000]);
    assert_eq!(pauses(&asks_within_an_hour([]).await), expected);
}

#[tokio::test(start_paused = true)]
async fn who_signed_in_is_not_asked_again_by_itself_once_x_has_refused_to_say() {
    assert_eq!(asks_within_an_hour([403]).await, [0]);
    assert_eq!(asks_within_an_hour([503, 403]).await, [0, 500]);
}

#[tokio::test(start_paused = true)]
async fn a_new_token_that_x_does_not_know_yet_is_shown_to_it_once_more_two_seconds_later() {
    assert_eq!(asks_within_an_hour([401, 200]).await, [0, 2000]);
}

#[tokio::test(start_paused = true)]
async fn who_reports_a_new_token_as_refused_goes_on_with_it_two_seconds_later() {
    let x = X::answering([200]);
    let (keeper, store) = keeper(x.clone());
    let account = sign_in(&keeper, &store, true).await.unwrap().account;
    let slot = keeper.desk().slot(&account);
    let begun = Instant::now();
    keeper.desk().rejected_access(&slot, &AccessToken::new("fake-access")).await.unwrap();
    assert_eq!(begun.elapsed(), Duration::from_secs(2));
    assert!(store.load(&account).await.unwrap().unwrap().grant.serves(Timestamp::from_secs(0)));
    end(keeper).await;
}

#[tokio::test(start_paused = true)]
async fn a_late_pair_is_revoked_after_pauses_that_double_up_to_a_quarter_of_an_hour() {
    let x = X::answering([200]);
    let (keeper, store) = keeper(x.clone());
    let account = sign_in(&keeper, &store, true).await.unwrap().account;
    let leaving = store.load(&account).await.unwrap().unwrap().grant.grant_id;
    let trying = tokio::spawn(Arc::clone(keeper.desk()).sign_out_at_last(account, leaving));
    sleep(HOUR).await;
    trying.abort();
    end(keeper).await;
    let asked = x.asked_for(REVOKE);
    assert_eq!(asked[0], 1000);
    let mut expected = doubling(2000, 9);
    expected.extend([900_000, 900_000]);
    assert_eq!(pauses(&asked), expected);
}

/// A clock that goes on with the time of these tests.
#[derive(Debug)]
struct Passing(Instant);

impl Clock for Passing {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(0) + self.uptime()
    }

    fn uptime(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Returns a keeper after one of this app that died with three sign-ins in its file alone.
async fn keeper_after_a_dead_one_of(app: &str, x: Arc<X>, folder: &Path) -> Keeper {
    let clock = Arc::new(Passing(Instant::now()));
    let store = Arc::new(MemoryStore::new(clock.clone()));
    let keeper_of = |app| {
        let client = Client::new(App::public(app), x.clone(), clock.clone());
        keeper_on(store.clone(), client, Some(folder.to_owned()))
    };
    let dead = keeper_of(app);
    for _ in 0..3 {
        store.fail_writes(false);
        sign_in(&dead, &store, false).await.unwrap_err();
    }
    end(dead).await;
    store.fail_writes(false);
    keeper_of("app")
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_the_labels_of_recovered_sign_ins_waits_for_all_of_them_together() {
    let folder = tempfile::tempdir().unwrap();
    let x = X::answering([NEVER; 3]);
    let keeper = keeper_after_a_dead_one_of("app", x.clone(), folder.path()).await;
    let begun = Instant::now();
    keeper.desk().recover_successor().await;
    assert_eq!(begun.elapsed(), Desk::LABEL_PATIENCE);
    assert_eq!(pauses(&x.asked_for(ME)), [15_000, 0], "each of them is asked for");
    end(keeper).await;
}

#[tokio::test(start_paused = true)]
async fn a_recovered_sign_in_whose_label_takes_long_is_labelled_in_the_background() {
    let folder = tempfile::tempdir().unwrap();
    let x = X::answering([NEVER, NEVER, NEVER, 200, 200, 200]);
    let keeper = keeper_after_a_dead_one_of("app", x.clone(), folder.path()).await;
    keeper.desk().recover_successor().await;
    sleep(HOUR).await;
    assert_eq!(pauses(&x.asked_for(ME)), [15_000, 0, 500, 0, 0]);
    end(keeper).await;
}

#[tokio::test(start_paused = true)]
async fn x_is_not_asked_whose_a_recovered_sign_in_of_another_app_is() {
    let folder = tempfile::tempdir().unwrap();
    let x = X::answering([200; 3]);
    let keeper = keeper_after_a_dead_one_of("another", x.clone(), folder.path()).await;
    keeper.desk().recover_successor().await;
    let theirs = Account::new("another", "unlabelled-3");
    assert!(keeper.desk().store.load(&theirs).await.unwrap().is_some(), "it is recovered");
    end(keeper).await;
    assert_eq!(x.asked_for(ME), []);
}
