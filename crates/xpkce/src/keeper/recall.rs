//! What a keeper remembers of its last save, so that the next spend of a login need not read the
//! record first. It is only ever written over: the swap says whether it is still the record that is
//! there, and whatever needs to know more than that asks the store.

use std::time::Duration;

use super::Desk;
use super::source::Slot;
use crate::grant::{Grant, State};
use crate::store::Stored;

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
        let is_plain = saved.grant.state == State::Ready;
        if is_plain && !is_read_next && self.slots.len() <= Self::REMEMBERED {
            slot.keep_saved(saved, read_at);
        }
    }

    /// Returns what is remembered, once, if it is due.
    pub(super) fn recall(&self, slot: &Slot, is_due: impl Fn(&Grant) -> bool) -> Option<Stored> {
        slot.take_saved(self.clock.uptime()).filter(|stored| is_due(&stored.grant))
    }
}
