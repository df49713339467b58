//! The session that the object keeps, and the token in it.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::{Desk, State};

impl Desk {
    /// Puts a new token into the object, and returns the session that should have it too, with the
    /// number of the change.
    pub(in crate::auth) fn renew<'py>(
        &self,
        token: &Bound<'py, PyDict>,
    ) -> Option<(Bound<'py, PyAny>, u64)> {
        let mut state = self.state();
        let old = std::mem::replace(&mut state.token, token.clone().into_any().unbind());
        state.changes += 1;
        let changes = state.changes;
        let session = state.renewed(token.py(), changes);
        drop(state);
        drop(old);
        session
    }

    /// A subclass has put a new token into the object, which had seen `changes` before: as
    /// [`renew`](Self::renew).
    pub(in crate::auth) fn was_renewed<'py>(
        &self,
        token: &Bound<'py, PyDict>,
        changes: u64,
    ) -> Option<(Bound<'py, PyAny>, u64)> {
        let mut state = self.state();
        // Otherwise it is kept elsewhere, or another was set since.
        let changes = if state.token.is(token) { state.changes } else { changes };
        state.renewed(token.py(), changes)
    }

    /// Returns how often the token was changed where we see it.
    pub(in crate::auth) fn changes(&self) -> u64 {
        self.state().changes
    }

    pub(in crate::auth) fn has_session(&self) -> bool {
        self.state().has_session
    }

    pub(in crate::auth) fn session<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.state().session.as_ref().map(|session| session.bind(py).clone())
    }

    /// Returns whether the token was changed since the session was given one.
    pub(in crate::auth) fn is_session_behind(&self) -> bool {
        let state = self.state();
        state.changes != state.session_saw
    }

    /// Returns the refresh token that the session was given.
    pub(in crate::auth) fn in_session(&self) -> Option<String> {
        self.state().in_session.clone()
    }

    /// The session has the token that was read when there were so many `changes`.
    pub(in crate::auth) fn session_was_given(&self, refresh_token: Option<String>, changes: u64) {
        let mut state = self.state();
        (state.session_saw, state.in_session) = (changes, refresh_token);
    }

    pub(in crate::auth) fn keep_session(&self, session: &Bound<'_, PyAny>) {
        let old = self.state().session.replace(session.clone().unbind());
        drop(old);
    }

    /// Takes over a session that its owner made, with the token that is in it.
    pub(in crate::auth) fn set_session(&self, py: Python<'_>, session: Py<PyAny>) {
        let session = (!session.is_none(py)).then_some(session);
        let mut state = self.state();
        state.has_session = session.is_some();
        (state.session_saw, state.in_session) = (state.changes, None);
        let old = std::mem::replace(&mut state.session, session);
        drop(state);
        drop(old);
    }

    /// Lets the next reader make a session of the settings and the token as they are then.
    pub(in crate::auth) fn renew_session(&self) {
        let mut state = self.state();
        state.has_session = true;
        let old = state.session.take();
        drop(state);
        drop(old);
    }
}

impl State {
    fn renewed<'py>(&mut self, py: Python<'py>, changes: u64) -> Option<(Bound<'py, PyAny>, u64)> {
        self.has_session = true;
        self.session.as_ref().map(|session| (session.bind(py).clone(), changes))
    }
}
