//! Errors in the reference's words, where it has them.

use pyo3::PyErr;
use url::form_urlencoded;
use xpkce::{Error, Reason};

use crate::failure::{Sent, raise, raise_for_reference};

pub(super) fn no_code() -> PyErr {
    raise(&Error::new(Reason::MalformedCallback, "No authorization code found in callback URL"))
}

pub(super) fn no_verifier() -> PyErr {
    raise(&Error::new(
        Reason::InvalidSetting,
        "Code verifier is required. Call get_authorization_url() or set_pkce_parameters() first.",
    ))
}

pub(super) fn no_token() -> PyErr {
    raise(&Error::new(Reason::NotSignedIn, "No token to refresh"))
}

pub(super) fn no_refresh_token() -> PyErr {
    let error =
        Error::new(Reason::NoRefreshToken, "No token to refresh: there is no refresh token");
    raise(&error.with_hint("sign in again with the scope offline.access"))
}

/// A refused callback; one that lacks its code is called what the reference calls it.
pub(super) fn sign_in(why: &Error) -> PyErr {
    raise(why)
}

/// A refused exchange begins as the reference's does; X's body stays out of it.
pub(super) fn exchange(why: &Error) -> PyErr {
    let words = match why.status() {
        Some(status) if status != 200 => format!("HTTP error! status: {status}, {why}"),
        _ => why.to_string(),
    };
    raise_for_reference(why, &words, Sent::Code)
}

pub(super) fn refresh(why: &Error) -> PyErr {
    raise_for_reference(why, &why.to_string(), Sent::RefreshToken)
}

/// Returns whether there is neither a code nor an error in a callback.
pub(super) fn brings_nothing(callback: &str) -> bool {
    !has(callback, "code") && !has(callback, "error")
}

pub(super) fn brings_error(callback: &str) -> bool {
    has(callback, "error")
}

fn has(callback: &str, name: &str) -> bool {
    let query = callback.split('#').next().unwrap_or_default();
    let query = query.split_once('?').map_or(query, |(_, query)| query);
    form_urlencoded::parse(query.as_bytes()).any(|(key, value)| key == name && !value.is_empty())
}
