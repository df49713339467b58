//! The keys that a sealer has at one time.

use super::key::{KeyId, SealingKey};
use crate::{Error, Reason, Result};

/// At least one key; the last one seals.
pub(super) struct Ring {
    keys: Vec<SealingKey>,
}

impl Ring {
    pub(super) fn new(keys: Vec<SealingKey>) -> Result<Self> {
        if keys.is_empty() {
            return Err(Error::new(Reason::Key, "there is no sealing key in it"));
        }
        Ok(Self { keys })
    }

    pub(super) fn keys(&self) -> &[SealingKey] {
        &self.keys
    }

    pub(super) fn current(&self) -> &SealingKey {
        self.keys.last().expect("new refuses an empty ring")
    }

    pub(super) fn key(&self, id: &KeyId) -> Result<&SealingKey> {
        self.keys.iter().find(|key| key.id() == id).ok_or_else(|| {
            Error::new(Reason::Key, format!("sealed with key {id}, which is not among the keys"))
                .with_hint("give the key file or the XPKCE_KEY that this store was made with")
        })
    }

    /// Returns `newer` with the keys of this one that it lacks, so that nothing that could be
    /// opened ceases to open.
    pub(super) fn followed_by(&self, newer: Self) -> Self {
        let lacks = |key: &&SealingKey| newer.key(key.id()).is_err();
        let mut keys: Vec<_> = self.keys.iter().filter(lacks).cloned().collect();
        keys.extend(newer.keys);
        Self { keys }
    }
}
