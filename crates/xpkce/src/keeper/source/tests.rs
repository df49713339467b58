#![allow(clippy::unwrap_used)]
use super::*;
use crate::ManualClock;
use crate::store::contract;

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// A slot that serves a token of two hours, issued now; the clock, and the grant it is of.
fn serving() -> (Slot, ManualClock, Grant) {
    let mut grant = contract::grant(Account::new("app", "user"));
    let access = grant.access.as_mut().unwrap();
    (access.is_rejected, access.expires_at) = (false, access.issued_at + SECOND * 7200);
    let clock = ManualClock::new(access.issued_at);
    let slot = Slot::new(grant.account.clone());
    slot.serve(
        Some((AccessToken::new("fake-token".to_owned()), &grant)),
        Some(Revision(1)),
        &clock,
    );
    (slot, clock, grant)
}

#[test]
fn a_token_is_fresh_until_its_early_window_begins_and_lives_until_its_end() {
    let (slot, clock, grant) = serving();
    let (now, access) = (clock.uptime(), grant.access.as_ref().unwrap());
    let early = now + access.refresh_at().since(access.issued_at);
    let end = now + SECOND * 7200;
    assert!(early < end);
    assert!(slot.alive(end - MILLISECOND).is_some() && slot.alive(end).is_none());
    clock.advance(early - now - MILLISECOND);
    assert!(slot.fresh(&clock).is_some());
    clock.advance(MILLISECOND);
    assert!(slot.fresh(&clock).is_none());
    assert!(slot.is_due(&grant.pair, early) && !slot.is_due(&grant.pair, early - MILLISECOND));
    let other = PairId::new([9; 16]);
    assert!(!slot.is_due(&other, early), "it is another pair's window");
    assert!(slot.is_of_use(end - MILLISECOND) && !slot.is_of_use(end));
}

/// Knows the time, and takes it for a second later where it is asked to be quick.
#[derive(Debug)]
struct Hasty(ManualClock);

impl Clock for Hasty {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn uptime(&self) -> Duration {
        self.0.uptime()
    }

    fn uptime_at_most(&self) -> Duration {
        self.0.uptime() + SECOND
    }
}

#[test]
fn a_token_is_fresh_to_the_last_instant_before_its_early_window_by_a_quick_clock_too() {
    let (slot, clock, grant) = serving();
    let access = grant.access.as_ref().unwrap();
    let clock = Hasty(clock);
    assert!(slot.fresh(&clock).is_some());
    clock.0.advance(access.refresh_at().since(access.issued_at) - MILLISECOND);
    assert!(slot.fresh(&clock).is_some(), "the exact clock was not asked");
    clock.0.advance(MILLISECOND);
    assert!(slot.fresh(&clock).is_none(), "its window has begun");
}

#[test]
fn the_store_is_asked_again_a_second_after_it_was_asked_and_not_before() {
    let (slot, now) = (Slot::new(Account::new("app", "user")), SECOND * 1000);
    assert!(slot.may_ask(now), "it was never asked");
    assert!(!slot.may_ask(now + SECOND - MILLISECOND));
    assert!(slot.may_ask(now + SECOND));
    assert!(!slot.may_ask(now + SECOND));
}

#[test]
fn the_first_time_may_be_in_the_first_instant_of_the_clock() {
    let slot = Slot::new(Account::new("app", "user"));
    assert!(slot.may_ask(Duration::ZERO));
    assert!(!slot.may_ask(Duration::ZERO));
}

#[test]
fn the_last_use_is_the_later_of_the_records_and_ones_own() {
    let (slot, at) = (Slot::new(Account::new("app", "user")), Timestamp::from_millis);
    assert_eq!(slot.last_use(None), None, "nobody has asked");
    assert_eq!(slot.last_use(Some(at(5))), Some(at(5)));
    slot.is_used(at(7));
    slot.is_used(at(6));
    assert_eq!(slot.last_use(None), Some(at(7)));
    assert_eq!(slot.last_use(Some(at(8))), Some(at(8)));
}

#[test]
fn the_record_of_another_name_is_no_writing_of_this_one() {
    let (slot, clock, grant) = serving();
    let stored = |grant| {
        let lease_left = Duration::ZERO;
        Stored { grant: Arc::new(grant), revision: Revision(3), lease_left, now: clock.now() }
    };
    let labelled = Grant { account: Account::new("app", "another"), ..grant.clone() };
    assert_eq!(slot.revision(&stored(grant)), Some(Revision(3)));
    assert_eq!(slot.revision(&stored(labelled)), None);
}
