//! From the URL to the token: what is sent, and what becomes of the answer.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};
use xpkce::{AuthorizationCode, CodeVerifier};

use super::calls::{Call, Spent};
use super::{Auth, oauth2_session, own, pair, settings, words};
use crate::failure::raise;
use crate::landing::Landing;
use crate::names::name;
use crate::token;

/// Longer than every deadline of a call together: two tokens sent twice, forty seconds each.
const LONGEST: Duration = Duration::from_secs(180);

pub(super) fn authorization_url(
    auth: &Bound<'_, Auth>,
    state: Option<&Bound<'_, PyAny>>,
) -> PyResult<String> {
    let state = state.map(state_text).transpose()?.flatten();
    pair::prepare(auth)?;
    let url = auth.get().desk.core(auth)?.authorization_url(state.as_deref());
    let url = url.map_err(|why| raise(&why))?;
    auth.get().desk.url_was_made();
    pair::tell(auth)?;
    Ok(url)
}

/// As the reference reads it: nothing that is empty, what a function returns, and every text.
fn state_text(state: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    if !state.is_truthy()? {
        return Ok(None);
    }
    if let Ok(text) = state.cast::<PyString>() {
        return Ok(Some(text.to_cow()?.into_owned()));
    }
    if let Ok(bytes) = state.cast::<PyBytes>() {
        return Ok(Some(String::from_utf8_lossy(bytes.as_bytes()).into_owned()));
    }
    let state = if state.is_callable() { state.call0()? } else { state.clone() };
    Ok(Some(state.str()?.to_cow()?.into_owned()))
}

/// From the callback to the token.
pub(super) fn fetch<'py>(
    auth: &Bound<'py, Auth>,
    callback: &Bound<'_, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    // Where the reference finds no code, as in what a web framework gives for nothing.
    if callback.is_none() || callback.is_instance_of::<PyBytes>() {
        return Err(words::no_code());
    }
    let (code, verifier) = check_callback(auth, &callback.extract::<String>()?)?;
    let own_exchange = name!(auth.py(), exchange_code);
    if !own::overrides(auth, own_exchange)? {
        return exchange(auth, code.expose(), Some(verifier.expose()));
    }
    // Somebody else's exchange is called as the reference calls it.
    if pair::is_current(auth, verifier.expose()) {
        return auth.call_method1(own_exchange, (code.expose(),));
    }
    auth.call_method1(own_exchange, (code.expose(), verifier.expose()))
}

fn check_callback(
    auth: &Bound<'_, Auth>,
    callback: &str,
) -> PyResult<(AuthorizationCode, CodeVerifier)> {
    if words::brings_nothing(callback) {
        return Err(words::no_code());
    }
    pair::take_over(auth)?;
    let core = auth.get().desk.core(auth)?;
    if core.code_verifier().is_none() && !words::brings_error(callback) {
        return Err(words::no_verifier());
    }
    core.check_callback(callback).map_err(|why| words::sign_in(&why))
}

/// As [`exchange`], of what a caller gives: a callback that brought no code brings none here.
pub(super) fn exchange_given<'py>(
    auth: &Bound<'py, Auth>,
    code: &Bound<'_, PyAny>,
    verifier: Option<&Bound<'_, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let verifier = verifier.map(|verifier| settings::text(verifier, "code_verifier"));
    let verifier = verifier.transpose()?.flatten().filter(|verifier| !verifier.is_empty());
    let code = settings::text(code, "code")?.unwrap_or_default();
    exchange(auth, &code, verifier.as_deref())
}

fn exchange<'py>(
    auth: &Bound<'py, Auth>,
    code: &str,
    verifier: Option<&str>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = auth.py();
    let core = auth.get().desk.core(auth)?;
    let verifier = match verifier {
        Some(verifier) => CodeVerifier::new(verifier),
        None => pair::verifier(auth)?.ok_or_else(words::no_verifier)?,
    };
    let code = code.to_owned();
    let work = async move {
        let token = core.exchange_code(&code, Some(verifier.expose())).await;
        Arc::new((token, None))
    };
    let call = auth.get().desk.begin(Call::new(Landing::of(work.boxed()), None));
    let token = land(auth, &call)?;
    let set_up = name!(py, _setup_oauth_session);
    if own::overrides(auth, set_up)? && auth.getattr(name!(py, client_id))?.is_truthy()? {
        auth.call_method0(set_up)?;
    }
    Ok(token)
}

pub(super) fn refresh<'py>(auth: &Bound<'py, Auth>) -> PyResult<Bound<'py, PyAny>> {
    let call = match auth.get().desk.refreshing() {
        Some(call) => call,
        None => begin_refresh(auth)?,
    };
    land(auth, &call)
}

/// Begins one, or joins one that another thread has begun meanwhile.
fn begin_refresh(auth: &Bound<'_, Auth>) -> PyResult<Arc<Call>> {
    let desk = &auth.get().desk;
    let held = token(auth)?;
    let core = desk.core(auth)?;
    if !held.is_truthy()? {
        return Err(words::no_token());
    }
    let Some(spent) = token::read(&held)? else { return Err(words::no_refresh_token()) };
    let Some(refresh_token) = &spent.refresh_token else { return Err(words::no_refresh_token()) };
    let spends = Spent { refresh_token: refresh_token.expose().to_owned(), of: held.unbind() };
    let work = async move {
        core.set_token(Some(spent));
        let token = core.refresh_token().await;
        let held = core.token();
        Arc::new((token, held))
    };
    Ok(desk.begin(Call::new(Landing::of(work.boxed()), Some(spends))))
}

/// Waits for a call, puts what it brought into the object, and returns the dict it made.
fn land<'py>(auth: &Bound<'py, Auth>, call: &Arc<Call>) -> PyResult<Bound<'py, PyAny>> {
    let py = auth.py();
    let landed = call.landing.wait_at_most(py, LONGEST)?;
    adopt(auth, call)?;
    match (&landed.0, call.dict(py)?) {
        (Ok(_), Some(made)) => Ok(made.into_any()),
        (Ok(_), None) => token(auth),
        (Err(why), _) if call.is_refresh() => Err(raise(why)),
        (Err(why), _) => Err(words::exchange(why)),
    }
}

/// Puts what a landed call brought into the object, unless somebody has, or its owner has set
/// another token meanwhile. If a subclass cannot take it, the next look tries again: the pair is
/// not lost.
fn adopt(auth: &Bound<'_, Auth>, call: &Arc<Call>) -> PyResult<()> {
    let desk = &auth.get().desk;
    if !call.has_landed() {
        return Ok(());
    }
    let made = call.dict(auth.py())?;
    if !desk.claim(call, made.as_ref()) {
        return Ok(());
    }
    let Some(made) = made else { return Ok(()) };
    let put = match is_for_us(auth, call) {
        Ok(true) => put(auth, &made),
        Ok(false) => Ok(()),
        Err(why) => Err(why),
    };
    if put.is_err() {
        desk.give_back(call.clone());
    }
    put
}

/// The answer to a refresh belongs into the object while it holds the token that was spent.
fn is_for_us(auth: &Bound<'_, Auth>, call: &Call) -> PyResult<bool> {
    let Some(spent) = &call.spent else { return Ok(true) };
    let now = current(auth)?;
    if !now.is_truthy()? {
        return Ok(false);
    }
    Ok(token::refresh_token(&now)?.as_deref() == Some(&spent.refresh_token))
}

fn put(auth: &Bound<'_, Auth>, made: &Bound<'_, PyDict>) -> PyResult<()> {
    let (py, desk) = (auth.py(), &auth.get().desk);
    let session = match own::is_plain(auth) {
        true => desk.renew(made),
        false => {
            // Setting the attribute lets the session go: it has the token that its owner had.
            let session = desk.session(py);
            auth.setattr(name!(py, token), made)?;
            desk.note_session(session)
        }
    };
    session.map_or(Ok(()), |session| oauth2_session::hand_over(&session, made))
}

/// Returns the token, after what has landed meanwhile was put into the object.
pub(super) fn token<'py>(auth: &Bound<'py, Auth>) -> PyResult<Bound<'py, PyAny>> {
    if let Some(token) = auth.get().desk.plain_token(auth.py()) {
        return Ok(token);
    }
    settle(auth)?;
    current(auth)
}

pub(super) fn settle(auth: &Bound<'_, Auth>) -> PyResult<()> {
    match auth.get().desk.landed() {
        Some(call) => adopt(auth, &call),
        None => Ok(()),
    }
}

fn current<'py>(auth: &Bound<'py, Auth>) -> PyResult<Bound<'py, PyAny>> {
    let py = auth.py();
    if own::is_plain(auth) {
        return Ok(auth.get().desk.token(py));
    }
    auth.getattr(name!(py, token))
}
