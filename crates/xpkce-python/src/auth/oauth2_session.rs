//! The `requests_oauthlib.OAuth2Session` that the reference keeps, made only when asked for.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::{Auth, landed};
use crate::names::name;

pub(super) fn get<'py>(auth: &Bound<'py, Auth>) -> PyResult<Bound<'py, PyAny>> {
    let (py, desk) = (auth.py(), &auth.get().desk);
    let token = landed::token(auth)?;
    if let Some(session) = desk.session(py) {
        return Ok(session);
    }
    if !desk.has_session() && !token.is_truthy()? {
        return Ok(py.None().into_bound(py));
    }
    let session = make(auth, &token)?;
    desk.keep_session(&session);
    Ok(session)
}

fn make<'py>(auth: &Bound<'py, Auth>, token: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = auth.py();
    let package = py.import("requests_oauthlib")?;
    let settings = PyDict::new(py);
    settings.set_item("client_id", auth.getattr("client_id")?)?;
    settings.set_item("redirect_uri", auth.getattr("redirect_uri")?)?;
    settings.set_item("scope", auth.getattr("scope")?)?;
    if token.is_truthy()? {
        settings.set_item("token", token)?;
    }
    package.getattr(name!(py, OAuth2Session))?.call((), Some(&settings))
}

/// Hands a new token to the session that its owner may hold.
pub(super) fn hand_over(session: &Bound<'_, PyAny>, token: &Bound<'_, PyDict>) -> PyResult<()> {
    session.setattr(name!(session.py(), token), token)
}
