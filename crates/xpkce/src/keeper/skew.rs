//! How far this machine's wall clock is from X's, by the `Date` of X's answers. It is told, and
//! nothing is judged by it: what matters is timed by clocks that nobody sets.

use std::time::Duration;

use super::pair::{Answer, Landing};
use super::{Desk, measure};
use crate::token::Rotated;

impl Desk {
    /// How far apart the two are when it is told. Seconds are a matter of the network.
    const SKEW: Duration = Duration::from_secs(5 * 60);
    /// How often it is told at most.
    const SKEW_PAUSE: Duration = Duration::from_secs(3600);

    /// Compares the clocks by what X answered, once that is saved.
    pub(super) fn compare_clocks(&self, landing: &Landing) {
        let Answer::Pair(Rotated { server_date: Some(xs), .. }) = &landing.answer else { return };
        let (ahead, behind) = (landing.received_at.since(*xs), xs.since(landing.received_at));
        measure::clock_is_ahead(ahead.as_secs_f64() - behind.as_secs_f64());
        let apart = ahead.max(behind);
        if apart < Self::SKEW
            || !self.told_of_skew_at.may_be_again(self.clock.uptime(), Self::SKEW_PAUSE)
        {
            return;
        }
        let (side, end) = if behind.is_zero() { ("ahead of", "late") } else { ("behind", "early") };
        crate::contained(|| {
            tracing::warn!(
                seconds = apart.as_secs(),
                "this machine's clock is {side} X's, and the tokens that it saves seem to others to \
                 end too {end}: set it, best by NTP"
            );
        });
    }
}
