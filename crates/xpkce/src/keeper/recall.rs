//! What a keeper remembers of its last save, so that the next spend of a login need not read the
//! record first. It is only ever written over: the swap says whether it is still the record that is
//! there, and whatever needs to know more than that asks the store.

use std::sync::Arc;
use std::time::Duration;

use super::Desk;
use super::source::Slot;
use super::spend::{Begun, Claim, Outcome};
use crate::grant::{Grant, State};
use crate::store::Stored;
use crate::{Reason, Result};

impl Desk {
    /// How many logins a keeper may have, and remember the record of each. A record takes some
    /// kilobytes.
    const REMEMBERED: usize = 10_000;
    /// One spend in so many reads the record all the same: what is remembered carries the store's clock
    /// on by the machine's.
    const READ_EVERY: u64 = 16;

    /// Remembers a record that was saved just now. `read_at` is when its `now` was now.
    pub(super) fn remember(&self, slot: &Slot, saved: &Stored, read_at: Duration) {
        let is_read_next = saved.grant.generation.0.is_multiple_of(Self::READ_EVERY);
        // Who dies while it spends this record may leave a pair, and the swap would not tell.
        let is_at_rest = saved.grant.state == State::Ready;
        if is_at_rest && !is_read_next && self.slots.len() <= Self::REMEMBERED {
            let now = saved.now + self.clock.uptime().saturating_sub(read_at);
            slot.keep_saved(Stored { now, ..saved.clone() }, self.clock.as_ref());
        }
    }

    /// Spends over the record that is remembered, if that `is_due` and still the one that is there.
    /// None if nothing was begun, for whatever reason: then the record is to be read. It may hold a
    /// token that others have saved.
    ///
    /// # Errors
    /// The store's, and those of a spend that was begun.
    pub(super) async fn spend_remembered(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        is_due: impl Fn(&Grant) -> bool + Send + Sync,
    ) -> Result<Option<Outcome>> {
        let saved = slot.take_saved(self.clock.as_ref());
        let Some(remembered) = saved.filter(|stored| is_due(&stored.grant)) else {
            return Ok(None);
        };
        match self.lease_remembered(slot, remembered).await {
            Ok(Some(claim)) => self.go_on(slot, claim).await.map(Some),
            Err(why) if why.reason() == Reason::Store => Err(why),
            Ok(None) | Err(_) => Ok(None),
        }
    }

    /// Takes the lease of a record that is remembered. Nothing is recovered here: a pair goes into a
    /// record that was read, or one that was saved and spent since would be a candidate.
    async fn lease_remembered(&self, slot: &Slot, remembered: Stored) -> Result<Option<Claim>> {
        self.refuse_while_app_backs_off()?;
        if self.is_spilled(&remembered) {
            return Ok(None);
        }
        Ok(match self.begin(slot, remembered).await? {
            Begun::Leased(claim) => Some(claim),
            Begun::Not(_) | Begun::Changed(_) => None,
        })
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::keeper;
    use super::*;
    use crate::grant::Account;
    use crate::store::{Revision, contract};

    #[tokio::test]
    async fn a_record_that_another_spends_already_is_not_remembered() {
        let keeper = keeper();
        let desk = keeper.desk();
        for (state, is_remembered) in [(State::Ready, true), (State::Spending, false)] {
            let account = Account::new("app", state.name());
            let grant = Arc::new(Grant { state, ..contract::grant(account.clone()) });
            let (revision, lease_left) = (Revision(7), Duration::ZERO);
            let slot = desk.slot(&account);
            slot.serve(None, Some(revision), desk.clock.as_ref());
            let saved = Stored { grant, revision, lease_left, now: desk.now() };
            desk.remember(&slot, &saved, desk.clock.uptime());
            assert_eq!(slot.take_saved(desk.clock.as_ref()).is_some(), is_remembered, "{state:?}");
        }
    }
}
