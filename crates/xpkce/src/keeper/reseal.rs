//! Seals everything in a store with the newest key, after a rotation of the keys, so that the old
//! keys can go.

use super::pair;
use crate::Result;
use crate::grant::Account;
use crate::seal::Sealer;
use crate::store::{LeaseEnd, Store, Stored, Swapped};

/// What was sealed anew.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Records that are sealed with the newest key now, and were not.
    pub resealed: usize,
    /// Records that do not open; they were left as they are.
    pub failed: usize,
}

/// How many records are read at once.
const PAGE: usize = 500;
/// How often a record is tried that others write meanwhile; they seal it anew themselves.
const TRIES: usize = 8;

/// Seals every record of `store` anew that names another key than the newest one of `sealer`. Others
/// may work on it meanwhile. Sign-ins that wait for their callback are left: they end by themselves.
///
/// # Errors
/// [`Store`](crate::ErrorKind::Store). What was sealed anew until then stays so.
pub async fn reseal(store: &dyn Store, sealer: &Sealer) -> Result<Resealed> {
    let mut done = Resealed::default();
    let mut after: Option<Account> = None;
    loop {
        let page = store.list(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(done);
        };
        after = Some(last.grant.account.clone());
        for stored in page {
            match reseal_one(store, sealer, stored).await {
                Ok(is_news) => done.resealed += usize::from(is_news),
                Err(why) if why.reason() == crate::Reason::Key => {
                    tracing::warn!(error = %why, "a login was not sealed anew");
                    done.failed += 1;
                }
                Err(why) => return Err(why),
            }
        }
    }
}

async fn reseal_one(store: &dyn Store, sealer: &Sealer, mut stored: Stored) -> Result<bool> {
    for _ in 0..TRIES {
        let Some(grant) = pair::resealed(sealer, &stored.grant)? else {
            return Ok(false);
        };
        match store.swap(&grant, Some(stored.revision), LeaseEnd::Keep).await? {
            Swapped::Done(_) => return Ok(true),
            Swapped::Moved(Some(now)) => stored = *now,
            Swapped::Moved(None) => return Ok(false),
        }
    }
    Ok(false)
}
