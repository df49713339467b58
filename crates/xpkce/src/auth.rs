//! X's own Python class, `OAuth2PKCEAuth`, in Rust: the same parameters, defaults and methods.
//!
//! A thin composition of [`Login`], [`Client`] and [`Token`], held in memory. What survives the
//! process is the keeper's affair. Every call takes `&self`, so one object can be shared.

use std::fmt;
use std::sync::Arc;

use crate::{
    AccessToken, App, AuthorizationCode, CodeVerifier, Error, Pkce, Reason, RefreshToken, Result,
    State, Token,
};

mod approval;
mod builder;
mod held;
mod session;

pub use builder::OAuth2PkceAuthBuilder;
use session::Session;
#[cfg(feature = "blocking")]
pub(crate) use session::shared_worker;

/// Signs one user in and keeps the token in memory.
///
/// Where X's class goes wrong this one does not: it checks `state`, refreshes public clients,
/// takes a new verifier for every sign-in, waits with a deadline, and keeps a rotated pair whatever
/// else is in the answer or becomes of the caller.
///
/// ```no_run
/// # async fn sign_in() -> xpkce::Result<()> {
/// let auth = xpkce::OAuth2PkceAuth::builder()
///     .client_id("your-client-id")
///     .redirect_uri("http://127.0.0.1:8080/callback")
///     .scope("tweet.read users.read offline.access")
///     .build()?;
/// let url = auth.authorization_url(None)?;
/// // The user opens `url`, approves, and the browser ends at the callback.
/// # let callback_url = "";
/// auth.fetch_token(callback_url).await?;
/// if auth.is_token_expired() {
///     auth.refresh_token().await?;
/// }
/// # Ok(())
/// # }
/// ```
pub struct OAuth2PkceAuth {
    session: Arc<Session>,
}

impl OAuth2PkceAuth {
    /// Begins with X's addresses and nothing else set.
    pub fn builder() -> OAuth2PkceAuthBuilder {
        OAuth2PkceAuthBuilder::default()
    }

    /// Returns the app.
    pub fn app(&self) -> &App {
        self.session.client.app()
    }

    /// Begins a sign-in and returns the authorize URL for the user's browser.
    ///
    /// The pair is that of [`set_pkce_parameters`](Self::set_pkce_parameters) if it was called
    /// since the last URL, or else a new one; the state is `state` or a new one. The last 16
    /// sign-ins that were begun can be finished for as long as the object lives, so two open tabs do
    /// not disturb each other.
    ///
    /// # Errors
    ///
    /// As [`Login::begin_with`](crate::Login::begin_with). A URL that is refused uses up no pair.
    pub fn authorization_url(&self, state: Option<&str>) -> Result<String> {
        self.session.begin(state.map(State::new))
    }

    /// Exchanges a code with `code_verifier`, or with the current pair's verifier. Nothing ties
    /// the code to a sign-in but X's check of the verifier; prefer
    /// [`fetch_token`](Self::fetch_token).
    ///
    /// # Errors
    ///
    /// As [`Client::redeem`](crate::Client::redeem), and [`Configure`](crate::ErrorKind::Configure)
    /// when there is no verifier, [`SignIn`](crate::ErrorKind::SignIn) when the code does not look
    /// like one.
    pub async fn exchange_code(
        &self,
        code: &str,
        code_verifier: Option<&str>,
    ) -> Result<Arc<Token>> {
        self.session.exchange_code(code, code_verifier)?.await
    }

    /// Takes the callback, checks it and exchanges its code.
    ///
    /// The state must be one that [`authorization_url`](Self::authorization_url) gave out. An
    /// object that knows only a verifier, because
    /// [`set_pkce_parameters`](Self::set_pkce_parameters) was called since the last URL, or in
    /// another process than the URL was made in, knows no state: then only X's check of the
    /// verifier ties the callback to the sign-in, which is as good while the verifier is secret.
    ///
    /// # Errors
    ///
    /// As [`Login::approve`](crate::Login::approve) and
    /// [`Client::redeem`](crate::Client::redeem). The sign-in can still be finished, with the same
    /// callback, when X has not taken its code: the callback was no whole one, the code was not sent,
    /// or X asked to wait or refused the client. At X the code lives for 30 seconds.
    pub async fn fetch_token(&self, callback_url: &str) -> Result<Arc<Token>> {
        self.session.fetch_token(callback_url)?.await
    }

    /// Spends the refresh token for the next pair. Callers at the same time share one request for one
    /// token, and the pair lands in this object even if every caller goes away.
    ///
    /// A token whose answer was lost is sent once more at once. The object remembers the doubt until
    /// X rotates that token: if X says that it is dead, the error's hint says that the answer was
    /// lost.
    ///
    /// # Errors
    ///
    /// [`SignIn`](crate::ErrorKind::SignIn) when there is no refresh token or X says that it is
    /// dead; [`Configure`](crate::ErrorKind::Configure) when X refuses the client;
    /// [`Retry`](crate::ErrorKind::Retry) when this call sent nothing or X asks to wait;
    /// [`InDoubt`](crate::ErrorKind::InDoubt) when this call may have spent the token and no pair
    /// came, whatever X said to sending it once more;
    /// [`Protocol`](crate::ErrorKind::Protocol) when X sends no access token twice in a row, or the
    /// thread that sends cannot be had. RFC 6749 section 6.
    pub async fn refresh_token(&self) -> Result<Arc<Token>> {
        self.session.refresh()?.landing.await
    }

    /// As [`refresh_token`](Self::refresh_token), and of a refresh that failed the refresh token that
    /// came alone in place of the spent one. [`token`](Self::token) has it too, unless another was
    /// set meanwhile.
    #[doc(hidden)]
    pub async fn refresh_token_or_alone(&self) -> (Result<Arc<Token>>, Option<RefreshToken>) {
        let refreshing = match self.session.refresh() {
            Ok(refreshing) => refreshing,
            Err(why) => return (Err(why), None),
        };
        let landed = refreshing.landing.await;
        let alone = refreshing.alone.get().filter(|_| landed.is_err());
        (landed, alone.map(|alone| RefreshToken::new(alone.expose())))
    }

    /// Returns whether there is no token, or its access token ends within ten seconds, or nobody
    /// knows when it ends.
    pub fn is_token_expired(&self) -> bool {
        let now = self.session.client.clock().now();
        self.session.held().token.as_ref().is_none_or(|token| token.is_expired(now))
    }

    /// Returns the current pair's verifier, if there is a pair.
    pub fn code_verifier(&self) -> Option<CodeVerifier> {
        self.session.held().verifier()
    }

    /// Returns the current pair's challenge, if there is a pair.
    pub fn code_challenge(&self) -> Option<String> {
        self.session.held().current.as_ref().map(|(_, challenge)| challenge.clone())
    }

    /// Sets the pair that the next URL or exchange uses; the challenge is derived when not given.
    /// X decides whether a verifier is long enough; RFC 7636 asks for 43 characters.
    ///
    /// # Errors
    ///
    /// As [`Pkce::from_parts`].
    pub fn set_pkce_parameters(
        &self,
        code_verifier: impl Into<String>,
        code_challenge: Option<String>,
    ) -> Result<()> {
        self.session.held().set_pair(Pkce::from_parts(code_verifier, code_challenge)?);
        Ok(())
    }

    /// Returns the current access token, expired or not.
    pub fn access_token(&self) -> Option<AccessToken> {
        self.session.held().token.as_ref().map(|token| token.access_token.clone())
    }

    /// Returns the current token.
    pub fn token(&self) -> Option<Arc<Token>> {
        self.session.held().token.clone()
    }

    /// Sets the current token. A refresh that is under way does not replace it, and is not the answer
    /// to who refreshes afterwards.
    pub fn set_token(&self, token: Option<Token>) {
        let mut held = self.session.held();
        held.token = token.map(Arc::new);
        held.orphan = None;
    }

    /// Forgets the current pair: the next URL makes a new one. Sign-ins that wait are not disturbed.
    pub fn clear_pkce_parameters(&self) {
        let mut held = self.session.held();
        (held.current, held.set) = (None, None);
    }

    /// Returns another face of the same token, sign-ins and refreshes, with the app described anew.
    #[must_use]
    pub fn with_app(&self, app: App) -> Self {
        let client = self.session.client.with_app(app);
        Self { session: Arc::new(self.session.with_client(client)) }
    }

    /// Checks a callback as [`fetch_token`](Self::fetch_token) does, and returns what
    /// [`exchange_code`](Self::exchange_code) takes: its code and the verifier it belongs to. The
    /// sign-in goes on waiting until X may have taken its code.
    ///
    /// # Errors
    ///
    /// As [`Login::approve`](crate::Login::approve) and
    /// [`Login::check_app`](crate::Login::check_app).
    pub fn check_callback(&self, callback_url: &str) -> Result<(AuthorizationCode, CodeVerifier)> {
        let approval = self.session.check_callback(callback_url)?;
        Ok((approval.code, approval.verifier))
    }

    #[cfg(feature = "blocking")]
    pub(crate) fn session(&self) -> &Arc<Session> {
        &self.session
    }
}

impl fmt::Debug for OAuth2PkceAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuth2PkceAuth").field("app", self.app()).finish_non_exhaustive()
    }
}

fn no_refresh_token() -> Error {
    Error::new(Reason::NoRefreshToken, "there is no refresh token")
        .with_hint("sign in again with the scope offline.access")
}
