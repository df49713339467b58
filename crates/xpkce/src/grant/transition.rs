//! The one table of how a grant moves from state to state. Pure: no store, no clock, no network.
//!
//! | from | event | to |
//! |---|---|---|
//! | `Ready` `InDoubt` `Rejected`, or `Spending` with a dead lease | [`Grant::begin`] | `Spending` |
//! | any but `SignedOut`, same generation | [`Grant::rotated`] | `Ready`, one generation on; `SigningOut` stays |
//! | `Spending` | [`Grant::unread`], [`Grant::left_in_doubt`] | `InDoubt` |
//! | `Spending` | [`Grant::unspent`]: not sent, 429, 401 | what it was before |
//! | `Spending` | [`Grant::rejected`], the first word | `Rejected` |
//! | `Spending` | [`Grant::rejected`], again a minute later | the next candidate, else `SignInNeeded` |
//! | any | [`Grant::signed_in`] | `Ready`, one generation on, another sign-in |
//! | any but `SignedOut` | [`Grant::begin_sign_out`] | `SigningOut` |
//! | `SigningOut` | [`Grant::signed_out`] | `SignedOut`, one generation on |
//! | `SignedOut` | [`Grant::not_revoked`], a late pair that X did not take back | `SigningOut` |
//!
//! Three rules hold everywhere. A grant moves on by its (sign-in, generation, pair) alone, whoever
//! holds the lease: X gives one success per generation, so whoever has it wins. A doubt leaves only
//! with the generation or with X's word on the token. No pair that X sent is dropped.

use std::sync::Arc;
use std::time::Duration;

use super::{
    Access, AttemptId, Candidate, Death, Event, Generation, Grant, GrantId, Holder, Lease, PairId,
    State, Unread, What,
};
use crate::Timestamp;
use crate::scope::Scopes;
use crate::seal::Sealed;

mod feedback;
mod sign_in;
mod sign_out;
mod verdict;
pub use sign_in::NewGrant;
pub use sign_out::SignOut;
pub use verdict::Verdict;

#[cfg(test)]
mod tests;

/// One try to spend a generation or to sign out.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Its name.
    pub id: AttemptId,
    /// Who tries.
    pub holder: Arc<Holder>,
    /// When it began, by the store's clock, so that the holders of all machines agree; a sign-in's,
    /// which has no record yet to tell the time by, by its holder's wall clock.
    pub at: Timestamp,
}

/// What exactly was sent: the compare of every commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spent {
    /// The sign-in.
    pub grant_id: GrantId,
    /// The generation.
    pub generation: Generation,
    /// The pair.
    pub pair: PairId,
}

/// What a holder may do that wants to spend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begin {
    /// Save this record, then send.
    Send,
    /// Another holder has the lease.
    Busy,
    /// A back-off runs until then.
    Wait(Timestamp),
    /// There is no refresh token.
    NoRefreshToken,
    /// The user must approve again.
    Dead(Death),
    /// Signed out, or about to be.
    SignedOut,
}

/// A pair as X sent it, sealed for the generation that it makes.
#[derive(Clone, Debug)]
pub struct NewPair {
    /// Its name.
    pub pair: PairId,
    /// The access token, if the answer had one.
    pub access: Option<Access>,
    /// The refresh token, sealed as the current one of the next generation. When the answer had
    /// none this is the old one, sealed again (RFC 6749 section 6).
    pub refresh: Sealed,
    /// The refresh token, sealed as a candidate. Must be there where the grant is no longer at what
    /// was spent and the answer had one: without it the pair is taken for kept.
    pub candidate: Option<Sealed>,
    /// The scopes, if the answer named them.
    pub scopes: Option<Scopes>,
    /// When it was received.
    pub received_at: Timestamp,
}

/// What became of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Landed {
    /// It is the current one: save the record.
    Current,
    /// It is saved already; the acknowledgement was lost.
    Already,
    /// The generation had moved: it is kept as a candidate. Save the record.
    Candidate,
    /// The grant is signed out: revoke the pair at X.
    SignedOut,
}

/// Why an attempt ended without having spent anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unspent {
    /// The request never left.
    NotSent,
    /// X asked to wait for so long.
    Limited(Duration),
    /// X refused the client's own authentication; the app backs off, not the grant.
    Misconfigured,
}

impl Grant {
    /// The longest back-off of a grant.
    pub const LONGEST_BACK_OFF: Duration = Duration::from_secs(15 * 60);
    const FIRST_DOUBT_BACK_OFF: Duration = Duration::from_secs(5);
    const FIRST_UNSENT_BACK_OFF: Duration = Duration::from_secs(1);
    const LONGEST_UNSENT_BACK_OFF: Duration = Duration::from_secs(30);

    /// Names what a send of this grant would spend.
    pub fn spent(&self) -> Spent {
        Spent { grant_id: self.grant_id, generation: self.generation, pair: self.pair }
    }

    /// Returns whether `spent` is what this grant holds now.
    pub fn is_at(&self, spent: &Spent) -> bool {
        self.grant_id == spent.grant_id
            && self.generation == spent.generation
            && self.pair == spent.pair
    }

    /// Takes the lease and notes that the current generation is being spent. `holder_lives` is
    /// false when the lease there has run out or its holder is known to be dead.
    pub fn begin(&mut self, attempt: &Attempt, holder_lives: bool) -> Begin {
        match self.state {
            State::SigningOut | State::SignedOut => return Begin::SignedOut,
            State::SignInNeeded => {
                return Begin::Dead(self.death.unwrap_or(Death::TokenInvalid));
            }
            State::Ready | State::Spending | State::InDoubt | State::Rejected => {}
        }
        if let Some(lease) = &self.lease {
            if lease.attempt == attempt.id {
                return Begin::Send;
            }
            if holder_lives {
                return Begin::Busy;
            }
            self.holder_died(attempt);
        }
        if self.refresh.is_none() {
            return Begin::NoRefreshToken;
        }
        // An instant further away than any back-off was written by a clock that is wrong.
        let longest = attempt.at + Self::LONGEST_BACK_OFF + Self::SECOND_WORD;
        let is_due = |until: &Timestamp| *until > attempt.at && *until <= longest;
        if let Some(not_before) = self.not_before.filter(is_due) {
            return Begin::Wait(not_before);
        }
        self.take_lease(attempt);
        self.state = State::Spending;
        Begin::Send
    }

    /// Puts a received pair in the place of `spent`, whoever holds the lease now.
    pub fn rotated(&mut self, spent: &Spent, attempt: &Attempt, new: NewPair) -> Landed {
        if self.made_by.as_ref() == Some(&attempt.id) {
            return Landed::Already;
        }
        if self.state == State::SignedOut {
            return Landed::SignedOut;
        }
        if !self.is_at(spent) {
            return self.keep_candidate(spent, attempt, new);
        }
        let failures = self.failures.saturating_add(1);
        let is_first_without = self.access.is_some();
        self.move_on(spent.generation.next(), new.pair, attempt);
        self.access = new.access;
        self.refresh = Some(new.refresh);
        if self.access.is_none() && !is_first_without {
            // The one that came without an access token was spent at once; this one waits.
            self.failures = failures;
            self.back_off(attempt, Self::FIRST_DOUBT_BACK_OFF, Self::LONGEST_BACK_OFF);
        }
        self.scopes = new.scopes.or(self.scopes.take());
        if self.state != State::SigningOut {
            self.state = State::Ready;
        }
        self.note(What::Rotated, attempt);
        Landed::Current
    }

    /// Keeps a success that could not be read. Asking again costs nothing more: what was lost is
    /// lost, what was kept is judged again first. Returns whether that changes the record: what is
    /// kept already does not.
    pub fn unread(&mut self, spent: &Spent, attempt: &Attempt, unread: Unread) -> bool {
        let is_kept = self.unread.as_ref().is_some_and(|kept| kept.attempt == unread.attempt);
        let is_current = self.is_at(spent) && !is_kept;
        if is_current {
            self.unread = Some(unread);
            self.note(What::AnswerUnread, attempt);
            self.doubt(attempt, 1);
        }
        is_current
    }

    /// Notes that `sends` sends of this attempt have no known outcome. Returns whether that still
    /// matters.
    pub fn left_in_doubt(&mut self, spent: &Spent, attempt: &Attempt, sends: u32) -> bool {
        let is_current = self.is_at(spent);
        if is_current {
            self.note(What::SendInDoubt, attempt);
            self.doubt(attempt, sends);
        }
        is_current
    }

    /// Ends an attempt that spent nothing. Clears that attempt alone: earlier doubts stay.
    pub fn unspent(&mut self, attempt: &Attempt, why: Unspent) -> bool {
        if !self.release(attempt) {
            return false;
        }
        match why {
            Unspent::NotSent => {
                self.failures = self.failures.saturating_add(1);
                let longest = Self::LONGEST_UNSENT_BACK_OFF;
                self.back_off(attempt, Self::FIRST_UNSENT_BACK_OFF, longest);
            }
            Unspent::Limited(wait) => self.not_before = Some(attempt.at + wait),
            Unspent::Misconfigured => {}
        }
        true
    }

    fn keep_candidate(&mut self, spent: &Spent, attempt: &Attempt, new: NewPair) -> Landed {
        let Some(refresh) = new.candidate else {
            return Landed::Already;
        };
        if self.candidates.iter().any(|kept| kept.pair == new.pair) {
            return Landed::Already;
        }
        let candidate = Candidate {
            pair: new.pair,
            grant_id: spent.grant_id,
            generation: spent.generation.next(),
            refresh,
            received_at: new.received_at,
        };
        self.take_in(candidate, attempt);
        Landed::Candidate
    }

    fn push_candidate(&mut self, candidate: Candidate) {
        self.candidates.push(candidate);
        if self.candidates.len() > Self::MAX_CANDIDATES {
            self.candidates.remove(0);
        }
    }

    /// What every change of the generation ends: doubts, verdicts, back-offs and the lease.
    fn move_on(&mut self, generation: Generation, pair: PairId, attempt: &Attempt) {
        self.generation = generation;
        self.pair = pair;
        self.made_by = Some(attempt.id);
        self.refresh_is_candidate = false;
        self.unresolved_sends = 0;
        self.doubt_since = None;
        self.rejection = None;
        self.death = None;
        self.failures = 0;
        self.not_before = None;
        self.unread = None;
        if self.state != State::SigningOut {
            self.lease = None;
        }
    }

    fn take_lease(&mut self, attempt: &Attempt) {
        self.lease = Some(Lease {
            attempt: attempt.id,
            holder: Arc::clone(&attempt.holder),
            since: attempt.at,
        });
    }

    /// Notes what the end of the lease there leaves behind. Who calls this takes the lease and says
    /// what the state is.
    fn holder_died(&mut self, attempt: &Attempt) {
        if self.state == State::Spending {
            self.note(What::HolderDied, attempt);
            self.unresolved_sends = self.unresolved_sends.saturating_add(1);
            let since = self.lease.as_ref().map_or(attempt.at, |lease| lease.since);
            self.doubt_since.get_or_insert(since);
        }
        self.lease = None;
    }

    /// Returns whether the lease is this attempt's own.
    pub fn is_held_by(&self, attempt: &Attempt) -> bool {
        self.lease.as_ref().is_some_and(|lease| lease.attempt == attempt.id)
    }

    /// Releases the lease if it is this attempt's own.
    fn release(&mut self, attempt: &Attempt) -> bool {
        let is_own = self.is_held_by(attempt);
        if is_own {
            self.lease = None;
            if self.state == State::Spending {
                self.state = self.resting();
            }
        }
        is_own
    }

    fn doubt(&mut self, attempt: &Attempt, sends: u32) {
        self.unresolved_sends = self.unresolved_sends.saturating_add(sends);
        self.doubt_since.get_or_insert(attempt.at);
        self.failures = self.failures.saturating_add(1);
        self.back_off(attempt, Self::FIRST_DOUBT_BACK_OFF, Self::LONGEST_BACK_OFF);
        self.release(attempt);
    }

    fn back_off(&mut self, attempt: &Attempt, first: Duration, longest: Duration) {
        let doublings = self.failures.saturating_sub(1).min(16);
        let span = first.saturating_mul(1 << doublings).min(longest);
        self.not_before = Some(attempt.at + span.mul_f64(attempt.id.spread()));
    }

    /// Returns the state of a grant that nobody spends.
    fn resting(&self) -> State {
        if self.rejection.is_some() {
            State::Rejected
        } else if self.unresolved_sends > 0 {
            State::InDoubt
        } else {
            State::Ready
        }
    }

    fn note(&mut self, what: What, attempt: &Attempt) {
        self.history.push(Event {
            at: attempt.at,
            generation: self.generation,
            what,
            holder: attempt.holder.to_string().into(),
        });
    }
}
