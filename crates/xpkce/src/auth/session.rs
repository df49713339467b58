//! The exchanges and refreshes of the object. They run on a thread of their own, so that they go on
//! when a caller goes away.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arc_swap::ArcSwapOption;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};

use super::held::Held;
use super::no_refresh_token;
use crate::worker::Worker;
use crate::{
    Approval, Client, CodeVerifier, Error, Login, Pkce, Reason, RefreshAnswer, RefreshToken,
    Result, Rotated, State, Token, callback_state,
};

/// An answer on its way, whoever waits for it.
pub(crate) type Landing = BoxFuture<'static, Result<Arc<Token>>>;

/// A refresh on its way, for everyone who asks meanwhile.
#[derive(Clone)]
pub(crate) struct Refreshing {
    pub(crate) landing: Shared<Landing>,
    /// Of one that failed: the refresh token that came alone, and stands in place of what it spent.
    pub(super) alone: Arc<OnceLock<RefreshToken>>,
}

pub(crate) struct Session {
    pub(super) client: Client,
    held: Arc<Mutex<Held>>,
}

/// The thread of every object of this process, from the first use on. What it runs lands in the
/// object that asked, so there is nothing to wait for when the last one goes. Behind no lock: a
/// fork may come at any moment.
static SHARED: ArcSwapOption<Worker> = ArcSwapOption::const_empty();

impl Session {
    pub(super) fn new(client: Client, token: Option<Token>) -> Self {
        Self { client, held: Arc::new(Mutex::new(Held::of(token))) }
    }

    /// The same token, sign-ins and thread, with another client.
    pub(super) fn with_client(&self, client: Client) -> Self {
        Self { client, held: self.held.clone() }
    }

    pub(super) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self, state: Option<State>) -> Result<String> {
        let mut held = self.held();
        let now = self.client.clock().now();
        let set = held.set.as_ref().map(Pkce::twin);
        let login = Login::begin_with(self.client.app(), state, set, now)?;
        let url = login.url().to_owned();
        // A URL that X would refuse has used nothing.
        held.set = None;
        held.keep(login);
        Ok(url)
    }

    pub(crate) fn exchange_code(
        self: &Arc<Self>,
        code: &str,
        verifier: Option<&str>,
    ) -> Result<Landing> {
        let verifier = match verifier {
            Some(verifier) => CodeVerifier::new(verifier),
            None => self.held().verifier().ok_or_else(no_verifier)?,
        };
        self.redeem(Approval::of_bare_code(self.client.app(), verifier, code)?, None)
    }

    /// Checks a callback as [`fetch_token`](Self::fetch_token) does; the sign-in goes on waiting.
    pub(super) fn check_callback(&self, callback_url: &str) -> Result<Approval> {
        let state = callback_state(callback_url);
        let mut held = self.held();
        let login = state.as_ref().ok().and_then(|state| held.take_login(state));
        if let Some(login) = login {
            // Here, for what is made of the code and the verifier alone knows no other servers.
            let is_ours = login.check_app(self.client.app());
            let approval = is_ours.and_then(|()| login.approve(callback_url));
            held.restore(login);
            return approval;
        }
        self.approve_unknown(held.set_verifier(), callback_url, state.err())
    }

    pub(crate) fn fetch_token(self: &Arc<Self>, callback_url: &str) -> Result<Landing> {
        let state = callback_state(callback_url);
        let login = state.as_ref().ok().and_then(|state| self.held().take_login(state));
        if let Some(login) = login {
            return match login.approve(callback_url) {
                Ok(approval) => self.redeem(approval, Some(login)),
                Err(why) => Err(self.refused(login, why)),
            };
        }
        let set = self.held().set_verifier();
        self.redeem(self.approve_unknown(set, callback_url, state.err())?, None)
    }

    /// A denial ends a sign-in. What X did not send, such as an address that was copied in part,
    /// does not: the whole one can still come.
    fn refused(&self, login: Login, why: Error) -> Error {
        if !matches!(why.reason(), Reason::Denied | Reason::AuthorizationFailed) {
            self.held().restore(login);
        }
        why
    }

    /// A callback of no sign-in that was begun here belongs to the pair that was set, if one was.
    fn approve_unknown(
        &self,
        set: Option<CodeVerifier>,
        callback_url: &str,
        no_state: Option<Error>,
    ) -> Result<Approval> {
        if let Some(verifier) = set {
            return Approval::without_state(self.client.app(), verifier, callback_url);
        }
        Err(no_state.unwrap_or_else(not_begun_here))
    }

    pub(crate) fn refresh(self: &Arc<Self>) -> Result<Refreshing> {
        let worker = shared_worker()?;
        let mut held = self.held();
        let spent = held.spendable().ok_or_else(no_refresh_token)?;
        Ok(self.spending(&worker, &mut held, spent))
    }

    /// Spends a token on the thread, unless it is being spent already: two requests with one token
    /// would cost the login.
    fn spending(
        self: &Arc<Self>,
        worker: &Worker,
        held: &mut Held,
        spent: RefreshToken,
    ) -> Refreshing {
        if let Some(refreshing) = held.refreshing(&spent) {
            return refreshing;
        }
        let (session, sent) = (self.clone(), RefreshToken::new(spent.expose()));
        let alone = Arc::new(OnceLock::new());
        let left = alone.clone();
        let landing = worker.run(async move { session.spend(sent, &left).await });
        let landing = landing.map(|landed| landed.and_then(|landed| landed)).boxed().shared();
        let refreshing = Refreshing { landing, alone };
        held.began(spent, refreshing.clone());
        refreshing
    }

    /// Redeems on the thread. A sign-in whose code X did not take can be finished again.
    fn redeem(self: &Arc<Self>, approval: Approval, login: Option<Login>) -> Result<Landing> {
        let session = self.clone();
        let verifier = CodeVerifier::new(approval.verifier.expose());
        let worker = match shared_worker() {
            Ok(worker) => worker,
            Err(why) => {
                login.into_iter().for_each(|login| self.held().restore(login));
                return Err(why);
            }
        };
        let landing = worker.run(async move {
            let redeemed = session.client.redeem(approval).await;
            let was_not_taken = redeemed.as_ref().is_err_and(leaves_code);
            match login {
                Some(login) if was_not_taken => session.held().restore(login),
                None if was_not_taken => {}
                _ => session.held().forget(&verifier),
            }
            session.land_first(redeemed?).await
        });
        Ok(landing.map(|landed| landed.and_then(|landed| landed)).boxed())
    }

    /// Spends a token; if only a refresh token comes, spends that at once. A refresh token that is
    /// left over in the end goes into `left`, for callers who cannot get it from the object because
    /// another token was set.
    async fn spend(
        &self,
        mut spent: RefreshToken,
        left: &OnceLock<RefreshToken>,
    ) -> Result<Arc<Token>> {
        let mut landed = self.spend_once(&spent).await;
        let mut came_alone = false;
        if let Ok(Landed::Alone(next)) = landed {
            self.held().goes_on(&spent, &next);
            (spent, came_alone) = (next, true);
            landed = self.spend_once(&spent).await;
        }
        self.held().ended(&spent);
        let (next, why) = match landed {
            Ok(Landed::Whole(token)) => return Ok(token),
            Ok(Landed::Alone(next)) => (Some(next), no_access_token()),
            Ok(Landed::Nothing) => (came_alone.then_some(spent), no_access_token()),
            Err(why) => (came_alone.then_some(spent), why),
        };
        if let Some(next) = next {
            let _ = left.set(next);
        }
        Err(why)
    }

    async fn spend_once(&self, spent: &RefreshToken) -> Result<Landed> {
        let rotated = self.send(spent).await?;
        Ok(self.land(&mut self.held(), Some(spent), rotated))
    }

    /// Lands the answer to an exchange, and spends at once a refresh token that came alone.
    async fn land_first(self: &Arc<Self>, rotated: Rotated) -> Result<Arc<Token>> {
        let worker = shared_worker()?;
        let spending = {
            let mut held = self.held();
            match self.land(&mut held, None, rotated) {
                Landed::Whole(token) => return Ok(token),
                Landed::Alone(next) => self.spending(&worker, &mut held, next),
                Landed::Nothing => return Err(no_access_token()),
            }
        };
        spending.landing.await
    }

    fn land(&self, held: &mut Held, spent: Option<&RefreshToken>, rotated: Rotated) -> Landed {
        let is_whole = rotated.access.is_some();
        let next = rotated.refresh.as_ref().map(|next| RefreshToken::new(next.expose()));
        match (held.land(spent, rotated, self.client.clock().now()), next) {
            (Some(token), _) if is_whole => Landed::Whole(token),
            (_, Some(next)) => Landed::Alone(next),
            (_, None) => Landed::Nothing,
        }
    }

    /// Sends a refresh token, and once more when its answer did not come: if X rotated, the pair
    /// is lost anyway and it says so; if not, this brings it. A second answer that says nothing of
    /// the token leaves it in the doubt of the first.
    async fn send(&self, token: &RefreshToken) -> Result<Rotated> {
        let mut answer = self.client.refresh(token).await;
        let mut doubt = None;
        if let RefreshAnswer::Unknown { error, resend: true } = answer {
            self.held().doubt(token);
            doubt = Some(error);
            answer = self.client.refresh(token).await;
        }
        match answer {
            RefreshAnswer::Rotated(rotated) => Ok(rotated),
            RefreshAnswer::Rejected(error) => {
                let was_lost = doubt.is_some() || self.held().is_doubted(token);
                Err(if was_lost { error.with_hint(ANSWER_LOST) } else { error })
            }
            RefreshAnswer::Unreadable(answer) => {
                self.held().doubt(token);
                Err(unread(answer.status))
            }
            RefreshAnswer::Unknown { error, .. } => {
                self.held().doubt(token);
                Err(still_unknown(doubt, error))
            }
            RefreshAnswer::Misconfigured(error)
            | RefreshAnswer::Limited(error)
            | RefreshAnswer::NotSent(error) => Err(still_unknown(doubt, error)),
        }
    }
}

/// The doubt that a first send left, where it left one: it is not for a second to end. What to do
/// next and how long to wait, the second knows.
fn still_unknown(doubt: Option<Error>, second: Error) -> Error {
    let Some(mut doubt) = doubt else { return second };
    if let Some(wait) = second.retry_after() {
        doubt = doubt.with_retry_after(wait);
    }
    match second.hint() {
        Some(hint) => doubt.with_hint(hint.to_owned()),
        None => doubt,
    }
}

/// What an answer brought.
enum Landed {
    Whole(Arc<Token>),
    /// A refresh token without an access token.
    Alone(RefreshToken),
    Nothing,
}

/// Whether an exchange failed and X did not take the code: no byte of it left, or X asks to wait or
/// refuses the client, which comes first.
fn leaves_code(why: &Error) -> bool {
    match why.reason() {
        Reason::RateLimited | Reason::WrongClientId | Reason::WrongSecretOrAppType => true,
        Reason::OutcomeUnknown => false,
        _ => why.status().is_none(),
    }
}

/// Returns the thread, started at its first use, and again in a fork of this process.
pub(crate) fn shared_worker() -> Result<Arc<Worker>> {
    let there = SHARED.load();
    if let Some(worker) = there.as_ref().filter(|worker| !worker.is_forked()) {
        return Ok(worker.clone());
    }
    let worker = Worker::start("xpkce-auth").map_err(|why| {
        Error::new(Reason::Internal, "a thread could not be started").with_source(why)
    })?;
    let worker = Arc::new(worker);
    let before = SHARED.compare_and_swap(&*there, Some(worker.clone()));
    // Another thread may have been quicker.
    if ptr_eq(&before, &there) { Ok(worker) } else { shared_worker() }
}

fn ptr_eq(one: &Option<Arc<Worker>>, other: &Option<Arc<Worker>>) -> bool {
    one.as_ref().map(Arc::as_ptr) == other.as_ref().map(Arc::as_ptr)
}

fn not_begun_here() -> Error {
    Error::new(Reason::StateMismatch, "no sign-in with this state was begun here")
        .with_hint("finish the sign-in that the last URL began, or begin again")
}

const ANSWER_LOST: &str = "an answer of X's before this one, perhaps with the new pair, never came or said nothing: \
    sign in again, and look at https://x.com/settings/connected_apps";

fn unread(status: u16) -> Error {
    Error::new(Reason::OutcomeUnknown, "X said success, and sent no token that can be read")
        .with_hint("call again; if X then says that the token is invalid, sign in again")
        .with_status(status)
}

fn no_access_token() -> Error {
    Error::new(Reason::UnexpectedAnswer, "X sent a new refresh token and no access token")
        .with_hint("call again: the new refresh token is kept")
}

fn no_verifier() -> Error {
    Error::new(Reason::InvalidSetting, "there is no code verifier to exchange the code with")
        .with_hint("begin with a URL, or set the verifier that its URL was made with")
}
