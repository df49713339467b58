//! What the store keeps beside the grants: the sign-ins' counter, those that wait for their
//! callback, and the key check.

use rusqlite::{Connection, OptionalExtension as _};

use super::writer::Wrote;
use crate::Timestamp;
use crate::store::PendingLogin;

pub(super) fn next_sign_in(db: &Connection) -> rusqlite::Result<Wrote<u64>> {
    db.prepare_cached("UPDATE store SET sign_ins = sign_ins + 1 RETURNING sign_ins")?
        .query_row((), |row| row.get(0))
        .map(Wrote::Changed)
}

pub(super) fn put_login(
    db: &Connection,
    login: &PendingLogin,
    now: Timestamp,
) -> rusqlite::Result<Wrote<()>> {
    db.prepare_cached("DELETE FROM logins WHERE expires_at <= ?1")?.execute((now.as_millis(),))?;
    db.prepare_cached(
        "INSERT OR REPLACE INTO logins (key, login, expires_at) VALUES (?1, ?2, ?3)",
    )?
    .execute((&login.key, String::from(login.login.clone()), login.expires_at.as_millis()))?;
    Ok(Wrote::Changed(()))
}

pub(super) fn take_login(
    db: &Connection,
    key: &str,
    now: Timestamp,
) -> rusqlite::Result<Wrote<Option<String>>> {
    let taken: Option<(String, i64)> = db
        .prepare_cached("DELETE FROM logins WHERE key = ?1 RETURNING login, expires_at")?
        .query_row((key,), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((login, expires_at)) = taken else {
        return Ok(Wrote::Nothing(None));
    };
    Ok(Wrote::Changed((expires_at > now.as_millis()).then_some(login)))
}

pub(super) fn logins(db: &Connection) -> rusqlite::Result<Vec<String>> {
    db.prepare_cached("SELECT login FROM logins")?.query_map((), |row| row.get(0))?.collect()
}

pub(super) fn key_check(db: &Connection) -> rusqlite::Result<Option<String>> {
    db.prepare_cached("SELECT key_check FROM store")?.query_row((), |row| row.get(0))
}

pub(super) fn set_key_check(
    db: &Connection,
    proposed: &str,
) -> rusqlite::Result<Wrote<Option<String>>> {
    let written = db
        .prepare_cached("UPDATE store SET key_check = ?1 WHERE key_check IS NULL")?
        .execute((proposed,))?;
    let there = key_check(db)?;
    Ok(if written == 0 { Wrote::Nothing(there) } else { Wrote::Changed(there) })
}

pub(super) fn replace_key_check(
    db: &Connection,
    expected: &str,
    check: &str,
) -> rusqlite::Result<Wrote<bool>> {
    let written = db
        .prepare_cached("UPDATE store SET key_check = ?2 WHERE key_check = ?1")?
        .execute((expected, check))?;
    Ok(if written == 0 { Wrote::Nothing(false) } else { Wrote::Changed(true) })
}
