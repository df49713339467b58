//! The machine's clock, ahead of itself by as much as the emulator's is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use xpkce::{Clock, SystemClock, Timestamp};

/// A clock that can be moved on.
#[derive(Debug, Default)]
pub(super) struct DemoClock {
    ahead_millis: AtomicU64,
}

impl DemoClock {
    /// Moves it on.
    pub(super) fn advance(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.ahead_millis.fetch_add(millis, Ordering::SeqCst);
    }

    fn ahead(&self) -> Duration {
        Duration::from_millis(self.ahead_millis.load(Ordering::SeqCst))
    }
}

impl Clock for DemoClock {
    fn now(&self) -> Timestamp {
        SystemClock.now() + self.ahead()
    }

    fn uptime(&self) -> Duration {
        SystemClock.uptime() + self.ahead()
    }
}
