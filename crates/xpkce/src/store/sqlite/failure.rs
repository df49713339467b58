//! What SQLite's errors mean to a caller.

use std::fs;
use std::path::Path;

use rusqlite::ErrorCode;
use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;

use super::still::beside;

use crate::{Error, Reason};

/// Turns SQLite's error into ours.
pub(super) fn failure(path: &Path, why: &rusqlite::Error) -> Error {
    let shown = path.display();
    let (reason, message) = match why.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            (Reason::Busy, format!("the store {shown} is locked by another process"))
        }
        Some(ErrorCode::NotADatabase) => {
            (Reason::StoreDamaged, format!("{shown} is not a store; it was left as it is"))
        }
        Some(ErrorCode::DatabaseCorrupt) => {
            (Reason::StoreDamaged, format!("the store {shown} is damaged; it was left as it is"))
        }
        // The files beside the store are made with another error.
        Some(code) if is_full(path, why) => {
            let how = if code == ErrorCode::DiskFull { "written" } else { "used" };
            let message = format!("the store {shown} cannot be {how}: the disk is full");
            return Error::new(Reason::Store, message).with_source(why.to_string()).with_hint(ROOM);
        }
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly)
            if is_closed(path) =>
        {
            let message = format!("the store {shown} cannot be written: its folder is read-only");
            return Error::new(Reason::Store, message)
                .with_source(why.to_string())
                .with_hint(WRITABLE);
        }
        Some(ErrorCode::ReadOnly) => return read_only(path).with_source(why.to_string()),
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            (Reason::Store, format!("the store {shown} cannot be opened"))
        }
        _ => (Reason::Store, format!("the store {shown} failed")),
    };
    Error::new(reason, message).with_source(why.to_string())
}

/// Names what cannot be written: the store, or what SQLite made beside it with the rights that the
/// store had then.
fn read_only(path: &Path) -> Error {
    let shown = path.display();
    let file = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let files = ["", "-wal", "-shm"].map(|suffix| beside(&file, suffix));
    let message = format!("the store {shown} cannot be written: ");
    match files.iter().find(|file| is_read_only(file)) {
        Some(closed) => {
            let what = if *closed == file { "it".into() } else { closed.display().to_string() };
            Error::new(Reason::Store, format!("{message}{what} is read-only"))
                .with_hint(crate::seal::closing(closed))
        }
        None => Error::new(Reason::Store, format!("{message}it is read-only")),
    }
}

/// The error of who cannot take part in a store's locks, and finds it changed all the time.
pub(super) fn changing(path: &Path) -> Error {
    let shown = path.display();
    Error::new(Reason::Busy, format!("the store {shown} is being changed, and is read-only here"))
}

/// Returns whether there is no room left for what is made beside a store.
fn is_disk_full(path: &Path) -> bool {
    const BESIDE: u64 = 64 * 1024;
    let disk = path.parent().and_then(|folder| rustix::fs::statvfs(folder).ok());
    disk.is_some_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < BESIDE)
}

/// Returns whether nothing can be made beside the store.
fn is_closed(path: &Path) -> bool {
    fs::canonicalize(path).is_ok_and(|file| file.parent().is_some_and(|it| !is_writable(it)))
}

/// Returns whether this process may make files in a folder.
fn is_writable(folder: &Path) -> bool {
    accessat(CWD, folder, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS).is_ok()
}

/// Returns whether the rights of a file that is there keep this process from writing it.
fn is_read_only(file: &Path) -> bool {
    accessat(CWD, file, Access::WRITE_OK, AtFlags::EACCESS) == Err(Errno::ACCESS)
}

/// What to do about a read-only folder.
pub(super) const WRITABLE: &str =
    "let this user write in the store's folder, or run it where that is so";

/// What to do about a full disk.
pub(super) const ROOM: &str = "make room on the disk that the store is on";

/// Returns whether another connection was in the way and it may pass.
pub(super) fn is_busy(why: &rusqlite::Error) -> bool {
    matches!(why.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Returns whether there was no room to write, or to make what lies beside the store.
pub(super) fn is_full(path: &Path, why: &rusqlite::Error) -> bool {
    match why.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => true,
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => is_disk_full(path),
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn every_failure_says_what_can_be_done() {
        let reason = |code| {
            let why = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            failure(Path::new("xpkce.db"), &why).reason()
        };
        assert_eq!(reason(ffi::SQLITE_BUSY), Reason::Busy);
        assert_eq!(reason(ffi::SQLITE_NOTADB), Reason::StoreDamaged);
        assert_eq!(reason(ffi::SQLITE_CORRUPT), Reason::StoreDamaged);
        for code in
            [ffi::SQLITE_READONLY, ffi::SQLITE_FULL, ffi::SQLITE_CANTOPEN, ffi::SQLITE_IOERR]
        {
            assert_eq!(reason(code), Reason::Store);
        }
    }

    #[test]
    fn a_failure_is_laid_to_the_disk_or_the_folder_only_where_they_are_at_fault() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("xpkce.db");
        std::fs::write(&path, "").unwrap();
        let said = |code| {
            let why = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            failure(&path, &why).to_string().replace(&path.display().to_string(), "it")
        };
        assert_eq!(said(ffi::SQLITE_READONLY), "the store it cannot be written: it is read-only");
        assert_eq!(said(ffi::SQLITE_FULL), "the store it cannot be written: the disk is full");
        assert_eq!(said(ffi::SQLITE_CANTOPEN), "the store it cannot be opened");
        assert_eq!(said(ffi::SQLITE_PERM), "the store it cannot be opened");
        assert_eq!(said(ffi::SQLITE_IOERR), "the store it failed");
    }

    #[test]
    fn only_a_lock_is_waited_for_and_only_a_full_disk_takes_the_room_that_was_kept() {
        let is = |of: &dyn Fn(&rusqlite::Error) -> bool, code| {
            of(&rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))
        };
        let codes = [ffi::SQLITE_BUSY, ffi::SQLITE_LOCKED, ffi::SQLITE_FULL, ffi::SQLITE_IOERR];
        assert_eq!(codes.map(|code| is(&is_busy, code)), [true, true, false, false]);
        let is_full = |why: &_| is_full(Path::new("xpkce.db"), why);
        assert_eq!(codes.map(|code| is(&is_full, code)), [false, false, true, false]);
    }
}
