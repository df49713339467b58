//! When a grant next needs the keeper by itself, though nobody asks for its token.
//!
//! It follows from the record alone, so that a store can order its records by it and every keeper
//! finds the same instant.

use std::time::Duration;

use super::{Access, Grant, Lease, PairId, State};
use crate::Timestamp;

/// The longest early window.
const LONGEST_WINDOW: Duration = Duration::from_secs(300);

/// How long before its end a token is refreshed: a quarter of its life, at most five minutes. It
/// follows from the token alone, so every holder finds the same instant.
pub(crate) fn window(life: Duration) -> Duration {
    (life / 4).min(LONGEST_WINDOW)
}

impl Access {
    /// The life of X's access tokens, for one that was taken over late in it.
    const USUAL_LIFE: Duration = Duration::from_secs(7200);

    /// Returns when its early window begins.
    pub fn refresh_at(&self) -> Timestamp {
        self.expires_at - window(self.expires_at.since(self.issued_at))
    }

    /// Returns when X issued it, as far as its end tells: one that another program had is older
    /// than its place here.
    fn issued_by_x_at(&self) -> Timestamp {
        self.issued_at.min(self.expires_at - Self::USUAL_LIFE)
    }
}

impl Grant {
    /// How long after it was last asked for a login is in use.
    pub const IN_USE: Duration = Duration::from_secs(24 * 3600);
    /// How long a refresh token that nobody uses is left alone: half of its life at X.
    pub const KEEP_ALIVE: Duration = Duration::from_secs(90 * 24 * 3600);
    /// Over how long after that the logins are spread, so that those which were imported together
    /// are not rotated together.
    pub const KEEP_ALIVE_SPREAD: Duration = Duration::from_secs(9 * 24 * 3600);

    /// Returns from when on the keeper has something to do for this grant by itself; none when
    /// there is nothing that it could do.
    ///
    /// | state | due |
    /// |---|---|
    /// | `Ready`, in use | at the start of the early window |
    /// | `Ready`, not in use | [`Grant::KEEP_ALIVE`] after the refresh token was received, and a while that follows from the pair's name |
    /// | `Spending` | when its lease must have ended |
    /// | `InDoubt`, `Rejected`, any that backs off | when the back-off ends |
    /// | `SigningOut` | when its lease must have ended, or the back-off ends |
    /// | `SignInNeeded`, `SignedOut`, without a refresh token | never |
    pub fn due_at(&self) -> Option<Timestamp> {
        let lease_end = self.lease.as_ref().map(|lease| lease.since + Lease::SPAN);
        let backed_off = self.not_before.unwrap_or_default();
        match self.state {
            State::SignInNeeded | State::SignedOut => None,
            State::SigningOut => Some(lease_end.unwrap_or(backed_off)),
            _ if self.refresh.is_none() => None,
            State::Spending => Some(lease_end.unwrap_or_default()),
            State::InDoubt | State::Rejected => Some(backed_off),
            State::Ready => Some(self.rotates_at().max(backed_off)),
        }
    }

    /// Returns the minute since the epoch by which the grant is due: what a store orders by.
    pub fn due_minute(&self) -> Option<i64> {
        const MINUTE: i64 = 60_000;
        let at = self.due_at()?.as_millis();
        Some(at.div_euclid(MINUTE) + i64::from(at.rem_euclid(MINUTE) > 0))
    }

    /// Returns whether the login was asked for lately, seen from `at`.
    pub fn is_in_use(&self, at: Timestamp) -> bool {
        self.used_at.is_some_and(|used| used + Self::IN_USE >= at)
    }

    fn rotates_at(&self) -> Timestamp {
        // X sent a refresh token alone.
        let Some(access) = &self.access else {
            return Timestamp::default();
        };
        let early = access.refresh_at();
        match self.is_in_use(early) {
            true if access.is_rejected => self.feedback_allowed_at().unwrap_or(access.issued_at),
            true => early,
            false => {
                let idle = access.issued_by_x_at() + Self::KEEP_ALIVE;
                early.max(idle + Self::KEEP_ALIVE_SPREAD.mul_f64(share(&self.pair)))
            }
        }
    }
}

/// Returns a number from 0 to 1 that follows from the pair's random name.
fn share(pair: &PairId) -> f64 {
    let first = u32::from_str_radix(pair.as_str().get(..8).unwrap_or("0"), 16).unwrap_or(0);
    f64::from(first) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::transition::{Attempt, NewGrant};
    use crate::grant::{Account, AttemptId, Feedback, GrantId, Holder};
    use crate::seal::Sealed;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
    const LIFE: Duration = Duration::from_secs(7200);
    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn attempt(at: Timestamp) -> Attempt {
        let holder = Holder { boot_id: "boot".to_owned(), pid: 1, liveness: None };
        Attempt { id: AttemptId::new([7; 16]), holder: holder.into(), at }
    }

    fn sealed() -> Sealed {
        Sealed { key: "0123456789abcdef".parse().unwrap(), text: String::new() }
    }

    /// A login that came at `NOW`, whose pair's name gives it this share of the spread.
    fn signed_in(share: u8) -> Grant {
        let access = Access {
            token: sealed(),
            token_type: "bearer".to_owned(),
            issued_at: NOW,
            expires_at: NOW + LIFE,
            is_rejected: false,
        };
        let new = NewGrant {
            account: Account::new("app", "user"),
            username: None,
            grant_id: GrantId::new([1; 16]),
            sign_in: 1,
            pair: PairId::new([share; 16]),
            access: Some(access),
            refresh: Some(sealed()),
            scopes: None,
        };
        Grant::signed_in(new, &attempt(NOW))
    }

    fn in_use() -> Grant {
        Grant { used_at: Some(NOW), ..signed_in(0) }
    }

    #[test]
    fn a_login_in_use_is_due_when_its_early_window_begins() {
        assert_eq!(in_use().due_at(), Some(NOW + LIFE - Duration::from_secs(300)));
    }

    #[test]
    fn a_token_that_lives_for_minutes_is_refreshed_in_its_last_quarter() {
        let mut short = in_use();
        short.access.as_mut().unwrap().expires_at = NOW + Duration::from_secs(600);
        assert_eq!(short.due_at(), Some(NOW + Duration::from_secs(450)));
    }

    #[test]
    fn a_login_in_use_whose_token_was_refused_is_due_when_a_401_may_cause_a_rotation() {
        let mut refused = in_use();
        refused.access.as_mut().unwrap().is_rejected = true;
        assert_eq!(refused.due_at(), Some(NOW));
        let last = NOW + Duration::from_secs(1000);
        refused.feedback = Feedback { count: 1, last: Some(last) };
        assert_eq!(refused.due_at(), Some(last + Grant::FEEDBACK_PAUSE));
    }

    #[test]
    fn a_login_that_nobody_asks_for_is_due_after_ninety_days_and_within_ninety_nine() {
        let due = |share| signed_in(share).due_at().unwrap();
        assert_eq!(due(0), NOW + DAY * 90);
        assert_eq!(due(0xff), NOW + DAY * 99);
        assert!(due(0x80) > NOW + DAY * 94 && due(0x80) < NOW + DAY * 95);
    }

    #[test]
    fn a_login_is_in_use_for_a_day_after_it_was_asked_for() {
        let early = NOW + LIFE - Duration::from_secs(300);
        let used = |at| Grant { used_at: Some(at), ..signed_in(0) }.due_at().unwrap();
        assert_eq!(used(early - Grant::IN_USE), early);
        assert_eq!(used(early - Grant::IN_USE - Duration::from_millis(1)), NOW + DAY * 90);
    }

    #[test]
    fn a_pair_that_another_program_had_is_as_old_as_its_access_token_says() {
        let mut imported = signed_in(0);
        imported.access.as_mut().unwrap().expires_at = NOW - DAY * 80;
        let age = DAY * 80 + LIFE;
        assert_eq!(imported.due_at(), Some(NOW + DAY * 90 - age));
    }

    #[test]
    fn a_spend_is_due_when_its_lease_must_have_ended() {
        let mut spending = in_use();
        spending.begin(&attempt(NOW + LIFE), false);
        assert_eq!(spending.due_at(), Some(NOW + LIFE + Lease::SPAN));
    }

    #[test]
    fn whatever_backs_off_is_due_when_it_ends() {
        let later = NOW + DAY;
        for state in [State::InDoubt, State::Rejected, State::SigningOut] {
            let backed_off = Grant { state, not_before: Some(later), ..signed_in(0) };
            assert_eq!(backed_off.due_at(), Some(later), "{state:?}");
        }
        let unsent = Grant { not_before: Some(later), ..in_use() };
        assert_eq!(unsent.due_at(), Some(later));
        let early = Grant { not_before: Some(NOW), ..in_use() };
        assert_eq!(early.due_at(), in_use().due_at());
    }

    #[test]
    fn a_sign_out_that_x_did_not_confirm_is_tried_less_and_less_often() {
        let mut leaving = in_use();
        let mut waits = Vec::new();
        for _ in 0..12 {
            leaving.begin_sign_out(&attempt(NOW), false);
            assert_eq!(leaving.due_at(), Some(NOW + Lease::SPAN));
            assert!(leaving.pause_sign_out(&attempt(NOW)));
            waits.push(leaving.due_at().unwrap().since(NOW));
        }
        assert!(waits[0] > Duration::ZERO && waits.is_sorted());
        assert!(waits[11] > waits[0] * 8 && waits[11] <= Grant::LONGEST_BACK_OFF);
    }

    #[test]
    fn what_the_keeper_can_do_nothing_for_is_never_due() {
        for state in [State::SignInNeeded, State::SignedOut] {
            assert_eq!(Grant { state, ..in_use() }.due_at(), None);
        }
        for state in [State::Ready, State::Spending, State::InDoubt, State::Rejected] {
            assert_eq!(Grant { state, refresh: None, ..in_use() }.due_at(), None);
        }
    }

    #[test]
    fn a_refresh_token_that_came_alone_is_due_at_once() {
        let alone = Grant { access: None, ..signed_in(0) };
        assert!(alone.due_at().unwrap() <= NOW);
    }

    #[test]
    fn a_minute_is_the_first_that_begins_no_earlier() {
        let due = |at| Grant { not_before: Some(at), ..in_use() }.due_minute();
        let minute = Timestamp::from_secs(1_800_000_000);
        assert_eq!(due(minute), Some(30_000_000));
        assert_eq!(due(minute + Duration::from_millis(1)), Some(30_000_001));
    }
}
