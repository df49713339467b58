//! A token as X's Python class keeps it: a dict that its owner may read and change.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use serde_json::{Map, Value};
use xpkce::{AccessToken, Clock as _, RefreshToken, Scopes, SystemClock, Timestamp, Token};

use crate::names::{name, now};

/// The keys that an answer brings, in the reference's order.
const KEYS: [&str; 6] =
    ["access_token", "token_type", "expires_in", "refresh_token", "scope", "expires_at"];

/// What a refresh needs of an access token that is not there: the library's token has one.
const NO_ACCESS_TOKEN: &str = "none";

/// Reads what a refresh needs of a token dict; none when there is no refresh token in it.
pub(crate) fn read(token: &Bound<'_, PyAny>) -> PyResult<Option<Token>> {
    let Some(refresh) = text(token, "refresh_token")? else { return Ok(None) };
    let access = text(token, "access_token")?.unwrap_or_else(|| NO_ACCESS_TOKEN.to_owned());
    let mut fields = Map::new();
    fields.insert("access_token".into(), access.into());
    fields.insert("refresh_token".into(), refresh.into());
    if let Some(scope) = scope(token)? {
        fields.insert("scope".into(), scope.into());
    }
    let token = Token::from_value(Value::Object(fields));
    token.map(Some).map_err(|why| crate::failure::raise(&why))
}

/// What stays of a token when its refresh token is spent and no access token came. Its access token
/// counts as ended: X has probably killed it.
pub(crate) struct Left {
    access_token: AccessToken,
    token_type: String,
    scopes: Option<Scopes>,
}

impl Left {
    pub(crate) fn of(token: &Token) -> Self {
        Self {
            access_token: token.access_token.clone(),
            token_type: token.token_type.clone(),
            scopes: token.scopes.clone(),
        }
    }

    /// Returns the token that goes on with the refresh token that came alone.
    pub(crate) fn with(self, refresh_token: RefreshToken) -> Token {
        Token {
            access_token: self.access_token,
            token_type: self.token_type,
            expires_in: Some(0),
            refresh_token: Some(refresh_token),
            scopes: self.scopes,
            expires_at: Some(SystemClock.now()),
            other: Map::new(),
        }
    }
}

/// Returns the access token in what an object holds, if it holds any.
pub(crate) fn access_token<'py>(token: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = token.py();
    if let Ok(dict) = token.cast_exact::<PyDict>() {
        let found = dict.get_item(name!(py, access_token))?;
        return Ok(found.unwrap_or_else(|| py.None().into_bound(py)));
    }
    if !token.is_truthy()? {
        return Ok(py.None().into_bound(py));
    }
    token.call_method1(name!(py, get), (name!(py, access_token),))
}

/// Returns the refresh token in a token dict.
pub(crate) fn refresh_token(token: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    text(token, "refresh_token")
}

/// How the reference writes `expires_at`: a fraction after an exchange, whole seconds after a
/// refresh.
#[derive(Clone, Copy)]
pub(crate) enum End {
    Exact,
    WholeSeconds,
}

/// Makes the dict of what an answer brought. Keys of one's own in the dict before it are kept.
pub(crate) fn write<'py>(
    py: Python<'py>,
    token: &Token,
    before: Option<&Bound<'py, PyDict>>,
    end: End,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (key, value) in before.into_iter().flatten() {
        let is_ours = key.cast::<PyString>().is_ok_and(|key| KEYS.iter().any(|own| key == *own));
        if !is_ours {
            dict.set_item(key, value)?;
        }
    }
    let access = Some(token.access_token.expose()).filter(|access| *access != NO_ACCESS_TOKEN);
    dict.set_item(name!(py, access_token), access)?;
    dict.set_item(name!(py, token_type), &token.token_type)?;
    dict.set_item(name!(py, expires_in), token.expires_in)?;
    let refresh = token.refresh_token.as_ref().map(|refresh| refresh.expose());
    dict.set_item(name!(py, refresh_token), refresh)?;
    dict.set_item(name!(py, scope), token.scopes.as_ref().map(|scopes| scopes.as_str()))?;
    let seconds = token.expires_at.map(|end| by_pythons_clock(py, end));
    let key = name!(py, expires_at);
    match end {
        End::Exact => dict.set_item(key, seconds)?,
        End::WholeSeconds => dict.set_item(key, seconds.map(|end| end.round() as i64))?,
    }
    for (key, value) in &token.other {
        dict.set_item(key, object(py, value)?)?;
    }
    Ok(dict)
}

/// As the reference, which asks `time.time()` when an answer comes. One that fails is no reason to lose
/// what came.
fn by_pythons_clock(py: Python<'_>, end: Timestamp) -> f64 {
    let seconds = |time: Timestamp| time.as_millis() as f64 / 1000.0;
    let ours = seconds(SystemClock.now());
    seconds(end) + now(py).unwrap_or(ours) - ours
}

fn object<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    if let Value::String(text) = value {
        return Ok(PyString::new(py, text).into_any());
    }
    py.import("json")?.call_method1("loads", (value.to_string(),))
}

fn text(token: &Bound<'_, PyAny>, key: &str) -> PyResult<Option<String>> {
    let value = token.call_method1(name!(token.py(), get), (key,))?;
    match value.cast::<PyString>() {
        Ok(text) if !text.is_empty()? => Ok(Some(text.to_cow()?.into_owned())),
        _ => Ok(None),
    }
}

/// The scopes, one text or a list of them.
fn scope(token: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    let value = token.call_method1(name!(token.py(), get), ("scope",))?;
    if let Ok(text) = value.extract::<String>() {
        return Ok(Some(text));
    }
    let Ok(names) = value.try_iter() else { return Ok(None) };
    let names = names.map(|name| name?.extract()).collect::<PyResult<Vec<String>>>();
    Ok(names.ok().map(|names| names.join(" ")))
}
