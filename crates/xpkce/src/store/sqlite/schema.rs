//! The tables, their version, and the refusal of what is not ours.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::backoff::Backoff;
use super::failure::{failure, is_busy};
use super::migrate;
use crate::{Error, Reason, Result};

/// Tells our files from those of other programs: "xpkc".
const APPLICATION: i32 = i32::from_be_bytes(*b"xpkc");

/// The version of the tables below.
pub(super) const VERSION: i32 = 2;

const TABLES: &str = "
CREATE TABLE grants (
    app             TEXT NOT NULL,
    user            TEXT NOT NULL,
    revision        INTEGER NOT NULL,
    grant_id        TEXT NOT NULL,
    sign_in         INTEGER NOT NULL,
    generation      INTEGER NOT NULL,
    state           TEXT NOT NULL,
    expires_at      INTEGER,            -- of the access token, Unix milliseconds
    due             INTEGER DEFAULT 0,  -- when it needs the keeper by itself, minutes since 1970
    lease_boot_id   TEXT,
    lease_deadline  INTEGER,            -- milliseconds of that boot's uptime
    record          TEXT NOT NULL,      -- the whole grant; the columns above repeat parts of it
    PRIMARY KEY (app, user)
) STRICT;
CREATE INDEX grants_by_due ON grants (app, due, user) WHERE due IS NOT NULL;
CREATE TABLE logins (
    key             TEXT PRIMARY KEY,
    login           TEXT NOT NULL,
    expires_at      INTEGER NOT NULL    -- Unix milliseconds
) STRICT;
CREATE INDEX logins_by_end ON logins (expires_at);
CREATE TABLE store (
    id              INTEGER PRIMARY KEY CHECK (id = 1),
    sign_ins        INTEGER NOT NULL,
    key_check       TEXT
) STRICT;
INSERT INTO store (id, sign_ins) VALUES (1, 0);
";

/// Makes sure that the database is ours and of this version; fills an empty one.
pub(super) fn check(db: &mut Connection, path: &Path) -> Result<()> {
    let fail = |why| failure(path, &why);
    match marks(db).map_err(fail)? {
        (APPLICATION, VERSION, _) => Ok(()),
        (APPLICATION, newer, _) if newer > VERSION => Err(newer_than_ours(path, newer)),
        (APPLICATION, 1.., _) => migrate::migrate(db, path),
        (0, 0, Content::None) => fill(db).map_err(fail),
        (APPLICATION, ..) => Err(Error::new(
            Reason::StoreDamaged,
            format!("the store {} has no version; it was left as it is", path.display()),
        )),
        _ => Err(Error::new(
            Reason::StoreDamaged,
            format!("{} belongs to another program; it was left as it is", path.display()),
        )),
    }
}

/// Refuses to write where a newer program has changed the tables since they were checked.
pub(super) fn recheck(db: &Connection, path: &Path) -> Result<()> {
    match version(db).map_err(|why| failure(path, &why))? {
        VERSION => Ok(()),
        newer => Err(newer_than_ours(path, newer)),
    }
}

fn newer_than_ours(path: &Path, version: i32) -> Error {
    let shown = path.display();
    Error::new(
        Reason::StoreNewer,
        format!("the store {shown} has version {version}; this program knows version {VERSION}"),
    )
    .with_hint("install the newer xpkce")
}

enum Content {
    None,
    Some,
}

/// Reads the application, the version and whether there are tables, all of one instant: another
/// process may be filling the file.
fn marks(db: &mut Connection) -> rusqlite::Result<(i32, i32, Content)> {
    let tx = db.transaction()?;
    let application = tx.pragma_query_value(None, "application_id", |row| row.get(0))?;
    // Whose it is says that there is something: the tables are read for the others alone.
    let is_blank = application != APPLICATION && is_empty(&tx)?;
    let content = if is_blank { Content::None } else { Content::Some };
    let marks = (application, version(&tx)?, content);
    tx.commit()?;
    Ok(marks)
}

pub(super) fn version(db: &Connection) -> rusqlite::Result<i32> {
    db.prepare_cached("PRAGMA user_version")?.query_row((), |row| row.get(0))
}

fn is_empty(db: &Connection) -> rusqlite::Result<bool> {
    db.query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", (), |row| row.get(0))
}

fn fill(db: &mut Connection) -> rusqlite::Result<()> {
    use_write_ahead_log(db)?;
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if version(&tx)? == 0 {
        tx.execute_batch(TABLES)?;
        tx.pragma_update(None, "application_id", APPLICATION)?;
        tx.pragma_update(None, "user_version", VERSION)?;
    }
    tx.commit()
}

/// SQLite does not wait for other connections here.
fn use_write_ahead_log(db: &Connection) -> rusqlite::Result<()> {
    let mut backoff = Backoff::start();
    loop {
        match db.pragma_update(None, "journal_mode", "WAL") {
            Err(why) if is_busy(&why) && backoff.wait() => {}
            done => return done,
        }
    }
}
