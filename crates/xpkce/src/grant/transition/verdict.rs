//! When a grant is called dead: on X's word, heard twice, and not before every pair in hand is tried.

use std::time::Duration;

use super::super::{Candidate, Death, Grant, Rejection, State, What};
use super::{Attempt, Spent};

/// What a rejection came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The generation had moved, or a sign-out has begun: go by what is there now.
    Moved,
    /// The first word; ask again after [`Grant::SECOND_WORD`].
    Heard,
    /// A candidate is in its place: spend that one.
    Candidate,
    /// The user must approve again.
    Dead(Death),
}

impl Grant {
    /// How long after X's first word that a token is invalid it is asked again.
    pub const SECOND_WORD: Duration = Duration::from_secs(60);

    /// Hears X's word that the token is invalid, after a re-read. `doubted` sends of this attempt
    /// came before it; while `may_condemn` is false no grant is called dead.
    pub fn rejected(
        &mut self,
        spent: &Spent,
        attempt: &Attempt,
        doubted: u32,
        may_condemn: bool,
    ) -> Verdict {
        // A sign-out that has begun ends as one, whatever X says of the token meanwhile.
        if !self.is_at(spent) || self.state == State::SigningOut {
            return Verdict::Moved;
        }
        let after_doubt = doubted > 0 || self.unresolved_sends > 0;
        self.unresolved_sends = 0;
        self.doubt_since = None;
        if doubted > 0 {
            // The history has to explain the verdict: this send's answer may be the one that was lost.
            self.note(What::SendInDoubt, attempt);
        }
        self.note(What::TokenRejected, attempt);
        let first = self.rejection.get_or_insert(Rejection { at: attempt.at, after_doubt });
        // A doubt between the two words explains the second one just as well.
        first.after_doubt |= after_doubt;
        // One from the future was dated by a clock that is wrong.
        first.at = first.at.min(attempt.at);
        let first = *first;
        self.release(attempt);
        let is_second_word = attempt.at.since(first.at) >= Self::SECOND_WORD;
        if !is_second_word || !may_condemn {
            // Another holder may be sending the same token by now.
            if self.lease.is_none() {
                self.state = State::Rejected;
            }
            self.not_before = Some(attempt.at + Self::SECOND_WORD);
            return Verdict::Heard;
        }
        self.condemn(attempt, first)
    }

    /// Ends a grant whose access token has ended and that has nothing to refresh with. One that has
    /// a candidate tries it.
    pub fn ran_out(&mut self, attempt: &Attempt) {
        if matches!(self.state, State::SigningOut | State::SignedOut) {
            return;
        }
        match self.candidates.pop() {
            Some(candidate) => self.try_candidate(candidate, attempt, unheard(attempt)),
            None => self.die(Death::NoRefreshToken, attempt),
        }
    }

    fn condemn(&mut self, attempt: &Attempt, first: Rejection) -> Verdict {
        if let Some(candidate) = self.candidates.pop() {
            self.try_candidate(candidate, attempt, first);
            return Verdict::Candidate;
        }
        let death = if first.after_doubt { Death::AnswerLost } else { Death::TokenInvalid };
        self.die(death, attempt);
        Verdict::Dead(death)
    }

    /// Keeps a candidate; a grant that was called dead for want of one tries it now.
    pub(super) fn take_in(&mut self, candidate: Candidate, attempt: &Attempt) {
        if self.state != State::SignInNeeded {
            return self.push_candidate(candidate);
        }
        let first = self.rejection.unwrap_or_else(|| unheard(attempt));
        self.try_candidate(candidate, attempt, first);
    }

    /// A candidate's refresh token is sealed under the candidate's own name, so it becomes current
    /// under that name: see [`Grant::refresh_is_candidate`].
    fn try_candidate(&mut self, candidate: Candidate, attempt: &Attempt, first: Rejection) {
        self.move_on(self.generation.next(), candidate.pair, attempt);
        self.access = None;
        self.refresh = Some(candidate.refresh);
        self.refresh_is_candidate = true;
        // It was rejected's place: the doubt that explains a later death goes along with it.
        self.rejection = first.after_doubt.then_some(first);
        self.state = self.resting();
        self.note(What::CandidateTried, attempt);
    }

    fn die(&mut self, death: Death, attempt: &Attempt) {
        self.state = State::SignInNeeded;
        self.death = Some(death);
        self.lease = None;
        self.not_before = None;
        self.note(What::CalledDead, attempt);
    }
}

/// X's word on a token that it was not asked about.
fn unheard(attempt: &Attempt) -> Rejection {
    Rejection { at: attempt.at, after_doubt: false }
}
