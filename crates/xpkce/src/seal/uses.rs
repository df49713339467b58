//! Which key has sealed what, which has to be known before a key is dropped.

use std::collections::{BTreeMap, BTreeSet};

use super::unlock::CHECK;
use super::{KeyId, Place, Sealed, Sealer};
use crate::Result;
use crate::grant::Grant;
use crate::store::Store;

/// How many records are read at once to see which keys they name.
const PAGE: usize = 500;

/// How much of a store is sealed with one key.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyUses {
    /// Records with something that it sealed.
    pub records: usize,
    /// Sign-ins that wait for their callback.
    pub logins: usize,
    /// Whether it sealed the store's key check.
    pub is_check: bool,
}

/// Counts what is sealed with which key, and changes nothing.
///
/// # Errors
/// The store's.
pub async fn key_uses(store: &dyn Store) -> Result<BTreeMap<KeyId, KeyUses>> {
    let mut uses: BTreeMap<KeyId, KeyUses> = BTreeMap::new();
    if let Some(check) = store.key_check(None).await? {
        uses.entry(*check.key()).or_default().is_check = true;
    }
    for key in store.login_keys().await? {
        uses.entry(key).or_default().logins += 1;
    }
    let mut after = None;
    loop {
        let page = store.list(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(uses);
        };
        after = Some(last.grant.account.clone());
        for there in &page {
            let named: BTreeSet<_> = sealed_in(&there.grant).map(Sealed::key).collect();
            for key in named {
                uses.entry(*key).or_default().records += 1;
            }
        }
    }
}

/// Returns the names of the keys that something in `store` is sealed with, after sealing its key
/// check with the key of `sealer` that seals.
///
/// # Errors
/// [`Reason::Key`](crate::Reason::Key) when the key check does not open, and the store's own.
pub async fn keys_in_use(store: &dyn Store, sealer: &Sealer) -> Result<BTreeSet<KeyId>> {
    seal_key_check_anew(store, sealer).await?;
    Ok(key_uses(store).await?.into_keys().collect())
}

fn sealed_in(grant: &Grant) -> impl Iterator<Item = &Sealed> {
    let access = grant.access.as_ref().map(|access| &access.token);
    let unread = grant.unread.as_ref().map(|unread| &unread.body);
    let candidates = grant.candidates.iter().map(|candidate| &candidate.refresh);
    access.into_iter().chain(&grant.refresh).chain(candidates).chain(unread)
}

/// Another process may be at it too: whoever is first has done it.
async fn seal_key_check_anew(store: &dyn Store, sealer: &Sealer) -> Result<()> {
    let Some(check) = store.key_check(None).await? else {
        return Ok(());
    };
    if *check.key() != sealer.current() {
        sealer.open(Place::KeyCheck, &check)?;
        let anew = sealer.seal(Place::KeyCheck, CHECK)?;
        store.replace_key_check(&check, &anew).await?;
    }
    Ok(())
}
