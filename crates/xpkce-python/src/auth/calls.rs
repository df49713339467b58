//! Answers on their way. One that lands is put into the object by whoever looks at it next, so that
//! it is there although its caller was interrupted.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, OnceLock};

use pyo3::prelude::*;
use pyo3::types::PyDict;
use xpkce::{Error, Token};

use crate::landing::Landing;
use crate::token::{self, End};

/// What a call came to, and what a refresh that failed has left: an odd answer brings a new refresh
/// token and no access token.
pub(super) type Landed = Arc<(Result<Arc<Token>, Error>, Option<Arc<Token>>)>;

pub(super) struct Call {
    pub(super) landing: Landing<Landed>,
    pub(super) spent: Option<Spent>,
    /// What the object held when a sign-in began to end; none for a refresh.
    pub(super) before: Option<Before>,
    /// The dict that this call made, once somebody has looked at it.
    pub(super) made: OnceLock<Py<PyDict>>,
    /// Whether somebody puts that dict into the object just now. Read and written with the GIL only,
    /// as what follows.
    pub(super) is_being_put: AtomicBool,
    /// Whether a subclass could not take it.
    was_given_back: AtomicBool,
    /// How many callers wait.
    waiting: AtomicUsize,
}

/// What a refresh brought for the token that it spent.
pub(super) struct Brought {
    pub(super) spent: String,
    /// The refresh token that came. Whoever has the dict may change it.
    pub(super) next: Option<String>,
    pub(super) made: Py<PyDict>,
}

/// A caller that waits, until it is dropped.
pub(super) struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// What a refresh spends; an exchange spends none.
pub(super) struct Spent {
    pub(super) refresh_token: String,
    /// The token that it was in: keys of its owner's are kept.
    pub(super) of: Py<PyAny>,
}

/// By what one sees whether an owner has set another token since.
#[derive(Default)]
pub(super) struct Before {
    /// How many sign-ins were about to end then.
    pub(super) sign_ins: u64,
    /// How often a token was set where we see it.
    pub(super) sets: u64,
    /// What a subclass held that keeps it elsewhere.
    pub(super) access_token: Option<String>,
}

impl Call {
    pub(super) fn refresh(landing: Landing<Landed>, spent: Spent) -> Self {
        Self::new(landing, Some(spent), None)
    }

    pub(super) fn exchange(landing: Landing<Landed>, before: Before) -> Self {
        Self::new(landing, None, Some(before))
    }

    fn new(landing: Landing<Landed>, spent: Option<Spent>, before: Option<Before>) -> Self {
        Self {
            landing,
            spent,
            before,
            made: OnceLock::new(),
            is_being_put: AtomicBool::new(false),
            was_given_back: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
        }
    }

    pub(super) fn is_refresh(&self) -> bool {
        self.spent.is_some()
    }

    pub(super) fn has_landed(&self) -> bool {
        self.landing.peek().is_some()
    }

    pub(super) fn has_failed(&self) -> bool {
        self.landing.peek().is_some_and(|landed| landed.map_or(true, |landed| landed.0.is_err()))
    }

    pub(super) fn wait_for(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Relaxed);
        Waiting(&self.waiting)
    }

    pub(super) fn is_waited_for(&self) -> bool {
        self.waiting.load(Relaxed) > 0
    }

    /// Returns whether it has landed, and nobody is there who will look: its caller was interrupted,
    /// or could not save it. A failure is the answer to nobody who comes later.
    pub(super) fn is_unseen(&self) -> bool {
        let has_caller = self.is_waited_for() && !self.has_failed();
        self.has_landed() && !self.is_being_put.load(Relaxed) && !has_caller
    }

    pub(super) fn give_back(&self) {
        self.was_given_back.store(true, Relaxed);
        self.is_being_put.store(false, Relaxed);
    }

    pub(super) fn was_given_back(&self) -> bool {
        self.was_given_back.load(Relaxed)
    }

    /// Returns whether it refreshes a token, which is spent, or is being put by it.
    pub(super) fn refreshes(&self, py: Python<'_>, refresh_token: &str) -> PyResult<bool> {
        let Some(spent) = &self.spent else { return Ok(false) };
        if spent.refresh_token == refresh_token {
            return Ok(true);
        }
        let brought = match self.made.get() {
            Some(made) if self.is_being_put.load(Relaxed) => token::refresh_token(made.bind(py))?,
            _ => None,
        };
        Ok(brought.as_deref() == Some(refresh_token))
    }

    /// Returns what a refresh brought, if anything.
    pub(super) fn brought(&self, py: Python<'_>) -> Option<Brought> {
        let (spent, made) = (self.spent.as_ref()?, self.made.get()?);
        let landed = self.landing.peek()?.ok()?;
        let next = token_of(&landed).and_then(|token| token.refresh_token.as_ref());
        Some(Brought {
            spent: spent.refresh_token.clone(),
            next: next.map(|next| next.expose().to_owned()),
            made: made.clone_ref(py),
        })
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
        let Some(token) = token_of(&landed) else { return Ok(None) };
        let next = token.refresh_token.as_ref().map(|next| next.expose());
        if landed.0.is_err() && next == Some(&spent.refresh_token) {
            return Ok(None);
        }
        let before = spent.of.bind(py).cast::<PyDict>().ok();
        token::write(py, token, before, End::WholeSeconds).map(Some)
    }
}

fn token_of(landed: &Landed) -> Option<&Arc<Token>> {
    landed.0.as_ref().ok().or(landed.1.as_ref())
}
