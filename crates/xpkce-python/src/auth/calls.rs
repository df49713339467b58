//! Answers on their way. One that lands is put into the object by whoever looks at it next, so that
//! it is there although its caller was interrupted.

use std::sync::{Arc, OnceLock};

use pyo3::prelude::*;
use pyo3::types::PyDict;
use xpkce::{Error, Token};

use crate::landing::Landing;
use crate::token::{self, End};

/// What a call came to, and what the object holds after it: an odd answer to a refresh brings a
/// new refresh token and no access token.
pub(super) type Landed = Arc<(Result<Arc<Token>, Error>, Option<Arc<Token>>)>;

pub(super) struct Call {
    pub(super) landing: Landing<Landed>,
    pub(super) spent: Option<Spent>,
    /// The dict that this call made, once somebody has looked at it.
    pub(super) made: OnceLock<Py<PyDict>>,
}

/// What a refresh spends; an exchange spends none.
pub(super) struct Spent {
    pub(super) refresh_token: String,
    /// The token that it was in: keys of its owner's are kept.
    pub(super) of: Py<PyAny>,
}

impl Call {
    pub(super) fn new(landing: Landing<Landed>, spent: Option<Spent>) -> Self {
        Self { landing, spent, made: OnceLock::new() }
    }

    pub(super) fn is_refresh(&self) -> bool {
        self.spent.is_some()
    }

    pub(super) fn has_landed(&self) -> bool {
        self.landing.peek().is_some()
    }

    /// Returns the dict of what has landed; none when nothing came of it.
    pub(super) fn dict<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        if let Some(made) = self.made.get() {
            return Ok(Some(made.bind(py).clone()));
        }
        let Some(Ok(landed)) = self.landing.peek() else { return Ok(None) };
        let Some(spent) = &self.spent else {
            let Ok(token) = &landed.0 else { return Ok(None) };
            return token::write(py, token, None, End::Exact).map(Some);
        };
        let token = match (&landed.0, &landed.1) {
            (Ok(token), _) | (Err(_), Some(token)) => token,
            (Err(_), None) => return Ok(None),
        };
        let next = token.refresh_token.as_ref().map(|next| next.expose());
        if landed.0.is_err() && next == Some(&spent.refresh_token) {
            return Ok(None);
        }
        let before = spent.of.bind(py).cast::<PyDict>().ok();
        token::write(py, token, before, End::WholeSeconds).map(Some)
    }
}
