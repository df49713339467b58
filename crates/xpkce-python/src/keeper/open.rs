//! A keeper that is open in this process, and the logins that were found in it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OnceCell, watch};
use xpkce::grant::State;
use xpkce::{Error, ErrorKind, Keeper, LoginStatus, Reason, Result, TokenSource};

use super::recipe::Recipe;

/// How long closing waits for what is under way: two sends, each with its deadlines, and slack.
const DRAIN: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(5);

/// By the name that the caller gave; none is the only login that there is.
type Sources = HashMap<Option<String>, TokenSource>;

pub(super) struct Open {
    recipe: Arc<Recipe>,
    keeper: OnceCell<Keeper>,
    sources: Mutex<Sources>,
    is_closing: watch::Sender<bool>,
}

impl Open {
    pub(super) fn new(recipe: Arc<Recipe>) -> Self {
        let is_closing = watch::Sender::new(false);
        Self { recipe, keeper: OnceCell::new(), sources: Mutex::default(), is_closing }
    }

    /// Tells when it is being closed: nobody listens for a callback then.
    pub(super) fn closing(&self) -> watch::Receiver<bool> {
        self.is_closing.subscribe()
    }

    /// Waits for what is under way, as long as a refresh can take, and closes the store.
    ///
    /// The last to let go waits for what the keeper does in the background too: that is not to be
    /// the one thread that all the others' calls are on, and who closes is to hear of its end.
    pub(super) fn close(self: Arc<Self>) {
        self.is_closing.send_replace(true);
        let mut pauses = DRAIN.as_millis() / PAUSE.as_millis();
        while Arc::strong_count(&self) > 1 && pauses > 0 {
            std::thread::sleep(PAUSE);
            pauses -= 1;
        }
    }

    /// Returns whether the store is open, or a call under way may open it yet.
    pub(super) fn is_used(self: &Arc<Self>) -> bool {
        self.keeper.initialized() || Arc::strong_count(self) > 1
    }

    /// Opens the store at the first call.
    pub(super) async fn keeper(&self) -> Result<&Keeper> {
        self.keeper.get_or_try_init(|| self.recipe.open()).await
    }

    /// Describes every login of this app.
    pub(super) async fn logins(&self) -> Result<Vec<LoginStatus>> {
        let mut logins = self.keeper().await?.logins().await?;
        logins.retain(|login| login.account.app == self.recipe.client_id());
        Ok(logins)
    }

    /// Returns a login that was found before.
    pub(super) fn known(&self, user: Option<&str>) -> Option<TokenSource> {
        self.sources().get(&user.map(str::to_owned)).cloned()
    }

    /// Finds a login by X's user id or handle, or the only one.
    pub(super) async fn source(&self, user: Option<&str>) -> Result<TokenSource> {
        if let Some(source) = self.known(user) {
            return Ok(source);
        }
        let logins = self.logins().await?;
        let login = match user {
            Some(user) => find(&logins, user)?,
            None => only(&logins)?,
        };
        let source = self.keeper().await?.token_source(&login.account.user);
        self.sources().insert(user.map(str::to_owned), source.clone());
        Ok(source)
    }

    /// Works on a login. One that is not what it was when it was found is looked for once more:
    /// another process may have signed in since.
    pub(super) async fn with_source<T, F>(
        &self,
        user: Option<String>,
        work: impl Fn(TokenSource) -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let was_known = self.known(user.as_deref()).is_some();
        let done = work(self.source(user.as_deref()).await?).await;
        match done {
            Err(why) if was_known && why.kind() == ErrorKind::SignIn => {
                self.forget_sources();
                work(self.source(user.as_deref()).await?).await
            }
            done => done,
        }
    }

    pub(super) fn forget_sources(&self) {
        let old = std::mem::take(&mut *self.sources());
        drop(old);
    }

    fn sources(&self) -> MutexGuard<'_, Sources> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn find<'a>(logins: &'a [LoginStatus], user: &str) -> Result<&'a LoginStatus> {
    let handle = user.strip_prefix('@').unwrap_or(user);
    let has_handle = |login: &&LoginStatus| {
        login.username.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(handle))
    };
    let by_id = logins.iter().find(|login| login.account.user == user);
    by_id.or_else(|| logins.iter().find(has_handle)).ok_or_else(|| {
        Error::new(Reason::NotSignedIn, "no login of that user is in the store")
            .with_hint("sign in, or look at logins()")
    })
}

fn only(logins: &[LoginStatus]) -> Result<&LoginStatus> {
    let mut live = logins.iter().filter(|login| login.state != State::SignedOut);
    match (live.next(), live.next()) {
        (Some(login), None) => Ok(login),
        (None, _) => Err(Error::new(Reason::NotSignedIn, "nobody is signed in")
            .with_hint("sign in with login()")),
        (Some(_), Some(_)) => {
            Err(Error::new(Reason::Ambiguous, several(logins)).with_hint("name one with user="))
        }
    }
}

fn several(logins: &[LoginStatus]) -> String {
    let live = logins.iter().filter(|login| login.state != State::SignedOut);
    let name = |login: &LoginStatus| match &login.username {
        Some(name) => format!("@{name}"),
        None => login.account.user.clone(),
    };
    let names: Vec<String> = live.map(name).collect();
    format!("several users are signed in: {}", names.join(", "))
}
