//! When a token dict counts as expired. No value in it raises.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyFloat, PyModule, PyString};
use xpkce::Token;

pub(super) fn is_expired(token: &Bound<'_, PyAny>) -> PyResult<bool> {
    let Some(end) = end(token)? else { return Ok(true) };
    Ok(now(token.py())? > end - Token::MARGIN.as_secs_f64())
}

/// Seconds since 1970; none when nobody knows.
fn end(token: &Bound<'_, PyAny>) -> PyResult<Option<f64>> {
    let key = intern!(token.py(), "expires_at");
    let end = match token.cast_exact::<PyDict>() {
        Ok(dict) => dict.get_item(key)?,
        Err(_) if token.is_truthy()? => {
            Some(token.call_method1(intern!(token.py(), "get"), (key,))?)
        }
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

/// Asks `time.time()`, as the reference does: tests that move that clock move this one.
fn now(py: Python<'_>) -> PyResult<f64> {
    static TIME: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let time = TIME.get_or_try_init(py, || py.import("time").map(Bound::unbind))?;
    time.bind(py).getattr(intern!(py, "time"))?.call0()?.extract()
}
