//! The brake slows the whole queue down while X fails for many logins at once, so that an outage
//! leads neither to a storm of requests nor to many dead logins. Pure: the queue tells it the
//! outcome for each login.

use std::time::Duration;

/// How many failures in a row stop the queue.
const LEAST: u32 = 5;
/// How many logins are tried after a pause.
const PROBES: usize = 2;
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// How long past a pause no login is called dead: the two words that it takes, and slack.
const DOUBT: Duration = Duration::from_secs(120);
/// How long an outage may hold verdicts back: longer than any that X has had. After that a store
/// in which every login that is due is dead gets its verdicts, as slowly as the probes come.
const LONGEST_HOLD: Duration = Duration::from_secs(6 * 3600);
/// A pause that is over for so long was another outage's: in one that goes on each login is tried
/// again within its longest back-off.
const APART: Duration = Duration::from_secs(3600);
/// From here on the queue is as fast as it is asked to be.
const AT_FULL_SPEED: usize = 1024;

/// How fast the queue may go.
#[derive(Debug)]
pub(super) struct Brake {
    /// Which pause it was; what began before it says nothing about what came after.
    epoch: u64,
    failures: u32,
    pauses: u32,
    /// Until when nothing is begun.
    until: Duration,
    /// When the first of the pauses of one outage began.
    since: Duration,
    allowed: usize,
}

impl Default for Brake {
    fn default() -> Self {
        Self {
            epoch: 0,
            failures: 0,
            pauses: 0,
            until: Duration::ZERO,
            since: Duration::ZERO,
            allowed: AT_FULL_SPEED,
        }
    }
}

impl Brake {
    /// Returns how many logins may be worked on at once, of the `most` that were asked for.
    pub(super) fn allows(&self, now: Duration, most: usize) -> usize {
        if self.is_on() && now >= self.until {
            return PROBES.saturating_sub(self.failures as usize).min(most);
        }
        if self.allowed >= AT_FULL_SPEED { most } else { self.allowed.min(most) }
    }

    /// Names the time between two pauses.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Returns until when nothing is begun, if that is so.
    pub(super) fn held_until(&self, now: Duration) -> Option<Duration> {
        (self.is_on() && now < self.until).then_some(self.until)
    }

    /// Returns until when no login is called dead.
    pub(super) fn no_verdict_until(&self) -> Duration {
        match self.pauses {
            0 => Duration::ZERO,
            _ => (self.until + DOUBT).min(self.since + LONGEST_HOLD),
        }
    }

    /// Notes that X did what it was asked for.
    pub(super) fn went_well(&mut self, epoch: u64) {
        if epoch != self.epoch {
            return;
        }
        self.failures = 0;
        if self.is_on() {
            self.allowed = PROBES;
        }
        self.allowed = self.allowed.saturating_mul(2).min(AT_FULL_SPEED);
        if self.allowed == AT_FULL_SPEED {
            self.pauses = 0;
        }
    }

    /// Notes that X failed. `chance` is from 0.5 to 1, so that two keepers do not probe together.
    /// Returns whether the queue pauses now.
    pub(super) fn failed(&mut self, epoch: u64, now: Duration, chance: f64) -> bool {
        if epoch != self.epoch {
            return false;
        }
        self.failures += 1;
        let enough = if self.is_on() { PROBES as u32 } else { LEAST };
        if self.failures < enough {
            return false;
        }
        if self.pauses == 0 || now > self.until + APART {
            (self.pauses, self.since) = (0, now);
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << self.pauses.min(16)).min(LONGEST_PAUSE);
        self.pauses = self.pauses.saturating_add(1);
        self.until = now + pause.mul_f64(chance);
        self.failures = 0;
        self.allowed = 0;
        self.epoch += 1;
        true
    }

    fn is_on(&self) -> bool {
        self.allowed == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1000);

    fn fail(brake: &mut Brake, now: Duration, times: u32) -> bool {
        (0..times).any(|_| brake.failed(brake.epoch(), now, 1.0))
    }

    /// One in a pause that began at `NOW`.
    fn on() -> Brake {
        let mut brake = Brake::default();
        assert!(fail(&mut brake, NOW, LEAST));
        brake
    }

    #[test]
    fn four_failures_in_a_row_do_not_stop_the_queue_and_five_do() {
        let mut brake = Brake::default();
        assert!(!fail(&mut brake, NOW, 4));
        brake.went_well(0);
        assert!(!fail(&mut brake, NOW, 4));
        assert_eq!(brake.allows(NOW, 32), 32);
        assert!(fail(&mut brake, NOW, 1));
        assert_eq!(brake.allows(NOW, 32), 0);
    }

    #[test]
    fn a_queue_that_x_does_not_fail_is_as_fast_as_it_is_asked_to_be() {
        assert_eq!(Brake::default().allows(NOW, AT_FULL_SPEED * 4), AT_FULL_SPEED * 4);
    }

    #[test]
    fn nothing_is_held_from_the_end_of_a_pause_on() {
        let brake = on();
        let end = NOW + FIRST_PAUSE;
        assert_eq!(brake.held_until(end - Duration::from_millis(1)), Some(end));
        assert_eq!(brake.held_until(end), None);
    }

    #[test]
    fn what_was_under_way_when_it_stopped_makes_the_pause_no_longer() {
        let mut brake = Brake::default();
        let before = brake.epoch();
        for _ in 0..100 {
            brake.failed(before, NOW, 1.0);
        }
        assert_eq!(brake.held_until(NOW), Some(NOW + FIRST_PAUSE));
        brake.went_well(before);
        assert_eq!(brake.allows(NOW, 32), 0);
    }

    #[test]
    fn after_a_pause_two_are_tried_and_the_next_pause_is_longer_up_to_five_minutes() {
        let mut brake = on();
        let mut now = NOW;
        let mut pauses = Vec::new();
        for _ in 0..12 {
            let until = brake.held_until(now).unwrap();
            pauses.push(until.saturating_sub(now));
            now = until;
            assert_eq!(brake.allows(now, 32), 2);
            assert!(!fail(&mut brake, now, 1));
            assert_eq!(brake.allows(now, 32), 1);
            assert!(fail(&mut brake, now, 1));
        }
        assert_eq!(pauses[..3], [5, 10, 20].map(Duration::from_secs));
        assert_eq!(pauses[11], LONGEST_PAUSE);
    }

    #[test]
    fn it_starts_slowly_and_forgets_the_outage_at_full_speed() {
        let mut brake = on();
        let now = NOW + FIRST_PAUSE;
        let mut allowed = Vec::new();
        for _ in 0..6 {
            brake.went_well(brake.epoch());
            allowed.push(brake.allows(now, 100));
        }
        assert_eq!(allowed, [4, 8, 16, 32, 64, 100]);
        assert!(fail(&mut brake, now, LEAST));
        assert_eq!(brake.held_until(now), Some(now + FIRST_PAUSE * 2), "the outage goes on");
        for _ in 0..20 {
            brake.went_well(brake.epoch());
        }
        assert!(fail(&mut brake, now, LEAST));
        assert_eq!(brake.held_until(now), Some(now + FIRST_PAUSE), "another outage");
    }

    #[test]
    fn no_login_is_called_dead_in_a_pause_and_some_time_after_but_not_for_ever() {
        let mut brake = on();
        assert_eq!(brake.no_verdict_until(), NOW + FIRST_PAUSE + DOUBT);
        let mut now = NOW;
        while now < NOW + LONGEST_HOLD * 2 {
            now = brake.held_until(now).unwrap();
            fail(&mut brake, now, 2);
        }
        assert_eq!(brake.no_verdict_until(), NOW + LONGEST_HOLD);
        assert_eq!(Brake::default().no_verdict_until(), Duration::ZERO);
    }

    #[test]
    fn an_outage_long_after_another_holds_verdicts_back_for_as_long() {
        let mut brake = on();
        brake.went_well(brake.epoch());
        let later = NOW + LONGEST_HOLD;
        assert!(fail(&mut brake, later, LEAST));
        assert_eq!(brake.no_verdict_until(), later + FIRST_PAUSE + DOUBT);
    }
}
