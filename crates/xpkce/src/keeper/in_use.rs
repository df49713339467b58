//! Notes in the record that a login is in use, because refreshing follows use. This happens at most
//! once an hour, after the token was served, and a failure is never an error.

use std::sync::Arc;
use std::time::Duration;

use super::Desk;
use super::settle::Step;
use super::source::Slot;
use crate::grant::{Grant, State};
use crate::store::{LeaseEnd, Store, Stored, Swapped};
use crate::{Result, Timestamp};

/// How old a note may be.
const HOUR: Duration = Duration::from_secs(3600);

impl Desk {
    /// Notes in the record that a caller asked, unless that is there already.
    pub(super) async fn note_use(self: &Arc<Self>, slot: &Slot) {
        if !slot.may_note_use(self.clock.uptime(), HOUR) {
            return;
        }
        if let Err(why) = self.note_use_of(slot).await {
            tracing::debug!(account = %slot.account(), error = %why, "that the login is in use could not be noted");
        }
    }

    async fn note_use_of(&self, slot: &Slot) -> Result<()> {
        let Some(stored) = self.store.load(slot.account()).await? else {
            return Ok(());
        };
        let now = self.now();
        self.settle(stored, |grant, _| {
            let is_news = wants_note(grant, now);
            grant.used_at = Some(now);
            Ok(if is_news { Step::Save((), LeaseEnd::Keep) } else { Step::Leave(()) })
        })
        .await
        .map(drop)
    }
}

/// Notes that somebody took a token straight from a record, after it was handed out. Best effort: a
/// store that does not take it, or another writer, is no failure.
pub async fn note_use(store: &dyn Store, stored: &Stored, now: Timestamp) {
    if !wants_note(&stored.grant, now) {
        return;
    }
    let grant = Grant { used_at: Some(now), ..Grant::clone(&stored.grant) };
    match store.swap(&grant, Some(stored.revision), LeaseEnd::Keep).await {
        Ok(Swapped::Done(_) | Swapped::Moved(_)) => {}
        Err(why) => {
            tracing::debug!(error = %why, "that the login is in use could not be noted");
        }
    }
}

/// Returns whether [`note_use`] would write: the last note is an hour old, and nobody is at the login.
/// Who holds the lease notes it with what it writes.
pub fn wants_note(grant: &Grant, now: Timestamp) -> bool {
    let is_quiet = matches!(grant.state, State::Ready | State::InDoubt | State::Rejected);
    is_quiet && grant.used_at.is_none_or(|used| now.since(used) >= HOUR)
}
