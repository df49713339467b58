//! The state of the object, behind its lock: the token, the unfinished sign-ins, and the PKCE pair.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::session::Refreshing;
use crate::{CodeVerifier, Issued, Login, Pkce, RefreshToken, Rotated, State, Timestamp, Token};

/// How many sign-ins that were begun can still be finished.
const MAX_LOGINS: usize = 16;

/// How many tokens in doubt are remembered.
const MAX_DOUBTED: usize = 16;

#[derive(Default)]
pub(super) struct Held {
    pub(super) token: Option<Arc<Token>>,
    /// A refresh token that came at a sign-in without an access token.
    pub(super) orphan: Option<RefreshToken>,
    /// What `code_verifier()` and `code_challenge()` show.
    pub(super) current: Option<(CodeVerifier, String)>,
    /// A pair that was set and that no URL has used yet.
    pub(super) set: Option<Pkce>,
    pub(super) logins: VecDeque<Login>,
    /// The refreshes under way. More than one when a token was set while another was refreshed.
    refreshing: Vec<Spending>,
    /// The refresh tokens that may be spent, because an answer to them was lost. Known by themselves:
    /// who sets one again makes it no fresher.
    doubted: VecDeque<RefreshToken>,
}

/// A refresh under way: the token that it spends just now, and the process that began it.
struct Spending {
    spent: RefreshToken,
    process: u32,
    refreshing: Refreshing,
}

impl Held {
    pub(super) fn of(token: Option<Token>) -> Self {
        Self { token: token.map(Arc::new), ..Self::default() }
    }

    /// The refresh of this very token to join, if it is under way: that of another token would bring
    /// another user's. One of the process that this one was forked from goes on there and not here;
    /// it is left alone, as its parts may be in use by threads that are not here.
    pub(super) fn refreshing(&mut self, spent: &RefreshToken) -> Option<Refreshing> {
        if self.refreshing.iter().any(|it| it.process != std::process::id()) {
            std::mem::forget(std::mem::take(&mut self.refreshing));
        }
        self.refreshing.retain(|it| it.refreshing.landing.peek().is_none());
        let same = self.refreshing.iter().find(|it| it.spent.matches(spent.expose()))?;
        Some(same.refreshing.clone())
    }

    pub(super) fn began(&mut self, spent: RefreshToken, refreshing: Refreshing) {
        self.refreshing.push(Spending { spent, process: std::process::id(), refreshing });
    }

    /// The refresh that spent `spent` goes on with `next`.
    pub(super) fn goes_on(&mut self, spent: &RefreshToken, next: &RefreshToken) {
        for it in self.refreshing.iter_mut().filter(|it| it.spent.matches(spent.expose())) {
            it.spent = RefreshToken::new(next.expose());
        }
    }

    pub(super) fn ended(&mut self, spent: &RefreshToken) {
        self.refreshing.retain(|it| !it.spent.matches(spent.expose()));
    }

    /// What became of `token` is not known until X has rotated it.
    pub(super) fn doubt(&mut self, token: &RefreshToken) {
        if self.is_doubted(token) {
            return;
        }
        self.doubted.push_back(RefreshToken::new(token.expose()));
        if self.doubted.len() > MAX_DOUBTED {
            self.doubted.pop_front();
        }
    }

    pub(super) fn is_doubted(&self, token: &RefreshToken) -> bool {
        self.doubted.iter().any(|doubted| doubted.matches(token.expose()))
    }

    pub(super) fn set_pair(&mut self, pair: Pkce) {
        self.current = Some((CodeVerifier::new(pair.verifier().expose()), pair.challenge().into()));
        self.set = Some(pair);
    }

    /// Keeps a sign-in until its callback comes; the oldest gives way.
    pub(super) fn keep(&mut self, login: Login) {
        let verifier = CodeVerifier::new(login.verifier().expose());
        self.current = Some((verifier, login.challenge().to_owned()));
        // A state given twice names the newer sign-in. Both states are ours: nobody measures here.
        self.logins.retain(|kept| kept.state().expose() != login.state().expose());
        self.put_last(login);
    }

    /// Puts a sign-in back whose code X has not taken, unless a newer one has its state.
    pub(super) fn restore(&mut self, login: Login) {
        if self.logins.iter().all(|kept| kept.state().expose() != login.state().expose()) {
            self.put_last(login);
        }
    }

    fn put_last(&mut self, login: Login) {
        self.logins.push_back(login);
        if self.logins.len() > MAX_LOGINS {
            self.logins.pop_front();
        }
    }

    pub(super) fn take_login(&mut self, state: &State) -> Option<Login> {
        let at = self.logins.iter().position(|login| login.state().matches(state.expose()))?;
        self.logins.remove(at)
    }

    /// The current pair's verifier.
    pub(super) fn verifier(&self) -> Option<CodeVerifier> {
        self.current.as_ref().map(|(verifier, _)| CodeVerifier::new(verifier.expose()))
    }

    /// The verifier of a pair that was set since the last URL: its sign-in began elsewhere.
    pub(super) fn set_verifier(&self) -> Option<CodeVerifier> {
        self.set.as_ref().map(|pair| CodeVerifier::new(pair.verifier().expose()))
    }

    /// Drops the pair whose code X may have taken, so that the next sign-in gets another.
    pub(super) fn forget(&mut self, verifier: &CodeVerifier) {
        self.set.take_if(|pair| pair.verifier().matches(verifier.expose()));
        self.logins.retain(|login| !login.verifier().matches(verifier.expose()));
    }

    /// The refresh token to spend next, if there is one.
    pub(super) fn spendable(&self) -> Option<RefreshToken> {
        let of_token = self.token.as_ref().and_then(|token| token.refresh_token.as_ref());
        let refresh = self.orphan.as_ref().or(of_token)?;
        Some(RefreshToken::new(refresh.expose()))
    }

    /// Lands an answer; none comes back while there is no access token at all. The answer to a
    /// refresh stays out of the object when its token is no longer the one that was `spent`: a
    /// caller that set another knows better.
    pub(super) fn land(
        &mut self,
        spent: Option<&RefreshToken>,
        rotated: Rotated,
        now: Timestamp,
    ) -> Option<Arc<Token>> {
        let Some(spent) = spent else {
            self.token = None;
            return self.put(rotated, None, now);
        };
        self.doubted.retain(|doubted| !doubted.matches(spent.expose()));
        if self.spendable().is_some_and(|held| held.matches(spent.expose())) {
            return self.put(rotated, Some(spent), now);
        }
        let mut elsewhere = Self::default();
        elsewhere.put(rotated, Some(spent), now)
    }

    /// Without a new access token the old one stands, and counts as ended: X has probably killed it.
    fn put(
        &mut self,
        rotated: Rotated,
        spent: Option<&RefreshToken>,
        now: Timestamp,
    ) -> Option<Arc<Token>> {
        let old = self.token.take();
        let unrotated = || spent.map(|spent| RefreshToken::new(spent.expose()));
        let refresh = rotated.refresh.or_else(unrotated);
        let access = rotated.access.or_else(|| Some(ended(old.as_deref()?, now)));
        let Some(access) = access else {
            self.orphan = refresh;
            return None;
        };
        let mut other = old.as_ref().map(|old| old.other.clone()).unwrap_or_default();
        other.extend(rotated.other);
        self.orphan = None;
        self.token = Some(Arc::new(Token {
            access_token: access.access_token,
            token_type: access.token_type,
            expires_in: Some(access.expires_in.as_secs()),
            refresh_token: refresh,
            scopes: rotated.scopes.or_else(|| old?.scopes.clone()),
            expires_at: Some(access.expires_at),
            other,
        }));
        self.token.clone()
    }
}

fn ended(token: &Token, now: Timestamp) -> Issued {
    Issued {
        access_token: token.access_token.clone(),
        token_type: token.token_type.clone(),
        expires_in: Duration::ZERO,
        expires_at: now,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{App, Scopes};

    #[test]
    fn the_last_sixteen_doubts_are_remembered_each_once() {
        let token = |nth: usize| RefreshToken::new(format!("fake-refresh-{nth}"));
        let mut held = Held::default();
        (0..MAX_DOUBTED).for_each(|nth| held.doubt(&token(nth)));
        held.doubt(&token(0));
        assert!((0..MAX_DOUBTED).all(|nth| held.is_doubted(&token(nth))));
        held.doubt(&token(MAX_DOUBTED));
        assert!(!held.is_doubted(&token(0)) && held.is_doubted(&token(1)));
    }

    #[test]
    fn a_sign_in_that_comes_back_does_not_replace_a_newer_one_of_its_state() {
        let app = App::public("id").with_scopes(Scopes::parse(Scopes::DEFAULT));
        let begin = || {
            let state = Some(State::new("a-state-given-twice"));
            Login::begin_with(&app, state, None, Timestamp::from_secs(0)).unwrap()
        };
        let (older, newer) = (begin(), begin());
        let (state, verifier) =
            (State::new("a-state-given-twice"), newer.verifier().expose().to_owned());
        let mut held = Held::default();
        held.keep(older);
        let taken = held.take_login(&state).unwrap();
        held.keep(newer);
        held.restore(taken);
        assert_eq!(held.take_login(&state).unwrap().verifier().expose(), verifier);
        assert!(held.take_login(&state).is_none());
    }
}
