//! The grants' table: one row a grant, the whole of it in one column.

use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::failure::failure;
use super::session::Statement;
use crate::grant::{Account, Grant};
use crate::store::{Due, LeaseEnd, Revision, Stored};
use crate::{Error, Reason, Result, Timestamp};

macro_rules! now {
    () => {
        "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
    };
}

macro_rules! select {
    () => {
        concat!(
            "SELECT app, user_id, revision, greatest(0, lease_ends - ",
            now!(),
            ") AS lease_left, ",
            now!(),
            " AS now, record FROM xpkce_grants"
        )
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

/// `$11` names the revision that is expected; `$9` and `$10` are the lease's: whether its end
/// stays, and what it is otherwise, from now or, where `$12` says so, as it stands.
const UPDATE: &str = concat!(
    "UPDATE xpkce_grants SET revision = $3, grant_id = $4, sign_in = $5, generation = $6,
    state = $7, expires_at = $8, record = $13, due = $14, lease_ends =
    CASE WHEN $9 THEN lease_ends WHEN $12 THEN $10 ELSE ",
    now!(),
    " + $10 END
WHERE app = $1 AND user_id = $2 AND revision = $11 RETURNING revision"
);

const INSERT: &str = concat!(
    "INSERT INTO xpkce_grants (app, user_id, revision, grant_id, sign_in, generation, state,
    expires_at, record, due, lease_ends)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $13, $14, CASE WHEN $12 THEN $10 ELSE ",
    now!(),
    " + $10 END WHERE $11 IS NULL AND $9 IS NOT NULL
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
pub(super) struct Draft<'a> {
    account: &'a Account,
    grant_id: &'a str,
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

impl<'a> Draft<'a> {
    pub(super) fn of(
        grant: &'a Grant,
        expected: Option<Revision>,
        lease: LeaseColumn,
    ) -> Result<Self> {
        let (keeps_lease, lease_end, is_lease_absolute) = match lease {
            LeaseColumn::Keep => (true, None, false),
            LeaseColumn::FromNow(span) => (false, span, false),
            LeaseColumn::At(end) => (false, end, true),
        };
        Ok(Self {
            account: &grant.account,
            grant_id: grant.grant_id.as_str(),
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

    /// Writes it if the row is still as expected; then it answers a row.
    pub(super) fn write(&self) -> Statement<'_> {
        Statement {
            sql: if self.expected.is_some() { UPDATE } else { INSERT },
            values: vec![
                (&self.account.app, Type::TEXT),
                (&self.account.user, Type::TEXT),
                (&self.revision, Type::INT8),
                (&self.grant_id, Type::TEXT),
                (&self.sign_in, Type::INT8),
                (&self.generation, Type::INT8),
                (&self.state, Type::TEXT),
                (&self.expires_at, Type::INT8),
                (&self.keeps_lease, Type::BOOL),
                (&self.lease_end, Type::INT8),
                (&self.expected, Type::INT8),
                (&self.is_lease_absolute, Type::BOOL),
                (&self.record, Type::TEXT),
                (&self.due, Type::INT8),
            ],
        }
    }
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
    let grant: Box<Grant> =
        serde_json::from_str(&text("record")?).map_err(|why| damaged().with_source(why))?;
    if grant.account != Account::new(text("app")?, user.clone()) {
        return Err(damaged());
    }
    let unsigned = |number: Option<i64>| u64::try_from(number.unwrap_or(0)).unwrap_or(0);
    Ok(Stored {
        grant,
        revision: Revision(unsigned(number("revision")?)),
        lease_left: Duration::from_millis(unsigned(number("lease_left")?)),
        now: Timestamp::from_millis(number("now")?.unwrap_or_default()),
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
