//! The one loop that changes a record: decide on the record that is there, swap it, and decide
//! again if another writer was first.

use std::sync::Arc;

use super::Desk;
use crate::grant::{Account, Grant};
use crate::store::{LeaseEnd, Stored, Swapped};
use crate::{Error, Reason, Result};

/// What to do with the record after a decision.
pub(super) enum Step<T> {
    /// Save it as it is now.
    Save(T, LeaseEnd),
    /// Leave what is stored.
    Leave(T),
}

impl Desk {
    /// How often a swap is tried again; each time somebody else got through.
    const MOST_SWAPS: usize = 64;

    /// Reads a record that must be there. A login that was labelled meanwhile is found by the name
    /// it had before, too.
    pub(super) async fn load(&self, account: &Account) -> Result<Stored> {
        if let Some(stored) = self.store.load(account).await? {
            return Ok(stored);
        }
        Box::pin(self.recover_sign_ins()).await?;
        if let Some(stored) = self.store.load(account).await? {
            return Ok(stored);
        }
        Box::pin(self.find_labelled(account)).await?.ok_or_else(|| not_signed_in(account))
    }

    /// Lets `decide` change the record until what it decided on is what was stored.
    pub(super) async fn settle<T>(
        &self,
        mut stored: Stored,
        mut decide: impl FnMut(&mut Grant, &Stored) -> Result<Step<T>> + Send,
    ) -> Result<(T, Stored)> {
        for _ in 0..Self::MOST_SWAPS {
            let mut grant = Arc::clone(&stored.grant);
            let (outcome, lease) = match decide(Arc::make_mut(&mut grant), &stored)? {
                Step::Save(outcome, lease) => (outcome, lease),
                Step::Leave(outcome) => return Ok((outcome, stored)),
            };
            // A lease that is still there is somebody else's, and not ours to end.
            let lease = match lease {
                LeaseEnd::Now if grant.lease.is_some() => LeaseEnd::Keep,
                other => other,
            };
            match self.store.swap(&grant, Some(stored.revision), lease).await? {
                Swapped::Done(revision) => {
                    let lease_left = match lease {
                        LeaseEnd::In(left) => left,
                        LeaseEnd::Keep => stored.lease_left,
                        LeaseEnd::Now => std::time::Duration::ZERO,
                    };
                    return Ok((outcome, Stored { grant, revision, lease_left, ..stored }));
                }
                Swapped::Moved(Some(now)) => stored = *now,
                Swapped::Moved(None) => return Err(not_signed_in(&stored.grant.account)),
            }
        }
        Err(Error::new(Reason::Busy, "the login is being changed by many others at once"))
    }
}

pub(super) fn not_signed_in(account: &Account) -> Error {
    let message = format!("no login of user {account} is stored for this app");
    Error::new(Reason::NotSignedIn, message)
}
