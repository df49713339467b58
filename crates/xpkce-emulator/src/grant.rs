//! What the emulator remembers of a grant and of each token issued for it.

use crate::clock::Timestamp;
use crate::mint::{TokenKey, TokenKind};

/// One sign-in: the chain of pairs that began with a code.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) client_id: String,
    pub(crate) user_id: String,
    pub(crate) scopes: Vec<String>,
    /// 1 after the exchange, one more with each rotation.
    pub(crate) generation: u64,
    pub(crate) began: Timestamp,
    /// Every access token not known to be dead; more than one only under E1.
    pub(crate) access: Vec<TokenKey>,
    pub(crate) refresh: Option<TokenKey>,
}

impl Grant {
    /// Returns whether it has a token that nobody has killed; it may have expired.
    pub(crate) fn is_live(&self) -> bool {
        self.refresh.is_some() || !self.access.is_empty()
    }
}

/// One token, remembered by its digest.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) kind: TokenKind,
    pub(crate) grant: u64,
    pub(crate) issued: Timestamp,
    pub(crate) expires: Timestamp,
    pub(crate) standing: Standing,
}

/// Whether a token may still be used, and if not, why.
#[derive(Debug)]
pub(crate) enum Standing {
    Live,
    /// A refresh token that bought the next pair.
    Spent {
        at: Timestamp,
        /// The pair it bought, kept only while a grace (E3) could ask for it again.
        bought: Option<Pair>,
    },
    Dead(&'static str),
}

impl Issued {
    /// Returns why the token cannot be used at `now`, if it cannot.
    pub(crate) fn flaw(&self, now: Timestamp) -> Option<&'static str> {
        match &self.standing {
            Standing::Spent { .. } => Some("spent"),
            Standing::Dead(why) => Some(why),
            Standing::Live if now >= self.expires => Some("expired"),
            Standing::Live => None,
        }
    }
}

/// What a successful token request hands out.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) access: String,
    pub(crate) refresh: Option<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) expires_in: u64,
}

/// An authorization code, waiting or spent.
#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) client_id: String,
    pub(crate) user_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) challenge: Challenge,
    pub(crate) approved: Timestamp,
    /// The grant it was exchanged for.
    pub(crate) redeemed: Option<u64>,
    /// Whether a refused exchange used it up (E13).
    pub(crate) is_burnt: bool,
}

/// The PKCE challenge of an authorize request (RFC 7636 section 4.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    S256(String),
    Plain(String),
}

impl Challenge {
    pub(crate) fn is_met_by(&self, verifier: &str) -> bool {
        match self {
            Self::S256(challenge) => crate::mint::s256(verifier) == *challenge,
            Self::Plain(challenge) => verifier == challenge,
        }
    }
}
