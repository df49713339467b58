//! X's class for programs without an async runtime. Calls block the calling thread, which may
//! belong to an async runtime.

use std::future::Future;
use std::sync::Arc;

use crate::auth::shared_worker;
use crate::{AccessToken, App, CodeVerifier, OAuth2PkceAuthBuilder, Result, Token};

/// [`crate::OAuth2PkceAuth`] with calls that block until the answer is there.
///
/// ```no_run
/// # fn sign_in() -> xpkce::Result<()> {
/// use xpkce::blocking::OAuth2PkceAuth;
///
/// let auth: OAuth2PkceAuth = OAuth2PkceAuth::builder()
///     .client_id("your-client-id")
///     .scope("tweet.read users.read offline.access")
///     .build()?
///     .into();
/// let url = auth.authorization_url(None)?;
/// // The user opens `url`, approves, and the browser ends at the callback.
/// # let callback_url = "";
/// auth.fetch_token(callback_url)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct OAuth2PkceAuth(crate::OAuth2PkceAuth);

impl From<crate::OAuth2PkceAuth> for OAuth2PkceAuth {
    fn from(auth: crate::OAuth2PkceAuth) -> Self {
        Self(auth)
    }
}

impl OAuth2PkceAuth {
    /// Returns the builder of the async class; finish it with `.build()?.into()`.
    pub fn builder() -> OAuth2PkceAuthBuilder {
        crate::OAuth2PkceAuth::builder()
    }

    /// Returns the app.
    pub fn app(&self) -> &App {
        self.0.app()
    }

    /// As [`crate::OAuth2PkceAuth::authorization_url`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn authorization_url(&self, state: Option<&str>) -> Result<String> {
        self.0.authorization_url(state)
    }

    /// As [`crate::OAuth2PkceAuth::exchange_code`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn exchange_code(&self, code: &str, code_verifier: Option<&str>) -> Result<Arc<Token>> {
        wait(self.0.session().exchange_code(code, code_verifier)?)
    }

    /// As [`crate::OAuth2PkceAuth::fetch_token`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn fetch_token(&self, callback_url: &str) -> Result<Arc<Token>> {
        wait(self.0.session().fetch_token(callback_url)?)
    }

    /// As [`crate::OAuth2PkceAuth::refresh_token`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn refresh_token(&self) -> Result<Arc<Token>> {
        wait(self.0.session().refresh()?.landing)
    }

    /// As [`crate::OAuth2PkceAuth::is_token_expired`].
    pub fn is_token_expired(&self) -> bool {
        self.0.is_token_expired()
    }

    /// As [`crate::OAuth2PkceAuth::code_verifier`].
    pub fn code_verifier(&self) -> Option<CodeVerifier> {
        self.0.code_verifier()
    }

    /// As [`crate::OAuth2PkceAuth::code_challenge`].
    pub fn code_challenge(&self) -> Option<String> {
        self.0.code_challenge()
    }

    /// As [`crate::OAuth2PkceAuth::set_pkce_parameters`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn set_pkce_parameters(
        &self,
        code_verifier: impl Into<String>,
        code_challenge: Option<String>,
    ) -> Result<()> {
        self.0.set_pkce_parameters(code_verifier, code_challenge)
    }

    /// As [`crate::OAuth2PkceAuth::access_token`].
    pub fn access_token(&self) -> Option<AccessToken> {
        self.0.access_token()
    }

    /// As [`crate::OAuth2PkceAuth::token`].
    pub fn token(&self) -> Option<Arc<Token>> {
        self.0.token()
    }

    /// As [`crate::OAuth2PkceAuth::set_token`].
    pub fn set_token(&self, token: Option<Token>) {
        self.0.set_token(token);
    }
}

fn wait<F>(landing: F) -> Result<Arc<Token>>
where
    F: Future<Output = Result<Arc<Token>>> + Send + 'static,
{
    shared_worker()?.wait(landing)?
}
