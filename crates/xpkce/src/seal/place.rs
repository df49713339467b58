//! Where a sealed secret belongs, and how that is bound to the ciphertext.

use std::fmt;

use super::KeyId;
use crate::grant::{Account, Generation, GrantId, PairId};

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
    /// A confidential app's client secret, by its client id.
    ClientSecret(&'a str),
}

impl Place<'_> {
    /// Returns the associated data: a number for the kind of place, then each part after its
    /// length, so that no two places have the same bytes.
    pub(super) fn bound_to(&self, key: &KeyId) -> Vec<u8> {
        // Room for the longest that is usual.
        let mut bytes = Vec::with_capacity(192);
        bytes.extend_from_slice(b"xpkce 1");
        bytes.push(self.number());
        let mut bind = |part: &[u8]| {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part);
        };
        bind(key.to_string().as_bytes());
        match self {
            Self::Access(account, grant, generation)
            | Self::Refresh(account, grant, generation)
            | Self::Unread(account, grant, generation)
            | Self::Spill(account, grant, generation) => {
                bind(account.app.as_bytes());
                bind(account.user.as_bytes());
                bind(grant.as_str().as_bytes());
                bind(&generation.0.to_be_bytes());
            }
            Self::Candidate(account, pair) => {
                bind(account.app.as_bytes());
                bind(account.user.as_bytes());
                bind(pair.as_str().as_bytes());
            }
            Self::Login(key) => bind(key.as_bytes()),
            Self::ClientSecret(client_id) => bind(client_id.as_bytes()),
            Self::KeyCheck => {}
        }
        bytes
    }

    /// Part of what is sealed: never renumber.
    const fn number(self) -> u8 {
        match self {
            Self::Access(..) => 1,
            Self::Refresh(..) => 2,
            Self::Candidate(..) => 3,
            Self::Unread(..) => 4,
            Self::Login(_) => 5,
            Self::Spill(..) => 6,
            Self::KeyCheck => 7,
            Self::ClientSecret(_) => 8,
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Access(account, ..) => write!(f, "the access token of {account}"),
            Self::Refresh(account, ..) => write!(f, "the refresh token of {account}"),
            Self::Candidate(account, _) => write!(f, "a candidate's token of {account}"),
            Self::Unread(account, ..) => write!(f, "an unread answer for {account}"),
            Self::Login(_) => f.write_str("a sign-in that waits for its callback"),
            Self::Spill(account, ..) => write!(f, "a spilled pair of {account}"),
            Self::KeyCheck => f.write_str("the store's key check"),
            Self::ClientSecret(_) => f.write_str("the app's client secret"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::Sealer;

    #[test]
    fn a_client_secret_opens_for_its_own_client_id_alone() {
        let sealer = Sealer::from_text("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
        let sealed = sealer.seal(Place::ClientSecret("id"), b"secret").unwrap();
        assert_eq!(*sealer.open(Place::ClientSecret("id"), &sealed).unwrap(), b"secret");
        assert!(sealer.open(Place::ClientSecret("other"), &sealed).is_err());
        assert!(sealer.open(Place::Login("id"), &sealed).is_err());
    }
}
