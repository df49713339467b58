//! The grants' table: one row a grant, the whole of it in one column.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::failure::failure;
use super::session::{Statement, Value};
use crate::grant::{Account, Grant};
use crate::store::{Due, LeaseEnd, Revision, Stored};
use crate::{Error, Reason, Result, Timestamp};

macro_rules! now {
    () => {
        "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
    };
}

// The server is asked for no arithmetic that can be done here: it reads and plans each statement anew.
macro_rules! select {
    () => {
        "SELECT app, user_id, revision, lease_ends, clock_timestamp() AS now, record FROM xpkce_grants"
    };
}

const LOAD: &str = concat!(select!(), " WHERE app = $1 AND user_id = $2");
pub(super) const LIST: &str = concat!(select!(), " ORDER BY app, user_id LIMIT $1");
pub(super) const LIST_AFTER: &str =
    concat!(select!(), " WHERE (app, user_id) > ($2, $3) ORDER BY app, user_id LIMIT $1");
pub(super) const DUE: &str = "
SELECT due, user_id FROM xpkce_grants WHERE app = $1 AND due <= $2 AND (due, user_id) > ($3, $4)
ORDER BY due, user_id LIMIT $5";
pub(super) const DELETE: &str = "
DELETE FROM xpkce_grants WHERE app = $1 AND user_id = $2 AND revision = $3 RETURNING lease_ends";

/// Writes a row that is still as it is expected. By itself it is a transaction. What waits for a row's
/// lock holds up no other update, and is patient.
macro_rules! update {
    ($($lease:tt)*) => {
        concat!(
            "UPDATE xpkce_grants SET grant_id = $3, state = $4, record = $5, revision = $6,
    sign_in = $7, generation = $8, expires_at = $9, due = $10",
            $($lease)*,
            " WHERE app = $1 AND user_id = $2 AND revision = $11
AND set_config('lock_timeout', '10000', true) IS NOT NULL
AND set_config('synchronous_commit', 'on', true) IS NOT NULL
RETURNING revision"
        )
    };
}

// One for each thing that may become of the lease's end: the server would plan all of them each time.
const UPDATE: &str = update!("");
const UPDATE_AND_END_LEASE: &str = update!(", lease_ends = NULL");
const UPDATE_LEASE_FROM_NOW: &str = update!(", lease_ends = ", now!(), " + $12");
const UPDATE_LEASE_AT: &str = update!(", lease_ends = $12");

/// Does the same for many rows, and names those that it has written. The server takes longer to plan it,
/// so that a single one goes the other way. Who holds a row's lock holds up all of them, and not for long.
const UPDATE_MANY: &str = concat!(
    "UPDATE xpkce_grants AS old SET revision = new.revision, grant_id = new.grant_id,
    sign_in = new.sign_in, generation = new.generation, state = new.state,
    expires_at = new.expires_at, record = new.record, due = new.due, lease_ends =
    CASE WHEN new.keeps_lease THEN old.lease_ends WHEN new.is_absolute THEN new.lease_end ELSE ",
    now!(),
    " + new.lease_end END
FROM (SELECT set_config('lock_timeout', '500', true) AS patience,
    set_config('synchronous_commit', 'on', true) AS durable) AS settings,
unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[],
    $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bool[],
    $14::bool[]) AS new (app, user_id, grant_id, state, record, revision, expected, sign_in,
    generation, expires_at, lease_end, due, keeps_lease, is_absolute)
WHERE old.app = new.app AND old.user_id = new.user_id AND old.revision = new.expected
AND settings.patience IS NOT NULL AND settings.durable IS NOT NULL
RETURNING old.app, old.user_id"
);

const INSERT: &str = concat!(
    "INSERT INTO xpkce_grants (app, user_id, grant_id, state, record, revision, sign_in,
    generation, expires_at, due, lease_ends)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, CASE WHEN $12 THEN $11 ELSE ",
    now!(),
    " + $11 END
ON CONFLICT (app, user_id) DO NOTHING RETURNING revision"
);

/// What a write does to the end of the lease.
#[derive(Clone, Copy)]
pub(super) enum LeaseColumn {
    Keep,
    /// In so many milliseconds from now; none ends it.
    FromNow(Option<i64>),
    /// At this instant of the server's clock, if any.
    At(Option<i64>),
}

impl From<LeaseEnd> for LeaseColumn {
    fn from(lease: LeaseEnd) -> Self {
        match lease {
            LeaseEnd::Keep => Self::Keep,
            LeaseEnd::Now => Self::FromNow(None),
            LeaseEnd::In(span) => {
                Self::FromNow(Some(i64::try_from(span.as_millis()).unwrap_or(i64::MAX / 2)))
            }
        }
    }
}

/// A grant, ready to be written.
pub(super) struct Draft {
    account: Account,
    grant_id: String,
    revision: i64,
    expected: Option<i64>,
    sign_in: i64,
    generation: i64,
    state: &'static str,
    expires_at: Option<i64>,
    keeps_lease: bool,
    lease_end: Option<i64>,
    is_lease_absolute: bool,
    record: String,
    due: Option<i64>,
}

impl Draft {
    pub(super) fn of(
        grant: &Grant,
        expected: Option<Revision>,
        lease: LeaseColumn,
    ) -> Result<Self> {
        let (keeps_lease, lease_end, is_lease_absolute) = match lease {
            LeaseColumn::Keep => (true, None, false),
            LeaseColumn::FromNow(span) => (false, span, false),
            LeaseColumn::At(end) => (false, end, true),
        };
        Ok(Self {
            account: grant.account.clone(),
            grant_id: grant.grant_id.as_str().to_owned(),
            revision: signed(Revision::after(expected).0)?,
            expected: expected.map(|read| signed(read.0)).transpose()?,
            sign_in: signed(grant.sign_in)?,
            generation: signed(grant.generation.0)?,
            state: grant.state.name(),
            expires_at: grant.access.as_ref().map(|access| access.expires_at.as_millis()),
            keeps_lease,
            lease_end,
            is_lease_absolute,
            record: serde_json::to_string(grant).map_err(|why| {
                Error::new(Reason::Internal, "a grant cannot be written as JSON").with_source(why)
            })?,
            due: grant.due_minute(),
        })
    }

    pub(super) fn account(&self) -> &Account {
        &self.account
    }

    /// Returns the revision that it writes.
    pub(super) fn revision(&self) -> Revision {
        Revision(self.revision.cast_unsigned())
    }

    /// Returns whether it takes the place of a row that was read.
    pub(super) fn is_update(&self) -> bool {
        self.expected.is_some()
    }

    /// Writes it in the place of the row that was read, or where there is none; answers a row if it
    /// was as expected.
    pub(super) fn write(&self) -> Statement<'_> {
        let mut values = self.values();
        let (lease_end, is_absolute) = (&self.lease_end as _, &self.is_lease_absolute as _);
        if !self.is_update() {
            values.extend([(lease_end, Type::INT8), (is_absolute, Type::BOOL)]);
            return Statement { sql: INSERT, values };
        }
        values.push((&self.expected, Type::INT8));
        let sql = match self.lease_end {
            _ if self.keeps_lease => return Statement { sql: UPDATE, values },
            None => return Statement { sql: UPDATE_AND_END_LEASE, values },
            Some(_) if self.is_lease_absolute => UPDATE_LEASE_AT,
            Some(_) => UPDATE_LEASE_FROM_NOW,
        };
        values.push((lease_end, Type::INT8));
        Statement { sql, values }
    }

    fn values(&self) -> Vec<Value<'_>> {
        vec![
            (&self.account.app, Type::TEXT),
            (&self.account.user, Type::TEXT),
            (&self.grant_id, Type::TEXT),
            (&self.state, Type::TEXT),
            (&self.record, Type::TEXT),
            (&self.revision, Type::INT8),
            (&self.sign_in, Type::INT8),
            (&self.generation, Type::INT8),
            (&self.expires_at, Type::INT8),
            (&self.due, Type::INT8),
        ]
    }
}

/// Drafts by column, to be written in one statement.
pub(super) struct Columns<'a> {
    texts: [Vec<&'a str>; 5],
    numbers: [Vec<Option<i64>>; 7],
    flags: [Vec<bool>; 2],
}

impl<'a> Columns<'a> {
    pub(super) fn of(drafts: &[&'a Draft]) -> Self {
        let texts = |of: fn(&Draft) -> &str| drafts.iter().copied().map(of).collect();
        let numbers =
            |of: fn(&Draft) -> Option<i64>| drafts.iter().copied().map(of).collect::<Vec<_>>();
        let flags = |of: fn(&Draft) -> bool| drafts.iter().copied().map(of).collect();
        Self {
            texts: [
                texts(|draft| &draft.account.app),
                texts(|draft| &draft.account.user),
                texts(|draft| &draft.grant_id),
                texts(|draft| draft.state),
                texts(|draft| &draft.record),
            ],
            numbers: [
                numbers(|draft| Some(draft.revision)),
                numbers(|draft| draft.expected),
                numbers(|draft| Some(draft.sign_in)),
                numbers(|draft| Some(draft.generation)),
                numbers(|draft| draft.expires_at),
                numbers(|draft| draft.lease_end),
                numbers(|draft| draft.due),
            ],
            flags: [flags(|draft| draft.keeps_lease), flags(|draft| draft.is_lease_absolute)],
        }
    }

    /// Writes each whose row is still as expected, and answers their apps and users.
    pub(super) fn update(&self) -> Statement<'_> {
        let mut values: Vec<Value<'_>> = Vec::new();
        values.extend(self.texts.iter().map(|column| (column as _, Type::TEXT_ARRAY)));
        values.extend(self.numbers.iter().map(|column| (column as _, Type::INT8_ARRAY)));
        values.extend(self.flags.iter().map(|column| (column as _, Type::BOOL_ARRAY)));
        Statement { sql: UPDATE_MANY, values }
    }
}

/// Reads a row that an update answers.
pub(super) fn account(row: &Row) -> Result<Account> {
    let text = |at| row.try_get::<_, String>(at).map_err(failure);
    Ok(Account::new(text(0)?, text(1)?))
}

pub(super) fn load(account: &Account) -> Statement<'_> {
    Statement { sql: LOAD, values: vec![(&account.app, Type::TEXT), (&account.user, Type::TEXT)] }
}

/// Reads a row of [`LOAD`] or a list.
pub(super) fn stored(row: &Row) -> Result<Stored> {
    let text = |column| row.try_get::<_, String>(column).map_err(failure);
    let number = |column| row.try_get::<_, Option<i64>>(column).map_err(failure);
    let user = text("user_id")?;
    let damaged =
        || Error::new(Reason::StoreDamaged, format!("the record of {user} cannot be read"));
    let grant: Arc<Grant> =
        serde_json::from_str(&text("record")?).map_err(|why| damaged().with_source(why))?;
    if grant.account != Account::new(text("app")?, user.clone()) {
        return Err(damaged());
    }
    let now: SystemTime = row.try_get("now").map_err(failure)?;
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = Timestamp::from_millis(i64::try_from(now.as_millis()).unwrap_or(i64::MAX));
    let lease_ends = number("lease_ends")?.map(Timestamp::from_millis);
    Ok(Stored {
        grant,
        revision: Revision(number("revision")?.and_then(|it| it.try_into().ok()).unwrap_or(0)),
        lease_left: lease_ends.map_or(Duration::ZERO, |ends| ends.since(now)),
        now,
    })
}

/// Reads a row of [`DUE`].
pub(super) fn due(row: &Row) -> Result<Due> {
    Ok(Due { minute: row.try_get(0).map_err(failure)?, user: row.try_get(1).map_err(failure)? })
}

pub(super) fn signed(number: u64) -> Result<i64> {
    i64::try_from(number)
        .map_err(|_| Error::new(Reason::Internal, "a number is too high for the store"))
}
