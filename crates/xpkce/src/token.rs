//! Tokens, and pure functions that build the requests for them and judge the answers. Nothing is
//! sent here; [`Client`](crate::Client) does that.
//!
//! By the time X answers it has rotated the tokens. So each field of an answer is read by itself,
//! and one that cannot be read does not lose the others.

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::{AccessToken, Error, RefreshToken, Scopes, Timestamp};

mod answer;
mod date;
mod fields;
mod judge;
mod record;
mod refusal;
mod request;
mod salvage;

pub(crate) use judge::CODE_IN_DOUBT;
pub use judge::{judge_exchange, judge_refresh, judge_revoke, rejudge};
#[cfg(feature = "keeper")]
pub(crate) use refusal::CHECK_CLIENT;
pub(crate) use refusal::{Refusal, transaction_id};
pub use request::{Revocable, exchange_request, refresh_request, revoke_request};

/// How long an access token is valid if X's answer does not say: the two hours that X documents.
pub const ACCESS_TOKEN_LIFETIME: Duration = Duration::from_secs(7200);

/// A token as X's Python class keeps it: the fields of X's answer, and when the access token
/// expires.
pub struct Token {
    /// Authorizes requests.
    pub access_token: AccessToken,
    /// As X spells it; `bearer`.
    pub token_type: String,
    /// For how many seconds the access token is valid after it was received.
    pub expires_in: Option<u64>,
    /// Brings the next pair, once.
    pub refresh_token: Option<RefreshToken>,
    /// The scopes that were granted.
    pub scopes: Option<Scopes>,
    /// When the access token expires. Only a token that the caller supplied may lack it.
    pub expires_at: Option<Timestamp>,
    /// Fields that this version does not know, as they came.
    pub other: Map<String, Value>,
}

/// An access token as it was issued.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Issued {
    /// Authorizes requests.
    pub access_token: AccessToken,
    /// As X spells it; `bearer`.
    pub token_type: String,
    /// How long it is valid.
    pub expires_in: Duration,
    /// When it expires by this machine's clock: `expires_in` after the answer was received.
    pub expires_at: Timestamp,
}

/// What an answer brought: an access token, a refresh token, or both.
#[non_exhaustive]
#[must_use = "the old pair is spent: this is the only copy of the new one"]
pub struct Rotated {
    /// The new access token.
    pub access: Option<Issued>,
    /// The new refresh token. Without one the old one stays valid (RFC 6749 section 6).
    pub refresh: Option<RefreshToken>,
    /// The scopes that were granted, if X named them.
    pub scopes: Option<Scopes>,
    /// Fields that this version does not know, as they came.
    pub other: Map<String, Value>,
    /// The time of X's clock, from the answer's `Date` header.
    pub server_date: Option<Timestamp>,
}

/// A successful answer in which no token could be read. It is kept, because the pair may be in it;
/// see [`rejudge`].
#[non_exhaustive]
pub struct Unreadable {
    /// The HTTP status.
    pub status: u16,
    /// The body as it came; wiped when dropped.
    pub body: Zeroizing<Vec<u8>>,
}

/// What happened to a refresh token that was sent, or was to be. Every outcome is one of these.
#[must_use = "it may hold the only copy of the new pair"]
#[non_exhaustive]
#[derive(Debug)]
pub enum RefreshAnswer {
    /// X returned new tokens; the old ones are spent.
    Rotated(Rotated),
    /// X reported success, but no token could be read. The old token is probably spent.
    Unreadable(Unreadable),
    /// X says that the token is spent, revoked, expired or unknown.
    Rejected(Error),
    /// X refused the client, or the request could not be built. The token is unspent.
    Misconfigured(Error),
    /// X asks to wait, for [`Error::retry_after`]. The token is unspent.
    Limited(Error),
    /// Nothing was sent. The token is unspent.
    NotSent(Error),
    /// The token may be spent.
    Unknown {
        /// What happened.
        error: Error,
        /// Whether sending the same token once more, at once, can help.
        resend: bool,
    },
}

impl Token {
    /// How long before its expiry an access token already counts as expired, as in X's Python
    /// class.
    pub const MARGIN: Duration = Duration::from_secs(10);

    /// Returns whether the access token should no longer be used at `now`: it expires within
    /// [`MARGIN`](Self::MARGIN), or it is not known when it does.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now + Self::MARGIN >= end)
    }
}

impl Rotated {
    /// Converts a token that was obtained elsewhere, as if X had sent it at `now`. A token without
    /// `expires_at` counts as expired.
    pub fn from_token(token: Token, now: Timestamp) -> Self {
        let expires_at = token.expires_at.unwrap_or(now);
        Self {
            access: Some(Issued {
                access_token: token.access_token,
                token_type: token.token_type,
                expires_in: expires_at.since(now),
                expires_at,
            }),
            refresh: token.refresh_token,
            scopes: token.scopes,
            other: token.other,
            server_date: None,
        }
    }

    /// Converts it to a [`Token`]; none if there is no access token.
    pub fn into_token(self) -> Option<Token> {
        let access = self.access?;
        Some(Token {
            access_token: access.access_token,
            token_type: access.token_type,
            expires_in: Some(access.expires_in.as_secs()),
            refresh_token: self.refresh,
            scopes: self.scopes,
            expires_at: Some(access.expires_at),
            other: self.other,
        })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("has_refresh_token", &self.refresh_token.is_some())
            .field("scopes", &self.scopes)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Rotated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rotated")
            .field("access", &self.access)
            .field("refresh", &self.refresh)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unreadable({}, {} bytes)", self.status, self.body.len())
    }
}
