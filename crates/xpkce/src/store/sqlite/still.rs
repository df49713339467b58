//! A store that lies still: nobody has it open, and this process cannot write where it is, or wants
//! one look and nothing else.
//!
//! SQLite reads a database with a write-ahead log only together with the log and with the memory
//! that all share who have it open, and makes both where they are missing. Where they can neither be
//! found nor made, the file is whole in itself: who closed it last has written the log back. It is
//! then read as one that cannot change ("immutable"), with no lock. So is one at rest, for one look:
//! to make the log and the memory and to remove them again is much of what a look costs.
//!
//! It may change all the same: somebody may open it just then. So what was read counts only if the
//! file looks the same afterwards, and has no log. A log that is there is never passed over: what it
//! holds is newer than the file, and what it replaces may be spent.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use rusqlite::{Connection, OpenFlags};
use rustix::fs::{Access, AtFlags, CWD, accessat};

use crate::Timestamp;

/// What a path may not have as it is in SQLite's URIs. <https://sqlite.org/uri.html>
const NOT_IN_URI: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');

/// Longer than any tick of a file system's clock: two seconds, on the coarsest.
const REST: Duration = Duration::from_secs(5);

/// How a file looked before it was opened.
pub(super) struct Still {
    /// The file itself: SQLite's log lies beside it and not beside a link to it.
    file: PathBuf,
    before: Look,
}

#[derive(PartialEq, Eq)]
struct Look {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Still {
    /// Returns how the store at `path` looks, if it lies still.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let file = fs::canonicalize(path).ok()?;
        if is_writable(file.parent()?) {
            return None;
        }
        let before = look(&file).ok()??;
        Some(Self { file, before })
    }

    /// Returns how the store at `path` looks, if it has no log and was changed some time ago: two
    /// changes in one tick of the file system's clock look like one, so a change is sure to be seen
    /// only if the one before it is older than a tick.
    pub(super) fn at_rest(path: &Path, now: Timestamp) -> Option<Self> {
        let file = fs::canonicalize(path).ok()?;
        if log_of(&file).try_exists().unwrap_or(true) {
            return None;
        }
        let before = look(&file).ok()??;
        (before.changed.0 < (now - REST).as_secs()).then_some(Self { file, before })
    }

    /// Returns how a store looks wherever it is.
    #[cfg(test)]
    pub(super) fn as_it_lies(path: &Path) -> Self {
        let before = look(path).ok().flatten().expect("nobody has it open");
        Self { file: path.to_owned(), before }
    }

    /// Opens it without a lock, and without a log.
    pub(super) fn connect(&self) -> rusqlite::Result<Connection> {
        let path = percent_encode(self.file.as_os_str().as_bytes(), NOT_IN_URI);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_URI
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(format!("file:{path}?immutable=1"), flags)
    }

    /// Returns whether it has lain still all the while.
    pub(super) fn is_unchanged(&self) -> bool {
        matches!(look(&self.file), Ok(Some(now)) if now == self.before)
    }
}

/// Returns whether this process may make files in a folder.
pub(super) fn is_writable(folder: &Path) -> bool {
    accessat(CWD, folder, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS).is_ok()
}

fn log_of(file: &Path) -> PathBuf {
    beside(file, "-wal")
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Looks at a file; none while there is something in its log, or in the journal of a program that
/// writes without one: it may be in the middle of it, or have died there.
fn look(file: &Path) -> io::Result<Option<Look>> {
    for beside in [log_of(file), beside(file, "-journal")] {
        match fs::metadata(beside) {
            Ok(beside) if beside.len() > 0 => return Ok(None),
            Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
            _ => {}
        }
    }
    let about = fs::metadata(file)?;
    Ok(Some(Look {
        device: about.dev(),
        inode: about.ino(),
        size: about.size(),
        modified: (about.mtime(), about.mtime_nsec()),
        changed: (about.ctime(), about.ctime_nsec()),
    }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::store::{SqliteStore, Store as _};
    use crate::{Clock as _, SystemClock};

    /// A store that was closed, and how it looks.
    async fn closed(folder: &Path) -> Still {
        let file = folder.join("a #%? store.db");
        drop(SqliteStore::open(&file).await.unwrap());
        Still::as_it_lies(&file)
    }

    fn sign_ins(db: &Connection) -> rusqlite::Result<i64> {
        db.query_row("SELECT sign_ins FROM store", (), |row| row.get(0))
    }

    #[tokio::test]
    async fn it_is_read_and_nothing_is_made_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let still = closed(folder.path()).await;
        let db = still.connect().unwrap();
        assert_eq!(sign_ins(&db).unwrap(), 0);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(still.is_unchanged());
        assert!(db.execute("UPDATE store SET sign_ins = 7", ()).is_err());
    }

    #[tokio::test]
    async fn who_writes_meanwhile_is_noticed_before_and_after_the_log_is_written_back() {
        let folder = tempfile::tempdir().unwrap();
        let still = closed(folder.path()).await;
        let writer = SqliteStore::open(&still.file).await.unwrap();
        writer.next_sign_in().await.unwrap();
        assert!(!still.is_unchanged());
        assert!(look(&still.file).unwrap().is_none());
        drop(writer);
        assert!(!still.is_unchanged());
        let anew = Still::as_it_lies(&still.file);
        assert_eq!(sign_ins(&anew.connect().unwrap()).unwrap(), 1);
    }

    #[tokio::test]
    async fn an_empty_log_beside_it_holds_nothing_that_is_newer() {
        let folder = tempfile::tempdir().unwrap();
        let still = closed(folder.path()).await;
        let mut log = still.file.clone().into_os_string();
        log.push("-wal");
        fs::write(log, "").unwrap();
        assert!(still.is_unchanged());
    }

    #[tokio::test]
    async fn a_folder_that_can_be_written_has_none() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Still::of(&closed(folder.path()).await.file).is_none());
    }

    #[tokio::test]
    async fn it_is_at_rest_once_nobody_has_it_open_and_its_last_change_is_some_time_ago() {
        let folder = tempfile::tempdir().unwrap();
        let file = closed(folder.path()).await.file;
        let now = SystemClock.now();
        let later = now + REST + Duration::from_secs(2);
        for since in [Duration::ZERO, REST - Duration::from_secs(1)] {
            assert!(Still::at_rest(&file, now + since).is_none(), "it has just been made");
        }
        assert!(Still::at_rest(&file, now - REST).is_none(), "by this clock it is yet to be made");
        assert!(Still::at_rest(&file, later).is_some());
        let open = SqliteStore::open(&file).await.unwrap();
        open.next_sign_in().await.unwrap();
        assert!(Still::at_rest(&file, later).is_none());
        drop(open);
        fs::write(log_of(&file), "").unwrap();
        assert!(Still::at_rest(&file, later).is_none(), "somebody may have opened it");
        fs::remove_file(log_of(&file)).unwrap();
        let still = Still::at_rest(&file, later).unwrap();
        fs::write(beside(&file, "-journal"), "what was there before").unwrap();
        assert!(!still.is_unchanged() && Still::at_rest(&file, later).is_none());
    }
}
