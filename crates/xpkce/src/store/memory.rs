//! The store of tests and of programs that keep their logins themselves: a map, gone with the
//! process. The reference for what the others do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::ready;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Due, LeaseEnd, PendingLogin, Revision, Store, Stored, Swapped, minute_of};
use crate::grant::{Account, Grant};
use crate::http::Pending;
use crate::seal::{KeyId, Sealed};
use crate::{Clock, Result, SystemClock, Timestamp};

/// Keeps everything in memory.
#[derive(Debug)]
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    rows: BTreeMap<Account, Row>,
    /// The records that are due some day, by their apps.
    queue: BTreeSet<(String, Due)>,
    sign_ins: u64,
    logins: BTreeMap<String, PendingLogin>,
    key_check: Option<Sealed>,
    #[cfg(feature = "testing")]
    is_failing: bool,
}

struct Row {
    grant: Arc<Grant>,
    revision: Revision,
    /// By [`Clock::uptime`].
    lease_ends: Option<Duration>,
}

impl MemoryStore {
    /// Starts empty, with leases by `clock`'s uptime.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, kept: Mutex::default() }
    }

    /// Makes every write fail from now on, or succeed again.
    #[cfg(feature = "testing")]
    pub fn fail_writes(&self, is_failing: bool) {
        self.kept().is_failing = is_failing;
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept_for_writing(&self) -> Result<MutexGuard<'_, Kept>> {
        let kept = self.kept();
        #[cfg(feature = "testing")]
        if kept.is_failing {
            return Err(crate::Error::new(crate::Reason::Store, "the store was told to fail"));
        }
        Ok(kept)
    }

    fn stored(&self, row: &Row) -> Stored {
        let left = row.lease_ends.map(|end| end.saturating_sub(self.clock.uptime()));
        Stored {
            grant: Arc::clone(&row.grant),
            revision: row.revision,
            lease_left: left.unwrap_or_default(),
            now: self.clock.now(),
        }
    }

    fn moved(&self, row: Option<&Row>) -> Swapped {
        Swapped::Moved(row.map(|row| Box::new(self.stored(row))))
    }

    fn swap_now(
        &self,
        grant: &Grant,
        expected: Option<Revision>,
        lease: LeaseEnd,
    ) -> Result<Swapped> {
        let mut kept = self.kept_for_writing()?;
        let there = kept.rows.get(&grant.account);
        if there.map(|row| row.revision) != expected {
            return Ok(self.moved(there));
        }
        let revision = Revision::after(expected);
        let lease_ends = match lease {
            LeaseEnd::Keep => there.and_then(|row| row.lease_ends),
            LeaseEnd::In(span) => Some(self.clock.uptime() + span),
            LeaseEnd::Now => None,
        };
        kept.put(Row { grant: Arc::new(grant.clone()), revision, lease_ends });
        Ok(Swapped::Done(revision))
    }

    fn relabel_now(
        &self,
        (from, revision): (&Account, Revision),
        grant: &Grant,
        expected: Option<Revision>,
    ) -> Result<Swapped> {
        let mut kept = self.kept_for_writing()?;
        let there = kept.rows.get(&grant.account);
        let source = kept.rows.get(from).filter(|row| row.revision == revision);
        let Some(source) = source.filter(|_| there.map(|row| row.revision) == expected) else {
            return Ok(self.moved(there));
        };
        let row = Row {
            grant: Arc::new(grant.clone()),
            revision: Revision::after(expected),
            lease_ends: source.lease_ends,
        };
        let revision = row.revision;
        kept.take(from);
        kept.put(row);
        Ok(Swapped::Done(revision))
    }

    fn take_login_now(&self, key: &str, now: Timestamp) -> Result<Option<Sealed>> {
        let login = self.kept_for_writing()?.logins.remove(key);
        Ok(login.filter(|login| login.expires_at > now).map(|login| login.login))
    }
}

impl Kept {
    /// Puts a record in the place of the one that is there. Most writes leave the queue as it is.
    fn put(&mut self, row: Row) {
        let Some(there) = self.rows.get_mut(&row.grant.account) else {
            self.queue.extend(place(&row.grant));
            self.rows.insert(row.grant.account.clone(), row);
            return;
        };
        if there.grant.due_minute() != row.grant.due_minute() {
            if let Some(place) = place(&there.grant) {
                self.queue.remove(&place);
            }
            self.queue.extend(place(&row.grant));
        }
        *there = row;
    }

    fn take(&mut self, account: &Account) {
        if let Some(row) = self.rows.remove(account)
            && let Some(place) = place(&row.grant)
        {
            self.queue.remove(&place);
        }
    }
}

/// Where a grant stands in the queue.
fn place(grant: &Grant) -> Option<(String, Due)> {
    let Account { app, user } = grant.account.clone();
    Some((app, Due { minute: grant.due_minute()?, user }))
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new(Arc::new(SystemClock))
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows, {} sign-ins that wait", self.rows.len(), self.logins.len())
    }
}

impl Store for MemoryStore {
    fn load<'a>(&'a self, account: &'a Account) -> Pending<'a, Result<Option<Stored>>> {
        let stored = self.kept().rows.get(account).map(|row| self.stored(row));
        Box::pin(ready(Ok(stored)))
    }

    fn swap<'a>(
        &'a self,
        grant: &'a Grant,
        expected: Option<Revision>,
        lease: LeaseEnd,
    ) -> Pending<'a, Result<Swapped>> {
        Box::pin(async move { self.swap_now(grant, expected, lease) })
    }

    fn relabel<'a>(
        &'a self,
        from: (&'a Account, Revision),
        grant: &'a Grant,
        expected: Option<Revision>,
    ) -> Pending<'a, Result<Swapped>> {
        Box::pin(async move { self.relabel_now(from, grant, expected) })
    }

    fn list<'a>(
        &'a self,
        after: Option<&'a Account>,
        limit: usize,
    ) -> Pending<'a, Result<Vec<Stored>>> {
        let start = after.map_or(Bound::Unbounded, |account| Bound::Excluded(account.clone()));
        Box::pin(async move {
            let kept = self.kept();
            let rows = kept.rows.range((start, Bound::Unbounded)).take(limit);
            Ok(rows.map(|(_, row)| self.stored(row)).collect())
        })
    }

    fn due<'a>(
        &'a self,
        app: &'a str,
        now: Timestamp,
        after: Option<&'a Due>,
        limit: usize,
    ) -> Pending<'a, Result<Vec<Due>>> {
        let first = Due { minute: i64::MIN, user: String::new() };
        let start = (app.to_owned(), after.cloned().unwrap_or(first));
        let end = (app.to_owned(), Due { minute: minute_of(now) + 1, user: String::new() });
        Box::pin(async move {
            if start >= end {
                return Ok(Vec::new());
            }
            let kept = self.kept();
            let due = kept.queue.range((Bound::Excluded(start), Bound::Excluded(end)));
            Ok(due.take(limit).map(|(_, due)| due.clone()).collect())
        })
    }

    fn next_sign_in(&self) -> Pending<'_, Result<u64>> {
        Box::pin(async {
            let mut kept = self.kept_for_writing()?;
            kept.sign_ins += 1;
            Ok(kept.sign_ins)
        })
    }

    fn put_login<'a>(&'a self, login: &'a PendingLogin, now: Timestamp) -> Pending<'a, Result<()>> {
        Box::pin(async move {
            let mut kept = self.kept_for_writing()?;
            kept.logins.retain(|_, waiting| waiting.expires_at > now);
            kept.logins.insert(login.key.clone(), login.clone());
            Ok(())
        })
    }

    fn take_login<'a>(
        &'a self,
        key: &'a str,
        now: Timestamp,
    ) -> Pending<'a, Result<Option<Sealed>>> {
        Box::pin(async move { self.take_login_now(key, now) })
    }

    fn key_check<'a>(
        &'a self,
        proposed: Option<&'a Sealed>,
    ) -> Pending<'a, Result<Option<Sealed>>> {
        Box::pin(async move {
            let Some(proposed) = proposed else {
                return Ok(self.kept().key_check.clone());
            };
            let mut kept = self.kept_for_writing()?;
            Ok(Some(kept.key_check.get_or_insert_with(|| proposed.clone()).clone()))
        })
    }

    fn replace_key_check<'a>(
        &'a self,
        expected: &'a Sealed,
        check: &'a Sealed,
    ) -> Pending<'a, Result<bool>> {
        Box::pin(async move {
            let mut kept = self.kept_for_writing()?;
            let is_expected = kept.key_check.as_ref() == Some(expected);
            if is_expected {
                kept.key_check = Some(check.clone());
            }
            Ok(is_expected)
        })
    }

    fn login_keys(&self) -> Pending<'_, Result<Vec<KeyId>>> {
        Box::pin(async {
            Ok(self.kept().logins.values().map(|waiting| *waiting.login.key()).collect())
        })
    }
}
