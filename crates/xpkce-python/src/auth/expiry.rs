//! When a token dict counts as expired. No value in it raises.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyString};
use xpkce::Token;

use crate::names::{name, now};

pub(super) fn is_expired(token: &Bound<'_, PyAny>) -> PyResult<bool> {
    let Some(end) = end(token)? else { return Ok(true) };
    Ok(now(token.py())? > end - Token::MARGIN.as_secs_f64())
}

/// Seconds since 1970; none when nobody knows.
fn end(token: &Bound<'_, PyAny>) -> PyResult<Option<f64>> {
    let key = name!(token.py(), expires_at);
    let end = match token.cast_exact::<PyDict>() {
        Ok(dict) => dict.get_item(key)?,
        Err(_) if token.is_truthy()? && token.contains(key)? => Some(token.get_item(key)?),
        Err(_) => None,
    };
    Ok(end.and_then(|end| number(&end)).filter(|end| !end.is_nan()))
}

fn number(value: &Bound<'_, PyAny>) -> Option<f64> {
    if let Ok(number) = value.cast_exact::<PyFloat>() {
        return Some(number.value());
    }
    match value.cast::<PyString>() {
        Ok(text) => text.to_cow().ok()?.trim().parse().ok(),
        Err(_) => value.extract().ok(),
    }
}
