//! The library's errors as Python exceptions: one class for each kind, defined in `xpkce.errors`.

use pyo3::prelude::*;
use pyo3::types::PyType;
use xpkce::{Error, ErrorKind};

/// Turns an error into the exception of its kind, with its fields as attributes.
pub(crate) fn raise(error: &Error) -> PyErr {
    raise_as(error, error.to_string())
}

/// As [`raise`], in other words.
pub(crate) fn raise_as(error: &Error, message: String) -> PyErr {
    Python::attach(|py| exception(py, error, &message).unwrap_or_else(|why| why))
}

fn exception(py: Python<'_>, error: &Error, message: &str) -> PyResult<PyErr> {
    let errors = py.import("xpkce.errors")?;
    let class = errors.getattr(class_name(error.kind()))?.cast_into::<PyType>()?;
    let raised = class.call1((message,))?;
    raised.setattr("reason", snake(&format!("{:?}", error.reason())))?;
    raised.setattr("hint", error.hint())?;
    raised.setattr("status", error.status())?;
    raised.setattr("transaction_id", error.transaction_id())?;
    raised.setattr("retry_after", error.retry_after().map(|wait| wait.as_secs_f64()))?;
    if let Some(cause) = causes(error) {
        raised.setattr("cause", cause)?;
    }
    Ok(PyErr::from_value(raised))
}

fn class_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Configure => "ConfigureError",
        ErrorKind::InDoubt => "InDoubtError",
        ErrorKind::SignIn => "SignInError",
        ErrorKind::Retry => "RetryError",
        ErrorKind::Store => "StoreError",
        _ => "ProtocolError",
    }
}

/// The chain of causes, each once. The library's errors hold no secret, nor do these.
fn causes(error: &Error) -> Option<String> {
    let mut told: Vec<String> = Vec::new();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let text = cause.to_string();
        if !told.contains(&text) {
            told.push(text);
        }
        next = cause.source();
    }
    (!told.is_empty()).then(|| told.join(": "))
}

/// `TokenRejected` as `token_rejected`.
fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for (at, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && at > 0 {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}
