//! When something was last done, for what must not be done too often.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::turns::AtomicU64;

/// One more than the milliseconds of the clock that counts suspension, or zero for never.
#[derive(Default)]
pub(super) struct LastTime(AtomicU64);

impl LastTime {
    /// Returns whether `pause` has passed since the last time, and notes that this is the last time.
    pub(super) fn may_be_again(&self, uptime: Duration, pause: Duration) -> bool {
        let (now, pause) = (millis(uptime) + 1, millis(pause));
        let may = |last: u64| last == 0 || now.saturating_sub(last) >= pause;
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| may(last).then_some(now))
            .is_ok()
    }
}

/// Counts milliseconds, as far as one more than they are can be counted.
fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX - 1)
}
