//! How a sign-in takes its place: a record of its own first, then the user's.

use super::super::{
    Access, Account, Candidate, Generation, Grant, GrantId, History, PairId, State, What,
};
use super::Attempt;
use crate::scope::Scopes;
use crate::seal::Sealed;

/// A pair that a sign-in brought, sealed for its account and generation.
#[derive(Clone, Debug)]
pub struct NewGrant {
    /// Whose it is, as far as is known.
    pub account: Account,
    /// The handle, if it is known.
    pub username: Option<String>,
    /// The sign-in.
    pub grant_id: GrantId,
    /// Its number.
    pub sign_in: u64,
    /// The pair's name.
    pub pair: PairId,
    /// The access token, if there is one.
    pub access: Option<Access>,
    /// The refresh token, if `offline.access` was granted.
    pub refresh: Option<Sealed>,
    /// The scopes, if X named them.
    pub scopes: Option<Scopes>,
}

impl Grant {
    /// Makes the record of a sign-in.
    pub fn signed_in(new: NewGrant, attempt: &Attempt) -> Self {
        let mut grant = Self {
            account: new.account,
            username: new.username,
            grant_id: new.grant_id,
            sign_in: new.sign_in,
            generation: Generation::default().next(),
            pair: new.pair,
            state: State::Ready,
            death: None,
            lease: None,
            access: new.access,
            refresh: new.refresh,
            refresh_is_candidate: false,
            scopes: new.scopes,
            unresolved_sends: 0,
            doubt_since: None,
            rejection: None,
            made_by: Some(attempt.id),
            failures: 0,
            not_before: None,
            feedback: super::super::Feedback::default(),
            candidates: Vec::new(),
            unread: None,
            used_at: None,
            history: History::default(),
        };
        grant.note(What::SignedIn, attempt);
        grant
    }

    /// Notes that the user is known now.
    pub fn label(&mut self, attempt: &Attempt) {
        self.note(What::Labelled, attempt);
    }

    /// Takes over from the record that the user had before: counts on, keeps its history, and
    /// keeps its pair as a candidate, because which of two sign-ins X saw last is not known here.
    pub fn succeed(&mut self, before: &Self, candidate: Option<Candidate>, attempt: &Attempt) {
        self.generation = self.generation.max(before.generation.next());
        let own = std::mem::take(&mut self.history);
        self.history = before.history.iter().chain(own.iter()).cloned().collect();
        for kept in before.candidates.iter().cloned().chain(candidate) {
            self.push_candidate(kept);
        }
        self.note(What::Labelled, attempt);
    }

    /// Keeps the pair of an older sign-in whose user became known late.
    pub fn keep_older(&mut self, candidate: Candidate, attempt: &Attempt) {
        self.take_in(candidate, attempt);
        self.note(What::Labelled, attempt);
    }
}
