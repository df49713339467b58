//! A quick look at the time, and until when one is enough.
//!
//! The clock that counts suspension is read at its full resolution, which is most of what serving a
//! fresh token costs. Two coarse clocks are read in less, and between them they tell as much: one
//! stands still while the machine sleeps, the other may be set, and a difference between them that
//! has changed says that one of the two has happened.

use std::time::Duration;

use super::{Clock, Timestamp};

/// A quick look at two clocks, each as coarse as a tick of the system's.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "keeper"), expect(dead_code, reason = "the keeper alone reads it"))]
pub struct Glance {
    /// Nanoseconds of the wall clock.
    wall: i64,
    /// Nanoseconds for which the machine has been awake.
    awake: i64,
}

impl Glance {
    /// Takes the wall clock's time, and one that never goes back and may stand still while the
    /// machine is suspended, from an arbitrary start. The wall clock is to be read first: a thread
    /// that is held up between the two must not take that for a suspension that it was not.
    pub fn new(wall: Timestamp, awake: Duration) -> Self {
        let awake = i64::try_from(awake.as_nanos()).unwrap_or(i64::MAX);
        Self { wall: wall.as_millis().saturating_mul(1_000_000), awake }
    }

    #[cfg(target_os = "linux")]
    pub(super) fn of_system() -> Self {
        use rustix::time::{ClockId, Timespec, clock_gettime};
        let nanos = |at: Timespec| at.tv_sec.wrapping_mul(1_000_000_000).wrapping_add(at.tv_nsec);
        let wall = nanos(clock_gettime(ClockId::RealtimeCoarse));
        Self { wall, awake: nanos(clock_gettime(ClockId::MonotonicCoarse)) }
    }

    /// How far the wall clock is ahead of the other.
    #[cfg(feature = "keeper")]
    fn apart(self) -> i64 {
        self.wall.saturating_sub(self.awake)
    }
}

/// An instant that a glance can be told to be before.
#[cfg(feature = "keeper")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Horizon {
    /// By the clock that stands still in suspension.
    awake: i64,
    apart: i64,
}

#[cfg(feature = "keeper")]
impl Horizon {
    /// How much the clocks may move apart, in nanoseconds: more than two ticks, which is how much
    /// two coarse clocks seem to.
    const APART: u64 = 500_000_000;
    /// How long before the instant a glance is no longer enough: longer than a suspension that
    /// moves the clocks apart unnoticed, and a tick.
    const SLACK: Duration = Duration::from_secs(1);

    /// Takes a glance, and how far away the instant was *after* it.
    pub(crate) fn new(glance: Glance, left: Duration) -> Self {
        let left = left.saturating_sub(Self::SLACK);
        let left = i64::try_from(left.as_nanos()).unwrap_or(i64::MAX);
        Self { awake: glance.awake.saturating_add(left), apart: glance.apart() }
    }

    /// Returns whether the instant is surely still to come by [`Clock::uptime`]. False says nothing.
    ///
    /// One thing escapes it: a wall clock that is set back by as much as the machine was suspended,
    /// to half a second. Then the wall clock as it was set says too that the instant is to come.
    pub(crate) fn is_ahead_of(&self, glance: Glance) -> bool {
        let moved = glance.apart().saturating_sub(self.apart).unsigned_abs();
        glance.awake < self.awake && moved <= Self::APART
    }
}

/// What a clock that knows no quicker way is glanced at by.
pub(super) fn exact(clock: &(impl Clock + ?Sized)) -> Glance {
    let wall = clock.now();
    Glance::new(wall, clock.uptime())
}

#[cfg(test)]
#[cfg(feature = "keeper")]
mod tests {
    use super::*;

    const START: i64 = 1_700_000_000;
    const HOUR: i64 = 3600;

    /// A glance after so many seconds by each clock.
    fn after(wall: i64, awake: i64) -> Glance {
        let awake = Duration::from_secs(u64::try_from(1000 + awake).unwrap());
        Glance::new(Timestamp::from_secs(START + wall), awake)
    }

    fn in_an_hour() -> Horizon {
        Horizon::new(after(0, 0), Duration::from_secs(3600))
    }

    #[test]
    fn it_is_ahead_while_both_clocks_agree_that_it_is() {
        assert!(in_an_hour().is_ahead_of(after(0, 0)));
        assert!(in_an_hour().is_ahead_of(after(HOUR - 2, HOUR - 2)));
        assert!(!in_an_hour().is_ahead_of(after(HOUR - 1, HOUR - 1)));
        assert!(!in_an_hour().is_ahead_of(after(HOUR, HOUR)));
    }

    #[test]
    fn a_suspension_is_seen_however_short_the_rest_was() {
        assert!(!in_an_hour().is_ahead_of(after(2 * HOUR, 5)));
        assert!(!in_an_hour().is_ahead_of(after(6, 5)));
    }

    #[test]
    fn a_wall_clock_that_was_set_back_does_not_make_it_later() {
        assert!(!in_an_hour().is_ahead_of(after(-HOUR, HOUR)));
        assert!(!in_an_hour().is_ahead_of(after(-HOUR, 5)));
    }

    #[test]
    fn a_wall_clock_that_was_set_back_does_not_hide_a_suspension() {
        let suspended_and_set_back = after(2 * HOUR - HOUR - HOUR / 2, 5);
        assert!(!in_an_hour().is_ahead_of(suspended_and_set_back));
    }

    #[test]
    fn clocks_that_tick_one_after_the_other_agree() {
        let tick = Duration::from_millis(10);
        let wall = Timestamp::from_secs(START) + Duration::from_secs(5);
        let awake = Duration::from_secs(1005);
        assert!(in_an_hour().is_ahead_of(Glance::new(wall + tick, awake)));
        assert!(in_an_hour().is_ahead_of(Glance::new(wall, awake + tick)));
    }

    #[test]
    fn an_instant_within_the_slack_is_never_ahead() {
        assert!(!Horizon::new(after(0, 0), Horizon::SLACK).is_ahead_of(after(0, 0)));
        assert!(!Horizon::new(after(0, 0), Duration::ZERO).is_ahead_of(after(0, 0)));
    }
}
