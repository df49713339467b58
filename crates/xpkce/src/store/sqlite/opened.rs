//! A store that is open for reading: together with all who have it open, or, where that cannot be,
//! as it lies.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::backoff::Backoff;
use super::failure::{changing, failure};
use super::still::{Newer, Still, is_shared};
use super::{file, schema};
use crate::{Clock as _, Error, Reason, Result, SystemClock, Timestamp};

/// A store that is open for reading.
pub(super) struct Opened {
    db: Connection,
    still: Option<Still>,
}

impl Opened {
    /// Reads; none when it was changed by somebody meanwhile whom no lock keeps out.
    pub(super) fn read<T>(
        &self,
        path: &Path,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        let found = read(&self.db);
        if self.still.as_ref().is_some_and(|still| !still.is_unchanged()) {
            return Ok(None);
        }
        found.map(Some).map_err(|why| failure(path, &why))
    }

    /// Opens a store as one that lies still, wherever it is.
    #[cfg(test)]
    pub(super) fn as_it_lies(path: &Path) -> Self {
        let still = Still::as_it_lies(path);
        Self { db: still.connect().expect("it is a store"), still: Some(still) }
    }

    /// Returns whether it must be opened anew for the next read: nothing says when it is changed.
    pub(super) fn is_still(&self) -> bool {
        self.still.is_some()
    }
}

/// Opens the store at `path` for reading, after making it where there is none. One that cannot be
/// opened with its log, because nothing can be written where it is, is opened as it lies. None while
/// somebody changes it whom no lock keeps out.
pub(super) fn open(path: &Path) -> Result<Option<Opened>> {
    file::prepare(path)?;
    open_prepared(path)
}

/// Opens it as [`open`] does, and makes nothing.
pub(super) fn open_existing(path: &Path) -> Result<Option<Opened>> {
    if file::is_there(path)? {
        return open_prepared(path);
    }
    Err(Error::new(Reason::Store, format!("the store {} is gone", path.display())))
}

/// Opens a store that is at rest as it lies, for one look. None leaves it to [`open_existing`],
/// which also says what is wrong.
pub(super) fn open_at_rest(path: &Path, now: Timestamp) -> Option<Opened> {
    let still = Still::at_rest(path, now)?;
    file::is_there(path).ok().filter(|it| *it)?;
    let mut db = still.connect().ok()?;
    schema::check(&mut db, path).ok()?;
    Some(Opened { db, still: Some(still) })
}

/// Opens a store with `open`, and waits for who is changing it.
pub(super) fn open_patiently(
    mut backoff: Backoff,
    path: &Path,
    open: impl Fn(&Path) -> Result<Option<Opened>>,
) -> Result<Opened> {
    loop {
        match open(path)? {
            Some(opened) => return Ok(opened),
            None if backoff.wait() => {}
            None => return Err(changing(path)),
        }
    }
}

/// Reads from what is open, or is opened with `open`; again when somebody changed the file meanwhile
/// whom no lock keeps out.
pub(super) fn read<T>(
    mut backoff: Backoff,
    opened: &mut Option<Opened>,
    path: &Path,
    open: impl Fn(&Path) -> Result<Option<Opened>>,
    read: impl Fn(&Connection) -> rusqlite::Result<T>,
) -> Result<T> {
    loop {
        if opened.is_none() {
            *opened = open(path)?;
        }
        let found = match opened {
            Some(opened) => opened.read(path, &read)?,
            None => None,
        };
        if opened.as_ref().is_some_and(Opened::is_still) {
            *opened = None;
        }
        match found {
            Some(found) => return Ok(found),
            None if backoff.wait() => {}
            None => return Err(changing(path)),
        }
    }
}

fn open_prepared(path: &Path) -> Result<Option<Opened>> {
    let newer = Newer::beside(path);
    match open_shared(path) {
        Ok(db) => Ok(Some(Opened { db, still: None })),
        Err(why) if why.reason() == Reason::Store => open_as_it_lies(path, &newer, why),
        // It is locked, or damaged, or a newer one, however it is opened.
        Err(why) => Err(why),
    }
}

/// Opens it together with all who have it open.
fn open_shared(path: &Path) -> Result<Connection> {
    let open = || {
        let db = file::connect(path)?;
        if !is_shared(path) {
            file::refuse_read_only(&db)?;
        }
        Ok(db)
    };
    checked(open().map_err(|why| failure(path, &why))?, path)
}

/// Opens it as it lies, where it could not be opened otherwise because of `why`. A log that stays
/// is not passed over; one that came or went, as others close the store and open it, is waited for.
fn open_as_it_lies(path: &Path, before: &Newer, why: Error) -> Result<Option<Opened>> {
    let Some(still) = Still::of(path, || SystemClock.now()) else {
        return if Newer::beside(path).has_stayed(before) { Err(why) } else { Ok(None) };
    };
    let db = still.connect().map_err(|why| failure(path, &why));
    match db.and_then(|db| checked(db, path)) {
        Ok(db) => Ok(Some(Opened { db, still: Some(still) })),
        Err(_) if !still.is_unchanged() => Ok(None),
        Err(other) if other.reason() == Reason::Store => Err(why),
        Err(other) => Err(other),
    }
}

fn checked(mut db: Connection, path: &Path) -> Result<Connection> {
    // A file that is refused is left as it is, also by the log that may lie beside it.
    keep_log(&db, true).map_err(|why| failure(path, &why))?;
    schema::check(&mut db, path)?;
    keep_log(&db, false).map_err(|why| failure(path, &why))?;
    db.pragma_update(None, "query_only", true).map_err(|why| failure(path, &why))?;
    Ok(db)
}

/// Sets whether closing the last connection leaves the write-ahead log where it is.
fn keep_log(db: &Connection, keep: bool) -> rusqlite::Result<()> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep).map(drop)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_changed_while_it_was_read_as_it_lies_does_not_count() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("xpkce.db");
        drop(open(&path).unwrap());
        let opened = Opened::as_it_lies(&path);
        let count = "SELECT sign_ins FROM store";
        let read = |db: &Connection| db.query_row(count, (), |row| row.get::<_, i64>(0));
        assert_eq!(opened.read(&path, read).unwrap(), Some(0));
        let read_late = |db: &Connection| {
            file::open_for_writing(&path)?.execute("UPDATE store SET sign_ins = 1", ())?;
            read(db)
        };
        assert_eq!(opened.read(&path, read_late).unwrap(), None);
    }

    #[test]
    fn a_log_that_came_or_went_is_waited_for_and_one_that_stays_is_not_passed_over() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("xpkce.db");
        file::prepare(&path).unwrap();
        let open = |before: &Newer| {
            open_as_it_lies(&path, before, Error::new(Reason::Store, "it has no log"))
        };
        let before = Newer::beside(&path);
        let log = folder.path().join("xpkce.db-wal");
        std::fs::write(&log, "somebody writes").unwrap();
        assert!(open(&before).unwrap().is_none(), "it has come");
        let before = Newer::beside(&path);
        assert_eq!(open(&before).err().unwrap().to_string(), "it has no log");
        std::fs::write(&log, "somebody writes again").unwrap();
        assert!(open(&before).unwrap().is_none(), "it is another");
    }

    #[test]
    fn what_could_not_be_opened_because_somebody_changed_it_is_opened_again() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("xpkce.db");
        let changing = std::cell::Cell::new(3);
        let open_late = |path: &Path| match changing.get() {
            0 => open(path),
            more => {
                changing.set(more - 1);
                Ok(None)
            }
        };
        let start = Backoff::start;
        assert_eq!(read(start(), &mut None, &path, open_late, |_| Ok(7)).unwrap(), 7);
        changing.set(3);
        assert!(!open_patiently(start(), &path, open_late).unwrap().is_still());
    }

    #[test]
    fn a_store_that_is_changed_all_the_time_is_told_as_such_at_the_deadline() {
        let never = |_: &Path| Ok(None);
        let path = Path::new("xpkce.db");
        let whys = [
            open_patiently(Backoff::at_its_deadline(), path, never).err(),
            read(Backoff::at_its_deadline(), &mut None, path, never, |_| Ok(7)).err(),
        ];
        assert_eq!(whys.map(|why| why.unwrap().reason()), [Reason::Busy; 2]);
    }

    #[test]
    fn what_was_wrong_is_told_and_not_what_is_wrong_with_it_as_it_lies() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("xpkce.db");
        file::prepare(&path).unwrap();
        let older = "PRAGMA user_version = 1";
        let newer = "PRAGMA user_version = 1000";
        let whys = [older, newer].map(|version| {
            file::open_for_writing(&path).unwrap().execute_batch(version).unwrap();
            let none = Newer::beside(&path);
            let open = || open_as_it_lies(&path, &none, Error::new(Reason::Store, "no log"));
            open_patiently(Backoff::start(), &path, |_| open()).err().unwrap()
        });
        assert_eq!(
            whys[0].to_string(),
            "no log",
            "it cannot be brought to this version as it lies"
        );
        assert_eq!(whys[1].reason(), Reason::StoreNewer);
    }
}
