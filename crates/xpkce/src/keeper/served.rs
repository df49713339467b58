//! The token that is served. Beside it stands how long it is fresh, so that who asks for one of a
//! million accounts waits for one place of the memory and not for two.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arc_swap::Guard;

use crate::grant::{Generation, PairId, window};
use crate::turns::{ArcSwapOption, AtomicU64};
use crate::{AccessToken, Clock, Timestamp};

/// The token, if there is any. Aligned, so that its two halves lie in one line of the cache.
#[repr(align(16))]
pub(super) struct Served {
    held: ArcSwapOption<Held>,
    /// When its early window begins, [as a number](in_order); zero where there is none, and while
    /// another takes its place.
    early: AtomicU64,
}

/// A token in memory, with its ends by the clock that never goes back: setting the wall clock
/// neither revives nor ends it, and moves its early window by less than a second.
#[derive(Debug)]
pub(super) struct Held {
    token: AccessToken,
    pub(super) generation: Generation,
    pub(super) pair: PairId,
    pub(super) issued_at: Timestamp,
    expires_at: Timestamp,
    pub(super) early: Duration,
    end: Duration,
}

/// A valid access token, borrowed from the keeper. Dereferences to [`AccessToken`].
pub struct TokenGuard(Guard<Option<Arc<Held>>>);

impl TokenGuard {
    pub(super) fn held(&self) -> &Held {
        self.0.as_deref().expect("a guard is made of a token that is there")
    }

    /// Returns when the token expires, by the wall clock.
    pub fn expires_at(&self) -> Timestamp {
        self.held().expires_at
    }

    /// Returns the generation it belongs to.
    pub fn generation(&self) -> Generation {
        self.held().generation
    }
}

impl Deref for TokenGuard {
    type Target = AccessToken;

    fn deref(&self) -> &AccessToken {
        &self.held().token
    }
}

impl fmt::Debug for TokenGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Held { generation, expires_at, .. } = self.held();
        write!(f, "TokenGuard(generation {generation}, until {})", expires_at.as_secs())
    }
}

impl Served {
    pub(super) fn nothing() -> Self {
        Self { held: ArcSwapOption::empty(), early: AtomicU64::default() }
    }

    /// Returns the token if the early window has not begun. The exact clock is asked where the
    /// quick one cannot tell.
    #[inline]
    pub(super) fn fresh(&self, clock: &dyn Clock) -> Option<TokenGuard> {
        let early = self.early.load(Ordering::Acquire);
        if in_order(clock.uptime_at_most()) < early {
            let held = self.held.load();
            // Still the one whose window that is. If it went and came back, there may have been none.
            if self.early.load(Ordering::Acquire) == early && held.is_some() {
                return Some(TokenGuard(held));
            }
        }
        self.fresh_by_its_own_word(clock)
    }

    #[cold]
    fn fresh_by_its_own_word(&self, clock: &dyn Clock) -> Option<TokenGuard> {
        let held = self.held.load();
        let early = held.as_ref()?.early;
        (clock.uptime() < early).then(|| TokenGuard(held))
    }

    /// Returns the token if it lives.
    pub(super) fn alive(&self, uptime: Duration) -> Option<TokenGuard> {
        let held = self.held.load();
        held.as_ref().is_some_and(|held| uptime < held.end).then(|| TokenGuard(held))
    }

    /// Returns the token, whatever has become of it.
    pub(super) fn load(&self) -> Guard<Option<Arc<Held>>> {
        self.held.load()
    }

    /// Serves another token, or none. Not for two at once.
    pub(super) fn store(&self, held: Option<Held>) {
        let early = held.as_ref().map_or(0, |held| in_order(held.early));
        self.early.store(0, Ordering::Release);
        self.held.store(held.map(Arc::new));
        self.early.store(early, Ordering::Release);
    }
}

/// Makes a number of a span of less than a century, which orders as the spans do.
fn in_order(span: Duration) -> u64 {
    (span.as_secs() << 32) | u64::from(span.subsec_nanos())
}

impl Held {
    pub(super) fn new(
        token: AccessToken,
        generation: Generation,
        pair: &PairId,
        expires_at: Timestamp,
        life: Duration,
        clock: &dyn Clock,
    ) -> Self {
        // In this order: who is held up between the two finds less left, not more.
        let uptime = clock.uptime();
        // No longer than its whole life: a wall clock may have stepped back since it was issued.
        let left = expires_at.since(clock.now()).min(life);
        let (early, end) = (uptime + left.saturating_sub(window(life)), uptime + left);
        let issued_at = expires_at - life;
        Self { token, generation, pair: *pair, issued_at, expires_at, early, end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_spans_are_in_the_order_of_the_spans() {
        let (second, nanosecond) = (Duration::from_secs(1), Duration::from_nanos(1));
        let least = [Duration::ZERO, nanosecond, second - nanosecond, second, second + nanosecond];
        let most = [second * 2, second * 3, second * u32::MAX - nanosecond, second * u32::MAX];
        let numbers: Vec<u64> = least.into_iter().chain(most).map(in_order).collect();
        assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:x?}");
    }
}
