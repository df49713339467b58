//! What the object holds, behind its lock, and the calls that change it.
//!
//! The token dict is the truth: its owner may change it in place. The library's object is told of
//! it when a refresh begins, and keeps what Python does not see: the sign-ins that wait.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use xpkce::{AuthorizationCode, CodeVerifier, OAuth2PkceAuth};

use super::calls::{Call, Landed};
use super::oauth2_session;
use super::settings::Settings;
use crate::failure::raise;
use crate::landing::{Promise, landing};
use crate::token;

mod words;

/// A refresh that its caller drives.
type Begun = (Promise<Landed>, BoxFuture<'static, Landed>);

pub(super) struct Desk(Mutex<State>);

struct State {
    settings: Settings,
    token: Py<PyAny>,
    session: Option<Py<PyAny>>,
    /// Whether the reference would have a session by now.
    has_session: bool,
    /// The library's object, and whether it knows the settings as they are now.
    core: Arc<OAuth2PkceAuth>,
    is_current: bool,
    /// What was begun and is not in `token` yet, the oldest first.
    calls: Vec<Arc<Call>>,
    process: u32,
}

impl Desk {
    pub(super) fn new(py: Python<'_>) -> Self {
        Self(Mutex::new(State {
            settings: Settings::unset(py),
            token: py.None(),
            session: None,
            has_session: false,
            core: new_core(),
            is_current: false,
            calls: Vec::new(),
            process: std::process::id(),
        }))
    }

    /// No Python code may run while it is held: it could let another thread in, which would wait
    /// for this lock with the GIL.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`state`](Self::state), for whoever uses the library's object.
    fn state_here(&self) -> MutexGuard<'_, State> {
        let mut state = self.state();
        if state.process != std::process::id() {
            state.leave_to_parent();
        }
        state
    }

    pub(super) fn configure(&self, py: Python<'_>, settings: Settings, token: Option<Py<PyAny>>) {
        let token = token.unwrap_or_else(|| py.None());
        let mut state = self.state();
        let old = (
            std::mem::replace(&mut state.settings, settings),
            std::mem::replace(&mut state.token, token),
        );
        state.is_current = false;
        drop(state);
        drop(old);
    }

    pub(super) fn setting(
        &self,
        py: Python<'_>,
        of: impl Fn(&Settings) -> &Py<PyAny>,
    ) -> Py<PyAny> {
        of(&self.state().settings).clone_ref(py)
    }

    pub(super) fn set(
        &self,
        _py: Python<'_>,
        value: Py<PyAny>,
        of: impl Fn(&mut Settings) -> &mut Py<PyAny>,
    ) {
        let mut state = self.state();
        let old = std::mem::replace(of(&mut state.settings), value);
        state.is_current = false;
        drop(state);
        drop(old);
    }

    /// Returns the library's object with the settings as they are now.
    pub(super) fn core(&self, py: Python<'_>) -> PyResult<Arc<OAuth2PkceAuth>> {
        let settings = {
            let state = self.state_here();
            if state.is_current {
                return Ok(state.core.clone());
            }
            state.settings.clone_ref(py)
        };
        let app = settings.app(py)?;
        let mut state = self.state();
        let core = Arc::new(state.core.with_app(app));
        let old = std::mem::replace(&mut state.core, core.clone());
        state.is_current = true;
        drop(state);
        drop(old);
        Ok(core)
    }

    pub(super) fn verifier(&self, _py: Python<'_>) -> Option<CodeVerifier> {
        self.state_here().core.code_verifier()
    }

    pub(super) fn challenge(&self, _py: Python<'_>) -> Option<String> {
        self.state_here().core.code_challenge()
    }

    pub(super) fn set_pair(
        &self,
        _py: Python<'_>,
        verifier: &str,
        challenge: Option<&str>,
    ) -> PyResult<()> {
        let set =
            self.state_here().core.set_pkce_parameters(verifier, challenge.map(str::to_owned));
        set.map_err(|why| raise(&why))
    }

    pub(super) fn clear_pair(&self, _py: Python<'_>) {
        self.state_here().core.clear_pkce_parameters();
    }

    /// Returns the token dict, after what has landed meanwhile was put into it.
    pub(super) fn token<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let landed = {
            let state = self.state();
            match state.calls.iter().find(|call| call.has_landed()) {
                None => return Ok(state.token.bind(py).clone()),
                Some(call) => call.clone(),
            }
        };
        self.adopt(py, &landed)?;
        self.token(py)
    }

    pub(super) fn set_token(&self, _py: Python<'_>, token: Py<PyAny>) {
        let mut state = self.state();
        let old = std::mem::replace(&mut state.token, token);
        let session = state.session.take();
        drop(state);
        drop((old, session));
    }

    pub(super) fn check_callback(
        &self,
        py: Python<'_>,
        callback: &str,
    ) -> PyResult<(AuthorizationCode, CodeVerifier)> {
        if words::brings_nothing(callback) {
            return Err(words::no_code());
        }
        let core = self.core(py)?;
        if core.code_verifier().is_none() && !words::brings_error(callback) {
            return Err(words::no_verifier());
        }
        core.check_callback(callback).map_err(|why| words::sign_in(&why))
    }

    pub(super) fn exchange<'py>(
        &self,
        py: Python<'py>,
        code: &str,
        verifier: Option<&str>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let core = self.core(py)?;
        if verifier.is_none() && core.code_verifier().is_none() {
            return Err(words::no_verifier());
        }
        let (code, verifier) = (code.to_owned(), verifier.map(str::to_owned));
        let work = async move {
            let token = core.exchange_code(&code, verifier.as_deref()).await;
            Arc::new((token, None))
        };
        let (promise, landing) = landing();
        let call = Arc::new(Call::new(landing, None));
        self.state().calls.push(call.clone());
        promise.drive(py, work.boxed())?;
        self.land(py, &call)
    }

    pub(super) fn refresh<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(call) = self.refreshing() {
            return self.land(py, &call);
        }
        let (call, begun) = self.begin_refresh(py)?;
        if let Some((promise, work)) = begun {
            promise.drive(py, work)?;
        }
        self.land(py, &call)
    }

    fn refreshing(&self) -> Option<Arc<Call>> {
        self.state_here().calls.iter().find(|call| call.is_refresh()).cloned()
    }

    /// Begins one, or joins one that another thread has begun meanwhile.
    fn begin_refresh(&self, py: Python<'_>) -> PyResult<(Arc<Call>, Option<Begun>)> {
        let held = self.token(py)?;
        let core = self.core(py)?;
        if !held.is_truthy()? {
            return Err(words::no_token());
        }
        let Some(spent) = token::read(&held)? else { return Err(words::no_refresh_token()) };
        let refresh = spent.refresh_token.as_ref().map(|token| token.expose().to_owned());
        // Between this look and the push no Python code runs, so no other thread gets in.
        let mut state = self.state();
        if let Some(call) = state.calls.iter().find(|call| call.is_refresh()) {
            return Ok((call.clone(), None));
        }
        core.set_token(Some(spent));
        let work = async move {
            let token = core.refresh_token().await;
            let held = core.token();
            Arc::new((token, held))
        };
        let (promise, landing) = landing();
        let call = Arc::new(Call::new(landing, refresh));
        state.calls.push(call.clone());
        Ok((call, Some((promise, work.boxed()))))
    }

    /// Waits for a call, puts what it brought into the object, and returns the dict it made.
    fn land<'py>(&self, py: Python<'py>, call: &Arc<Call>) -> PyResult<Bound<'py, PyAny>> {
        let waited = call.landing.wait(py);
        let landed = waited?;
        self.adopt(py, call)?;
        match (&landed.0, call.made.get()) {
            (Ok(_), Some(made)) => Ok(made.bind(py).clone().into_any()),
            (Ok(_), None) => self.token(py),
            (Err(why), _) if call.is_refresh() => Err(raise(why)),
            (Err(why), _) => Err(words::exchange(why)),
        }
    }

    /// Puts what a landed call brought into the object, unless somebody has, or its owner has set
    /// another token meanwhile.
    fn adopt(&self, py: Python<'_>, call: &Arc<Call>) -> PyResult<()> {
        let Some(landed) = call.landing.peek() else { return Ok(()) };
        let before = self.state().token.bind(py).clone();
        let made = match landed {
            Ok(landed) => dict(py, call, &landed, &before)?,
            Err(_) => None,
        };
        let mut state = self.state();
        let Some(at) = state.calls.iter().position(|waiting| Arc::ptr_eq(waiting, call)) else {
            return Ok(());
        };
        state.calls.remove(at);
        let Some((made, is_for_us)) = made else { return Ok(()) };
        let _ = call.made.set(made.clone().unbind());
        if !is_for_us || !state.token.bind(py).is(&before) {
            return Ok(());
        }
        let old = std::mem::replace(&mut state.token, made.clone().into_any().unbind());
        let session = state.session.as_ref().map(|session| session.clone_ref(py));
        state.has_session = true;
        drop(state);
        drop(old);
        session.map_or(Ok(()), |session| oauth2_session::hand_over(session.bind(py), &made))
    }

    pub(super) fn url_was_made(&self, _py: Python<'_>) {
        self.state().has_session = true;
    }

    pub(super) fn has_session(&self, _py: Python<'_>) -> bool {
        self.state().has_session
    }

    pub(super) fn session<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.state().session.as_ref().map(|session| session.bind(py).clone())
    }

    pub(super) fn keep_session(&self, _py: Python<'_>, session: &Bound<'_, PyAny>) {
        let old = self.state().session.replace(session.clone().unbind());
        drop(old);
    }

    pub(super) fn set_session(&self, py: Python<'_>, session: Py<PyAny>) {
        let session = (!session.is_none(py)).then_some(session);
        let mut state = self.state();
        state.has_session = session.is_some();
        let old = std::mem::replace(&mut state.session, session);
        drop(state);
        drop(old);
    }

    pub(super) fn traverse(&self, visit: &pyo3::PyVisit<'_>) -> Result<(), pyo3::PyTraverseError> {
        // Whoever holds the lock holds references too: nothing here is garbage.
        let Ok(state) = self.0.try_lock() else { return Ok(()) };
        for value in state.settings.each() {
            visit.call(value)?;
        }
        visit.call(&state.token)?;
        state.session.as_ref().map_or(Ok(()), |session| visit.call(session))
    }

    pub(super) fn clear(&self, py: Python<'_>) {
        let mut state = self.state();
        let old = (
            std::mem::replace(&mut state.token, py.None()),
            state.session.take(),
            std::mem::replace(&mut state.settings, Settings::unset(py)),
        );
        drop(state);
        drop(old);
    }
}

impl State {
    /// In a fork: what was under way goes on in the parent. The library's object may have been in
    /// use by one of the parent's threads, which is not here; then it is left alone for ever.
    fn leave_to_parent(&mut self) {
        self.process = std::process::id();
        if self.calls.is_empty() {
            return;
        }
        for call in self.calls.drain(..) {
            std::mem::forget(call);
        }
        std::mem::forget(std::mem::replace(&mut self.core, new_core()));
        self.is_current = false;
    }
}

/// The dict that a landed call makes, and whether it belongs into the object: the answer to a
/// refresh does, while the object holds the token that was spent.
fn dict<'py>(
    py: Python<'py>,
    call: &Call,
    landed: &Landed,
    before: &Bound<'py, PyAny>,
) -> PyResult<Option<(Bound<'py, PyDict>, bool)>> {
    if !call.is_refresh() {
        let Ok(token) = &landed.0 else { return Ok(None) };
        return Ok(Some((token::write(py, token, None)?, true)));
    }
    let token = match (&landed.0, &landed.1) {
        (Ok(token), _) => token,
        (Err(_), Some(held)) => held,
        (Err(_), None) => return Ok(None),
    };
    let is_new = token.refresh_token.as_ref().map(|new| new.expose()) != call.spent.as_deref();
    if landed.0.is_err() && !is_new {
        return Ok(None);
    }
    let own = before.cast::<PyDict>().ok();
    let is_for_us = match before.is_truthy()? {
        true => token::refresh_token(before)? == call.spent,
        false => false,
    };
    Ok(Some((token::write(py, token, own)?, is_for_us)))
}

fn new_core() -> Arc<OAuth2PkceAuth> {
    let core = OAuth2PkceAuth::builder().http(crate::http::shared()).build();
    Arc::new(core.expect("X's own addresses are HTTPS"))
}
