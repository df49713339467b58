//! X's own Python class, `OAuth2PKCEAuth`, in Rust: the same parameters, defaults and methods.
//!
//! Made of [`Login`], [`Client`] and [`Token`], and kept in memory only: [`Keeper`](crate::Keeper)
//! is for logins that outlive the process. Every call takes `&self`, so one object can be shared.

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
/// It avoids the faults of X's class: it checks `state`, refreshes for public clients too, uses a
/// new verifier for every sign-in, has deadlines, and keeps a rotated pair whatever else the answer
/// contains and even if the caller goes away.
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
    /// Returns a builder that has X's addresses set and nothing else.
    pub fn builder() -> OAuth2PkceAuthBuilder {
        OAuth2PkceAuthBuilder::default()
    }

    /// Returns the app.
    pub fn app(&self) -> &App {
        self.session.client.app()
    }

    /// Begins a sign-in and returns the authorize URL for the user's browser.
    ///
    /// The PKCE pair is the one given to [`set_pkce_parameters`](Self::set_pkce_parameters) since
    /// the last URL, or else a new one. The state is `state`, or else a new one. The object
    /// remembers the last 16 sign-ins, so a user with two open tabs can finish either of them.
    ///
    /// # Errors
    ///
    /// As [`Login::begin_with`](crate::Login::begin_with). After an error the PKCE pair can still
    /// be used.
    pub fn authorization_url(&self, state: Option<&str>) -> Result<String> {
        self.session.begin(state.map(State::new))
    }

    /// Exchanges a code with `code_verifier`, or else with the current pair's verifier. Only X's
    /// own check of the verifier ties the code to the sign-in, so prefer
    /// [`fetch_token`](Self::fetch_token).
    ///
    /// # Errors
    ///
    /// As [`Client::redeem`](crate::Client::redeem), and [`Configure`](crate::ErrorKind::Configure)
    /// when there is no verifier, [`SignIn`](crate::ErrorKind::SignIn) when `code` does not look
    /// like a code.
    pub async fn exchange_code(
        &self,
        code: &str,
        code_verifier: Option<&str>,
    ) -> Result<Arc<Token>> {
        self.session.exchange_code(code, code_verifier)?.await
    }

    /// Checks the callback and exchanges its code.
    ///
    /// Its state must be one that [`authorization_url`](Self::authorization_url) put into a URL.
    /// There is one exception: after [`set_pkce_parameters`](Self::set_pkce_parameters), until the
    /// next URL is made, the object has a verifier and no state to compare. Then only X's own check
    /// of the verifier ties the callback to the sign-in, which is enough as long as the verifier is
    /// secret.
    ///
    /// # Errors
    ///
    /// As [`Login::approve`](crate::Login::approve) and [`Client::redeem`](crate::Client::redeem).
    /// The sign-in can still be finished, with the same callback, if X has not used up the code: if
    /// the callback was incomplete, the code was not sent, or X asked to wait or refused the
    /// client. A code of X is valid for 30 seconds.
    pub async fn fetch_token(&self, callback_url: &str) -> Result<Arc<Token>> {
        self.session.fetch_token(callback_url)?.await
    }

    /// Spends the refresh token and keeps the pair that X returns. Concurrent calls share one
    /// request, and the pair is kept in this object even if every caller goes away.
    ///
    /// If no answer comes the token is sent once more, at once. If X says, now or later, that a
    /// token is dead whose answer was lost like this, the error's hint says so.
    ///
    /// # Errors
    ///
    /// [`SignIn`](crate::ErrorKind::SignIn) when there is no refresh token or X says that it is
    /// dead; [`Configure`](crate::ErrorKind::Configure) when X refuses the client;
    /// [`Retry`](crate::ErrorKind::Retry) when nothing was sent or X asks to wait;
    /// [`InDoubt`](crate::ErrorKind::InDoubt) when the first send may have spent the token and the
    /// second brought no pair either; [`Protocol`](crate::ErrorKind::Protocol) when X sends no
    /// access token twice in a row, or the sending thread cannot be started. RFC 6749 section 6.
    pub async fn refresh_token(&self) -> Result<Arc<Token>> {
        self.session.refresh()?.landing.await
    }

    /// As [`refresh_token`](Self::refresh_token). If that fails and X had sent a new refresh token
    /// without an access token, it is returned too; [`token`](Self::token) has it unless another
    /// token was set meanwhile. For the Python package.
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

    /// Returns whether there is no token, or its access token expires within ten seconds
    /// ([`Token::MARGIN`]), or it is not known when it does.
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

    /// Sets the PKCE pair for the next URL or exchange. A challenge that is not given is derived. A
    /// verifier of fewer than the 43 characters of RFC 7636 is accepted here; X decides.
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

    /// Sets the current token. A refresh of the previous token that is still under way does not
    /// replace it, and later calls of [`refresh_token`](Self::refresh_token) do not join it.
    pub fn set_token(&self, token: Option<Token>) {
        let mut held = self.session.held();
        held.token = token.map(Arc::new);
        held.orphan = None;
    }

    /// Forgets the current PKCE pair: the next URL gets a new one. Sign-ins that were begun can
    /// still be finished.
    pub fn clear_pkce_parameters(&self) {
        let mut held = self.session.held();
        (held.current, held.set) = (None, None);
    }

    /// Returns an object for `app` that shares this one's token, sign-ins and refreshes.
    #[must_use]
    pub fn with_app(&self, app: App) -> Self {
        let client = self.session.client.with_app(app);
        Self { session: Arc::new(self.session.with_client(client)) }
    }

    /// Checks a callback as [`fetch_token`](Self::fetch_token) does, and returns the code and the
    /// verifier for [`exchange_code`](Self::exchange_code). The sign-in can be finished until X may
    /// have used up its code.
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
