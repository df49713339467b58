//! Encryption at rest, between a grant and every back end.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::grant::{Account, Generation, GrantId, PairId};

/// A secret as a store sees it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Names the key that sealed it.
    pub(crate) key: String,
    /// The nonce and the ciphertext, base64url without padding.
    pub(crate) text: String,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed(key {})", self.key)
    }
}

/// Where a sealed secret belongs. It opens nowhere else.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// A grant's access token.
    Access(&'a Account, &'a GrantId, Generation),
    /// A grant's refresh token.
    Refresh(&'a Account, &'a GrantId, Generation),
    /// A candidate's refresh token.
    Candidate(&'a Account, &'a PairId),
    /// A body that could not be read.
    Unread(&'a Account, &'a GrantId, Generation),
    /// A sign-in that waits for its callback, by its key.
    Login(&'a str),
    /// A spilled pair.
    Spill(&'a Account, &'a GrantId, Generation),
    /// A store's key check.
    KeyCheck,
}
