#![allow(clippy::unwrap_used)]
use std::future::pending;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::super::pauses::end;
use super::super::tests::{keeper_by, keeper_in};
use super::super::waiting_pairs;
use super::*;
use crate::http::{HttpClient, HttpRequest, HttpResponse, Pending, SendError};
use crate::seal::Sealer;
use crate::store::{MemoryStore, contract};
use crate::{App, Client, Keeper, ManualClock};

fn landing(desk: &Desk, grant: &Grant) -> Landing {
    Landing {
        attempt: desk.attempt(desk.now()).unwrap(),
        spent: grant.spent(),
        pair: desk.new_pair().unwrap(),
        answer: Answer::Unread(Unreadable { status: 200, body: b"{}".to_vec().into() }),
        refresh: RefreshToken::new("fake-spent"),
        received_at: desk.now(),
    }
}

fn in_memory() -> Unsaved {
    Unsaved { slot: None, older: None, is_durable: false }
}

#[tokio::test]
async fn a_pair_that_is_not_in_the_file_is_not_durable_though_the_file_can_be_flushed() {
    let folder = tempfile::tempdir().unwrap();
    let keeper = keeper_in(Some(folder.path().to_owned()));
    let desk = keeper.desk();
    let slot = desk.presence().unwrap().spill(b"a pair").unwrap();
    assert_eq!([desk.is_durable(Some(&slot)), desk.is_durable(None)], [true, false]);
    end(keeper).await;
}

#[tokio::test]
async fn a_pair_that_is_spilled_again_and_again_takes_no_more_room_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let keeper = keeper_in(Some(folder.path().to_owned()));
    let (desk, grant) = (keeper.desk(), contract::grant(Account::new("app", "user")));
    let landing = landing(desk, &grant);
    // What lies in a file that somebody removed is not durable.
    let own = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap();
    std::fs::remove_file(own.path()).unwrap();
    let (mut unsaved, mut left_at) = (in_memory(), None);
    for _ in 0..4 {
        assert!(desk.goes_on(&mut unsaved, &landing, Some(&grant), &mut left_at));
        assert!(!unsaved.is_durable && unsaved.slot.is_some());
    }
    let next = || desk.presence().unwrap().spill(b"another").unwrap().first;
    assert_eq!([next(), next()], [1, 3], "two slots are taken");
    desk.unspill_all(unsaved);
    assert_eq!([next(), next()], [0, 2], "they are free again");
    end(keeper).await;
}

#[tokio::test]
async fn who_has_passed_the_place_where_a_pair_is_written_anew_finds_it_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let keeper = keeper_in(Some(folder.path().to_owned()));
    let (desk, grant) = (keeper.desk(), contract::grant(Account::new("app", "user")));
    let landing = landing(desk, &grant);
    let foreign = Foreign::all(folder.path(), None).pop().unwrap();
    std::fs::remove_dir_all(folder.path()).unwrap();
    let (mut unsaved, mut left_at) = (in_memory(), None);
    let mut goes_on = || {
        assert!(desk.goes_on(&mut unsaved, &landing, Some(&grant), &mut left_at));
        foreign.records().unwrap().into_iter().map(|(at, record)| (at.first, record))
    };
    let mut newest = goes_on().next().unwrap();
    for _ in 0..3 {
        let (was, new): (Vec<_>, Vec<_>) = goes_on().partition(|it| *it == newest);
        assert_eq!(was.len(), 1);
        [newest] = new.try_into().unwrap();
    }
    end(keeper).await;
}

#[tokio::test]
async fn a_pair_that_is_on_the_disk_at_last_stays_where_it_was_before_until_it_is_saved() {
    let home = tempfile::tempdir().unwrap();
    let [folder, away] = ["holders", "away"].map(|name| home.path().join(name));
    let keeper = keeper_in(Some(folder.clone()));
    let (desk, grant) = (keeper.desk(), contract::grant(Account::new("app", "user")));
    let landing = landing(desk, &grant);
    let (mut unsaved, mut left_at) = (in_memory(), None);
    let mut goes_on = || {
        assert!(desk.goes_on(&mut unsaved, &landing, Some(&grant), &mut left_at));
        (unsaved.is_durable, unsaved.older.is_some())
    };
    // A folder that cannot be opened cannot be flushed.
    std::fs::rename(&folder, &away).unwrap();
    assert_eq!(goes_on(), (false, false));
    std::fs::rename(&away, &folder).unwrap();
    for _ in 0..3 {
        assert_eq!(goes_on(), (true, true));
    }
    assert_eq!(Foreign::all_records(&folder).unwrap().len(), 2);
    end(keeper).await;
}

#[tokio::test]
async fn a_pair_in_memory_alone_is_tried_for_forty_seconds_after_the_last_handle_is_gone() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_secs(0)));
    let keeper = keeper_by(clock.clone(), None);
    let (desk, grant) = (keeper.desk(), contract::grant(Account::new("app", "user")));
    let landing = landing(desk, &grant);
    let (mut unsaved, mut left_at) = (in_memory(), None);
    let mut goes_on = || desk.goes_on(&mut unsaved, &landing, Some(&grant), &mut left_at);
    let [second, last] = [Duration::from_secs(1), Duration::from_secs(40)];
    assert!(goes_on());
    clock.advance(last);
    assert!(goes_on(), "somebody has a handle");
    desk.closing.send_replace(true);
    assert!(goes_on(), "it has only just gone");
    clock.advance(last - second);
    assert!(goes_on());
    clock.advance(second);
    assert!(!goes_on());
}

#[tokio::test(start_paused = true)]
async fn a_file_is_marked_a_second_after_a_pair_was_erased_if_there_is_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let keeper = keeper_in(Some(folder.path().to_owned()));
    let desk = keeper.desk();
    let looks_empty = || Foreign::with_records(folder.path(), None).unwrap().is_empty();
    let spill = || Some(desk.presence().unwrap().spill(b"a pair").unwrap());
    let almost = Desk::UNMARKED - Duration::from_millis(10);
    for _ in 0..2 {
        desk.unspill(spill());
        turns::sleep(almost).await;
        assert!(!looks_empty(), "it is marked at once");
        desk.unspill(spill());
        turns::sleep(Duration::from_millis(20)).await;
        assert!(looks_empty());
    }
    desk.unspill(spill());
    let kept = spill();
    turns::sleep(Desk::UNMARKED * 2).await;
    assert!(!looks_empty(), "there is another");
    desk.unspill(kept);
    turns::sleep(Desk::UNMARKED * 2).await;
    assert!(looks_empty());
    for _ in 0..3 {
        desk.unspill(spill());
    }
    assert_eq!(desk.background.lock().unwrap().len(), 1, "one mark does for all");
    let begun = tokio::time::Instant::now();
    end(keeper).await;
    assert_eq!(begun.elapsed(), Duration::ZERO, "the end waits for a mark");
}

#[tokio::test]
async fn a_pair_that_lies_beside_the_store_does_not_hold_up_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let keeper = keeper_in(Some(folder.path().to_owned()));
    let (desk, grant) = (keeper.desk(), contract::grant(Account::new("app", "user")));
    let (landing, mut unsaved, mut left_at) = (landing(desk, &grant), in_memory(), None);
    let mut goes_on = || desk.goes_on(&mut unsaved, &landing, Some(&grant), &mut left_at);
    assert!(goes_on(), "the store may take it soon");
    desk.closing.send_replace(true);
    assert!(!goes_on());
}

#[tokio::test]
async fn a_pair_that_is_in_two_places_waits_once() {
    let folder = tempfile::tempdir().unwrap();
    let keeper = keeper_in(Some(folder.path().to_owned()));
    let (desk, grant) = (keeper.desk(), contract::grant(Account::new("app", "user")));
    let (one, other) = (landing(desk, &grant), landing(desk, &grant));
    let places = [&one, &one, &other].map(|landing| desk.spill(landing, &grant));
    assert!(places.iter().all(Option::is_some));
    let later = desk.now() + Duration::from_secs(10);
    assert_eq!(waiting_pairs(folder.path(), later).unwrap().len(), 2);
}

/// X, which notes whether the file of the process that asks is ready for a pair.
#[derive(Debug)]
struct Notes(PathBuf, AtomicBool);

impl HttpClient for Notes {
    fn send(&self, _: HttpRequest) -> Pending<'_, Result<HttpResponse, SendError>> {
        self.1.store(!Foreign::with_records(&self.0, None).unwrap().is_empty(), Relaxed);
        Box::pin(pending())
    }
}

#[tokio::test(start_paused = true)]
async fn the_file_is_ready_for_the_pair_of_a_sign_in_before_its_code_is_exchanged() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp::from_secs(0)));
    let store = Arc::new(MemoryStore::new(clock.clone()));
    let x = Arc::new(Notes(folder.path().to_owned(), AtomicBool::new(false)));
    let sealer = Arc::new(Sealer::from_text(&"A".repeat(43)).unwrap());
    let client = Client::new(App::public("app"), x.clone(), clock);
    let keeper = Keeper::new(client, store, sealer, Some(folder.path().to_owned())).unwrap();
    let login = keeper.begin_login().unwrap();
    let state = login.url().split("state=").nth(1).unwrap().split('&').next().unwrap();
    let callback = format!("{}?state={state}&code=fake-code", crate::DEFAULT_REDIRECT_URI);
    let redeeming = keeper.desk().redeem(login.approve(&callback).unwrap());
    assert!(turns::timeout(Duration::from_millis(1), redeeming).await.is_err());
    assert!(x.1.load(Relaxed));
    end(keeper).await;
}
