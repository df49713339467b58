//! What the holders' files tell to a reader that leaves them alone: who holds a lease, and which
//! pairs are not in the store yet.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::presence::{self, Foreign};
use super::spill::Spilled;
use super::{boot_id, spill};
use crate::grant::{Account, Generation, Holder};
use crate::store::Stored;
use crate::{Result, Timestamp};

/// Who is spending a login, or signing it out.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct LeaseHolder {
    /// Who.
    pub holder: Arc<Holder>,
    /// Since when, by the store's clock.
    pub since: Timestamp,
    /// Whether it is dead, or has let its lease run out; none where that cannot be told from here.
    pub is_gone: Option<bool>,
}

/// A pair that the store has not taken yet.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingPair {
    /// Whose it is.
    pub account: Account,
    /// The generation that it makes.
    pub generation: Generation,
    /// Whether a sign-in brought it.
    pub is_sign_in: bool,
    /// When it was received.
    pub received_at: Timestamp,
    /// Who received it.
    pub holder: Arc<Holder>,
}

impl LeaseHolder {
    /// Looks who holds the lease of a record; none when nobody does. The folder is that of the
    /// holders' files.
    pub fn of(stored: &Stored, folder: &Path) -> Option<Self> {
        let lease = stored.grant.lease.as_ref()?;
        let holder = Arc::clone(&lease.holder);
        let is_here = holder.boot_id == boot_id();
        let seen = holder.liveness.as_ref().filter(|_| is_here);
        let is_gone = match seen.and_then(|liveness| presence::is_alive(folder, liveness)) {
            _ if stored.lease_left.is_zero() => Some(true),
            Some(is_alive) => Some(!is_alive),
            None => None,
        };
        Some(Self { holder, since: lease.since, is_gone })
    }
}

/// A pair that a living holder is just saving is not waiting yet.
const JUST_NOW: Duration = Duration::from_secs(5);

/// Lists the pairs in a folder of holders' files that nobody has saved yet, the oldest first. A pair
/// of a login is saved with its next use; one of a sign-in with the next look for its login.
///
/// # Errors
/// [`Reason::Store`](crate::Reason::Store) when a file cannot be read.
pub fn waiting_pairs(folder: &Path, now: Timestamp) -> Result<Vec<WaitingPair>> {
    let records = Foreign::all_records(folder).map_err(|why| spill::unreadable(folder, why))?;
    // One that is written anew has two places for a while.
    let mut names = HashSet::new();
    let spilled = records.iter().filter_map(|record| Spilled::parse(record));
    let mut waiting: Vec<_> = spilled
        .filter(|spilled| names.insert(spilled.pair))
        .filter(|spilled| spilled.is_left(folder) || now.since(spilled.received_at) > JUST_NOW)
        .map(|spilled| WaitingPair {
            generation: spilled.spent().generation.next(),
            is_sign_in: spilled.is_sign_in(),
            received_at: spilled.received_at,
            holder: spilled.holder,
            account: spilled.account,
        })
        .collect();
    waiting.sort_by_key(|pair| pair.received_at);
    Ok(waiting)
}

impl Spilled {
    /// Returns whether its holder is known to be dead.
    fn is_left(&self, folder: &Path) -> bool {
        let liveness = self.holder.liveness.as_ref();
        liveness.is_some_and(|liveness| presence::is_alive(folder, liveness) == Some(false))
    }
}
