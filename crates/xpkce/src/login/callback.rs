//! A callback. It is untrusted: its length is limited, and everything is checked before the code is
//! taken out of it.

use std::borrow::Cow;

use url::{Url, form_urlencoded};

use crate::{AuthorizationCode, Error, Reason, Result, State};

/// The most bytes of a callback that are looked at.
const MAX_CALLBACK: usize = 8 * 1024;

/// The most bytes of a code. X's have 91.
const MAX_CODE: usize = 4 * 1024;

/// Returns the state in a callback, given as a full URL or as its query alone, so that the sign-in
/// can be looked up. It is not checked: [`Login::approve`](crate::Login::approve) does that.
///
/// # Errors
///
/// [`SignIn`](crate::ErrorKind::SignIn): `MalformedCallback` when the callback has no state or
/// several; X's own error when X redirected with an error and without a state.
pub fn callback_state(callback_url: &str) -> Result<State> {
    let callback = Callback::parse(callback_url)?;
    match callback.state {
        Some(state) => Ok(State::new(state)),
        None => Err(callback.refuse_error().err().unwrap_or_else(no_state)),
    }
}

/// Takes a code as the user typed it.
pub(crate) fn bare_code(text: &str) -> Result<AuthorizationCode> {
    let code = text.trim();
    if code.is_empty() || code.len() > MAX_CODE || !code.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(malformed("this is no code"));
    }
    if code.contains("://") || code.contains("code=") || code.contains("state=") {
        return Err(malformed("this is a callback, not a code alone"));
    }
    Ok(AuthorizationCode::new(code))
}

/// What a callback may bring. A parameter without a value counts as left out (RFC 6749 section
/// 3.1).
#[derive(Default)]
pub(crate) struct Callback {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    issuer: Option<String>,
}

impl Callback {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        if text.len() > MAX_CALLBACK {
            return Err(malformed("the callback is too long"));
        }
        let mut callback = Self::default();
        let mut seen = [false; 4];
        for (name, value) in form_urlencoded::parse(query_of(text).as_bytes()) {
            let (n, field) = match name.as_ref() {
                "state" => (0, &mut callback.state),
                "code" => (1, &mut callback.code),
                "error" => (2, &mut callback.error),
                "iss" => (3, &mut callback.issuer),
                "code_challenge" => return Err(not_yet()),
                _ => continue,
            };
            if std::mem::replace(&mut seen[n], true) {
                return Err(malformed("the callback has a parameter twice"));
            }
            *field = Some(value.into_owned()).filter(|value| !value.is_empty());
        }
        Ok(callback)
    }

    /// Reports an error as what it is. It comes before the state, because X may send one without
    /// a state; nothing else in it is trusted.
    pub(crate) fn refuse_error(&self) -> Result<()> {
        match self.error.as_deref() {
            None => Ok(()),
            Some(error) => Err(refusal(error)),
        }
    }

    /// Returns whether it is an error that came without a state.
    #[cfg(feature = "loopback")]
    pub(crate) fn is_stateless_error(&self) -> bool {
        self.error.is_some() && self.state.is_none()
    }

    /// Returns whether there is neither a code nor an error in it.
    #[cfg(feature = "loopback")]
    pub(crate) fn is_empty(&self) -> bool {
        self.code.is_none() && self.error.is_none()
    }

    pub(crate) fn check_state(&self, expected: &State) -> Result<()> {
        let state = self.state.as_deref().ok_or_else(no_state)?;
        if expected.matches(state) {
            return Ok(());
        }
        // X has been seen to drop them from a state that looks like JSON.
        let may_be_mangled = expected.expose().contains(['"', ',']);
        Err(Error::new(Reason::StateMismatch, "the callback belongs to another sign-in")
            .with_hint(if may_be_mangled { MANGLED } else { ANOTHER }))
    }

    /// X does not name its issuer today; should it, the name must be one of the origins that the
    /// sign-in talks to.
    pub(crate) fn check_issuer(&self, ours: &[&str]) -> Result<()> {
        let Some(issuer) = self.issuer.as_deref() else { return Ok(()) };
        let is_ours = Url::parse(issuer).is_ok_and(|issuer| {
            ours.iter().any(|url| Url::parse(url).is_ok_and(|url| url.origin() == issuer.origin()))
        });
        if is_ours {
            return Ok(());
        }
        Err(Error::new(Reason::IssuerMismatch, "the callback names another authorization server"))
    }

    pub(crate) fn code(self) -> Result<AuthorizationCode> {
        let code = self.code.ok_or_else(|| malformed("the callback has no code"))?;
        if code.len() > MAX_CODE || !code.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(malformed("the callback's code is too long or has odd characters"));
        }
        Ok(AuthorizationCode::new(code))
    }
}

/// Returns the query of a URL, or the text itself when it is a query already.
fn query_of(text: &str) -> Cow<'_, str> {
    let text = text.split('#').next().unwrap_or_default();
    match text.split_once('?') {
        // A question mark in a value of the query: before its first name there is no scheme.
        Some((before, _))
            if before.split_once('=').is_some_and(|(name, _)| !name.contains(':')) =>
        {
            text.into()
        }
        Some((_, query)) => query.into(),
        None => text.into(),
    }
}

fn refusal(error: &str) -> Error {
    let (message, hint) = match error {
        "access_denied" => {
            return Error::new(Reason::Denied, "the user did not approve")
                .with_hint("begin again and press Authorize");
        }
        "invalid_request" => ("X found the authorize URL invalid", LINT),
        "invalid_scope" => ("X does not know a scope that was asked for", LINT),
        "unauthorized_client" => ("X does not let this app sign users in", LINT),
        "unsupported_response_type" => ("X does not offer this kind of sign-in", LINT),
        "server_error" => ("X failed while it asked the user", AGAIN),
        "temporarily_unavailable" => ("X cannot ask the user just now", AGAIN),
        _ => ("X redirected with an error", AGAIN),
    };
    Error::new(Reason::AuthorizationFailed, message).with_hint(hint)
}

const ANOTHER: &str = "use the callback of the page that was opened last, or begin again";
const MANGLED: &str = "begin again with a state of letters and digits: X drops quotes and commas";
const LINT: &str = "check client id, redirect URI and scopes against the app's page in X's console";
const AGAIN: &str = "begin the sign-in again in a while";

fn no_state() -> Error {
    malformed("the callback has no state")
}

fn not_yet() -> Error {
    malformed("this is the address of X's consent page, not of the callback")
}

fn malformed(message: &'static str) -> Error {
    Error::new(Reason::MalformedCallback, message)
        .with_hint("give the whole address that the browser ended at, or begin again")
}
