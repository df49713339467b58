//! Time, as the library takes it: an instant of the wall clock, and a clock that counts suspension.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

#[cfg(target_os = "linux")]
mod bound;

/// An instant in milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Takes milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Takes whole seconds since the epoch.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Takes seconds since the epoch, fractional as X's Python class keeps them; none when it is no
    /// instant that can be represented.
    pub fn from_secs_f64(secs: f64) -> Option<Self> {
        let millis = (secs * 1000.0).round();
        // 2^53 milliseconds are 285,000 years: every whole number below is exact.
        (millis.abs() < 9_007_199_254_740_992.0).then_some(Self(millis as i64))
    }

    /// Returns milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Returns whole seconds since the epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Returns the time from `earlier` to this instant; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// Where the library gets its time from.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Returns the wall clock's time, which may jump.
    fn now(&self) -> Timestamp;

    /// Returns a time that never goes back and goes on while the machine is suspended
    /// (`CLOCK_BOOTTIME` on Linux), from an arbitrary start.
    fn uptime(&self) -> Duration;

    /// Returns what [`uptime`](Self::uptime) has not passed: at most a second ahead of it, and quicker
    /// to read where the system has a coarse clock. A wall clock that was set back lately may make it
    /// late by up to a second. What serves fresh tokens asks for it first.
    fn uptime_at_most(&self) -> Duration {
        self.uptime()
    }
}

/// The machine's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
        Timestamp(now.tv_sec.saturating_mul(1000).saturating_add(now.tv_nsec / 1_000_000))
    }

    fn uptime(&self) -> Duration {
        #[cfg(target_os = "linux")]
        const COUNTS_SUSPENSION: rustix::time::ClockId = rustix::time::ClockId::Boottime;
        #[cfg(not(target_os = "linux"))]
        const COUNTS_SUSPENSION: rustix::time::ClockId = rustix::time::ClockId::Monotonic;
        let now = rustix::time::clock_gettime(COUNTS_SUSPENSION);
        Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
    }

    #[cfg(target_os = "linux")]
    fn uptime_at_most(&self) -> Duration {
        use bound::Bound;
        thread_local! {
            static LAST: std::cell::Cell<Bound> = const { std::cell::Cell::new(Bound::NONE) };
        }
        let now = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
        let wall = now.tv_sec.wrapping_mul(1_000_000_000).wrapping_add(now.tv_nsec);
        LAST.with(|last| match last.get().at(wall) {
            Some(bound) => bound,
            None => {
                let uptime = self.uptime();
                last.set(Bound::new(wall, uptime));
                uptime
            }
        })
    }
}

/// A clock that stands still until it is moved.
#[cfg(feature = "testing")]
#[derive(Debug)]
pub struct ManualClock {
    now: std::sync::atomic::AtomicI64,
    uptime: std::sync::atomic::AtomicU64,
}

#[cfg(feature = "testing")]
impl ManualClock {
    /// Starts at `now`.
    pub fn new(now: Timestamp) -> Self {
        Self { now: now.as_millis().into(), uptime: 1_000_000.into() }
    }

    /// Moves both clocks on.
    pub fn advance(&self, span: Duration) {
        use std::sync::atomic::Ordering::SeqCst;
        let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        self.now.fetch_add(i64::try_from(millis).unwrap_or(i64::MAX), SeqCst);
        self.uptime.fetch_add(millis, SeqCst);
    }

    /// Sets the wall clock alone, as an administrator or NTP would.
    pub fn set_wall(&self, now: Timestamp) {
        self.now.store(now.as_millis(), std::sync::atomic::Ordering::SeqCst);
    }
}

#[cfg(feature = "testing")]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(std::sync::atomic::Ordering::SeqCst))
    }

    fn uptime(&self) -> Duration {
        Duration::from_millis(self.uptime.load(std::sync::atomic::Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractional_seconds_are_read_to_the_millisecond_where_whole_numbers_are_exact() {
        let millis = |secs| Timestamp::from_secs_f64(secs).map(Timestamp::as_millis);
        assert_eq!(millis(1_800_000_000.25), Some(1_800_000_000_250));
        assert_eq!(millis(-0.001_6), Some(-2));
        let longest = 9_007_199_254_740.99;
        assert_eq!(millis(longest), Some(9_007_199_254_740_990));
        for none in [longest + 0.002, -longest - 0.002, f64::INFINITY, f64::NAN] {
            assert_eq!(millis(none), None, "{none}");
        }
    }
}
