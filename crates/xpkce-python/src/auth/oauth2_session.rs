//! The `requests_oauthlib.OAuth2Session` that the reference keeps, made only when asked for.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::{Auth, landed};
use crate::names::name;
use crate::token;

pub(super) fn get<'py>(auth: &Bound<'py, Auth>) -> PyResult<Bound<'py, PyAny>> {
    let (py, desk) = (auth.py(), &auth.get().desk);
    landed::settle(auth)?;
    // Before the token is read: one that is set while Python code runs here comes next.
    let changes = desk.changes();
    let token = landed::current(auth)?;
    if let Some(session) = desk.session(py) {
        let new = token.cast::<PyDict>().ok().filter(|_| desk.is_session_behind());
        if let Some(new) = new.filter(|new| !new.is_empty()) {
            hand_over(auth, &session, new, changes)?;
        }
        return Ok(session);
    }
    if !desk.has_session() && !token.is_truthy()? {
        return Ok(py.None().into_bound(py));
    }
    let session = make(auth, &token)?;
    desk.keep_session(&session);
    desk.session_was_given(refresh_token(&token)?, changes);
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
pub(super) fn hand_over(
    auth: &Bound<'_, Auth>,
    session: &Bound<'_, PyAny>,
    token: &Bound<'_, PyDict>,
    changes: u64,
) -> PyResult<()> {
    session.setattr(name!(auth.py(), token), token)?;
    auth.get().desk.session_was_given(refresh_token(token)?, changes);
    Ok(())
}

/// Takes over what a session has that refreshed by itself: it has spent the token that it was given.
pub(super) fn take_over(auth: &Bound<'_, Auth>) -> PyResult<()> {
    let (py, desk) = (auth.py(), &auth.get().desk);
    let (Some(session), Some(given)) = (desk.session(py), desk.in_session()) else { return Ok(()) };
    let Ok(theirs) = session.getattr(name!(py, token))?.cast_into::<PyDict>() else {
        return Ok(());
    };
    let has_another = refresh_token(&theirs)?.is_some_and(|now| now != given);
    if has_another && refresh_token(&landed::current(auth)?)? == Some(given) {
        landed::put(auth, &theirs.copy()?)?;
    }
    Ok(())
}

fn refresh_token(token: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    token.cast::<PyDict>().map_or(Ok(None), |token| token::refresh_token(token))
}
