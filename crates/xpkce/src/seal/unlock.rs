//! How a store gets its sealer. The key must open what the store was sealed with; a new key is made
//! only for a store that has none.

use std::path::PathBuf;

use super::{KeyText, Place, Sealed, Sealer};
use crate::Result;
use crate::store::Store;

/// Where the sealing keys come from.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum KeySource {
    /// A key file; made for a new store where there is none.
    File(PathBuf),
    /// A key file, or the keys themselves as [`Sealer::from_text`] reads them, in a file that a
    /// service manager has put there: who may read it is the manager's affair. Never made here.
    Credential(PathBuf),
    /// The keys themselves, as [`Sealer::from_text`] reads them.
    Text(KeyText),
}

/// What a store's key check holds.
pub(super) const CHECK: &[u8] = b"xpkce key check";

/// Returns the sealer of `store`, after making sure that its keys open the store's key check.
///
/// A store that has no key check yet gets one; then, and only then, a key file is made where
/// there is none.
///
/// # Errors
/// [`Reason::Key`](crate::Reason::Key) when the keys are missing, unreadable or not this store's; [`Reason::Store`](crate::Reason::Store) when no key file can be made;
/// and the store's own.
pub async fn unlock(store: &dyn Store, source: &KeySource) -> Result<Sealer> {
    if let Some(check) = store.key_check(None).await? {
        return open_check(source, &check);
    }
    let is_empty = store.list(None, 1).await?.is_empty();
    let sealer = if is_empty { read_or_make(source)? } else { read(source)? };
    let proposed = sealer.seal(Place::KeyCheck, CHECK)?;
    let check = store.key_check(Some(&proposed)).await?.unwrap_or(proposed);
    sealer.open(Place::KeyCheck, &check)?;
    Ok(sealer)
}

/// Returns the sealer of a store that has the key check `check`, after making sure that its keys
/// open it. Makes nothing.
///
/// # Errors
/// As [`unlock`], save the store's own.
pub fn open_check(source: &KeySource, check: &Sealed) -> Result<Sealer> {
    let sealer = read(source)?;
    sealer.open(Place::KeyCheck, check)?;
    Ok(sealer)
}

fn read(source: &KeySource) -> Result<Sealer> {
    match source {
        KeySource::File(path) => Sealer::from_key_file(path),
        KeySource::Credential(path) => Sealer::from_credential(path),
        KeySource::Text(text) => Sealer::from_text(text.expose()),
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
