//! The `requests_oauthlib.OAuth2Session` that the reference keeps, made only when asked for.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::desk::Desk;

pub(super) fn get<'py>(py: Python<'py>, desk: &Desk) -> PyResult<Bound<'py, PyAny>> {
    let token = desk.token(py)?;
    if let Some(session) = desk.session(py) {
        return Ok(session);
    }
    if !desk.has_session(py) && !token.is_truthy()? {
        return Ok(py.None().into_bound(py));
    }
    let session = make(py, desk, &token)?;
    desk.keep_session(py, &session);
    Ok(session)
}

fn make<'py>(
    py: Python<'py>,
    desk: &Desk,
    token: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let package = py.import("requests_oauthlib")?;
    let settings = PyDict::new(py);
    settings.set_item("client_id", desk.setting(py, |settings| &settings.client_id))?;
    settings.set_item("redirect_uri", desk.setting(py, |settings| &settings.redirect_uri))?;
    settings.set_item("scope", desk.setting(py, |settings| &settings.scope))?;
    if token.is_truthy()? {
        settings.set_item("token", token)?;
    }
    package.getattr(intern!(py, "OAuth2Session"))?.call((), Some(&settings))
}

/// Hands a new token to the session that its owner may hold.
pub(super) fn hand_over(session: &Bound<'_, PyAny>, token: &Bound<'_, PyDict>) -> PyResult<()> {
    session.setattr(intern!(session.py(), "token"), token)
}
