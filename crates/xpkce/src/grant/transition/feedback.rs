//! What a resource server's 401 may cause: at most one rotation a minute, and fewer each time.

use std::time::Duration;

use super::super::{Grant, PairId, State, What};
use super::Attempt;
use crate::Timestamp;

impl Grant {
    /// The least time between two rotations that a 401 causes.
    pub const FEEDBACK_PAUSE: Duration = Duration::from_secs(60);

    /// Marks the access token of `pair` as refused, so that it is not served again. Returns
    /// whether it was the current one.
    pub fn access_rejected(&mut self, pair: &PairId, attempt: &Attempt) -> bool {
        let Some(access) = self.access.as_mut().filter(|_| self.pair == *pair) else {
            return false;
        };
        if !access.is_rejected {
            access.is_rejected = true;
            self.note(What::AccessRejected, attempt);
        }
        true
    }

    /// Returns until when a refused token causes no rotation, if it is not allowed to at `now`. That
    /// of a login that is over causes none whenever it is: there is nothing to wait for.
    pub fn feedback_held_until(&self, now: Timestamp) -> Option<Timestamp> {
        let is_over =
            matches!(self.state, State::SignInNeeded | State::SigningOut | State::SignedOut);
        let access = self.access.as_ref().filter(|_| !is_over)?;
        let is_refused = access.is_rejected && access.expires_at > now;
        let until = self.feedback_allowed_at().filter(|_| is_refused)?;
        // An instant further away than the longest pause was written by a clock that is wrong.
        (until > now && until <= now + Self::LONGEST_BACK_OFF).then_some(until)
    }

    pub(in crate::grant) fn feedback_allowed_at(&self) -> Option<Timestamp> {
        let doublings = self.feedback.count.saturating_sub(1).min(8);
        let pause = Self::FEEDBACK_PAUSE.saturating_mul(1 << doublings);
        self.feedback.last.map(|last| last + pause.min(Self::LONGEST_BACK_OFF))
    }

    /// Counts the rotation that is about to be sent, if a 401 caused it; a rotation that was due
    /// anyway ends the count.
    pub fn count_feedback(&mut self, at: Timestamp) {
        match &self.access {
            Some(access) if access.is_rejected && access.expires_at > at => {
                self.feedback.count = self.feedback.count.saturating_add(1);
                self.feedback.last = Some(at);
            }
            _ => self.feedback = Default::default(),
        }
    }

    /// Returns whether the access token may still be handed out at `now`.
    pub fn serves(&self, now: Timestamp) -> bool {
        let lives = |access: &super::Access| !access.is_rejected && access.expires_at > now;
        !matches!(self.state, State::SigningOut | State::SignedOut)
            && self.access.as_ref().is_some_and(lives)
    }
}
