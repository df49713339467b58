//! What X says when it refuses: its error table, row by row.
//!
//! X's `error` says little: a dead token, a used code and a wrong verifier are all
//! `invalid_request`. The description tells them apart; it is matched, never repeated.

use std::time::Duration;

use serde_json::Value;

use super::{answer, date};
use crate::http::HttpResponse;
use crate::{Error, Reason, Timestamp};

/// The longest wait that is taken from an answer.
const MAX_WAIT: Duration = Duration::from_secs(15 * 60);

/// The wait when X limits without saying for how long.
const DEFAULT_WAIT: Duration = Duration::from_secs(60);

/// What to do about an app that X refuses.
pub(crate) const CHECK_CLIENT: &str =
    "check the secret; leave it out if X's console says Native App or Single Page App";

/// What a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The token is spent, revoked, expired or unknown.
    Token,
    /// The code is expired, used or unknown.
    Code,
    /// The verifier is missing or does not match.
    Verifier,
    /// The redirect URI is another one.
    Redirect,
    /// The client id is unknown.
    ClientId,
    /// The secret is wrong, or the app is of the other type.
    Client,
    /// `invalid_grant`: the token or the code, by what was sent.
    Grant,
    /// X asks to wait.
    Limit,
    /// X fails.
    Server,
    /// Anything else.
    Other,
}

impl Refusal {
    /// Classifies an answer that is no success.
    pub(crate) fn of(response: &HttpResponse) -> Self {
        match response.status {
            429 => return Self::Limit,
            500.. => return Self::Server,
            400..=403 => {}
            _ => return Self::Other,
        }
        let fields = answer::object(&response.body).unwrap_or_default();
        let text = |name| fields.get(name).and_then(Value::as_str).unwrap_or_default();
        let description = text("error_description").to_ascii_lowercase();
        match (response.status, text("error")) {
            (400 | 403, "invalid_client") => Self::ClientId,
            (401, _) | (_, "unauthorized_client") => Self::Client,
            (400, "invalid_grant") => Self::Grant,
            (400, "invalid_request") => Self::of_description(description.trim_end_matches('.')),
            _ => Self::Other,
        }
    }

    fn of_description(description: &str) -> Self {
        match description.trim() {
            "value passed for the token was invalid" => Self::Token,
            "value passed for the authorization code was invalid" => Self::Code,
            "value passed for the code verifier did not match the code challenge"
            | "missing required parameter [code_verifier]" => Self::Verifier,
            "value passed for the redirect uri did not match the uri of the authorization code" => {
                Self::Redirect
            }
            "missing required parameter [client_id]" => Self::ClientId,
            _ => Self::Other,
        }
    }

    /// Says what happened, as an error with the answer's status and transaction id.
    pub(crate) fn error(self, reason: Reason, response: &HttpResponse, now: Timestamp) -> Error {
        let (message, hint) = self.texts(response.status);
        let error = Error::new(reason, message)
            .with_hint(hint)
            .with_status(response.status)
            .with_transaction_id(transaction_id(response));
        match self.wait(response, now) {
            Some(wait) => error.with_retry_after(wait),
            None => error,
        }
    }

    /// The reason that says the same, where there is one whatever was sent.
    pub(crate) fn client_reason(self) -> Option<Reason> {
        match self {
            Self::ClientId => Some(Reason::WrongClientId),
            Self::Client => Some(Reason::WrongSecretOrAppType),
            Self::Limit => Some(Reason::RateLimited),
            _ => None,
        }
    }

    fn texts(self, status: u16) -> (String, &'static str) {
        let (message, hint) = match self {
            Self::Token => ("X says that the token is spent, revoked, expired or unknown", SIGN_IN),
            Self::Grant => ("X says that the grant is invalid", SIGN_IN),
            Self::Code => (
                "X says that the code is expired, used or not its own",
                "begin the sign-in again and finish it within 30 seconds of approving",
            ),
            Self::Verifier => (
                "X says that the code verifier does not belong to this sign-in",
                "begin the sign-in again; finish it with the callback of that same sign-in",
            ),
            Self::Redirect => (
                "X says that the redirect URI is not the one that the sign-in began with",
                "use one redirect URI, exactly as it is registered in X's console",
            ),
            Self::ClientId => (
                "X does not know the client id, or the token belongs to another app",
                "Copy the OAuth 2.0 Client ID from the app's page in X's console",
            ),
            Self::Client => (
                "X refused the client: the secret is wrong, or the app is of the other type",
                CHECK_CLIENT,
            ),
            Self::Limit => ("X asks to wait", "call again after the wait"),
            Self::Server => return (format!("X failed with {status}"), "call again in a while"),
            Self::Other => return (format!("X answered {status}, and not why"), REPORT),
        };
        (message.to_owned(), hint)
    }

    /// How long to wait, within bounds: as `Retry-After` says, or until the limit's reset. X tells
    /// the reset in every answer, so it is of use only in one that says that the limit is reached.
    fn wait(self, response: &HttpResponse, now: Timestamp) -> Option<Duration> {
        let text = |name| response.headers.get(name)?.to_str().ok().map(str::trim);
        // X's own `Date` is the clock that both go by.
        let now = text("date").and_then(date::parse).unwrap_or(now);
        let after = text("retry-after").and_then(|after| match after.parse().ok() {
            Some(secs) => Some(Duration::from_secs(secs)),
            None => Some(date::parse(after)?.since(now)),
        });
        let reset = text("x-rate-limit-reset").and_then(|reset| reset.parse().ok());
        match self {
            Self::Limit => {
                let until_reset = || Some(Timestamp::from_secs(reset?).since(now));
                let told = after.or_else(until_reset).unwrap_or(DEFAULT_WAIT);
                Some(told.clamp(Duration::from_secs(1), MAX_WAIT))
            }
            Self::Server => after.map(|after| after.min(MAX_WAIT)),
            _ => None,
        }
    }
}

const SIGN_IN: &str = "sign in again, unless another process holds a newer token";
const REPORT: &str = "look at X's status page; if it lasts, report it with the transaction id";

/// X's own name for a request, for its support; what is not such a name is left out.
pub(crate) fn transaction_id(response: &HttpResponse) -> Option<String> {
    let id = response.headers.get("x-transaction-id")?.to_str().ok()?;
    let is_id = (1..=128).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b));
    is_id.then(|| id.to_owned())
}
