//! One error for the whole library: what a caller can do, what happened, and why.
//!
//! A [`Reason`] names the case; its [`ErrorKind`] follows from it in one table. No error holds a
//! token, a response body, or a URL with its query.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The result of every fallible call in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller can do about an [`Error`].
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Fix a flag, a URL, or the app's registration at X.
    Configure,
    /// A request was sent and no answer came, so it may have taken effect: a refresh token, for
    /// example, may be spent.
    InDoubt,
    /// The user must sign in again.
    SignIn,
    /// Nothing was spent, or X asked to wait. Call again later.
    Retry,
    /// The token store failed. Repair it; nothing is lost yet.
    Store,
    /// X or this library misbehaved. Report it.
    Protocol,
}

/// What happened, in more detail than [`ErrorKind`]. Each reason belongs to one kind, which
/// [`Reason::kind`] returns.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A parameter has a value that cannot work.
    InvalidSetting,
    /// A URL is neither HTTPS nor plain HTTP to this machine.
    InsecureUrl,
    /// X does not know the client id.
    WrongClientId,
    /// The sign-in was begun with another client id or at other servers than the app's.
    OtherApp,
    /// X refused the client's authentication: the secret is wrong, or the app is public where it
    /// should be confidential, or the reverse. X gives the same answer to both.
    WrongSecretOrAppType,
    /// The redirect URI of the exchange differs from that of the authorize URL.
    RedirectMismatch,
    /// The listener's port is taken.
    PortBusy,
    /// Several logins match; one must be named.
    Ambiguous,
    /// The sealing key is missing, unreadable or not the one that sealed the store.
    Key,

    /// The user pressed Cancel.
    Denied,
    /// The authorization server redirected with an error other than a denial.
    AuthorizationFailed,
    /// The URL is no valid callback: a parameter is missing, repeated or too long.
    MalformedCallback,
    /// The callback belongs to another sign-in, or to one that has already had its callback.
    StateMismatch,
    /// The callback names another issuer (RFC 9207).
    IssuerMismatch,
    /// The code has expired (after 30 seconds at X), was used before, or was not issued by X.
    CodeRejected,
    /// The verifier does not match the challenge of the authorize URL.
    VerifierMismatch,
    /// No login is stored under that name.
    NotSignedIn,
    /// The sign-in was not finished in time, or was finished before.
    LoginExpired,
    /// The grant has no refresh token: `offline.access` was not granted.
    NoRefreshToken,
    /// X says the token is spent, revoked, expired or unknown.
    TokenRejected,
    /// The grant was signed out.
    SignedOut,

    /// Nothing left this machine: refused, DNS or TLS failed.
    NotSent,
    /// X asked to wait.
    RateLimited,
    /// X is failing or does not answer, and nothing was spent.
    Outage,
    /// Another process is refreshing this login, or it is too early to try again.
    Busy,
    /// A wait reached its deadline.
    Deadline,

    /// A request that uses something up may have reached X, and its answer did not come.
    OutcomeUnknown,

    /// The store could not be read or written.
    Store,
    /// The store's content is corrupt.
    StoreDamaged,
    /// The store was written by a newer version.
    StoreNewer,

    /// X's answer is not one that its documentation allows.
    UnexpectedAnswer,
    /// The answer of X's API is longer than [`MAX_BODY`](crate::http::MAX_BODY).
    TooLong,
    /// X's API refused the request, for a reason other than the token.
    Refused,
    /// A bug in this library.
    Internal,
}

impl Reason {
    /// Returns what a caller can do about it.
    pub const fn kind(self) -> ErrorKind {
        match self {
            Self::InvalidSetting
            | Self::InsecureUrl
            | Self::WrongClientId
            | Self::OtherApp
            | Self::WrongSecretOrAppType
            | Self::RedirectMismatch
            | Self::PortBusy
            | Self::Ambiguous
            | Self::Key => ErrorKind::Configure,
            Self::Denied
            | Self::AuthorizationFailed
            | Self::MalformedCallback
            | Self::StateMismatch
            | Self::IssuerMismatch
            | Self::CodeRejected
            | Self::VerifierMismatch
            | Self::NotSignedIn
            | Self::LoginExpired
            | Self::NoRefreshToken
            | Self::TokenRejected
            | Self::SignedOut => ErrorKind::SignIn,
            Self::NotSent | Self::RateLimited | Self::Outage | Self::Busy | Self::Deadline => {
                ErrorKind::Retry
            }
            Self::OutcomeUnknown => ErrorKind::InDoubt,
            Self::Store | Self::StoreDamaged | Self::StoreNewer => ErrorKind::Store,
            Self::UnexpectedAnswer | Self::TooLong | Self::Refused | Self::Internal => {
                ErrorKind::Protocol
            }
        }
    }
}

/// The error of every call in this crate. Holds no secret. Cheap to clone, so that all callers who
/// waited for one request can be told of its failure.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    reason: Reason,
    message: Cow<'static, str>,
    hint: Option<Cow<'static, str>>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
    status: Option<u16>,
    transaction_id: Option<String>,
    retry_after: Option<Duration>,
}

/// In the library's own tests each error is listened to, whoever reads it.
#[cfg(test)]
impl Drop for Inner {
    fn drop(&mut self) {
        let Self { message, hint, source, transaction_id, .. } = self;
        crate::silence::hear(&format!("{message} {hint:?} {source:?} {transaction_id:?}"));
    }
}

impl Error {
    /// Makes an error. `message` says what was attempted and what went wrong, in a sentence without
    /// a full stop.
    pub fn new(reason: Reason, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            reason,
            message: message.into(),
            hint: None,
            source: None,
            status: None,
            transaction_id: None,
            retry_after: None,
        }))
    }

    /// Adds the one thing for the user to do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds why it happened.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(Arc::from(source.into()));
        self
    }

    /// Adds the HTTP status that X answered.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.0.status = Some(status);
        self
    }

    /// Adds X's `x-transaction-id`, for its support.
    #[must_use]
    pub fn with_transaction_id(mut self, id: Option<String>) -> Self {
        self.0.transaction_id = id;
        self
    }

    /// Adds how long to wait before asking again.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Returns what the caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        self.0.reason.kind()
    }

    /// Returns what happened.
    pub fn reason(&self) -> Reason {
        self.0.reason
    }

    /// Returns the one thing to do next, where the library knows it.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Returns the HTTP status that X answered, if it answered.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// Returns X's `x-transaction-id`, if it sent one.
    pub fn transaction_id(&self) -> Option<&str> {
        self.0.transaction_id.as_deref()
    }

    /// Returns how long to wait before asking again, where X or a back-off says so.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Error");
        shown.field("kind", &self.kind()).field("reason", &self.0.reason);
        shown.field("message", &self.0.message);
        if let Some(status) = self.0.status {
            shown.field("status", &status);
        }
        if let Some(id) = &self.0.transaction_id {
            shown.field("transaction_id", id);
        }
        if let Some(source) = &self.0.source {
            shown.field("source", source);
        }
        shown.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
