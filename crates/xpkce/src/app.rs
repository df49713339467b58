//! An app as it is registered in X's console, and the addresses of X's servers.

use std::sync::OnceLock;

use url::Url;

use crate::http::{authority, is_secure};
use crate::{ClientSecret, Error, Reason, Result, Scopes};

/// Where X's token endpoint is.
pub const DEFAULT_BASE_URL: &str = "https://api.x.com";

/// Where X's consent page is.
pub const DEFAULT_AUTHORIZATION_BASE_URL: &str = "https://x.com/i";

/// The callback of a sign-in on this machine. X's console wants `127.0.0.1`, not `localhost`.
pub const DEFAULT_REDIRECT_URI: &str = "http://127.0.0.1:8080/callback";

/// RFC 9110, section 4.1, asks servers to take URIs of 8,000 bytes; paths and queries are added to
/// this.
const MAX_BASE_URL: usize = 2048;

/// An app's registration. RFC 6749 section 2.
///
/// White space around the client id, the secret and the redirect URI is removed: to X, a secret
/// with the line break that followed it in a file is a wrong secret.
#[derive(Clone, Debug)]
pub struct App {
    client_id: String,
    secret: Option<ClientSecret>,
    redirect_uri: String,
    redirect_url: Option<Url>,
    scopes: Option<Scopes>,
    base_url: String,
    token_url: Url,
    authorization_base_url: String,
    /// Set once the lint has found no error; a changed app has another.
    is_checked: OnceLock<()>,
}

impl App {
    /// Describes a public client, in X's console a "Native App" or "Single Page App". Its redirect
    /// URI is [`DEFAULT_REDIRECT_URI`], it asks for no scopes, and X is at its usual addresses.
    pub fn public(client_id: impl AsRef<str>) -> Self {
        Self {
            client_id: client_id.as_ref().trim().to_owned(),
            secret: None,
            redirect_uri: DEFAULT_REDIRECT_URI.to_owned(),
            redirect_url: Url::parse(DEFAULT_REDIRECT_URI).ok(),
            scopes: None,
            base_url: DEFAULT_BASE_URL.to_owned(),
            token_url: token_url(DEFAULT_BASE_URL).expect("the default is a URL"),
            authorization_base_url: DEFAULT_AUTHORIZATION_BASE_URL.to_owned(),
            is_checked: OnceLock::new(),
        }
    }

    /// Describes a confidential client, in X's console a "Web App" or "Automated App or Bot". With
    /// an empty secret every request is refused before it is sent: that is a mistake, and not a
    /// public client.
    #[expect(clippy::needless_pass_by_value, reason = "a secret is handed over, not lent")]
    pub fn confidential(client_id: impl AsRef<str>, secret: ClientSecret) -> Self {
        let secret = ClientSecret::new(secret.expose().trim());
        Self { secret: Some(secret), ..Self::public(client_id) }
    }

    /// Sets the redirect URI, exactly as it is registered at X, down to port and trailing slash.
    #[must_use]
    pub fn with_redirect_uri(mut self, redirect_uri: impl AsRef<str>) -> Self {
        self.redirect_uri = redirect_uri.as_ref().trim().to_owned();
        self.redirect_url = Url::parse(&self.redirect_uri).ok();
        self.is_checked = OnceLock::new();
        self
    }

    /// Sets the scopes to ask for. Without any the parameter is left out of the URL.
    #[must_use]
    pub fn with_scopes(mut self, scopes: Scopes) -> Self {
        self.scopes = (!scopes.is_empty()).then_some(scopes);
        self.is_checked = OnceLock::new();
        self
    }

    /// Sets where the token endpoint is; a trailing `/` is dropped.
    ///
    /// # Errors
    ///
    /// [`Configure`](crate::ErrorKind::Configure) when the URL is neither HTTPS nor plain HTTP to
    /// this machine, is not written as `scheme://host`, has a query, a fragment or a user name, or
    /// has characters other than visible ASCII.
    pub fn with_base_url(mut self, url: impl AsRef<str>) -> Result<Self> {
        self.base_url = checked_base(url.as_ref())?;
        self.token_url = token_url(&self.base_url)?;
        Ok(self)
    }

    /// Sets where the consent page is; a trailing `/` is dropped.
    ///
    /// # Errors
    ///
    /// As [`with_base_url`](Self::with_base_url).
    pub fn with_authorization_base_url(mut self, url: impl AsRef<str>) -> Result<Self> {
        self.authorization_base_url = checked_base(url.as_ref())?;
        Ok(self)
    }

    /// Returns the OAuth 2.0 client id.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Returns the secret of a confidential client.
    pub fn secret(&self) -> Option<&ClientSecret> {
        self.secret.as_ref()
    }

    /// Returns the redirect URI.
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// Returns the redirect URI as a parsed URL; none when it is not an absolute URL.
    pub(crate) fn redirect_url(&self) -> Option<&Url> {
        self.redirect_url.as_ref()
    }

    /// Returns the scopes to ask for, if any.
    pub fn scopes(&self) -> Option<&Scopes> {
        self.scopes.as_ref()
    }

    /// Returns where the token endpoint is, without a trailing `/`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Returns where the consent page is, without a trailing `/`.
    pub fn authorization_base_url(&self) -> &str {
        &self.authorization_base_url
    }

    /// Is set once the lint has found no error.
    pub(crate) fn is_checked(&self) -> &OnceLock<()> {
        &self.is_checked
    }

    /// Returns where codes and refresh tokens are spent.
    pub(crate) fn token_url(&self) -> &Url {
        &self.token_url
    }

    /// Returns a URL of the API: the base and `path`, which begins with `/`.
    pub(crate) fn endpoint(&self, path: &str) -> Result<Url> {
        below(&self.base_url, path)
    }
}

fn token_url(base: &str) -> Result<Url> {
    below(base, "/2/oauth2/token")
}

fn below(base: &str, path: &str) -> Result<Url> {
    Url::parse(&format!("{base}{path}"))
        .map_err(|why| Error::new(Reason::InvalidSetting, "the path is no URL").with_source(why))
}

fn checked_base(text: &str) -> Result<String> {
    let text = text.trim().trim_end_matches('/');
    if text.len() > MAX_BASE_URL {
        return Err(Error::new(
            Reason::InvalidSetting,
            format!("the base URL is longer than {MAX_BASE_URL} bytes"),
        ));
    }
    // A URL's reader forgives what a browser and a person's eye would not.
    if !text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\') {
        return Err(Error::new(
            Reason::InvalidSetting,
            "the base URL has a space, a control, a non-ASCII character or a backslash",
        ));
    }
    let url = Url::parse(text).map_err(|why| {
        Error::new(Reason::InvalidSetting, "the base URL cannot be read").with_source(why)
    })?;
    if !is_secure(&url) {
        return Err(Error::new(
            Reason::InsecureUrl,
            "the base URL is neither https:// nor http:// to this machine",
        ));
    }
    let Some(authority) = authority(text) else {
        return Err(Error::new(
            Reason::InvalidSetting,
            "the base URL is not written as https://host or http://host",
        ));
    };
    let is_bare = url.query().is_none() && url.fragment().is_none() && !authority.contains('@');
    if !is_bare {
        return Err(Error::new(
            Reason::InvalidSetting,
            "the base URL has a user, a query or a fragment",
        ));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn white_space_around_credentials_is_dropped() {
        let app = App::confidential(" id\r\n", ClientSecret::new("fake-secret\n"));
        assert_eq!(app.client_id(), "id");
        assert!(app.secret().unwrap().matches("fake-secret"));
    }

    #[test]
    fn a_trailing_slash_on_either_base_is_dropped() {
        let app = App::public("id").with_base_url("http://127.0.0.1:9/").unwrap();
        let app = app.with_authorization_base_url("https://x.com/i/").unwrap();
        assert_eq!(app.base_url(), "http://127.0.0.1:9");
        assert_eq!(app.authorization_base_url(), "https://x.com/i");
    }

    #[test]
    fn plain_http_goes_to_this_machine_only() {
        for url in ["http://127.0.0.1", "http://127.9.9.9", "http://[::1]:1", "http://localhost"] {
            assert!(App::public("id").with_base_url(url).is_ok(), "{url}");
        }
        for url in [
            "http://api.x.com",
            "http://127.0.0.1.evil.example",
            "http://localhost.evil.example",
            "ftp://127.0.0.1",
            "api.x.com",
            "https://user@api.x.com",
            "https://@api.x.com",
            "https:api.x.com",
            "https:/api.x.com",
            "https:///api.x.com",
            "https:api.x.com/https://api.x.com",
            "https://api.x.com?q",
            "https://api.x.c\nom",
            "https:\\\\api.x.com",
            "https://api.x.com/a b",
            "https://x.com/\u{202e}moc",
        ] {
            let refused = App::public("id").with_base_url(url).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Configure, "{url}");
        }
    }

    #[test]
    fn a_base_url_that_no_server_would_take_is_a_setting_to_fix() {
        let of_length = |length: usize| {
            App::public("id").with_base_url(format!("https://x.com/{}", "a".repeat(length - 14)))
        };
        assert!(of_length(MAX_BASE_URL).is_ok());
        let refused = of_length(MAX_BASE_URL + 1).unwrap_err();
        assert_eq!(refused.reason(), Reason::InvalidSetting);
    }

    #[test]
    fn debug_shows_no_secret() {
        let app = App::confidential("id", ClientSecret::new("fake-hunter2"));
        assert!(!format!("{app:?}").contains("fake-hunter2"));
    }
}
