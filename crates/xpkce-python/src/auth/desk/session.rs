//! The session that the object keeps, and the token in it.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::Desk;

impl Desk {
    /// Puts a new token into the object, and returns the session that should have it too.
    pub(in crate::auth) fn renew<'py>(
        &self,
        token: &Bound<'py, PyDict>,
    ) -> Option<Bound<'py, PyAny>> {
        let mut state = self.state();
        let old = std::mem::replace(&mut state.token, token.clone().into_any().unbind());
        drop(state);
        drop(old);
        self.was_renewed(token.py())
    }

    /// A subclass has put a new token into the object: as [`renew`](Self::renew).
    pub(in crate::auth) fn was_renewed<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let mut state = self.state();
        state.has_session = true;
        state.session.as_ref().map(|session| session.bind(py).clone())
    }

    pub(in crate::auth) fn has_session(&self) -> bool {
        self.state().has_session
    }

    pub(in crate::auth) fn session<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.state().session.as_ref().map(|session| session.bind(py).clone())
    }

    /// Returns whether the owner has set the token since the session was given one.
    pub(in crate::auth) fn is_session_behind(&self) -> bool {
        self.state().is_session_behind
    }

    /// Returns the refresh token that the session was given.
    pub(in crate::auth) fn in_session(&self) -> Option<String> {
        self.state().in_session.clone()
    }

    pub(in crate::auth) fn session_was_given(&self, refresh_token: Option<String>) {
        let mut state = self.state();
        (state.is_session_behind, state.in_session) = (false, refresh_token);
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
        (state.is_session_behind, state.in_session) = (false, None);
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
