//! What the keeper's calls return, on its way to Python.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};
use xpkce::grant::{Account, State};
use xpkce::keeper::Action;
use xpkce::{AccessToken, LoginStatus, Scopes, SignedIn, Timestamp};

use super::action;
use super::listening::{Listening, Waiting};

#[derive(Clone)]
pub(super) enum Answer {
    Nothing,
    Token(AccessToken),
    Text(String),
    Row(Row),
    Rows(Vec<Row>),
    Listening(Arc<Waiting>),
}

/// A login, without its secrets: the fields of `xpkce.Login`.
#[derive(Clone)]
pub(super) struct Row {
    account: Account,
    username: Option<String>,
    scopes: Option<Scopes>,
    expires_at: Option<Timestamp>,
    can_refresh: bool,
    state: &'static str,
    action: &'static str,
}

impl Answer {
    pub(super) fn convert(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(match self {
            Self::Nothing => py.None(),
            Self::Token(token) => PyString::new(py, token.expose()).into_any().unbind(),
            Self::Text(text) => PyString::new(py, &text).into_any().unbind(),
            Self::Row(row) => row.convert(py)?.into_any().unbind(),
            Self::Rows(rows) => {
                let rows: Vec<_> =
                    rows.iter().map(|row| row.convert(py)).collect::<PyResult<_>>()?;
                PyList::new(py, rows)?.into_any().unbind()
            }
            Self::Listening(waiting) => Py::new(py, Listening::new(waiting))?.into_any(),
        })
    }
}

impl Row {
    pub(super) fn of_sign_in(signed_in: &SignedIn) -> Self {
        Self {
            account: signed_in.account.clone(),
            username: signed_in.username.clone(),
            scopes: signed_in.scopes.clone(),
            expires_at: signed_in.expires_at,
            can_refresh: signed_in.has_refresh_token,
            state: State::Ready.name(),
            action: action(Action::Nothing),
        }
    }

    pub(super) fn of_status(login: &LoginStatus) -> Self {
        Self {
            account: login.account.clone(),
            username: login.username.clone(),
            scopes: login.scopes.clone(),
            expires_at: login.expires_at,
            can_refresh: login.has_refresh_token,
            state: login.state.name(),
            action: action(login.action),
        }
    }

    fn convert<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let scopes: Vec<&str> = self.scopes.iter().flat_map(Scopes::iter).collect();
        let row = PyDict::new(py);
        row.set_item("user_id", &self.account.user)?;
        row.set_item("username", &self.username)?;
        row.set_item("scopes", PyTuple::new(py, scopes)?)?;
        row.set_item("expires_at", self.expires_at.map(|end| end.as_millis() as f64 / 1000.0))?;
        row.set_item("can_refresh", self.can_refresh)?;
        row.set_item("state", self.state)?;
        row.set_item("action", self.action)?;
        Ok(row)
    }
}
