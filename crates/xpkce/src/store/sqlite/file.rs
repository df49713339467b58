//! The database file: private from birth, whole from birth, and checked before it is used.
//!
//! Closing any descriptor of a database drops every lock that the process has on it, so nothing
//! here opens the file under its own name: a new one is made under another name, closed, and linked.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, ffi};

use super::failure::failure;
use super::{backoff::Backoff, schema};
use crate::steps::step;
use crate::{Error, Reason, Result};

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

/// Opens the store at `path`, which has been checked, for writing. Every commit is flushed.
pub(super) fn open_for_writing(path: &Path) -> rusqlite::Result<Connection> {
    let mut db = connect(path)?;
    refuse_read_only(&db)?;
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

/// Refuses a file that could be opened for reading alone, before anything is made beside it. SQLite
/// gives its log and its memory the rights that the file has: of a file that is read-only for now
/// they would stay so, and nobody could write the store later.
pub(super) fn refuse_read_only(db: &Connection) -> rusqlite::Result<()> {
    if db.is_readonly(c"main")? {
        return Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_READONLY), None));
    }
    Ok(())
}

pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
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

/// Makes the store where there is none.
pub(super) fn prepare(path: &Path) -> Result<()> {
    if is_there(path)? { Ok(()) } else { make(path) }
}

/// Returns whether there is a file at `path`; refused if it is no store, or none that is safe.
pub(super) fn is_there(path: &Path) -> Result<bool> {
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
        Ok(_) => refuse_network(&folder_of_file(path)?).map(|()| true),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(false),
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
    let linked = step("filling the store's draft", || fill(&draft))
        .and_then(|()| step("naming the store", || link(&draft, path)));
    for leftover in ["", "-wal", "-shm"] {
        let mut name = draft.clone().into_os_string();
        name.push(leftover);
        let _ = step("removing the store's draft", || fs::remove_file(name));
    }
    linked?;
    let flush = || File::open(folder).and_then(|folder| folder.sync_all());
    step("flushing the store's folder", flush).map_err(|why| failed("make", path, why))
}

fn draft(path: &Path) -> io::Result<PathBuf> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{:016x}", u64::from_be_bytes(random)));
    let draft = path.with_file_name(name);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    step("making a draft of the store", || options.open(&draft))?;
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

/// Returns whether a file system of this kind (statfs(2)) is one that machines share. FUSE and 9p are
/// not told apart by it: they may be a disk of this machine, or a network behind a program, and are
/// let pass.
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

/// Returns the folder of the file itself, where its log lies, and not that of a link to it.
fn folder_of_file(path: &Path) -> Result<PathBuf> {
    let file = fs::canonicalize(path).map_err(|why| failed("read", path, why))?;
    Ok(folder_of(&file).to_owned())
}

fn failed(what: &str, path: &Path, why: io::Error) -> Error {
    Error::new(Reason::Store, format!("cannot {what} the store {}", path.display()))
        .with_source(why)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

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
    fn the_folder_that_is_judged_is_that_of_the_file_and_not_of_a_link_to_it() {
        let [folder, other] = [(); 2].map(|()| tempfile::TempDir::new().unwrap());
        let (file, link) = (folder.path().join("xpkce.db"), other.path().join("xpkce.db"));
        prepare(&file).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let itself = fs::canonicalize(folder.path()).unwrap();
        assert_eq!(
            [&file, &link].map(|path| folder_of_file(path).unwrap()),
            [itself.clone(), itself]
        );
    }

    #[test]
    fn every_commit_is_flushed_and_what_is_deleted_is_overwritten() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("xpkce.db");
        prepare(&path).unwrap();
        let db = open_for_writing(&path).unwrap();
        let pragma = |name| db.pragma_query_value(None, name, |row| row.get::<_, i32>(0)).unwrap();
        const FULL: i32 = 2;
        assert_eq!((pragma("synchronous"), pragma("secure_delete")), (FULL, 1));
    }
}
