//! A store that lies still: nobody has it open, and this process cannot open it with its log, or
//! wants one look and nothing else.
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

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use rusqlite::{Connection, OpenFlags};

use crate::Timestamp;

/// What a path may not have as it is in SQLite's URIs. <https://sqlite.org/uri.html>
const NOT_IN_URI: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');

/// Longer than any tick of a file system's clock: two seconds, on the coarsest.
const REST: Duration = Duration::from_secs(5);

/// As long as a tick at least where the clock counts whole seconds, or two.
const COARSE: Duration = Duration::from_secs(3);

/// As long as a tick at least where the clock is the kernel's: ten milliseconds, where it is slowest.
const FINE: Duration = Duration::from_millis(20);

/// How a file looked before it was opened.
pub(super) struct Still {
    /// The file itself: SQLite's log lies beside it and not beside a link to it.
    file: PathBuf,
    before: Look,
}

#[derive(Debug, PartialEq, Eq)]
struct Look {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl From<&Metadata> for Look {
    fn from(about: &Metadata) -> Self {
        Self {
            device: about.dev(),
            inode: about.ino(),
            size: about.size(),
            modified: (about.mtime(), about.mtime_nsec()),
            changed: (about.ctime(), about.ctime_nsec()),
        }
    }
}

impl Look {
    /// Returns whether one more change, after a look that was taken between two instants, is sure to
    /// be seen: two changes in one tick of the file system's clock look like one.
    fn is_settled(&self, since: Timestamp, until: Timestamp) -> bool {
        let (secs, nanos) = self.changed;
        let tick = if nanos == 0 { COARSE } else { FINE };
        let changed = Timestamp::from_millis(secs.saturating_mul(1000) + nanos / 1_000_000);
        changed + tick <= since || until + tick <= changed
    }
}

/// What lies beside a store and is newer than it, if anything does.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Newer(Result<Option<Look>, io::ErrorKind>);

impl Newer {
    pub(super) fn beside(path: &Path) -> Self {
        Self(fs::canonicalize(path).and_then(|file| newer(&file)).map_err(|why| why.kind()))
    }

    /// Returns whether there is something, or may be, and it is what there was before.
    pub(super) fn has_stayed(&self, before: &Self) -> bool {
        self.0 != Ok(None) && self == before
    }
}

impl Still {
    /// Returns how the store at `path` looks, if it has no log and was not changed just now.
    pub(super) fn of(path: &Path, now: impl Fn() -> Timestamp) -> Option<Self> {
        let file = fs::canonicalize(path).ok()?;
        let since = now();
        let before = look(&file).ok()??;
        before.is_settled(since, now()).then_some(Self { file, before })
    }

    /// Returns how the store at `path` looks, if it has no log and was changed some time ago, so
    /// that a change is sure to be seen. An empty log is none: who has the file open, and writes to
    /// it, is seen like anybody else.
    pub(super) fn at_rest(path: &Path, now: Timestamp) -> Option<Self> {
        let file = fs::canonicalize(path).ok()?;
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

/// Returns whether there is memory that those share who have the store at `path` open.
pub(super) fn is_shared(path: &Path) -> bool {
    fs::canonicalize(path).is_ok_and(|file| beside(&file, "-shm").exists())
}

fn log_of(file: &Path) -> PathBuf {
    beside(file, "-wal")
}

/// Returns the path of what has a file's name and more.
pub(super) fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Looks at a file; none while something newer lies beside it.
fn look(file: &Path) -> io::Result<Option<Look>> {
    match newer(file)? {
        Some(_) => Ok(None),
        None => Ok(Some(Look::from(&fs::metadata(file)?))),
    }
}

/// Looks for something in a file's log, or in the journal of a program that writes without one: it
/// may be in the middle of it, or have died there.
fn newer(file: &Path) -> io::Result<Option<Look>> {
    for beside in [log_of(file), beside(file, "-journal")] {
        match fs::metadata(beside) {
            Ok(beside) if beside.len() > 0 => return Ok(Some(Look::from(&beside))),
            Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
            _ => {}
        }
    }
    Ok(None)
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
    async fn a_log_that_cannot_be_looked_at_may_hold_something() {
        let folder = tempfile::tempdir().unwrap();
        let still = closed(folder.path()).await;
        let log = log_of(&still.file);
        std::os::unix::fs::symlink(&log, &log).unwrap();
        assert!(!still.is_unchanged());
        let newer = Newer::beside(&still.file);
        assert!(newer.has_stayed(&Newer::beside(&still.file)));
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
    async fn it_lies_still_only_once_a_change_within_the_same_tick_is_out_of_the_question() {
        let folder = tempfile::tempdir().unwrap();
        let Still { file, before } = closed(folder.path()).await;
        let (secs, nanos) = before.changed;
        let changed = Timestamp::from_millis(secs * 1000 + nanos / 1_000_000);
        let tick = if nanos == 0 { COARSE } else { FINE };
        let just = Duration::from_millis(1);
        for now in [changed, changed + tick - just, changed - tick + just] {
            assert!(Still::of(&file, || now).is_none(), "{now:?}, changed at {changed:?}");
        }
        for now in [changed + tick, changed - tick] {
            assert!(Still::of(&file, || now).is_some(), "{now:?}, changed at {changed:?}");
        }
        fs::write(log_of(&file), "what is newer").unwrap();
        assert!(Still::of(&file, || changed + tick).is_none());
    }

    #[test]
    fn a_clock_of_whole_seconds_is_waited_for_longer_and_a_long_look_counts_from_where_it_is_short()
    {
        let at = Timestamp::from_millis;
        let look = |nanos| Look {
            device: 1,
            inode: 1,
            size: 512,
            modified: (0, 0),
            changed: (100, nanos),
        };
        let coarse = look(0);
        assert!(!coarse.is_settled(at(102_999), at(102_999)));
        assert!(coarse.is_settled(at(103_000), at(103_000)));
        let fine = look(1_000_000);
        assert!(fine.is_settled(at(100_021), at(100_021)));
        assert!(
            !fine.is_settled(at(100_000), at(100_900)),
            "it was changed while it was looked at"
        );
        assert!(!fine.is_settled(at(99_000), at(99_999)));
    }

    #[test]
    fn what_is_newer_has_stayed_if_it_is_there_and_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("store.db");
        fs::write(&file, "").unwrap();
        let none = Newer::beside(&file);
        assert!(!Newer::beside(&file).has_stayed(&none));
        fs::write(log_of(&file), "one").unwrap();
        let one = Newer::beside(&file);
        assert!(!one.has_stayed(&none), "it has appeared");
        assert!(Newer::beside(&file).has_stayed(&one));
        fs::write(log_of(&file), "another").unwrap();
        assert!(!Newer::beside(&file).has_stayed(&one), "it has grown");
        fs::remove_file(log_of(&file)).unwrap();
        assert!(!Newer::beside(&file).has_stayed(&one), "it has gone");
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
        let still = Still::at_rest(&file, later).expect("an empty log holds nothing");
        fs::write(log_of(&file), "somebody writes").unwrap();
        assert!(!still.is_unchanged() && Still::at_rest(&file, later).is_none());
        fs::remove_file(log_of(&file)).unwrap();
        fs::write(beside(&file, "-journal"), "what was there before").unwrap();
        assert!(!still.is_unchanged() && Still::at_rest(&file, later).is_none());
    }
}
