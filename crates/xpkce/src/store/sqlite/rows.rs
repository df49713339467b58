//! The grants' table: one row a grant, the whole of it in one column.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Row, named_params};

use super::writer::Wrote;
use super::{Boot, damaged};
use crate::grant::{Account, Grant};
use crate::store::{Due, LeaseEnd, Revision, Stored, Swapped, minute_of};
use crate::{Error, Reason, Result, Timestamp};

/// A row as it was read, not parsed yet.
pub(super) struct Raw {
    app: String,
    user: String,
    revision: u64,
    lease_boot_id: Option<String>,
    lease_deadline: Option<i64>,
    record: String,
}

macro_rules! select {
    () => {
        "SELECT app, user, revision, lease_boot_id, lease_deadline, record FROM grants"
    };
}

impl Raw {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            app: row.get(0)?,
            user: row.get(1)?,
            revision: row.get(2)?,
            lease_boot_id: row.get(3)?,
            lease_deadline: row.get(4)?,
            record: row.get(5)?,
        })
    }

    /// Parses the grant in it.
    pub(super) fn grant(self) -> Result<Grant> {
        let grant: Grant = serde_json::from_str(&self.record)
            .map_err(|why| damaged(&self.user).with_source(why))?;
        if (&grant.account.app, &grant.account.user) != (&self.app, &self.user) {
            return Err(damaged(&self.user));
        }
        Ok(grant)
    }

    /// Parses it; a lease of another boot has run out.
    pub(super) fn stored(self, boot: &Boot) -> Result<Stored> {
        let deadline = self
            .lease_deadline
            .filter(|_| self.lease_boot_id.as_deref() == Some(&*boot.id))
            .unwrap_or(0);
        let left = deadline.saturating_sub(boot.uptime_millis());
        Ok(Stored {
            revision: Revision(self.revision),
            lease_left: Duration::from_millis(u64::try_from(left).unwrap_or(0)),
            now: boot.clock.now(),
            grant: Arc::new(self.grant()?),
        })
    }
}

/// A grant, ready to be written.
pub(super) struct Draft {
    app: String,
    user: String,
    grant_id: String,
    sign_in: u64,
    generation: u64,
    state: &'static str,
    expires_at: Option<i64>,
    due: Option<i64>,
    record: String,
}

impl Draft {
    pub(super) fn of(grant: &Grant) -> Result<Self> {
        Ok(Self {
            app: grant.account.app.clone(),
            user: grant.account.user.clone(),
            grant_id: grant.grant_id.as_str().to_owned(),
            sign_in: grant.sign_in,
            generation: grant.generation.0,
            state: grant.state.name(),
            expires_at: grant.access.as_ref().map(|access| access.expires_at.as_millis()),
            due: grant.due_minute(),
            record: serde_json::to_string(grant).map_err(|why| {
                Error::new(Reason::Internal, "a grant cannot be written as JSON").with_source(why)
            })?,
        })
    }

    /// Writes it if the row is still at `expected`.
    pub(super) fn swap(
        &self,
        db: &Connection,
        expected: Option<Revision>,
        lease: &LeaseColumns,
    ) -> rusqlite::Result<Wrote<RawSwapped>> {
        if let Some(revision) = self.write(db, expected, lease)? {
            return Ok(Wrote::Changed(RawSwapped::Done(revision)));
        }
        Ok(Wrote::Nothing(RawSwapped::Moved(load(db, &self.app, &self.user)?)))
    }

    /// Reads whether a swap has lost already.
    pub(super) fn lost(
        &self,
        db: &Connection,
        expected: Option<Revision>,
    ) -> rusqlite::Result<Option<RawSwapped>> {
        let there = load(db, &self.app, &self.user)?;
        let is_expected = there.as_ref().map(|row| row.revision) == expected.map(|read| read.0);
        Ok((!is_expected).then_some(RawSwapped::Moved(there)))
    }

    /// Writes it if the row is still at `expected`, and drops the row `from` if that one is still
    /// at its revision.
    pub(super) fn relabel(
        &self,
        db: &Connection,
        (from, read): &(Account, Revision),
        expected: Option<Revision>,
    ) -> rusqlite::Result<Wrote<RawSwapped>> {
        let source = load(db, &from.app, &from.user)?.filter(|row| row.revision == read.0);
        let Some(source) = source else {
            return Ok(Wrote::Nothing(RawSwapped::Moved(load(db, &self.app, &self.user)?)));
        };
        let lease = LeaseColumns::Set(source.lease_boot_id, source.lease_deadline);
        let swapped = self.swap(db, expected, &lease)?;
        let is_elsewhere = (&from.app, &from.user) != (&self.app, &self.user);
        if matches!(swapped, Wrote::Changed(_)) && is_elsewhere {
            db.prepare_cached("DELETE FROM grants WHERE app = ?1 AND user = ?2")?
                .execute((&from.app, &from.user))?;
        }
        Ok(swapped)
    }

    fn write(
        &self,
        db: &Connection,
        expected: Option<Revision>,
        lease: &LeaseColumns,
    ) -> rusqlite::Result<Option<Revision>> {
        let revision = Revision::after(expected);
        let (keeps, lease_boot_id, lease_deadline) = match lease {
            LeaseColumns::Keep => (true, &None, &None),
            LeaseColumns::Set(boot, deadline) => (false, boot, deadline),
        };
        let sql = if expected.is_some() { UPDATE } else { INSERT };
        let written = db.prepare_cached(sql)?.execute(named_params! {
            ":app": self.app,
            ":user": self.user,
            ":expected": expected.map(|read| read.0),
            ":revision": revision.0,
            ":grant_id": self.grant_id,
            ":sign_in": self.sign_in,
            ":generation": self.generation,
            ":state": self.state,
            ":expires_at": self.expires_at,
            ":due": self.due,
            ":keeps": keeps,
            ":lease_boot_id": lease_boot_id,
            ":lease_deadline": lease_deadline,
            ":record": self.record,
        })?;
        Ok((written == 1).then_some(revision))
    }
}

const UPDATE: &str = "
UPDATE grants SET
    revision = :revision, grant_id = :grant_id, sign_in = :sign_in, generation = :generation,
    state = :state, expires_at = :expires_at, due = :due, record = :record,
    lease_boot_id = CASE WHEN :keeps THEN lease_boot_id ELSE :lease_boot_id END,
    lease_deadline = CASE WHEN :keeps THEN lease_deadline ELSE :lease_deadline END
WHERE app = :app AND user = :user AND revision = :expected";

/// Names `:expected` and `:keeps` too, so that one call binds either statement.
const INSERT: &str = "
INSERT INTO grants (app, user, revision, grant_id, sign_in, generation, state, expires_at, due,
    lease_boot_id, lease_deadline, record)
SELECT :app, :user, :revision, :grant_id, :sign_in, :generation, :state, :expires_at, :due,
    :lease_boot_id, :lease_deadline, :record
WHERE :expected IS NULL AND :keeps IS NOT NULL
ON CONFLICT (app, user) DO NOTHING";

/// What a write does to the columns of the lease.
pub(super) enum LeaseColumns {
    /// Leaves them.
    Keep,
    /// Sets the boot and its uptime's milliseconds.
    Set(Option<String>, Option<i64>),
}

impl LeaseColumns {
    pub(super) fn at(lease: LeaseEnd, boot: &Boot) -> Self {
        match lease {
            LeaseEnd::Keep => Self::Keep,
            LeaseEnd::Now => Self::Set(None, None),
            LeaseEnd::In(span) => {
                let span = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
                let deadline = boot.uptime_millis().saturating_add(span);
                Self::Set(Some(boot.id.to_string()), Some(deadline))
            }
        }
    }
}

/// What came of a swap, not parsed yet.
pub(super) enum RawSwapped {
    Done(Revision),
    Moved(Option<Raw>),
}

impl RawSwapped {
    pub(super) fn swapped(self, boot: &Boot) -> Result<Swapped> {
        Ok(match self {
            Self::Done(revision) => Swapped::Done(revision),
            Self::Moved(row) => {
                Swapped::Moved(row.map(|row| row.stored(boot).map(Box::new)).transpose()?)
            }
        })
    }
}

/// Reads one row.
pub(super) fn load(db: &Connection, app: &str, user: &str) -> rusqlite::Result<Option<Raw>> {
    db.prepare_cached(concat!(select!(), " WHERE app = ?1 AND user = ?2"))?
        .query_row((app, user), Raw::from_row)
        .optional()
}

/// Reads up to `limit` rows in the order of their accounts.
pub(super) fn list(
    db: &Connection,
    after: Option<&Account>,
    limit: usize,
) -> rusqlite::Result<Vec<Raw>> {
    const FROM_START: &str = concat!(select!(), " ORDER BY app, user");
    const AFTER: &str = concat!(select!(), " WHERE (app, user) > (?1, ?2) ORDER BY app, user");
    match after {
        None => limited(db, FROM_START, limit)?.query_map((), Raw::from_row)?.collect(),
        Some(Account { app, user }) => {
            limited(db, AFTER, limit)?.query_map((app, user), Raw::from_row)?.collect()
        }
    }
}

/// Prepares a statement that reads up to `limit` rows. SQLite plans by the limit, and prepares a
/// statement anew each time one is bound to it: so it is a part of the text.
fn limited<'db>(
    db: &'db Connection,
    select: &str,
    limit: usize,
) -> rusqlite::Result<CachedStatement<'db>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    db.prepare_cached(&format!("{select} LIMIT {limit}"))
}

/// Reads up to `limit` of an app's records that are due, from the index alone.
pub(super) fn due(
    db: &Connection,
    app: &str,
    now: Timestamp,
    after: Option<&Due>,
    limit: usize,
) -> rusqlite::Result<Vec<Due>> {
    const DUE: &str = "
        SELECT due, user FROM grants WHERE app = ?1 AND due <= ?2 AND (due, user) > (?3, ?4)
        ORDER BY due, user";
    let (minute, user) = after.map_or((i64::MIN, ""), |after| (after.minute, &after.user));
    limited(db, DUE, limit)?
        .query_map((app, minute_of(now), minute, user), |row| {
            Ok(Due { minute: row.get(0)?, user: row.get(1)? })
        })?
        .collect()
}
