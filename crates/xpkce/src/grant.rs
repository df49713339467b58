//! A grant as it is kept: one row per (app, user), what state it is in, and how it got there.
//!
//! The fields here are the record that every store saves whole. How a grant moves from one state
//! to the next is decided in [`transition`] alone; where it is saved, in [`crate::store`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::digits::Digits;
use crate::scope::Scopes;
use crate::seal::Sealed;

mod due;
pub(crate) use due::window;

mod history;
pub use history::{Event, History, What};

pub mod transition;

/// Names a login: the app's client id and X's user id. Never the handle, which changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Account {
    /// The OAuth 2.0 client id.
    pub app: String,
    /// X's user id, or [`Account::UNLABELLED`] and the sign-in's number until the user is known.
    pub user: String,
}

impl Account {
    /// How the name of a login begins whose user is not known yet.
    pub const UNLABELLED: &'static str = "unlabelled-";

    /// Names a login by the app's client id and X's user id.
    pub fn new(app: impl Into<String>, user: impl Into<String>) -> Self {
        Self { app: app.into(), user: user.into() }
    }

    /// Returns whether the user behind it is not known yet.
    pub fn is_unlabelled(&self) -> bool {
        self.user.starts_with(Self::UNLABELLED)
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.user)
    }
}

/// Counts the rotations of an account's refresh token, through every sign-in.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Generation(pub u64);

impl Generation {
    /// Returns the generation that the next rotation or sign-in makes.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Digits<32>);

        impl $name {
            /// How many hexadecimal digits it has.
            pub const LENGTH: usize = 32;

            /// Takes 16 random bytes.
            pub fn new(random: [u8; 16]) -> Self {
                Self(Digits::of(&random))
            }

            /// Returns it as 32 hexadecimal digits.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }
    };
}

random_id! {
    /// One sign-in. A later sign-in of the same user has another, so that an answer to the first
    /// cannot be taken for one to the second.
    GrantId
}
random_id! {
    /// One saved pair of tokens. Random, so that it says nothing of them; it tells apart two rows
    /// of the same generation, of which one came back from a backup.
    PairId
}
random_id! {
    /// One attempt to spend a generation. A repeat that finds its own attempt has succeeded.
    AttemptId
}

impl AttemptId {
    /// Returns a factor from 0.5 to 1, for back-offs that must not fall on one instant.
    pub fn spread(&self) -> f64 {
        let first = u32::from_str_radix(self.as_str().get(..8).unwrap_or("0"), 16).unwrap_or(0);
        0.5 + f64::from(first) / f64::from(u32::MAX) / 2.0
    }
}

/// Who holds a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The boot of the machine it runs on.
    pub boot_id: String,
    /// Its process id there.
    pub pid: u32,
    /// The liveness file that it keeps locked, for those who can open it.
    pub liveness: Option<Liveness>,
}

/// A file that a living holder keeps locked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Liveness {
    /// Its name in the holders' folder.
    pub file: String,
    /// The device it is on.
    pub device: u64,
    /// Its inode there.
    pub inode: u64,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on boot {:.8}", self.pid, self.boot_id)
    }
}

/// Who is spending the current generation, or signing out. Until when is the store's affair, by
/// the store's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The attempt that took it. Only that attempt releases it.
    pub attempt: AttemptId,
    /// Who took it.
    pub holder: Arc<Holder>,
    /// When, by the store's clock.
    pub since: Timestamp,
}

impl Lease {
    /// How long a lease lasts: twice the deadlines of a connection and of an answer, and ten
    /// seconds. It is not renewed.
    pub const SPAN: Duration = Duration::from_secs(90);
}

/// The states of a grant. See [`transition`] for how it moves between them.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The pair is good, as far as anyone knows.
    Ready,
    /// A holder has said that it sends the current generation; it may be spent already.
    Spending,
    /// The current generation was sent and the outcome is not known.
    InDoubt,
    /// X once said that the token is invalid; it is asked again before the grant is called dead.
    Rejected,
    /// X said it twice, or there is nothing to refresh with: the user must approve again.
    SignInNeeded,
    /// A sign-out has begun; X has not confirmed it yet.
    SigningOut,
    /// Signed out. The row stays as a tombstone.
    SignedOut,
}

impl State {
    /// Returns the state's name as it is stored and shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Spending => "spending",
            Self::InDoubt => "in_doubt",
            Self::Rejected => "rejected",
            Self::SignInNeeded => "sign_in_needed",
            Self::SigningOut => "signing_out",
            Self::SignedOut => "signed_out",
        }
    }
}

/// Why a grant needs a new sign-in.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Death {
    /// X says the token is invalid and no send was ever in doubt: spent elsewhere, revoked,
    /// expired, or replaced by a sign-in on another machine.
    TokenInvalid,
    /// A send's answer never came, or said nothing, and X now says the token is spent: the pair was
    /// lost. What X issued then may still be live; the user can end it at X's connected-apps page.
    AnswerLost,
    /// The access token ended and there is no refresh token: `offline.access` was not granted.
    NoRefreshToken,
}

/// The access token of the current generation, sealed, and what is known of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Access {
    /// The token.
    pub token: Sealed,
    /// As X spells it; `bearer`.
    pub token_type: String,
    /// When it was received.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Whether the resource server refused it with 401; then it is not served again.
    #[serde(default, skip_serializing_if = "is_default")]
    pub is_rejected: bool,
}

/// A received pair that lost its compare: kept sealed, and spent once before a grant is called
/// dead.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Candidate {
    /// The pair's own name; its secrets are bound to it.
    pub pair: PairId,
    /// The sign-in it came from.
    pub grant_id: GrantId,
    /// The generation it would have made.
    pub generation: Generation,
    /// The refresh token.
    pub refresh: Sealed,
    /// When it was received.
    pub received_at: Timestamp,
}

/// A 200 without a token that could be read, kept as it came and judged again by a later version.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Unread {
    /// The attempt that received it.
    pub attempt: AttemptId,
    /// Its status.
    pub status: u16,
    /// Its body, at most 64 KiB of it.
    pub body: Sealed,
    /// When it was received.
    pub received_at: Timestamp,
}

/// What is as it is in most records is not written: every write of a login carries its whole record.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// One grant, as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Grant {
    /// Whose it is.
    pub account: Account,
    /// The handle, for people; changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The sign-in it comes from.
    pub grant_id: GrantId,
    /// The sign-in's number, counted by the store; the higher one is current.
    pub sign_in: u64,
    /// Grows by one with every rotation, sign-in and sign-out.
    pub generation: Generation,
    /// The name of the current pair.
    pub pair: PairId,
    /// Where it stands.
    pub state: State,
    /// Why it is dead, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub death: Option<Death>,
    /// Who is spending it, if anyone is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// The access token, unless X has sent none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
    /// The refresh token, unless `offline.access` was not granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<Sealed>,
    /// Whether the refresh token is a candidate's, sealed under the candidate's own place.
    #[serde(default, skip_serializing_if = "is_default")]
    pub refresh_is_candidate: bool,
    /// The scopes that were granted, if X named them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Scopes>,
    /// How many sends of this generation have no known outcome. Leaves only when the generation
    /// moves or X gives its word on the token.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unresolved_sends: u32,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt_since: Option<Timestamp>,
    /// X's first word that the token of this generation is invalid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejection: Option<Rejection>,
    /// The attempt that made this generation. A holder that finds its own has succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_by: Option<AttemptId>,
    /// How many attempts in a row have failed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub failures: u32,
    /// No spend begins before this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// How many rotations in a row a 401 has caused, and when the last one was.
    #[serde(default, skip_serializing_if = "is_default")]
    pub feedback: Feedback,
    /// Pairs that lost their compare, the newest last; at most [`Grant::MAX_CANDIDATES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Candidate>,
    /// The last success that could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<Unread>,
    /// When a caller last asked for more than the token in memory; noted with a spend, or else
    /// at most once an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_at: Option<Timestamp>,
    /// What happened lately.
    #[serde(default)]
    pub history: History,
}

/// X's word that a token is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// When it was first said.
    pub at: Timestamp,
    /// Whether a send of the same token was in doubt before.
    pub after_doubt: bool,
}

/// Rotations that a resource server's 401 has caused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feedback {
    /// How many in a row.
    pub count: u32,
    /// When the last one was.
    pub last: Option<Timestamp>,
}

impl Grant {
    /// Returns the user's name in the account until the user is known. It goes on naming the login
    /// for those who have it from then.
    pub fn provisional_user(&self) -> String {
        format!("{}{}", Account::UNLABELLED, self.sign_in)
    }

    /// How many pairs that lost their compare are kept.
    pub const MAX_CANDIDATES: usize = 2;
    /// How many events are kept.
    pub const MAX_HISTORY: usize = 12;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_that_no_login_reaches_is_no_panic() {
        assert_eq!(Generation(u64::MAX).next(), Generation(u64::MAX));
    }
}
