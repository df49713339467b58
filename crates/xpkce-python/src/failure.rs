//! The library's errors as Python exceptions: one class for each kind, defined in `xpkce.errors`.

use pyo3::prelude::*;
use pyo3::types::PyType;
use xpkce::{Error, ErrorKind};

/// Turns an error into the exception of its kind, with its fields as attributes.
pub(crate) fn raise(error: &Error) -> PyErr {
    Python::attach(|py| {
        let class = class(py, error);
        class
            .and_then(|class| exception(error, &class, &error.to_string()))
            .unwrap_or_else(|why| why)
    })
}

/// As [`raise`], of a call of X's class that X refused or that got no answer, in its own words: code
/// written for the reference catches what other packages raise in it.
pub(crate) fn raise_for_reference(error: &Error, message: &str, sent: Sent) -> PyErr {
    Python::attach(|py| {
        let class = class_for_reference(py, error, sent);
        class.and_then(|class| exception(error, &class, message)).unwrap_or_else(|why| why)
    })
}

/// What was sent to the token endpoint.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Sent {
    Code,
    RefreshToken,
}

fn class<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyType>> {
    let errors = py.import("xpkce.errors")?;
    Ok(errors.getattr(class_name(error.kind()))?.cast_into()?)
}

fn class_for_reference<'py>(
    py: Python<'py>,
    error: &Error,
    sent: Sent,
) -> PyResult<Bound<'py, PyType>> {
    let class = class(py, error)?;
    let is_about_sending = matches!(error.kind(), ErrorKind::Retry | ErrorKind::InDoubt);
    if error.status().is_none() && !is_about_sending {
        return Ok(class);
    }
    let given = (class, reason(error), error.status(), sent == Sent::RefreshToken);
    let both = py.import("xpkce._reference")?.getattr("class_for")?.call1(given)?;
    Ok(both.cast_into()?)
}

fn exception(error: &Error, class: &Bound<'_, PyType>, message: &str) -> PyResult<PyErr> {
    let raised = class.call1((message,))?;
    raised.setattr("reason", reason(error))?;
    raised.setattr("hint", error.hint())?;
    raised.setattr("status", error.status())?;
    raised.setattr("transaction_id", error.transaction_id())?;
    raised.setattr("retry_after", error.retry_after().map(|wait| wait.as_secs_f64()))?;
    if let Some(cause) = causes(error) {
        raised.setattr("cause", cause)?;
    }
    Ok(PyErr::from_value(raised))
}

fn reason(error: &Error) -> String {
    snake(&format!("{:?}", error.reason()))
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
