//! The accounts that a keeper was asked for, each with its slot in memory. Slots that nobody needs
//! are dropped, so that being asked for made-up names does not use up the memory.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::source::Slot;
use crate::grant::Account;
use crate::turns::Mutex;

/// Below this many slots none is dropped.
const LEAST: usize = 1024;

/// One slot for each account, shared by all who ask for it.
#[derive(Default)]
pub(super) struct Slots(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    slots: HashSet<ByAccount>,
    /// How many slots there were of use when they were last looked through.
    of_use: usize,
}

/// A slot that is found by its own account: a second copy of a million names is a third of the
/// memory.
struct ByAccount(Arc<Slot>);

impl Borrow<Account> for ByAccount {
    fn borrow(&self) -> &Account {
        self.0.account()
    }
}

impl Hash for ByAccount {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.account().hash(state);
    }
}

impl PartialEq for ByAccount {
    fn eq(&self, other: &Self) -> bool {
        self.0.account() == other.0.account()
    }
}

impl Eq for ByAccount {}

impl Slots {
    /// Returns the account's slot. Every time their number has doubled, the slots that are of no
    /// use at `uptime` are dropped.
    pub(super) fn slot(&self, account: &Account, uptime: Duration) -> Arc<Slot> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ByAccount(slot)) = kept.slots.get(account) {
            return Arc::clone(slot);
        }
        if kept.slots.len() >= LEAST.max(kept.of_use.saturating_mul(2)) {
            // Nobody else can take hold of a slot while the map is locked.
            kept.slots
                .retain(|ByAccount(slot)| Arc::strong_count(slot) > 1 || slot.is_of_use(uptime));
            kept.of_use = kept.slots.len();
        }
        let slot = Arc::new(Slot::new(account.clone()));
        kept.slots.insert(ByAccount(Arc::clone(&slot)));
        slot
    }

    /// Returns how many there are.
    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).slots.len()
    }

    /// Drops a slot that nobody has but the map and the caller, unless an answer waits in it.
    pub(super) fn let_go(&self, slot: &Arc<Slot>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::strong_count(slot) == 2 && slot.pending().is_none() {
            kept.slots.remove(slot.account());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NOW: Duration = Duration::from_secs(1000);

    fn account(user: usize) -> Account {
        Account::new("app", user.to_string())
    }

    #[test]
    fn names_that_nobody_has_do_not_pile_up() {
        let slots = Slots::default();
        for user in 0..LEAST * 10 {
            slots.slot(&account(user), NOW);
        }
        assert!(slots.len() <= LEAST, "{}", slots.len());
    }

    #[test]
    fn of_few_slots_none_is_dropped() {
        let slots = Slots::default();
        for user in 0..LEAST {
            slots.slot(&account(user), NOW);
        }
        assert_eq!(slots.len(), LEAST);
    }

    #[test]
    fn a_slot_that_somebody_holds_is_kept() {
        let slots = Slots::default();
        let held = slots.slot(&account(0), NOW);
        for user in 1..LEAST * 3 {
            slots.slot(&account(user), NOW);
        }
        assert!(Arc::ptr_eq(&held, &slots.slot(&account(0), NOW)));
    }

    #[test]
    fn slots_that_are_all_held_are_not_looked_through_each_time() {
        let slots = Slots::default();
        let held: Vec<_> = (0..LEAST * 3).map(|user| slots.slot(&account(user), NOW)).collect();
        assert_eq!(slots.len(), held.len());
        assert!(slots.0.lock().unwrap().of_use >= LEAST);
    }
}
