//! How late it is at most, by a clock that is quick to read.
//!
//! The clock that counts suspension has no coarse twin, and reading it is the dearest step of handing
//! out a fresh token. The coarse wall clock takes a fraction of that, and tells for how long an earlier
//! reading of the other still bounds it.

use std::time::Duration;

/// A reading of the clock that counts suspension, and until when it will do.
#[derive(Clone, Copy)]
pub(super) struct Bound {
    /// Nanoseconds of the coarse wall clock, taken first.
    wall: i64,
    /// What the other has not passed while this holds.
    at_most: Duration,
}

impl Bound {
    /// Holds never.
    pub(super) const NONE: Self = Self { wall: i64::MIN, at_most: Duration::ZERO };

    /// For how many nanoseconds of the wall clock a reading holds.
    const HOLDS: u64 = 900_000_000;
    /// How far the bound is ahead of the reading: what it holds for, and ticks of the coarse clock.
    const AHEAD: Duration = Duration::from_secs(1);

    pub(super) fn new(wall: i64, uptime: Duration) -> Self {
        Self { wall, at_most: uptime.saturating_add(Self::AHEAD) }
    }

    /// Returns the bound, unless the wall clock says that it may no longer be one: in a suspension it
    /// goes on, and where it was set it is before the reading or long after it.
    ///
    /// A clock that was set back, to no earlier than the reading, hides as much as it was set back by,
    /// a suspension included, until it has gone on for as long as a reading holds; so does a coarse
    /// clock that stands still. It costs less than a second of a token's early window.
    pub(super) fn at(&self, wall: i64) -> Option<Duration> {
        let passed = wall.wrapping_sub(self.wall).cast_unsigned();
        (passed < Self::HOLDS).then_some(self.at_most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Clock as _, SystemClock};

    const SECOND: i64 = 1_000_000_000;
    const UPTIME: Duration = Duration::from_secs(5000);

    fn taken_at(wall: i64) -> Bound {
        Bound::new(wall, UPTIME)
    }

    #[test]
    fn the_clock_has_not_passed_it_for_as_long_as_it_holds() {
        let last = SECOND * 9 / 10 - 1;
        let passed = Duration::from_nanos(last.cast_unsigned());
        for tick in [Duration::ZERO, Duration::from_millis(10)] {
            assert!(taken_at(7 * SECOND).at(7 * SECOND + last).unwrap() > UPTIME + passed + tick);
        }
        assert_eq!(taken_at(7 * SECOND).at(7 * SECOND + last + 1), None);
    }

    #[test]
    fn the_machines_clock_is_bounded_by_a_second() {
        // The first reading on a thread is exact, those after it are bounds.
        for _ in 0..3 {
            let before = SystemClock.uptime();
            let at_most = SystemClock.uptime_at_most();
            let after = SystemClock.uptime();
            assert!(before <= at_most, "{at_most:?} was over at {before:?}");
            assert!(at_most <= after + Duration::from_secs(1), "{at_most:?} is far from {after:?}");
        }
    }

    #[test]
    fn a_wall_clock_that_went_on_for_long_or_was_set_ends_it() {
        assert_eq!(taken_at(7 * SECOND).at(3600 * SECOND), None);
        assert_eq!(taken_at(7 * SECOND).at(7 * SECOND - 1), None);
        assert_eq!(taken_at(7 * SECOND).at(-3600 * SECOND), None);
    }

    #[test]
    fn none_holds_at_no_time_that_a_clock_shows() {
        for wall in [-SECOND, 0, SECOND, i64::MAX] {
            assert_eq!(Bound::NONE.at(wall), None);
        }
    }
}
