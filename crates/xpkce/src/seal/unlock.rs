//! How a store gets its sealer: the key must open what the store was sealed with, and is made only
//! for a store that has none.

use std::collections::BTreeSet;
use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};

use super::{KeyId, Place, Sealed, Sealer};
use crate::Result;
use crate::grant::Grant;
use crate::store::Store;

/// Where the sealing keys come from.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum KeySource {
    /// A key file; made for a new store where there is none.
    File(PathBuf),
    /// The keys themselves, as [`Sealer::from_text`] reads them.
    Text(SecretString),
}

/// How many records are read at once to see which keys they name.
const PAGE: usize = 500;

/// What a store's key check holds.
const CHECK: &[u8] = b"xpkce key check";

/// Returns the sealer of `store`, after making sure that its keys open the store's key check.
///
/// A store that has no key check yet gets one; then, and only then, a key file is made where
/// there is none.
///
/// # Errors
/// [`Reason::Key`](crate::Reason::Key) when the keys are missing, unreadable or not this store's; and the store's own.
pub async fn unlock(store: &dyn Store, source: &KeySource) -> Result<Sealer> {
    if let Some(check) = store.key_check(None).await? {
        let sealer = read(source)?;
        sealer.open(Place::KeyCheck, &check)?;
        return Ok(sealer);
    }
    let is_empty = store.list(None, 1).await?.is_empty();
    let sealer = if is_empty { read_or_make(source)? } else { read(source)? };
    let proposed = sealer.seal(Place::KeyCheck, CHECK)?;
    let check = store.key_check(Some(&proposed)).await?.unwrap_or(proposed);
    sealer.open(Place::KeyCheck, &check)?;
    Ok(sealer)
}

/// Returns the names of the keys that something in `store` is sealed with, after sealing its key
/// check with the key of `sealer` that seals.
///
/// # Errors
/// [`Reason::Key`](crate::Reason::Key) when the key check does not open, and the store's own.
pub async fn keys_in_use(store: &dyn Store, sealer: &Sealer) -> Result<BTreeSet<KeyId>> {
    let mut named = BTreeSet::new();
    named.extend(seal_key_check_anew(store, sealer).await?);
    named.extend(store.login_keys().await?);
    let mut after = None;
    loop {
        let page = store.list(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(named);
        };
        after = Some(last.grant.account.clone());
        for there in &page {
            named.extend(sealed_in(&there.grant).map(|sealed| sealed.key().clone()));
        }
    }
}

fn sealed_in(grant: &Grant) -> impl Iterator<Item = &Sealed> {
    let access = grant.access.as_ref().map(|access| &access.token);
    let unread = grant.unread.as_ref().map(|unread| &unread.body);
    let candidates = grant.candidates.iter().map(|candidate| &candidate.refresh);
    access.into_iter().chain(&grant.refresh).chain(candidates).chain(unread)
}

/// Returns the key that the check is sealed with in the end: another process may be at it too.
async fn seal_key_check_anew(store: &dyn Store, sealer: &Sealer) -> Result<Option<KeyId>> {
    let Some(check) = store.key_check(None).await? else {
        return Ok(None);
    };
    if *check.key() == sealer.current() {
        return Ok(Some(check.key().clone()));
    }
    sealer.open(Place::KeyCheck, &check)?;
    let anew = sealer.seal(Place::KeyCheck, CHECK)?;
    let is_done = store.replace_key_check(&check, &anew).await?;
    Ok(if is_done {
        Some(anew.key().clone())
    } else {
        store.key_check(None).await?.map(|check| check.key().clone())
    })
}

fn read(source: &KeySource) -> Result<Sealer> {
    match source {
        KeySource::File(path) => Sealer::from_key_file(path),
        KeySource::Text(text) => Sealer::from_text(text.expose_secret()),
    }
}

fn read_or_make(source: &KeySource) -> Result<Sealer> {
    let KeySource::File(path) = source else {
        return read(source);
    };
    if !path.try_exists().unwrap_or(true) {
        // Another process may make it first; whoever is second reads what the first one made.
        match Sealer::generate_key_file(path) {
            Err(why) if !path.exists() => return Err(why),
            _ => {}
        }
    }
    read(source)
}
