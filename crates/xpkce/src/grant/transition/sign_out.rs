//! How a grant is signed out: marked, revoked at X, and left as a tombstone.

use super::super::{Candidate, Grant, PairId, State, What};
use super::Attempt;

/// What a holder may do that wants to sign out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignOut {
    /// Save this record, then revoke.
    Revoke,
    /// Another holder is spending.
    Busy,
    /// It is signed out already.
    Already,
}

impl Grant {
    /// Marks the grant as being signed out, under a lease of its own.
    pub fn begin_sign_out(&mut self, attempt: &Attempt, holder_lives: bool) -> SignOut {
        if self.state == State::SignedOut {
            return SignOut::Already;
        }
        if let Some(lease) = &self.lease {
            if lease.attempt != attempt.id && holder_lives {
                return SignOut::Busy;
            }
            self.holder_died(attempt);
        }
        self.take_lease(attempt);
        self.state = State::SigningOut;
        self.note(What::SignOutBegan, attempt);
        SignOut::Revoke
    }

    /// Leaves the tombstone, if what was revoked, all that `marked` held, is still all that the
    /// grant holds.
    pub fn signed_out(&mut self, marked: &Self, pair: PairId, attempt: &Attempt) -> bool {
        let is_all = self.is_at(&marked.spent()) && self.has_candidates_of(marked);
        if self.state != State::SigningOut || !is_all {
            return false;
        }
        self.state = State::SignedOut;
        self.move_on(self.generation.next(), pair, attempt);
        self.access = None;
        self.refresh = None;
        self.candidates.clear();
        self.note(What::SignedOut, attempt);
        true
    }

    /// Ends the lease of a sign-out that is not over; the grant stays marked, and is left alone for
    /// a while by those who were not asked to sign it out.
    pub fn pause_sign_out(&mut self, attempt: &Attempt) -> bool {
        let is_own = self.release(attempt);
        if is_own {
            self.failures = self.failures.saturating_add(1);
            self.back_off(attempt, Self::FIRST_DOUBT_BACK_OFF, Self::LONGEST_BACK_OFF);
        }
        is_own
    }

    /// Keeps a pair that came after the sign-out and that X did not take back: until it does, the
    /// grant is signing out. Returns whether that changes the record.
    pub fn not_revoked(&mut self, late: Candidate, attempt: &Attempt) -> bool {
        let is_news = self.state == State::SignedOut;
        if is_news {
            self.state = State::SigningOut;
            self.candidates.push(late);
            self.note(What::NotRevoked, attempt);
        }
        is_news
    }

    fn has_candidates_of(&self, other: &Self) -> bool {
        let pairs = |grant: &Self| -> Vec<PairId> {
            grant.candidates.iter().map(|kept| kept.pair).collect()
        };
        pairs(self) == pairs(other)
    }
}
