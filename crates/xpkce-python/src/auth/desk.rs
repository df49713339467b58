//! What the object holds, behind its lock.
//!
//! The token dict is the truth: its owner may change it in place. The library's object is told of
//! it when a refresh begins, and keeps what Python does not see: the sign-ins that wait.
//!
//! The lock is taken with the GIL only, and no Python code runs while it is held: another thread
//! would get in and wait for the lock with the GIL. So no fork meets it held either.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyDict;
use xpkce::{OAuth2PkceAuth, fork};

use super::calls::{Brought, Call};
use super::settings::Settings;
use super::{Auth, own};
use crate::failure::raise;

mod session;
mod under_way;

pub(super) struct Desk(Mutex<State>);

struct State {
    settings: Settings,
    token: Py<PyAny>,
    session: Option<Py<PyAny>>,
    /// How many changes of the token the session has seen, and which refresh token it was given.
    session_saw: u64,
    in_session: Option<String>,
    /// Whether the reference would have a session by now.
    has_session: bool,
    /// The library's object, and whether it knows the settings as they are now.
    core: Arc<OAuth2PkceAuth>,
    is_current: bool,
    /// Whether the current pair was set since the last URL.
    has_set_pair: bool,
    /// A challenge that was set before its verifier.
    lone_challenge: Option<String>,
    /// What was begun and is not in `token` yet, the oldest first.
    calls: Vec<Arc<Call>>,
    /// What the last refreshes brought, the oldest first.
    brought: Vec<Brought>,
    /// How often the owner has set the token, and how often anybody has.
    sets: u64,
    changes: u64,
    /// How many sign-ins were about to end, and the last of them whose token came into the object.
    sign_ins: u64,
    signed_in: u64,
    /// Whether the object is of the class itself, and its token is the one here.
    is_plain: bool,
    process: u32,
}

impl Desk {
    pub(super) fn new(py: Python<'_>) -> Self {
        Self(Mutex::new(State {
            settings: Settings::unset(py),
            token: py.None(),
            session: None,
            session_saw: 0,
            in_session: None,
            has_session: false,
            core: new_core(),
            is_current: false,
            has_set_pair: false,
            lone_challenge: None,
            calls: Vec::new(),
            brought: Vec::new(),
            sets: 0,
            changes: 0,
            sign_ins: 0,
            signed_in: 0,
            is_plain: false,
            process: std::process::id(),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`state`](Self::state), for whoever uses the library's object or a call.
    fn state_here(&self) -> MutexGuard<'_, State> {
        let mut state = self.state();
        if state.process != std::process::id() {
            state.leave_to_parent();
        }
        state
    }

    /// Sets up an object of the class itself; once more, if it was.
    pub(super) fn configure(&self, py: Python<'_>, settings: Settings, token: Option<Py<PyAny>>) {
        let token = token.unwrap_or_else(|| py.None());
        let mut state = self.state();
        let old = (
            std::mem::replace(&mut state.settings, settings),
            std::mem::replace(&mut state.token, token),
            state.session.take(),
            std::mem::take(&mut state.brought),
        );
        let was_set_up = std::mem::replace(&mut state.is_plain, true);
        (state.is_current, state.has_session) = (false, false);
        state.sets += 1;
        drop(state);
        drop(old);
        if was_set_up {
            self.clear_pair();
        }
    }

    pub(super) fn setting(
        &self,
        py: Python<'_>,
        of: impl Fn(&Settings) -> &Py<PyAny>,
    ) -> Py<PyAny> {
        of(&self.state().settings).clone_ref(py)
    }

    pub(super) fn set(&self, value: Py<PyAny>, of: impl Fn(&mut Settings) -> &mut Py<PyAny>) {
        let mut state = self.state();
        let old = std::mem::replace(of(&mut state.settings), value);
        state.is_current = false;
        drop(state);
        drop(old);
    }

    /// Returns the library's object as it is.
    pub(super) fn held(&self) -> Arc<OAuth2PkceAuth> {
        self.state_here().core.clone()
    }

    /// Returns the library's object with the settings as they are now.
    pub(super) fn core(&self, auth: &Bound<'_, Auth>) -> PyResult<Arc<OAuth2PkceAuth>> {
        let py = auth.py();
        let settings = match own::is_plain(auth) {
            false => Settings::of(auth)?,
            true => {
                let state = self.state_here();
                if state.is_current {
                    return Ok(state.core.clone());
                }
                state.settings.clone_ref(py)
            }
        };
        let app = settings.app(py)?;
        let is_current = own::is_plain(auth) && settings.are_fixed(py);
        let mut state = self.state_here();
        let core = Arc::new(state.core.with_app(app));
        let old = std::mem::replace(&mut state.core, core.clone());
        state.is_current = is_current;
        drop(state);
        drop(old);
        Ok(core)
    }

    pub(super) fn challenge(&self) -> Option<String> {
        let state = self.state_here();
        state.core.code_challenge().or_else(|| state.lone_challenge.clone())
    }

    /// Sets the pair that the next URL or exchange uses. A challenge that was set before its
    /// verifier is taken up.
    pub(super) fn set_pair(&self, verifier: &str, challenge: Option<&str>) -> PyResult<()> {
        let mut state = self.state_here();
        let lone = state.lone_challenge.take();
        let set = state.core.set_pkce_parameters(verifier, challenge.map(str::to_owned).or(lone));
        state.has_set_pair |= set.is_ok();
        drop(state);
        set.map_err(|why| raise(&why))
    }

    pub(super) fn has_set_pair(&self) -> bool {
        self.state_here().has_set_pair
    }

    pub(super) fn set_lone_challenge(&self, challenge: &str) {
        self.state_here().lone_challenge = Some(challenge.to_owned());
    }

    pub(super) fn clear_pair(&self) {
        let mut state = self.state_here();
        state.core.clear_pkce_parameters();
        state.has_set_pair = false;
        state.lone_challenge = None;
    }

    /// A URL was made: there is a session by now, and its pair is used.
    pub(super) fn url_was_made(&self) {
        let mut state = self.state();
        state.has_session = true;
        state.has_set_pair = false;
    }

    /// Returns the token where nothing is under way and no subclass has it elsewhere.
    pub(super) fn plain_token<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let state = self.state();
        (state.is_plain && state.calls.is_empty()).then(|| state.token.bind(py).clone())
    }

    pub(super) fn token<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.state().token.bind(py).clone()
    }

    pub(super) fn set_token(&self, py: Python<'_>, token: Py<PyAny>) {
        let is_empty = token.bind(py).cast::<PyDict>().is_ok_and(|token| token.is_empty());
        let is_none = token.is_none(py) || is_empty;
        let mut state = self.state();
        let is_made = |call: &Arc<Call>| call.made.get().is_some_and(|made| made.is(&token));
        if !state.calls.iter().any(is_made) {
            state.sets += 1;
        }
        // A session with a token that was forgotten would go on with it.
        let (forgotten, session) = match is_none {
            true => (std::mem::take(&mut state.brought), state.session.take()),
            false => (Vec::new(), None),
        };
        let old = std::mem::replace(&mut state.token, token);
        state.changes += 1;
        drop(state);
        drop((old, session, forgotten));
    }

    pub(super) fn traverse(&self, visit: &pyo3::PyVisit<'_>) -> Result<(), pyo3::PyTraverseError> {
        // Whoever holds the lock holds references too: nothing here is garbage.
        let Ok(state) = self.0.try_lock() else { return Ok(()) };
        for value in state.settings.each() {
            visit.call(value)?;
        }
        for call in &state.calls {
            call.spent.as_ref().map_or(Ok(()), |spent| visit.call(&spent.of))?;
            call.made.get().map_or(Ok(()), |made| visit.call(made))?;
        }
        for brought in &state.brought {
            visit.call(&brought.made)?;
        }
        visit.call(&state.token)?;
        state.session.as_ref().map_or(Ok(()), |session| visit.call(session))
    }

    pub(super) fn clear(&self, py: Python<'_>) {
        let mut state = self.state_here();
        let old = (
            std::mem::replace(&mut state.token, py.None()),
            state.session.take(),
            std::mem::replace(&mut state.settings, Settings::unset(py)),
            std::mem::take(&mut state.calls),
            std::mem::take(&mut state.brought),
        );
        drop(state);
        drop(old);
    }
}

impl State {
    /// In a fork: what was under way goes on in the parent. If the parent did not say that it
    /// forks, the library's object may have been in use by one of its threads, which is not here;
    /// then it is left alone for ever.
    fn leave_to_parent(&mut self) {
        self.process = std::process::id();
        if self.calls.is_empty() {
            return;
        }
        for call in self.calls.drain(..) {
            std::mem::forget(call);
        }
        if !fork::was_clean() {
            std::mem::forget(std::mem::replace(&mut self.core, new_core()));
            self.is_current = false;
        }
    }
}

fn new_core() -> Arc<OAuth2PkceAuth> {
    let core = OAuth2PkceAuth::builder().http(crate::http::shared()).build();
    Arc::new(core.expect("X's own addresses are HTTPS"))
}
