//! The builder of X's class, with the parameters that the class takes.

use std::fmt;
use std::sync::Arc;

use super::OAuth2PkceAuth;
use super::session::Session;
use crate::http::HttpClient;
use crate::{
    App, Client, ClientSecret, Clock, DEFAULT_AUTHORIZATION_BASE_URL, DEFAULT_BASE_URL,
    DEFAULT_REDIRECT_URI, Result, Scopes, SystemClock, Token,
};

/// Makes an [`OAuth2PkceAuth`]; the names are those of X's class.
#[derive(Default)]
pub struct OAuth2PkceAuthBuilder {
    base_url: Option<String>,
    authorization_base_url: Option<String>,
    client_id: String,
    client_secret: Option<ClientSecret>,
    redirect_uri: Option<String>,
    token: Option<Token>,
    scope: Scopes,
    http: Option<Arc<dyn HttpClient>>,
    clock: Option<Arc<dyn Clock>>,
}

impl OAuth2PkceAuthBuilder {
    /// Sets where the token endpoint is; [`DEFAULT_BASE_URL`] if not set.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// Sets where the consent page is; [`DEFAULT_AUTHORIZATION_BASE_URL`] if not set.
    #[must_use]
    pub fn authorization_base_url(mut self, url: impl Into<String>) -> Self {
        self.authorization_base_url = Some(url.into());
        self
    }

    /// Sets the OAuth 2.0 client id.
    #[must_use]
    pub fn client_id(mut self, id: impl Into<String>) -> Self {
        self.client_id = id.into();
        self
    }

    /// Sets the secret: the app is confidential. Without it the app is public.
    #[must_use]
    pub fn client_secret(mut self, secret: impl Into<String>) -> Self {
        self.client_secret = Some(ClientSecret::new(secret));
        self
    }

    /// Sets the callback, as it is registered; [`DEFAULT_REDIRECT_URI`] if not set.
    #[must_use]
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uri = Some(uri.into());
        self
    }

    /// Sets the token to go on with.
    #[must_use]
    pub fn token(mut self, token: Token) -> Self {
        self.token = Some(token);
        self
    }

    /// Sets the scopes: one text with spaces, or a list. Left out of the URL if not set.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<Scopes>) -> Self {
        self.scope = scope.into();
        self
    }

    /// Sets what sends; [`HyperClient`](crate::http::HyperClient) if not set.
    #[must_use]
    pub fn http(mut self, http: Arc<dyn HttpClient>) -> Self {
        self.http = Some(http);
        self
    }

    /// Sets the clock; the machine's if not set.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Makes it. Sends nothing and starts no thread.
    ///
    /// # Errors
    ///
    /// [`Configure`](crate::ErrorKind::Configure) when a base URL is neither HTTPS nor plain HTTP
    /// to this machine.
    pub fn build(self) -> Result<OAuth2PkceAuth> {
        let base_url = self.base_url.as_deref().unwrap_or(DEFAULT_BASE_URL);
        let consent = self.authorization_base_url.as_deref();
        let app = match self.client_secret {
            Some(secret) => App::confidential(&self.client_id, secret),
            None => App::public(&self.client_id),
        };
        let app = app
            .with_base_url(base_url)?
            .with_authorization_base_url(consent.unwrap_or(DEFAULT_AUTHORIZATION_BASE_URL))?
            .with_redirect_uri(self.redirect_uri.as_deref().unwrap_or(DEFAULT_REDIRECT_URI))
            .with_scopes(self.scope);
        let http = self.http.unwrap_or_else(|| Arc::new(crate::http::HyperClient::new()));
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock));
        let session = Session::new(Client::new(app, http, clock), self.token);
        Ok(OAuth2PkceAuth { session: Arc::new(session) })
    }
}

impl fmt::Debug for OAuth2PkceAuthBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuth2PkceAuthBuilder")
            .field("client_id", &self.client_id)
            .field("redirect_uri", &self.redirect_uri)
            .finish_non_exhaustive()
    }
}
