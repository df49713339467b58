//! The cells of the hot path and the map of the slots, in every order of their steps.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::super::slots::Slots;
use super::super::source::Slot;
use super::explore::exhaust;
use super::world::World;

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
