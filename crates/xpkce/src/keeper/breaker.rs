//! Tells trouble at X from dead logins: while X rejects many tokens at once, no login is called
//! dead.

use std::collections::VecDeque;
use std::sync::PoisonError;
use std::time::Duration;

use crate::turns::Mutex;

/// How far back it looks.
const WINDOW: Duration = Duration::from_secs(60);
/// How many rejections it takes at least.
const LEAST: usize = 5;
/// The share of rejected spends that opens it: one in this many.
const ONE_IN: usize = 5;
/// The most spends it remembers.
const MOST: usize = 4096;

/// The outcomes of the last minute's spends of one process.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    spends: Mutex<VecDeque<(Duration, bool)>>,
    /// Until when it is open whatever came.
    held: Mutex<Duration>,
}

impl Breaker {
    /// Notes whether a spend that ended at `now` was rejected.
    pub(super) fn note(&self, now: Duration, is_rejected: bool) {
        let mut spends = self.spends.lock().unwrap_or_else(PoisonError::into_inner);
        while spends.front().is_some_and(|(at, _)| now.saturating_sub(*at) > WINDOW)
            || spends.len() >= MOST
        {
            spends.pop_front();
        }
        spends.push_back((now, is_rejected));
    }

    /// Keeps it open until then: the queue has met an outage, and asks so seldom that the share of
    /// a minute's spends tells nothing.
    pub(super) fn hold_until(&self, until: Duration) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    /// Returns whether verdicts of death wait.
    pub(super) fn is_open(&self, now: Duration) -> bool {
        if now < *self.held.lock().unwrap_or_else(PoisonError::into_inner) {
            return true;
        }
        let spends = self.spends.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = spends.iter().filter(|(at, _)| now.saturating_sub(*at) <= WINDOW);
        let (all, rejected) = recent
            .fold((0, 0), |(all, rejected), (_, bad)| (all + 1, rejected + usize::from(*bad)));
        rejected >= LEAST && rejected * ONE_IN >= all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1000);

    #[test]
    fn four_rejections_do_not_open_it_and_five_do() {
        let breaker = Breaker::default();
        for _ in 0..4 {
            breaker.note(NOW, true);
        }
        assert!(!breaker.is_open(NOW));
        breaker.note(NOW, true);
        assert!(breaker.is_open(NOW));
    }

    #[test]
    fn less_than_a_fifth_of_the_spends_does_not_open_it() {
        let breaker = Breaker::default();
        for at in 0..30 {
            breaker.note(NOW, at % 6 == 0);
        }
        assert!(!breaker.is_open(NOW));
    }

    #[test]
    fn a_fifth_of_the_spends_opens_it() {
        let breaker = Breaker::default();
        for at in 0..40 {
            breaker.note(NOW, at % 5 == 0);
        }
        assert!(breaker.is_open(NOW));
    }

    #[test]
    fn a_minute_with_many_spends_is_not_remembered_without_bound() {
        let breaker = Breaker::default();
        for _ in 0..MOST * 2 {
            breaker.note(NOW, false);
        }
        assert_eq!(breaker.spends.lock().unwrap().len(), MOST);
    }

    #[test]
    fn it_stays_open_while_it_is_held() {
        let breaker = Breaker::default();
        breaker.hold_until(NOW);
        assert!(breaker.is_open(NOW - Duration::from_secs(1)));
        assert!(!breaker.is_open(NOW));
    }

    #[test]
    fn it_closes_after_a_minute() {
        let breaker = Breaker::default();
        for _ in 0..5 {
            breaker.note(NOW, true);
        }
        assert!(!breaker.is_open(NOW + WINDOW + Duration::from_secs(1)));
    }
}
