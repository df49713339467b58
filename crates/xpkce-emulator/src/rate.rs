//! Fixed windows of 15 minutes, and the headers that describe them.

use std::collections::HashMap;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::reply::Reply;

const WINDOW: Duration = Duration::from_secs(15 * 60);
/// How many windows are kept before old ones are thrown out.
const OPEN_WINDOWS: usize = 10_000;

/// What is left of a window after a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    pub(crate) reset: Timestamp,
    pub(crate) is_over: bool,
}

impl Spent {
    /// Writes `x-rate-limit-limit`, `-remaining` and `-reset` (Unix seconds).
    pub(crate) fn describe(self, reply: &mut Reply) {
        reply.set("x-rate-limit-limit", &self.limit.to_string());
        reply.set("x-rate-limit-remaining", &self.remaining.to_string());
        reply.set("x-rate-limit-reset", &self.reset.seconds().to_string());
    }
}

/// The windows that are open, by what they count.
#[derive(Debug, Default)]
pub(crate) struct Windows(HashMap<String, (Timestamp, u32)>);

impl Windows {
    pub(crate) fn spend(&mut self, key: &str, limit: u32, now: Timestamp) -> Spent {
        if self.0.len() >= OPEN_WINDOWS {
            self.0.retain(|_, (opened, _)| now.since(*opened) < WINDOW);
        }
        let (opened, used) = self.0.entry(key.to_owned()).or_insert((now, 0));
        if now.since(*opened) >= WINDOW {
            (*opened, *used) = (now, 0);
        }
        let is_over = *used >= limit;
        *used = used.saturating_add(u32::from(!is_over));
        Spent { limit, remaining: limit.saturating_sub(*used), reset: opened.plus(WINDOW), is_over }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn a_window_opens_again_after_fifteen_minutes() {
        let (mut windows, now) = (Windows::default(), Clock::frozen().now());
        assert!(!windows.spend("a", 1, now).is_over);
        assert!(windows.spend("a", 1, now).is_over);
        assert!(!windows.spend("a", 1, now.plus(WINDOW)).is_over);
    }

    #[test]
    fn a_limit_that_shrinks_does_not_underflow() {
        let (mut windows, now) = (Windows::default(), Clock::frozen().now());
        for _ in 0..5 {
            windows.spend("a", 10, now);
        }
        assert_eq!(windows.spend("a", 2, now).remaining, 0);
    }
}
