//! Answers on their way. One that lands is put into the object by whoever looks at it next, so that
//! it is there although its caller was interrupted.

use std::sync::{Arc, OnceLock};

use pyo3::prelude::*;
use pyo3::types::PyDict;
use xpkce::{Error, Token};

use crate::landing::Landing;

/// What a call came to, and what the object holds after it: an odd answer to a refresh brings a
/// new refresh token and no access token.
pub(super) type Landed = Arc<(Result<Arc<Token>, Error>, Option<Arc<Token>>)>;

pub(super) struct Call {
    pub(super) landing: Landing<Landed>,
    /// The refresh token that is spent; none for an exchange.
    pub(super) spent: Option<String>,
    /// The dict that this call made, once somebody has put it into the object.
    pub(super) made: OnceLock<Py<PyDict>>,
}

impl Call {
    pub(super) fn new(landing: Landing<Landed>, spent: Option<String>) -> Self {
        Self { landing, spent, made: OnceLock::new() }
    }

    pub(super) fn is_refresh(&self) -> bool {
        self.spent.is_some()
    }

    pub(super) fn has_landed(&self) -> bool {
        self.landing.peek().is_some()
    }
}
