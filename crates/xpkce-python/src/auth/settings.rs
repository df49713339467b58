//! The attributes that describe the app, as their owner set them, and the app that they make.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyList, PyString};
use xpkce::{
    App, ClientSecret, DEFAULT_AUTHORIZATION_BASE_URL, DEFAULT_BASE_URL, DEFAULT_REDIRECT_URI,
    Scopes,
};

use super::Auth;
use crate::failure::raise;

/// Kept as Python objects: what was set is what is read back.
pub(super) struct Settings {
    pub(super) base_url: Py<PyAny>,
    pub(super) authorization_base_url: Py<PyAny>,
    pub(super) client_id: Py<PyAny>,
    pub(super) client_secret: Py<PyAny>,
    pub(super) redirect_uri: Py<PyAny>,
    pub(super) scope: Py<PyAny>,
}

impl Settings {
    pub(super) fn unset(py: Python<'_>) -> Self {
        Self {
            base_url: py.None(),
            authorization_base_url: py.None(),
            client_id: py.None(),
            client_secret: py.None(),
            redirect_uri: py.None(),
            scope: py.None(),
        }
    }

    pub(super) fn new(
        py: Python<'_>,
        base_url: Option<Py<PyAny>>,
        authorization_base_url: Option<&str>,
        client_id: Option<Py<PyAny>>,
        client_secret: Option<Py<PyAny>>,
        redirect_uri: Option<Py<PyAny>>,
        scope: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let consent = authorization_base_url.unwrap_or(DEFAULT_AUTHORIZATION_BASE_URL);
        let text = |text: &str| PyString::new(py, text).into_any().unbind();
        let or_none = |value: Option<Py<PyAny>>| value.unwrap_or_else(|| py.None());
        Ok(Self {
            base_url: base_url.unwrap_or_else(|| text(DEFAULT_BASE_URL)),
            authorization_base_url: text(consent.trim_end_matches('/')),
            client_id: or_none(client_id),
            client_secret: or_none(client_secret),
            redirect_uri: or_none(redirect_uri),
            scope: scope.map_or_else(|| Ok(py.None()), |scope| joined(&scope))?,
        })
    }

    pub(super) fn clone_ref(&self, py: Python<'_>) -> Self {
        Self {
            base_url: self.base_url.clone_ref(py),
            authorization_base_url: self.authorization_base_url.clone_ref(py),
            client_id: self.client_id.clone_ref(py),
            client_secret: self.client_secret.clone_ref(py),
            redirect_uri: self.redirect_uri.clone_ref(py),
            scope: self.scope.clone_ref(py),
        }
    }

    /// Reads the settings of an object whose class may have made properties of them.
    pub(super) fn of(auth: &Bound<'_, Auth>) -> PyResult<Self> {
        let read = |name: &str| auth.getattr(name).map(Bound::unbind);
        Ok(Self {
            base_url: read("base_url")?,
            authorization_base_url: read("authorization_base_url")?,
            client_id: read("client_id")?,
            client_secret: read("client_secret")?,
            redirect_uri: read("redirect_uri")?,
            scope: read("scope")?,
        })
    }

    /// Returns whether a value cannot be changed in place without anyone being told.
    pub(super) fn are_fixed(&self, py: Python<'_>) -> bool {
        self.each().iter().all(|value| {
            let value = value.bind(py);
            value.is_none() || value.is_exact_instance_of::<PyString>()
        })
    }

    /// Describes the app. An empty or missing secret makes it a public one.
    pub(super) fn app(&self, py: Python<'_>) -> PyResult<App> {
        let id = text(self.client_id.bind(py), "client_id")?.unwrap_or_default();
        let secret = text(self.client_secret.bind(py), "client_secret")?;
        let app = match secret.filter(|secret| !secret.is_empty()) {
            Some(secret) => App::confidential(id, ClientSecret::new(secret)),
            None => App::public(id),
        };
        let base_url = text(self.base_url.bind(py), "base_url")?;
        let consent = text(self.authorization_base_url.bind(py), "authorization_base_url")?;
        let redirect_uri = text(self.redirect_uri.bind(py), "redirect_uri")?;
        let app = app
            .with_base_url(base_url.as_deref().unwrap_or(DEFAULT_BASE_URL))
            .and_then(|app| {
                let consent = consent.as_deref().unwrap_or(DEFAULT_AUTHORIZATION_BASE_URL);
                app.with_authorization_base_url(consent)
            })
            .map_err(|why| raise(&why))?;
        Ok(app
            .with_redirect_uri(redirect_uri.as_deref().unwrap_or(DEFAULT_REDIRECT_URI))
            .with_scopes(scopes(self.scope.bind(py))?))
    }

    pub(super) fn each(&self) -> [&Py<PyAny>; 6] {
        [
            &self.base_url,
            &self.authorization_base_url,
            &self.client_id,
            &self.client_secret,
            &self.redirect_uri,
            &self.scope,
        ]
    }
}

/// A list of scopes becomes one text, as in the reference; anything else is kept as it is.
fn joined(scope: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    match scope.cast::<PyList>() {
        Ok(names) => {
            PyString::new(scope.py(), " ").call_method1("join", (names,)).map(Bound::unbind)
        }
        Err(_) => Ok(scope.clone().unbind()),
    }
}

/// As the reference reads what is not a list at the constructor: of a set or a tuple, each element's
/// text.
fn scopes(scope: &Bound<'_, PyAny>) -> PyResult<Scopes> {
    if scope.is_none() {
        return Ok(Scopes::default());
    }
    if let Ok(text) = scope.cast::<PyString>() {
        return Ok(Scopes::parse(&text.to_cow()?));
    }
    let elements = scope.try_iter().map_err(|_| {
        PyValueError::new_err("scope must be a str, a list, a tuple, a set or None")
    })?;
    let mut names = String::new();
    for name in elements {
        names.push_str(&name?.str()?.to_cow()?);
        names.push(' ');
    }
    Ok(Scopes::parse(&names))
}

/// Reads a setting as the reference does: whatever has a text has that text. But a secret that is
/// wrapped in an object has stars for a text, and X would call them a wrong secret.
///
/// The message names the attribute, never its value.
pub(super) fn text(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Option<String>> {
    if value.is_none() {
        return Ok(None);
    }
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Some(text.to_cow()?.into_owned()));
    }
    if let Ok(bytes) = value.cast::<PyBytes>() {
        let text = std::str::from_utf8(bytes.as_bytes());
        return text.map(|text| Some(text.to_owned())).map_err(|_| not_a_text(name));
    }
    if name == "client_secret" && !value.is_instance_of::<PyInt>() {
        return Err(not_a_text(name));
    }
    Ok(Some(value.str()?.to_cow()?.into_owned()))
}

fn not_a_text(name: &str) -> PyErr {
    PyTypeError::new_err(format!("{name} must be a str or None"))
}
