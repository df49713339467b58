//! What happened to a grant lately, for those who ask why it is as it is.

use serde::{Deserialize, Serialize};

use super::Generation;
use crate::Timestamp;

/// What once happened to a grant. Holds no token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When, by the store's clock; a sign-in's by its holder's wall clock.
    pub at: Timestamp,
    /// The generation it happened to.
    pub generation: Generation,
    /// What happened.
    pub what: What,
    /// Who did it.
    pub holder: String,
}

/// The kinds of [`Event`].
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The user approved and the pair was saved.
    SignedIn,
    /// The user behind a sign-in became known.
    Labelled,
    /// X rotated the pair and it was saved.
    Rotated,
    /// A send's outcome is not known.
    SendInDoubt,
    /// A holder ended while it was sending.
    HolderDied,
    /// X answered success without a token that could be read.
    AnswerUnread,
    /// X said that the token is invalid.
    TokenRejected,
    /// The grant was called dead.
    CalledDead,
    /// A pair that had lost its compare was put in the place of a rejected one.
    CandidateTried,
    /// A resource server refused the access token.
    AccessRejected,
    /// A sign-out began.
    SignOutBegan,
    /// X confirmed the sign-out, or it was forgotten on request.
    SignedOut,
    /// A pair came after the sign-out, and X did not take it back.
    NotRevoked,
}
