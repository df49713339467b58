//! The newest record that a slot has from the store. Answers of the store may overtake each other,
//! and an older one must not replace a newer one.

use std::sync::Arc;
use std::time::Duration;

use super::pair::Landing;
use crate::store::{Revision, Stored};
use crate::{Clock, Timestamp};

/// What was last taken into a slot.
#[derive(Default)]
pub(super) struct Taken {
    /// An answer of X that the store would not take yet.
    pub(super) pending: Option<Arc<Landing>>,
    /// Which writing of the record it is; zero when that is not known.
    revision: u64,
    /// When, in seconds of the clock that counts suspension. Small: there may be a million of these.
    at: u32,
    /// Whether it says that the login is signed out, or about to be.
    has_left: bool,
    /// The record that this process has saved last. Boxed, for there may be a million of these.
    saved: Option<Box<Saved>>,
}

/// A record that was saved, its `now` and what this machine's two clocks said then.
struct Saved {
    stored: Stored,
    uptime: Duration,
    wall: Timestamp,
}

impl Taken {
    /// Longer than any answer of a store is on its way. What is older than what was taken, and comes
    /// later than that, is from a store that was set back.
    const ON_ITS_WAY: Duration = Duration::from_secs(60);
    /// How far the two clocks come apart between two looks at them.
    const NO_STEP: Duration = Duration::from_secs(1);

    /// Returns whether this writing of the record may be taken in, and notes that it is.
    pub(super) fn may_take(&mut self, revision: Option<Revision>, uptime: Duration) -> bool {
        let (now, on_its_way) = (secs(uptime), secs(Self::ON_ITS_WAY));
        let revision = revision.map_or(0, |revision| revision.0);
        let is_overtaken = revision != 0 && revision < self.revision;
        if is_overtaken && now.saturating_sub(self.at) < on_its_way {
            return false;
        }
        (self.revision, self.at, self.has_left) = (revision, now, false);
        self.saved.take_if(|saved| saved.stored.revision.0 != revision);
        true
    }

    /// Keeps the record that was just saved, if it is the one that was taken in last. Its `now` is
    /// now.
    pub(super) fn keep_saved(&mut self, stored: Stored, clock: &dyn Clock) {
        if stored.revision.0 == self.revision {
            let (uptime, wall) = (clock.uptime(), clock.now());
            self.saved = Some(Box::new(Saved { stored, uptime, wall }));
        }
    }

    /// Takes that record out, as of now by the store's clock, which is carried on. None if the wall
    /// clock was set meanwhile: the store's own may be the same.
    pub(super) fn take_saved(&mut self, clock: &dyn Clock) -> Option<Stored> {
        let Saved { stored, uptime, wall } = *self.saved.take()?;
        let passed = clock.uptime().saturating_sub(uptime);
        let (now, unset) = (clock.now(), wall + passed);
        let step = now.since(unset).max(unset.since(now));
        (step <= Self::NO_STEP).then(|| Stored { now: stored.now + passed, ..stored })
    }

    /// Notes that what was taken in last is a login that is signed out, or about to be.
    pub(super) fn leaves(&mut self) {
        self.has_left = true;
    }

    /// Returns whether the login is known to have been signed out since this writing of its record. A
    /// sign-out under another name came later: the name that it has once it is labelled.
    pub(super) fn has_left_since(&self, begun: Option<Revision>) -> bool {
        let is_before = |begun: Revision| self.revision == 0 || begun.0 < self.revision;
        self.has_left && begun.is_none_or(is_before)
    }
}

fn secs(span: Duration) -> u32 {
    u32::try_from(span.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1000);

    #[test]
    fn a_writing_that_a_later_one_has_overtaken_is_not_taken() {
        let mut taken = Taken::default();
        assert!(taken.may_take(Some(Revision(7)), NOW));
        assert!(!taken.may_take(Some(Revision(6)), NOW));
        assert!(taken.may_take(Some(Revision(7)), NOW), "it may have been refused meanwhile");
        assert!(taken.may_take(Some(Revision(8)), NOW));
    }

    #[test]
    fn a_store_that_was_set_back_is_believed_after_a_minute() {
        let mut taken = Taken::default();
        assert!(taken.may_take(Some(Revision(7)), NOW));
        assert!(
            !taken.may_take(Some(Revision(1)), NOW + Taken::ON_ITS_WAY - Duration::from_millis(1))
        );
        assert!(taken.may_take(Some(Revision(1)), NOW + Taken::ON_ITS_WAY));
        assert!(taken.may_take(Some(Revision(2)), NOW + Taken::ON_ITS_WAY));
    }

    #[test]
    fn a_sign_out_is_known_until_a_later_writing_is_taken_in() {
        let mut taken = Taken::default();
        assert!(taken.may_take(Some(Revision(7)), NOW));
        assert!(!taken.has_left_since(Some(Revision(6))));
        taken.leaves();
        assert!(taken.has_left_since(Some(Revision(6))));
        assert!(!taken.has_left_since(Some(Revision(8))), "it was signed in again");
        assert!(taken.may_take(Some(Revision(8)), NOW));
        assert!(!taken.has_left_since(Some(Revision(6))));
    }

    #[test]
    fn a_sign_out_under_the_name_that_a_login_got_later_is_known_too() {
        let mut taken = Taken::default();
        assert!(taken.may_take(Some(Revision(7)), NOW));
        assert!(taken.may_take(None, NOW));
        taken.leaves();
        assert!(taken.has_left_since(Some(Revision(7))));
    }

    #[cfg(feature = "testing")]
    #[test]
    fn what_was_saved_last_is_kept_until_another_writing_is_taken_in_and_given_once() {
        let grant = Arc::new(crate::store::contract::grant(crate::grant::Account::new("app", "1")));
        let clock = crate::ManualClock::new(Timestamp::from_secs(5000));
        let stored = |revision| Stored {
            grant: Arc::clone(&grant),
            revision: Revision(revision),
            lease_left: Duration::ZERO,
            now: Timestamp::from_secs(7000),
        };
        let mut taken = Taken::default();
        assert!(taken.may_take(Some(Revision(7)), NOW));
        taken.keep_saved(stored(6), &clock);
        assert!(taken.take_saved(&clock).is_none(), "a later writing was taken in before");
        taken.keep_saved(stored(7), &clock);
        assert!(taken.may_take(Some(Revision(7)), NOW));
        clock.advance(Duration::from_secs(5));
        let given = taken.take_saved(&clock).map(|saved| saved.now);
        assert_eq!(given, Some(Timestamp::from_secs(7005)), "time has passed since");
        assert!(taken.take_saved(&clock).is_none());
        taken.keep_saved(stored(7), &clock);
        assert!(taken.may_take(Some(Revision(8)), NOW));
        assert!(taken.take_saved(&clock).is_none());
    }

    #[test]
    fn what_has_no_place_in_the_order_is_taken() {
        let mut taken = Taken::default();
        assert!(taken.may_take(Some(Revision(7)), NOW));
        assert!(taken.may_take(None, NOW));
    }
}
