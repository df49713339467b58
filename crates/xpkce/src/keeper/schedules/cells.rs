//! The cells of the hot path and the map of the slots, in every order of their steps.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::super::served::{Held, Served};
use super::super::slots::Slots;
use super::super::source::Slot;
use super::explore::exhaust;
use super::world::World;
use crate::store::contract;
use crate::{AccessToken, Clock as _, ManualClock, Timestamp};

#[test]
fn of_many_who_would_ask_the_store_within_a_second_one_may() {
    exhaust(|| {
        let slot = Arc::new(Slot::new(World::account()));
        let allowed = Arc::new(AtomicUsize::new(0));
        let who = || {
            let (slot, allowed) = (Arc::clone(&slot), Arc::clone(&allowed));
            shuttle::thread::spawn(move || {
                if slot.may_ask(Duration::from_secs(5)) {
                    allowed.fetch_add(1, Ordering::SeqCst);
                }
            })
        };
        for one in [who(), who(), who()] {
            one.join().unwrap();
        }
        assert_eq!(allowed.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_token_whose_window_has_begun_is_never_fresh_while_another_takes_its_place() {
    const SECOND: Duration = Duration::from_secs(1);
    let now = clock().uptime();
    let (begun, fresh) = (Some(now - SECOND), Some(now + SECOND));
    // In the last, a token goes and comes back.
    for [first, next, last] in [
        [None, begun, fresh],
        [begun, fresh, None],
        [fresh, begun, None],
        [fresh, None, begun],
        [fresh, None, fresh],
    ] {
        exhaust(move || {
            let served = Arc::new(Served::nothing());
            served.store(first.map(token));
            let writes = {
                let served = Arc::clone(&served);
                shuttle::thread::spawn(move || {
                    served.store(next.map(token));
                    served.store(last.map(token));
                })
            };
            let found = served.fresh(&clock());
            assert!(found.is_none_or(|found| Some(found.held().early) == fresh));
            writes.join().unwrap();
            assert_eq!(served.fresh(&clock()).is_some(), last == fresh);
        });
    }
}

fn clock() -> ManualClock {
    ManualClock::new(Timestamp::from_secs(5000))
}

/// Makes a token whose early window begins then.
fn token(early: Duration) -> Held {
    let grant = contract::grant(World::account());
    let token = AccessToken::new("fake-token".to_owned());
    let expires_at = Timestamp::from_secs(7000);
    let life = Duration::from_secs(7200);
    let mut held = Held::new(token, grant.generation, &grant.pair, expires_at, life, &clock());
    held.early = early;
    held
}

#[test]
fn an_account_has_one_slot_while_somebody_has_it() {
    exhaust(|| {
        let slots = Arc::new(Slots::default());
        let looks = {
            let slots = Arc::clone(&slots);
            shuttle::thread::spawn(move || {
                let slot = slots.slot(&World::account(), Duration::ZERO);
                slots.let_go(&slot);
            })
        };
        let asks = || slots.slot(&World::account(), Duration::ZERO);
        let (one, other) = (asks(), asks());
        looks.join().unwrap();
        assert!(Arc::ptr_eq(&one, &other));
    });
}
