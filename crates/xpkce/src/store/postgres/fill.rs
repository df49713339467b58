//! Fills in the column that the keeper's queue is ordered by, in tables of an earlier version: page
//! by page, because there may be many rows and others use them meanwhile.
//!
//! A row that nobody has filled in is due at once. So nothing is lost when this is cut short, or
//! when an earlier program writes a row: the keeper looks at it, and writes it again.

use tokio_postgres::types::Type;

use super::failure::failure;
use super::pools::Pools;
use super::rows::{LIST, LIST_AFTER, signed, stored};
use super::session::{Statement, Value, read, transact};
use crate::Result;
use crate::store::Stored;

const PAGE: i64 = 500;

/// Only where the row is still what was read.
const FILL: &str = "
UPDATE xpkce_grants SET due = $4 WHERE app = $1 AND user_id = $2 AND revision = $3 AND due = 0";

pub(super) async fn fill_due(pools: &Pools) -> Result<()> {
    let mut after: Option<(String, String)> = None;
    loop {
        let mut values: Vec<Value<'_>> = vec![(&PAGE, Type::INT8)];
        let sql = match &after {
            None => LIST,
            Some((app, user)) => {
                values.extend([(app as _, Type::TEXT), (user as _, Type::TEXT)]);
                LIST_AFTER
            }
        };
        let rows = read(pools, &Statement { sql, values }).await?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        let name = |column| last.try_get::<_, String>(column).map_err(failure);
        after = Some((name("app")?, name("user_id")?));
        // A record that cannot be read stays due, and so is told of.
        let read: Vec<_> = rows.iter().filter_map(|row| stored(row).ok()).collect();
        fill(pools, &read).await?;
    }
}

async fn fill(pools: &Pools, read: &[Stored]) -> Result<()> {
    let dues: Vec<_> = read
        .iter()
        .map(|row| Ok((row, signed(row.revision.0)?, row.grant.due_minute())))
        .collect::<Result<_>>()?;
    let statements: Vec<_> = dues
        .iter()
        .map(|(row, revision, due)| Statement {
            sql: FILL,
            values: vec![
                (&row.grant.account.app, Type::TEXT),
                (&row.grant.account.user, Type::TEXT),
                (revision, Type::INT8),
                (due, Type::INT8),
            ],
        })
        .collect();
    transact(pools, &statements).await.map(drop)
}
