//! The constructor of a subclass: assignments, in the reference's order, that it sees.

use pyo3::prelude::*;

use super::settings::Settings;
use super::{Auth, own};
use crate::names::name;

pub(super) fn subclass(
    auth: &Bound<'_, Auth>,
    settings: &Settings,
    token: Option<Py<PyAny>>,
) -> PyResult<()> {
    let py = auth.py();
    auth.setattr("base_url", &settings.base_url)?;
    auth.setattr("authorization_base_url", &settings.authorization_base_url)?;
    auth.setattr("client_id", &settings.client_id)?;
    auth.setattr("client_secret", &settings.client_secret)?;
    auth.setattr("redirect_uri", &settings.redirect_uri)?;
    auth.setattr("token", token.as_ref().map_or_else(|| py.None(), |token| token.clone_ref(py)))?;
    auth.setattr("scope", &settings.scope)?;
    for name in ["oauth2_session", "code_verifier", "code_challenge"] {
        auth.setattr(name, py.None())?;
    }
    let has_token = token.is_some_and(|token| token.bind(py).is_truthy().unwrap_or(true));
    let set_up = name!(py, _setup_oauth_session);
    if has_token && settings.client_id.bind(py).is_truthy()? && own::overrides(auth, set_up)? {
        auth.call_method0(set_up)?;
    }
    Ok(())
}
