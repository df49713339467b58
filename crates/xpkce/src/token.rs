//! Tokens and the requests that bring them: built and judged by pure functions, sent elsewhere.
//!
//! X rotates as it answers, so an answer is read for whatever is in it: what cannot be read costs
//! that field, not the pair.

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

/// The life of an access token when X does not say: what X documents.
pub const ACCESS_TOKEN_LIFETIME: Duration = Duration::from_secs(7200);

/// A login as X's Python class keeps it: what an answer brought, and when the access token ends.
pub struct Token {
    /// Authorizes requests.
    pub access_token: AccessToken,
    /// As X spells it; `bearer`.
    pub token_type: String,
    /// The access token's life in seconds, from when it was received.
    pub expires_in: Option<u64>,
    /// Brings the next pair, once.
    pub refresh_token: Option<RefreshToken>,
    /// The scopes that were granted.
    pub scopes: Option<Scopes>,
    /// When the access token ends. Only a token that was passed in may lack it.
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
    /// Its life.
    pub expires_in: Duration,
    /// When it ends, by our clock: when the answer was received, and its life.
    pub expires_at: Timestamp,
}

/// What an answer brought: an access token, a refresh token, or both.
#[non_exhaustive]
#[must_use = "the old pair is spent: this is the only copy of the new one"]
pub struct Rotated {
    /// The new access token.
    pub access: Option<Issued>,
    /// The new refresh token. None keeps the old one (RFC 6749 section 6).
    pub refresh: Option<RefreshToken>,
    /// The scopes that were granted, if X named them.
    pub scopes: Option<Scopes>,
    /// Fields that this version does not know, as they came.
    pub other: Map<String, Value>,
    /// X's clock, for those who compare.
    pub server_date: Option<Timestamp>,
}

/// A success without a token that could be read. Kept, because the pair may be in it.
#[non_exhaustive]
pub struct Unreadable {
    /// The status.
    pub status: u16,
    /// The body as it came; wiped when dropped.
    pub body: Zeroizing<Vec<u8>>,
}

/// What became of a refresh token that was sent. Every answer is one of these.
#[must_use = "it may hold the only copy of the new pair"]
#[non_exhaustive]
#[derive(Debug)]
pub enum RefreshAnswer {
    /// X rotated.
    Rotated(Rotated),
    /// X said success, and no token could be read. Not sent again by itself.
    Unreadable(Unreadable),
    /// X says that the token is spent, revoked, expired or unknown.
    Rejected(Error),
    /// X refused the client; the token is as it was.
    Misconfigured(Error),
    /// X asks to wait ([`Error::retry_after`]); the token is as it was.
    Limited(Error),
    /// No byte left; the token is as it was.
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
    /// How long before its end an access token counts as expired, as in X's Python class.
    pub const MARGIN: Duration = Duration::from_secs(10);

    /// Returns whether a caller at `now` should not use the access token any more: it ends within
    /// [`MARGIN`](Self::MARGIN), or nobody knows when.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now + Self::MARGIN >= end)
    }
}

impl Rotated {
    /// Takes a token that came from elsewhere, as if it had been answered at `now`. One without a
    /// known end counts as ended.
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

    /// Returns it as a token, unless there is no access token.
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
