//! How the tables of an earlier version become those of this one: in one transaction, so that
//! another process sees the old ones or the new ones.

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::failure::failure;
use super::schema::{VERSION, version};
use crate::Result;
use crate::grant::Grant;

/// How many records are read at once.
const PAGE: usize = 500;

/// Brings the tables up to this version. Another process may have done it meanwhile.
pub(super) fn migrate(db: &mut Connection, path: &Path) -> Result<()> {
    step_by_step(db).map_err(|why| failure(path, &why))
}

fn step_by_step(db: &mut Connection) -> rusqlite::Result<()> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let there = version(&tx)?;
    if there < 2 {
        add_due(&tx)?;
    }
    if there < VERSION {
        tx.pragma_update(None, "user_version", VERSION)?;
    }
    tx.commit()
}

/// Version 2: the column that the keeper's queue is ordered by. A record that cannot be read stays
/// due at once, and so is told of.
fn add_due(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    tx.execute_batch("ALTER TABLE grants ADD COLUMN due INTEGER DEFAULT 0")?;
    let mut after = None;
    loop {
        let page = page(tx, after.as_ref())?;
        let Some((app, user, _)) = page.last() else { break };
        after = Some((app.clone(), user.clone()));
        for (app, user, record) in &page {
            if let Ok(grant) = serde_json::from_str::<Grant>(record) {
                tx.prepare_cached("UPDATE grants SET due = ?3 WHERE app = ?1 AND user = ?2")?
                    .execute((app, user, grant.due_minute()))?;
            }
        }
    }
    tx.execute_batch("CREATE INDEX grants_by_due ON grants (app, due, user) WHERE due IS NOT NULL")
}

type Record = (String, String, String);

fn page(tx: &Transaction<'_>, after: Option<&(String, String)>) -> rusqlite::Result<Vec<Record>> {
    const FIRST: &str = "SELECT app, user, record FROM grants ORDER BY app, user LIMIT ?1";
    const NEXT: &str = "SELECT app, user, record FROM grants WHERE (app, user) > (?2, ?3)
        ORDER BY app, user LIMIT ?1";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    match after {
        None => tx.prepare_cached(FIRST)?.query_map((PAGE,), read)?.collect(),
        Some((app, user)) => tx.prepare_cached(NEXT)?.query_map((PAGE, app, user), read)?.collect(),
    }
}
