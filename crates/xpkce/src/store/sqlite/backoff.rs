//! How long to wait for a lock that another process has. SQLite's own handler lets the same
//! process win again and again; short random waits do not.

use std::thread;
use std::time::Duration;

use crate::{Clock as _, SystemClock};

/// Random waits that grow, up to a deadline.
pub(super) struct Backoff {
    since: Duration,
    longest: Duration,
}

impl Backoff {
    /// How long a lock is waited for.
    pub(super) const DEADLINE: Duration = Duration::from_secs(10);
    const FIRST: Duration = Duration::from_micros(250);
    const LONGEST: Duration = Duration::from_millis(8);

    pub(super) fn start() -> Self {
        Self { since: SystemClock.uptime(), longest: Self::FIRST }
    }

    /// Returns one that does not wait any more.
    #[cfg(test)]
    pub(super) fn at_its_deadline() -> Self {
        let since = SystemClock.uptime().saturating_sub(Self::DEADLINE);
        Self { since, longest: Self::FIRST }
    }

    /// Waits once more, and returns false instead when the deadline is over.
    pub(super) fn wait(&mut self) -> bool {
        if SystemClock.uptime().saturating_sub(self.since) >= Self::DEADLINE {
            return false;
        }
        thread::sleep(self.longest.mul_f64(chance()));
        self.longest = (self.longest * 2).min(Self::LONGEST);
        true
    }
}

/// Returns a random number from 0 to 1, and 1 where there is no randomness.
fn chance() -> f64 {
    let mut random = [0xff; 2];
    let _ = getrandom::fill(&mut random);
    f64::from(u16::from_be_bytes(random)) / f64::from(u16::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn no_lock_is_waited_for_beyond_the_deadline() {
        assert!(!Backoff::at_its_deadline().wait());
        assert!(Backoff::start().wait());
    }

    #[test]
    fn waits_grow_to_a_bound() {
        let mut backoff = Backoff::start();
        backoff.longest = Backoff::LONGEST;
        backoff.wait();
        assert_eq!(backoff.longest, Backoff::LONGEST);
    }
}
