//! A sign-in in the browser of this machine: the port is bound before the URL is known to anyone.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use pyo3::prelude::*;
use tokio::sync::Notify;
use xpkce::loopback::{Listener, Visit};
use xpkce::{Error, Login, Reason, Result};

use super::answer::{Answer, Row};
use super::answer_to;
use super::open::Open;

/// A sign-in whose callback is listened for.
#[pyclass(frozen, module = "xpkce._native", name = "Listening")]
pub(crate) struct Listening(Arc<Waiting>);

pub(super) struct Waiting {
    /// Not kept open by a sign-in that nobody finishes.
    open: Weak<Open>,
    url: String,
    bound: Mutex<Option<(Listener, Login)>>,
    cancelled: Notify,
}

pub(super) async fn bind(open: Arc<Open>) -> Result<Waiting> {
    let login = open.keeper().await?.begin_login()?;
    let listener = Listener::bind(login.redirect_uri()).await?;
    Ok(Waiting {
        url: login.url().to_owned(),
        bound: Mutex::new(Some((listener, login))),
        cancelled: Notify::new(),
        open: Arc::downgrade(&open),
    })
}

#[pymethods]
impl Listening {
    /// The URL for the user's browser.
    #[getter]
    fn url(&self) -> &str {
        &self.0.url
    }

    /// Waits for the callback, at most `timeout` seconds, and finishes the sign-in.
    fn finish<'py>(
        &self,
        py: Python<'py>,
        timeout: f64,
        later: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        // What is left of a deadline may be less than nothing; what is too long has its own end.
        let timeout = match timeout > 0.0 {
            true => Duration::try_from_secs_f64(timeout).unwrap_or(Login::LIFETIME),
            false => Duration::ZERO,
        };
        let waiting = self.0.clone();
        let finished = answer_to(py, later, async move { waiting.finish(timeout).await });
        // A caller who was interrupted listens no more.
        finished.inspect_err(|_| self.cancel())
    }

    /// Stops listening, though somebody may hold this still: an exception's traceback does. A
    /// callback that has come is still finished.
    fn cancel(&self) {
        self.0.cancelled.notify_one();
        drop(self.0.bound().take());
    }
}

impl Listening {
    pub(super) fn new(waiting: Arc<Waiting>) -> Self {
        Self(waiting)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl Waiting {
    fn bound(&self) -> MutexGuard<'_, Option<(Listener, Login)>> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn finish(&self, timeout: Duration) -> Result<Answer> {
        let mut closing = self.open.upgrade().ok_or_else(ended)?.closing();
        let bound = self.bound().take();
        let (listener, login) = bound.ok_or_else(ended)?;
        let visit: Visit = tokio::select! {
            visit = listener.callback(&login, timeout) => visit?,
            () = self.cancelled.notified() => return Err(ended()),
            _ = closing.wait_for(|is_closing| *is_closing) => return Err(ended()),
        };
        let open = self.open.upgrade().ok_or_else(ended)?;
        let keeper = open.keeper().await?;
        let outcome = match login.approve(visit.callback_url()) {
            Ok(approval) => keeper.sign_in(approval).await,
            Err(why) => Err(why),
        };
        open.forget_sources();
        visit.tell(&outcome).await;
        outcome.map(|signed_in| Answer::Row(Row::of_sign_in(&signed_in)))
    }
}

fn ended() -> Error {
    Error::new(Reason::LoginExpired, "nobody waits for this sign-in any more")
        .with_hint("begin the sign-in again")
}
