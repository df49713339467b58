//! The database file: private from birth, whole from birth, and checked before it is used.
//!
//! Closing any descriptor of a database drops every lock that the process has on it, so nothing
//! here opens the file under its own name: a new one is made under another name, closed, and linked.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::failure::failure;
use super::{backoff::Backoff, schema, still::Still};
use crate::{Error, Reason, Result, Timestamp};

/// The smallest page, and so the smallest database, in bytes.
const SHORTEST: u64 = 512;

/// Which file it is, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let about = fs::metadata(path)?;
        Ok(Self { device: about.dev(), inode: about.ino() })
    }
}

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

/// Opens the store at `path` for reading, after making it where there is none. One that lies still
/// where nothing can be written is opened as it lies.
pub(super) fn open(path: &Path) -> Result<Opened> {
    prepare(path)?;
    let why = match connect(path).map_err(|why| failure(path, &why)) {
        Ok(db) => match checked(db, path) {
            Ok(db) => return Ok(Opened { db, still: None }),
            Err(why) => why,
        },
        Err(why) => why,
    };
    let Some(still) = Still::of(path) else { return Err(why) };
    let db = checked(still.connect().map_err(|why| failure(path, &why))?, path)?;
    Ok(Opened { db, still: Some(still) })
}

/// Opens a store that is at rest as it lies, for one look. None leaves it to [`open`], which also
/// says what is wrong.
pub(super) fn open_at_rest(path: &Path, now: Timestamp) -> Option<Opened> {
    let still = Still::at_rest(path, now)?;
    prepare(path).ok()?;
    let mut db = still.connect().ok()?;
    schema::check(&mut db, path).ok()?;
    Some(Opened { db, still: Some(still) })
}

fn checked(mut db: Connection, path: &Path) -> Result<Connection> {
    // A file that is refused is left as it is, also by the log that may lie beside it.
    keep_log(&db, true).map_err(|why| failure(path, &why))?;
    schema::check(&mut db, path)?;
    keep_log(&db, false).map_err(|why| failure(path, &why))?;
    db.pragma_update(None, "query_only", true).map_err(|why| failure(path, &why))?;
    Ok(db)
}

/// Opens the store at `path`, which [`open`] has checked, for writing. Every commit is flushed.
pub(super) fn open_for_writing(path: &Path) -> rusqlite::Result<Connection> {
    let mut db = connect(path)?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "secure_delete", true)?;
    if cfg!(target_os = "macos") {
        db.pragma_update(None, "fullfsync", true)?;
        db.pragma_update(None, "checkpoint_fullfsync", true)?;
    }
    // The writer waits by itself, with more to do meanwhile.
    db.busy_handler(None::<fn(i32) -> bool>)?;
    Ok(db)
}

/// Sets whether closing the last connection leaves the write-ahead log where it is.
fn keep_log(db: &Connection, keep: bool) -> rusqlite::Result<()> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep).map(drop)
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(path, flags)?;
    let mut backoff = Backoff::start();
    db.busy_handler(Some(move |tries| {
        if tries == 0 {
            backoff = Backoff::start();
        }
        backoff.wait()
    }))?;
    Ok(db)
}

fn prepare(path: &Path) -> Result<()> {
    match fs::metadata(path) {
        Ok(about) if about.is_dir() => {
            let shown = path.display();
            Err(Error::new(Reason::Store, format!("{shown} is a folder, and no store"))
                .with_hint(format!("name a file in it: {}", path.join("xpkce.db").display())))
        }
        Ok(about) if !about.is_file() => {
            Err(Error::new(Reason::Store, format!("{} is not a file", path.display())))
        }
        Ok(about) if about.mode() & 0o077 != 0 => Err(Error::new(
            Reason::Store,
            format!("the store {} can be read by others than its owner", path.display()),
        )
        .with_hint(crate::seal::closing(path))),
        // SQLite takes a file that is shorter than any database for an empty one. None of ours was ever
        // seen so: it has appeared whole.
        Ok(about) if about.len() == 0 => Err(Error::new(
            Reason::StoreDamaged,
            format!("the store {} is empty: it was cut short, or never was one", path.display()),
        )
        // SQLite lays a log over whatever it lies beside.
        .with_hint(format!(
            "move {0} away with {0}-wal and {0}-shm, where they are; then bring all of them back from a backup, or begin with no login",
            path.display()
        ))),
        Ok(about) if about.len() < SHORTEST => Err(Error::new(
            Reason::StoreDamaged,
            format!("{} is not a store; it was left as it is", path.display()),
        )),
        Ok(_) => refuse_network(folder_of(path)),
        Err(why) if why.kind() == io::ErrorKind::NotFound => make(path),
        Err(why) => Err(failed("read", path, why)),
    }
}

/// Makes the store under another name and links it: it appears whole, or not at all when another
/// process was first.
fn make(path: &Path) -> Result<()> {
    let folder = folder_of(path);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|why| failed("make the folder of", path, why))?;
    refuse_network(folder)?;
    let draft = draft(path).map_err(|why| failed("make", path, why))?;
    let linked = fill(&draft).and_then(|()| link(&draft, path));
    for leftover in ["", "-wal", "-shm"] {
        let mut name = draft.clone().into_os_string();
        name.push(leftover);
        let _ = fs::remove_file(name);
    }
    linked?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|why| failed("make", path, why))
}

fn draft(path: &Path) -> io::Result<PathBuf> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{:016x}", u64::from_be_bytes(random)));
    let draft = path.with_file_name(name);
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    Ok(draft)
}

fn fill(draft: &Path) -> Result<()> {
    let mut db = open_for_writing(draft).map_err(|why| failure(draft, &why))?;
    schema::check(&mut db, draft)?;
    db.close().map_err(|(_, why)| failure(draft, &why))
}

fn link(draft: &Path, path: &Path) -> Result<()> {
    match fs::hard_link(draft, path) {
        Err(why) if why.kind() != io::ErrorKind::AlreadyExists => Err(failed("make", path, why)),
        _ => Ok(()),
    }
}

/// SQLite's write-ahead log needs memory shared by all who have the file open.
#[cfg(target_os = "linux")]
fn refuse_network(folder: &Path) -> Result<()> {
    let about = rustix::fs::statfs(folder).map_err(|why| failed("read", folder, why.into()))?;
    #[allow(clippy::useless_conversion, reason = "its type is the machine's")]
    if is_network(i64::from(about.f_type)) {
        return Err(Error::new(
            Reason::Store,
            format!("{} is on a network file system, where SQLite is not safe", folder.display()),
        )
        .with_hint("put the store on a local disk, or use PostgreSQL"));
    }
    Ok(())
}

/// Returns whether a file system of this kind (statfs(2)) is one that machines share.
#[cfg(target_os = "linux")]
fn is_network(kind: i64) -> bool {
    const NFS: i64 = 0x6969;
    const SMB: i64 = 0x517b;
    const SMB2: i64 = 0xfe53_4d42;
    const CIFS: i64 = 0xff53_4d42;
    // The kernel's word is signed on some machines and narrow on others: compare its lower half.
    matches!(kind & 0xffff_ffff, NFS | SMB | SMB2 | CIFS)
}

#[cfg(not(target_os = "linux"))]
fn refuse_network(_: &Path) -> Result<()> {
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn failed(what: &str, path: &Path, why: io::Error) -> Error {
    Error::new(Reason::Store, format!("cannot {what} the store {}", path.display()))
        .with_source(why)
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
            open_for_writing(&path)?.execute("UPDATE store SET sign_ins = 1", ())?;
            read(db)
        };
        assert_eq!(opened.read(&path, read_late).unwrap(), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_network_file_system_is_known_by_the_kernels_word_for_it_of_whatever_width() {
        // As `stat -f -c %t` prints them: nfs, smb, smb2, cifs.
        for word in [0x6969_u32, 0x517b, 0xfe53_4d42, 0xff53_4d42] {
            let signed = i64::from(word.cast_signed());
            assert!(is_network(word.into()) && is_network(signed), "{word:x}");
        }
        // ext4, tmpfs, xfs, btrfs.
        for word in [0xef53_u32, 0x0102_1994, 0x5846_5342, 0x9123_683e] {
            let signed = i64::from(word.cast_signed());
            assert!(!is_network(word.into()) && !is_network(signed), "{word:x}");
        }
    }

    #[test]
    fn every_commit_is_flushed_and_what_is_deleted_is_overwritten() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("xpkce.db");
        drop(open(&path).unwrap());
        let db = open_for_writing(&path).unwrap();
        let pragma = |name| db.pragma_query_value(None, name, |row| row.get::<_, i32>(0)).unwrap();
        const FULL: i32 = 2;
        assert_eq!((pragma("synchronous"), pragma("secure_delete")), (FULL, 1));
    }
}
