//! The keeper: its calls, each to be waited for or, with `later`, as a future of `asyncio`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use futures_util::FutureExt as _;
use pyo3::prelude::*;
use tokio::sync::oneshot;
use xpkce::keeper::Action;
use xpkce::{AccessToken, Error, Result, Token, TokenSource};

mod answer;
mod left;
mod listening;
mod open;
mod recipe;

use answer::{Answer, Row};
pub(crate) use listening::Listening;
use open::Open;
use recipe::Recipe;

use crate::failure::raise;
use crate::landing::landing;
use crate::{asyncio, ending, forking, runtime};

/// A keeper of one app's logins on one store. `xpkce.Keeper` and `xpkce.AsyncKeeper` are its faces.
#[pyclass(frozen, module = "xpkce._native", name = "Kept")]
pub(crate) struct Kept {
    recipe: Arc<Recipe>,
    here: Mutex<Here>,
}

/// What is open in this process.
struct Here {
    process: u32,
    open: Arc<Open>,
}

#[pymethods]
impl Kept {
    #[new]
    #[expect(clippy::too_many_arguments, reason = "called by our own Python alone")]
    fn new(
        store: OsString,
        key: Option<String>,
        key_file: Option<PathBuf>,
        client_id: &str,
        client_secret: Option<String>,
        redirect_uri: Option<&str>,
        scope: &str,
        base_url: &str,
        authorization_base_url: &str,
    ) -> PyResult<Self> {
        let recipe = Recipe::new(store, key, key_file)?.with_app(
            client_id,
            client_secret,
            redirect_uri,
            scope,
            base_url,
            authorization_base_url,
        )?;
        let recipe = Arc::new(recipe);
        let open = Arc::new(Open::new(recipe.clone()));
        Ok(Self { recipe, here: Mutex::new(Here { process: std::process::id(), open }) })
    }

    /// Returns a token that needs no refresh, if one is in memory.
    fn fresh_token(&self, user: Option<&str>) -> Option<String> {
        let source = self.here().open.known(user)?;
        // Fresh means that the first look at the future finds the token.
        let token = source.access_token().now_or_never()?.ok()?;
        Some(token.expose().to_owned())
    }

    fn access_token<'py>(
        &self,
        py: Python<'py>,
        user: Option<String>,
        later: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.call(py, later, |open| async move {
            let token = open.with_source(user, |it| async move { token_of(&it).await });
            token.await.map(Answer::Token)
        })
    }

    fn refresh<'py>(
        &self,
        py: Python<'py>,
        user: Option<String>,
        later: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.call(py, later, |open| async move {
            let rotate = |it: TokenSource| async move { Ok((*it.refresh().await?).clone()) };
            open.with_source(user, rotate).await.map(Answer::Token)
        })
    }

    /// Reports a 401 to `token`, and returns the token to try once more with.
    fn rejected<'py>(
        &self,
        py: Python<'py>,
        token: String,
        user: Option<String>,
        later: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let token = AccessToken::new(token);
        self.call(py, later, |open| async move {
            let renew = |it: TokenSource| {
                let token = token.clone();
                async move {
                    it.rejected(&token).await?;
                    token_of(&it).await
                }
            };
            open.with_source(user, renew).await.map(Answer::Token)
        })
    }

    /// Reports a 401 to `token` on a request that cannot be sent again: the next call renews it.
    fn note_rejected<'py>(
        &self,
        py: Python<'py>,
        token: String,
        user: Option<String>,
        later: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let token = AccessToken::new(token);
        self.call(py, later, |open| async move {
            let note = |it: TokenSource| {
                let token = token.clone();
                async move { it.note_rejected(&token).await }
            };
            open.with_source(user, note).await.map(|()| Answer::Nothing)
        })
    }

    fn revoke<'py>(
        &self,
        py: Python<'py>,
        user: Option<String>,
        forget: bool,
        later: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.call(py, later, move |open| async move {
            let source = open.source(user.as_deref()).await?;
            let _ = if forget { source.forget().await? } else { source.sign_out().await? };
            open.forget_sources();
            Ok(Answer::Nothing)
        })
    }

    fn logins<'py>(&self, py: Python<'py>, later: bool) -> PyResult<Bound<'py, PyAny>> {
        self.call(py, later, |open| async move {
            let logins = open.logins().await?;
            Ok(Answer::Rows(logins.iter().map(Row::of_status).collect()))
        })
    }

    /// Begins a sign-in that any process on the store can finish, and returns its URL.
    fn begin_login<'py>(&self, py: Python<'py>, later: bool) -> PyResult<Bound<'py, PyAny>> {
        self.call(py, later, |open| async move {
            let keeper = open.keeper().await?;
            let login = keeper.begin_login()?;
            keeper.park_login(&login).await?;
            Ok(Answer::Text(login.url().to_owned()))
        })
    }

    fn finish_login<'py>(
        &self,
        py: Python<'py>,
        callback_url: String,
        later: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.call(py, later, |open| async move {
            let signed_in = open.keeper().await?.finish_login(&callback_url).await?;
            open.forget_sources();
            Ok(Answer::Row(Row::of_sign_in(&signed_in)))
        })
    }

    /// Binds the callback's port for a sign-in in the browser.
    fn listen<'py>(&self, py: Python<'py>, later: bool) -> PyResult<Bound<'py, PyAny>> {
        self.call(py, later, |open| async move {
            listening::bind(open).await.map(|listening| Answer::Listening(Arc::new(listening)))
        })
    }

    fn import_token<'py>(
        &self,
        py: Python<'py>,
        json: &str,
        later: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let token = Token::from_json(json).map_err(|why| raise(&why))?;
        self.call(py, later, |open| async move {
            let signed_in = open.keeper().await?.import(token).await?;
            open.forget_sources();
            Ok(Answer::Row(Row::of_sign_in(&signed_in)))
        })
    }

    /// Waits for what is being spent, and closes the store. The next call opens it again. A signal
    /// handler that raises ends the wait, and not what is waited for.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        if !self.here().open.is_used() {
            return Ok(());
        }
        let (promise, landing) = landing();
        self.begin_close(move || promise.keep(()))?;
        landing.wait(py)
    }

    /// As `close`, as a future of `asyncio`: no thread of Python's waits, but where `answer_to` waits
    /// too.
    fn close_later<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if forking::is_near() || ending::has_ended() {
            self.close(py)?;
            return asyncio::settled(py, py.None());
        }
        let (closed, closing) = oneshot::channel();
        if self.here().open.is_used() {
            // Nobody may wait for it any more.
            self.begin_close(move || closed.send(()).unwrap_or_default())?;
        }
        asyncio::future(py, closing, |py, _| Ok(py.None()))
    }

    /// Waits for the keepers that nobody holds any more, and that still close.
    #[staticmethod]
    fn wait_for_left(py: Python<'_>) -> PyResult<()> {
        left::wait(py)
    }

    /// Returns where tokens may go: the origin of the API.
    fn base_url(&self) -> &str {
        self.recipe.base_url()
    }

    fn __repr__(&self) -> String {
        format!("{}", self.recipe)
    }
}

impl Kept {
    /// A fork does not touch what its parent has open: it opens its own.
    fn here(&self) -> MutexGuard<'_, Here> {
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        if here.process != std::process::id() {
            let fresh = Arc::new(Open::new(self.recipe.clone()));
            std::mem::forget(std::mem::replace(&mut here.open, fresh));
            here.process = std::process::id();
        }
        here
    }

    fn take_open(&self) -> Arc<Open> {
        let fresh = Arc::new(Open::new(self.recipe.clone()));
        std::mem::replace(&mut self.here().open, fresh)
    }

    /// Closes what is open in a thread of its own, and then tells.
    fn begin_close(&self, tell: impl FnOnce() + Send + 'static) -> PyResult<()> {
        let old = self.take_open();
        let close = move || {
            old.close();
            tell();
        };
        thread::Builder::new().name("xpkce-close".to_owned()).spawn(close)?;
        Ok(())
    }

    fn call<'py, F>(
        &self,
        py: Python<'py>,
        later: bool,
        work: impl FnOnce(Arc<Open>) -> F,
    ) -> PyResult<Bound<'py, PyAny>>
    where
        F: Future<Output = Result<Answer>> + Send + 'static,
    {
        let work = work(self.here().open.clone());
        answer_to(py, later, work)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let old = self.take_open();
        if old.is_used() {
            left::close(old);
        }
    }
}

/// Waits for the work, or returns a future of it. Around a fork it waits even so: nobody else would
/// let the work go on, nor come to a rest before the fork. So it does when the interpreter ends: no
/// other thread could tell the future.
fn answer_to<'py>(
    py: Python<'py>,
    later: bool,
    work: impl Future<Output = Result<Answer>> + Send + 'static,
) -> PyResult<Bound<'py, PyAny>> {
    if later && !forking::is_near() && !ending::has_ended() {
        return asyncio::future(py, work, |py, answer| match answer {
            Ok(answer) => answer.convert(py),
            Err(why) => Err(raise(&why)),
        });
    }
    let answer = runtime::spawn(work)?.wait(py)?;
    let answer = answer.map_err(|why| raise(&why))?.convert(py)?;
    if later { asyncio::settled(py, answer) } else { Ok(answer.into_bound(py)) }
}

async fn token_of(source: &TokenSource) -> Result<AccessToken, Error> {
    Ok((*source.access_token().await?).clone())
}

/// What to do about a login, in a word.
fn action(action: Action) -> &'static str {
    match action {
        Action::Nothing => "none",
        Action::Wait => "wait",
        Action::SignOutAgain => "sign_out_again",
        _ => "sign_in",
    }
}
