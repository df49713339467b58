//! One sign-in: from the authorize URL to the approval that its callback brings.
//!
//! A [`Login`] can be finished in another process: it is written out and read back whole. Only the
//! [`Approval`] that it makes of a checked callback can be exchanged for tokens.

use std::fmt;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::pkce::{random_state, random_state_and_pkce};
use crate::{App, AuthorizationCode, CodeVerifier, Pkce, Result, Scopes, State, Timestamp, lint};

mod callback;
mod origin;
mod record;

pub use callback::callback_state;
pub(crate) use callback::{Callback, bare_code};
pub(crate) use origin::Origin;

/// Everything but RFC 3986's unreserved characters; a space becomes `%20`, as X documents.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The consent page's path, below the authorization base.
const AUTHORIZE: &str = "/oauth2/authorize";

/// A sign-in that waits for its callback. RFC 6749 section 4.1.1, RFC 7636 section 4.3.
///
/// It does not look at the clock. A program that stores it must check
/// [`is_expired`](Self::is_expired), and must remove it from its storage before it finishes it, so
/// that no callback is used twice.
pub struct Login {
    url: String,
    state: State,
    verifier: CodeVerifier,
    challenge: String,
    client_id: String,
    redirect_uri: String,
    scopes: Option<Scopes>,
    base_url: String,
    created_at: Timestamp,
}

impl Login {
    /// How long a sign-in waits for its callback.
    pub const LIFETIME: Duration = Duration::from_secs(10 * 60);

    /// Begins a sign-in with a new state and a new PKCE pair.
    ///
    /// # Errors
    ///
    /// [`Configure`](crate::ErrorKind::Configure) when [`lint`](crate::lint()) finds an error in
    /// the app; [`Protocol`](crate::ErrorKind::Protocol) when the operating system has no
    /// randomness.
    pub fn begin(app: &App, now: Timestamp) -> Result<Self> {
        let (state, pkce) = random_state_and_pkce()?;
        Self::build(app, state, pkce, now)
    }

    /// Begins a sign-in with the caller's state or PKCE pair; whichever is not given is generated.
    /// A state should have letters and digits only: X has been seen to drop quotes and commas from
    /// one that looks like JSON.
    ///
    /// # Errors
    ///
    /// As [`begin`](Self::begin), and [`Configure`](crate::ErrorKind::Configure) when the state is
    /// empty, has characters other than visible ASCII, or is longer than
    /// [`MAX_STATE`](crate::MAX_STATE).
    pub fn begin_with(
        app: &App,
        state: Option<State>,
        pkce: Option<Pkce>,
        now: Timestamp,
    ) -> Result<Self> {
        if state.is_none() && pkce.is_none() {
            // One call for both.
            return Self::begin(app, now);
        }
        let state = state.map_or_else(random_state, Ok)?;
        lint::check_state(state.expose())?;
        Self::build(app, state, pkce.map_or_else(Pkce::random, Ok)?, now)
    }

    fn build(app: &App, state: State, pkce: Pkce, now: Timestamp) -> Result<Self> {
        lint::check(app)?;
        let url = authorize_url(app, &state, pkce.challenge());
        let (verifier, challenge) = pkce.into_parts();
        Ok(Self {
            url,
            state,
            verifier,
            challenge,
            client_id: app.client_id().to_owned(),
            redirect_uri: app.redirect_uri().to_owned(),
            scopes: app.scopes().cloned(),
            base_url: app.base_url().to_owned(),
            created_at: now,
        })
    }

    /// Returns the authorize URL, for the user's browser.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the state that the callback must bring back.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Returns the verifier, which only the token request may carry.
    pub fn verifier(&self) -> &CodeVerifier {
        &self.verifier
    }

    /// Returns the challenge in the URL.
    pub fn challenge(&self) -> &str {
        &self.challenge
    }

    /// Returns the client id it began with.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Returns the redirect URI, to which the browser brings the callback.
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// Returns the scopes asked for, if any.
    pub fn scopes(&self) -> Option<&Scopes> {
        self.scopes.as_ref()
    }

    /// Returns when it began.
    pub fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// Returns whether it has waited longer than [`LIFETIME`](Self::LIFETIME) at `now`.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now.since(self.created_at) > Self::LIFETIME
    }

    /// Checks that `app` has the client id and the servers that this sign-in began with. No other
    /// server may see the code or the verifier.
    ///
    /// # Errors
    ///
    /// [`Configure`](crate::ErrorKind::Configure): [`OtherApp`](crate::Reason::OtherApp).
    pub fn check_app(&self, app: &App) -> Result<()> {
        self.origin().check(app)
    }

    /// Checks a callback, given as a full URL or as its query alone, and returns an approval with
    /// its code. It is checked for repeated parameters, an error, the state, the issuer and the
    /// code, in this order.
    ///
    /// # Errors
    ///
    /// [`SignIn`](crate::ErrorKind::SignIn), by reason: `MalformedCallback`, `Denied`,
    /// `AuthorizationFailed`, `StateMismatch`, `IssuerMismatch`. RFC 6749 sections 4.1.2 and 10.12,
    /// RFC 9207.
    pub fn approve(&self, callback_url: &str) -> Result<Approval> {
        let callback = Callback::parse(callback_url)?;
        callback.refuse_error()?;
        callback.check_state(&self.state)?;
        callback.check_issuer(&[&self.url, &self.base_url])?;
        Ok(self.approval(callback.code()?))
    }

    /// Accepts a code without its callback, as typed by the user. **Only X's own check of the
    /// verifier shows that the code belongs to this sign-in**; prefer [`approve`](Self::approve).
    ///
    /// # Errors
    ///
    /// [`SignIn`](crate::ErrorKind::SignIn) with `MalformedCallback` when it does not look like a
    /// code.
    pub fn approve_bare_code(&self, code: &str) -> Result<Approval> {
        Ok(self.approval(bare_code(code)?))
    }

    fn approval(&self, code: AuthorizationCode) -> Approval {
        Approval {
            code,
            verifier: CodeVerifier::new(self.verifier.expose()),
            origin: self.origin(),
            redirect_uri: self.redirect_uri.clone(),
        }
    }

    fn origin(&self) -> Origin {
        let endpoint = self.url.split('?').next().unwrap_or_default();
        Origin {
            client_id: self.client_id.clone(),
            base_url: self.base_url.clone(),
            authorization_base_url: endpoint.strip_suffix(AUTHORIZE).unwrap_or(endpoint).to_owned(),
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("client_id", &self.client_id)
            .field("redirect_uri", &self.redirect_uri)
            .field("scopes", &self.scopes)
            .field("created_at", &self.created_at)
            .finish_non_exhaustive()
    }
}

/// A checked callback. Single use: X takes a code once, within [`LIFETIME`](Self::LIFETIME).
pub struct Approval {
    pub(crate) code: AuthorizationCode,
    pub(crate) verifier: CodeVerifier,
    pub(crate) origin: Origin,
    pub(crate) redirect_uri: String,
}

impl Approval {
    /// How long X lets a code live, from when the user approves.
    pub const LIFETIME: Duration = Duration::from_secs(30);
}

impl fmt::Debug for Approval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Approval").field("redirect_uri", &self.redirect_uri).finish_non_exhaustive()
    }
}

fn authorize_url(app: &App, state: &State, challenge: &str) -> String {
    let mut url = String::with_capacity(512);
    url.push_str(app.authorization_base_url());
    url.push_str(AUTHORIZE);
    url.push_str("?response_type=code");
    let mut push = |name: &str, value: &str| {
        url.push('&');
        url.push_str(name);
        url.push('=');
        url.extend(utf8_percent_encode(value, QUERY));
    };
    push("client_id", app.client_id());
    push("redirect_uri", app.redirect_uri());
    if let Some(scopes) = app.scopes() {
        push("scope", scopes.as_str());
    }
    push("state", state.expose());
    push("code_challenge", challenge);
    push("code_challenge_method", "S256");
    url
}
