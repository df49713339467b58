//! Where grants are kept: one small trait, several back ends, one contract for all of them.
//!
//! A store compares and swaps whole records and knows the time; it decides nothing. What a record
//! may become is [`crate::grant::transition`]'s affair, so that every back end runs the same
//! protocol. Every secret in a record is sealed before a store sees it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::grant::{Account, Grant};
use crate::http::Pending;
use crate::seal::{KeyId, Sealed};
use crate::{Result, Timestamp, turns};

mod address;
pub use address::{StoreAddress, StoreAddressError};

#[cfg(feature = "sqlite")]
mod boot;

#[cfg(feature = "testing")]
pub mod contract;

mod libpq;

mod memory;
pub use memory::MemoryStore;

#[cfg(feature = "postgres")]
mod postgres;
pub use crate::secret::PostgresUri;
#[cfg(feature = "postgres")]
pub use postgres::PostgresStore;

#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteReading, SqliteStore};

/// Numbers the writes of one record, each higher than the one before. A swap names the revision that
/// it has read. Every store takes its numbers from [`Revision::after`]; none is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub u64);

impl Revision {
    /// Returns a revision that follows `read`, or that of a record that was not there. It is a random
    /// step away: in a store that came back from a backup, or was made anew, no record gets to the
    /// revision that somebody remembers of the one that is gone.
    pub fn after(read: Option<Self>) -> Self {
        Self(read.map_or(0, |revision| revision.0) + step())
    }
}

/// From 1 to 2^24: small enough for a million million writes.
fn step() -> u64 {
    let mut random = [0; 4];
    // Where the system gives none, they are counted.
    let _ = turns::fill(&mut random[..3]);
    u64::from(u32::from_le_bytes(random)) + 1
}

/// A record as it was read.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The record, shared because every step of a spend copies it and few change it.
    pub grant: Arc<Grant>,
    /// Its revision.
    pub revision: Revision,
    /// How much of its lease is left by the store's clock; zero if there is none, if it has run
    /// out, or if it was taken before this machine was last started.
    pub lease_left: Duration,
    /// When it was read, by the store's clock: one clock for the holders of every machine.
    pub now: Timestamp,
}

/// What a swap does to the lease's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseEnd {
    /// Leaves it.
    Keep,
    /// Sets it this far from now, by the store's clock.
    In(Duration),
    /// Ends it.
    Now,
}

/// The outcome of a swap.
#[derive(Debug)]
pub enum Swapped {
    /// The record is durable, at this revision.
    Done(Revision),
    /// Another writer was first and nothing was written. Holds the record that is there now.
    Moved(Option<Box<Stored>>),
}

/// A sign-in that waits for its callback, sealed. Taken once.
#[derive(Clone, Debug)]
pub struct PendingLogin {
    /// A hash of the state, so that the state itself is not in the store.
    pub key: String,
    /// The sign-in.
    pub login: Sealed,
    /// Until when it can be finished.
    pub expires_at: Timestamp,
}

/// A record that needs the keeper even if nobody asks for its token.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// Since when: [`Grant::due_minute`].
    pub minute: i64,
    /// The user; the app is the one that was asked for.
    pub user: String,
}

/// Returns the last minute that has begun by `now`.
fn minute_of(now: Timestamp) -> i64 {
    now.as_millis().div_euclid(60_000)
}

/// A place for grants that survives the process.
///
/// When a write succeeds it is durable. A write that fails may have taken effect all the same,
/// because an acknowledgement can be lost. Dropping a future does not undo what it has begun.
/// Implementations limit how long they wait for locks and connections; the caller limits how long
/// it waits for a disk that never answers.
///
/// A record that is written, or relabelled, gets the revision [`Revision::after`] `expected`. Numbers
/// that are counted one by one will not do: a keeper spends over a revision that it remembers, without
/// reading the record first, and a record that was made anew, or came back from a backup, must not get
/// to that revision.
///
/// Accounts are told apart and ordered as [`Account`] is, byte by byte, whatever is in their names. A
/// record may take a hundred kilobytes.
///
/// The contract that every implementation must keep is written as tests, in `store::contract`
/// behind the feature `testing`.
///
/// # Errors
/// [`Reason::Store`](crate::Reason::Store) when it cannot be read or written,
/// [`Reason::Busy`](crate::Reason::Busy) when a lock or a connection was waited for too long,
/// [`Reason::StoreDamaged`](crate::Reason::StoreDamaged) and
/// [`Reason::StoreNewer`](crate::Reason::StoreNewer) when the content cannot be trusted; it is
/// never overwritten then.
pub trait Store: fmt::Debug + Send + Sync {
    /// Reads one record.
    fn load<'a>(&'a self, account: &'a Account) -> Pending<'a, Result<Option<Stored>>>;

    /// Writes `grant` if the record is still at `expected`; none expects that there is no record. A
    /// swap that loses changes nothing, the end of the lease included.
    ///
    /// [`LeaseEnd::In`] announces a spend. A store that can reserve room for the new pair must fail
    /// here if there is none.
    fn swap<'a>(
        &'a self,
        grant: &'a Grant,
        expected: Option<Revision>,
        lease: LeaseEnd,
    ) -> Pending<'a, Result<Swapped>>;

    /// Moves the record `from`, if still at its revision, to `grant`'s account, if still at
    /// `expected`: both or neither. [`Swapped::Moved`] holds what is at `grant`'s account. The end
    /// of the lease moves along, in the place of the one that is there. To its own account it is a
    /// swap that must find both revisions.
    fn relabel<'a>(
        &'a self,
        from: (&'a Account, Revision),
        grant: &'a Grant,
        expected: Option<Revision>,
    ) -> Pending<'a, Result<Swapped>>;

    /// Reads up to `limit` records in the order of their accounts, from the one after `after`, which
    /// may be gone.
    fn list<'a>(
        &'a self,
        after: Option<&'a Account>,
        limit: usize,
    ) -> Pending<'a, Result<Vec<Stored>>>;

    /// Reads up to `limit` names of an app's records that are due by `now`, by their minutes and
    /// then their users, from the one after `after`, which may be gone. A record is due once its
    /// [`Grant::due_minute`] has begun, which is rounded up, so that none comes too early; one without
    /// a minute never is.
    fn due<'a>(
        &'a self,
        app: &'a str,
        now: Timestamp,
        after: Option<&'a Due>,
        limit: usize,
    ) -> Pending<'a, Result<Vec<Due>>>;

    /// Returns a number higher than every one returned before, to any process. This announces a
    /// sign-in. A store that can reserve room for its pair must fail here if there is none.
    fn next_sign_in(&self) -> Pending<'_, Result<u64>>;

    /// Keeps a sign-in until its callback comes, in the place of one of the same key, and drops those
    /// that have ended at `now`.
    fn put_login<'a>(&'a self, login: &'a PendingLogin, now: Timestamp) -> Pending<'a, Result<()>>;

    /// Takes a sign-in out; a second caller gets none. One that has ended at `now` is none.
    fn take_login<'a>(
        &'a self,
        key: &'a str,
        now: Timestamp,
    ) -> Pending<'a, Result<Option<Sealed>>>;

    /// Returns the key check of this store, after setting it to `proposed` where there was none.
    /// It tells a wrong sealing key before anything is sealed with it.
    fn key_check<'a>(&'a self, proposed: Option<&'a Sealed>)
    -> Pending<'a, Result<Option<Sealed>>>;

    /// Replaces the key check `expected`, and tells whether it was still that one.
    fn replace_key_check<'a>(
        &'a self,
        expected: &'a Sealed,
        check: &'a Sealed,
    ) -> Pending<'a, Result<bool>>;

    /// Returns the names of the keys that sealed the sign-ins that wait.
    fn login_keys(&self) -> Pending<'_, Result<Vec<KeyId>>>;

    /// Returns the folder this store lives in, where its holders share a file system.
    fn folder(&self) -> Option<&Path> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_writings_over_one_reading_have_revisions_of_their_own() {
        for read in [None, Some(Revision(7))] {
            let [one, other] = [Revision::after(read), Revision::after(read)];
            assert!(one != other && one.min(other) > read.unwrap_or(Revision(0)), "{one:?}");
        }
    }
}
