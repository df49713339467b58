//! From the URL to the code, and from the code to the token.

use std::sync::Arc;

use futures_util::FutureExt as _;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use xpkce::{AuthorizationCode, CodeVerifier};

use super::calls::Call;
use super::landed::{before, land};
use super::{Auth, own, pair, settings, words};
use crate::failure::raise;
use crate::landing::Landing;
use crate::names::name;

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
    let before = before(auth)?;
    let call = auth.get().desk.begin(Call::exchange(Landing::of(work.boxed()), before));
    let token = land(auth, &call)?;
    let set_up = name!(py, _setup_oauth_session);
    if own::overrides(auth, set_up)? && auth.getattr(name!(py, client_id))?.is_truthy()? {
        auth.call_method0(set_up)?;
    }
    Ok(token)
}
