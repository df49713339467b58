//! The virtual clock: the only place in this crate that reads the time of day.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment of virtual time, in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timestamp(u64);

impl Timestamp {
    pub(crate) fn millis(self) -> u64 {
        self.0
    }

    pub(crate) fn seconds(self) -> u64 {
        self.0 / 1000
    }

    /// Returns the moment `later` after this one; the end of time if that overflows.
    pub(crate) fn plus(self, later: Duration) -> Self {
        Self(self.0.saturating_add(millis(later)))
    }

    /// Returns how long ago `earlier` was; zero if it is still to come.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Real time plus an offset that tests move, or a stopped clock that only moves when told.
#[derive(Debug)]
pub(crate) struct Clock {
    frozen_at: Option<u64>,
    offset: u64,
}

impl Clock {
    pub(crate) fn running() -> Self {
        Self { frozen_at: None, offset: 0 }
    }

    pub(crate) fn frozen() -> Self {
        Self { frozen_at: Some(real_millis()), offset: 0 }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(self.frozen_at.unwrap_or_else(real_millis).saturating_add(self.offset))
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        // A hundred years is far beyond any lifetime here and keeps every sum inside u64.
        let limit = Duration::from_secs(100 * 365 * 86_400);
        self.offset = self.offset.saturating_add(millis(by)).min(millis(limit));
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[allow(clippy::disallowed_methods, reason = "the one reading of the clock")]
fn real_millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_clock_moves_only_when_told() {
        let mut clock = Clock::frozen();
        let before = clock.now();
        clock.advance(Duration::from_millis(1500));
        assert_eq!(clock.now().since(before), Duration::from_millis(1500));
    }

    #[test]
    fn an_absurd_jump_does_not_overflow() {
        let mut clock = Clock::running();
        clock.advance(Duration::MAX);
        clock.advance(Duration::MAX);
        assert!(clock.now().plus(Duration::MAX) > clock.now());
    }
}
