//! The files of others, as this process may see them.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::{Presence, UNNAMED, is_holders_name, is_name};
use crate::Timestamp;
use crate::grant::{Lease, Liveness};
use crate::keeper::room::{self, Slot};
use crate::seal::open_file;
use crate::steps::step;

/// The length of a dead holder's file that has nothing left in it: no slots, and the mark.
pub(super) const FOUND_DEAD: u64 = 1;

/// Another process's file, as this one may see it.
#[derive(Debug)]
pub(in crate::keeper) struct Foreign {
    pub(super) file: File,
    pub(super) path: PathBuf,
    pub(super) is_dead: bool,
}

impl Foreign {
    /// Opens every holder's file in the folder but `own`; those that cannot be opened are left.
    pub(in crate::keeper) fn all(folder: &Path, own: Option<&Presence>) -> Vec<Self> {
        let them = paths(folder, own).into_iter().flatten();
        them.filter_map(|path| Self::open(path).ok()).collect()
    }

    /// Opens only those in which there may be a record.
    ///
    /// # Errors
    /// When it is this process that can open nothing more: what it leaves then may hold a record.
    pub(in crate::keeper) fn with_records(
        folder: &Path,
        own: Option<&Presence>,
    ) -> io::Result<Vec<Self>> {
        let them = paths(folder, own)?.filter(|path| may_hold(path));
        them.filter_map(|path| Self::open_if_any(path).transpose()).collect()
    }

    /// Opens the file that a lease names, unless it is `own` or there is no record in it.
    ///
    /// # Errors
    /// As [`with_records`](Self::with_records).
    pub(in crate::keeper) fn of(
        folder: &Path,
        holder: &Liveness,
        own: Option<&Presence>,
    ) -> io::Result<Option<Self>> {
        let is_own = own.is_some_and(|own| own.liveness == *holder);
        if is_own || !is_holders_name(&holder.file) {
            return Ok(None);
        }
        let path = folder.join(&holder.file);
        if may_hold(&path) { Self::open_if_any(path) } else { Ok(None) }
    }

    pub(in crate::keeper) fn is_dead(&self) -> bool {
        self.is_dead
    }

    /// Returns the records in it, and where they lie.
    ///
    /// # Errors
    /// When a living holder's record is not whole however often it is read. A dead one's was cut
    /// by the end of its holder, and is none.
    pub(in crate::keeper) fn records(&self) -> io::Result<Vec<(Slot, Vec<u8>)>> {
        let found = room::records(&self.file);
        if found.is_torn && !self.is_dead {
            return Err(io::Error::other("a record is being written just now"));
        }
        Ok(found.records)
    }

    /// Erases a record that is durable elsewhere. Only a dead holder's: a living one does it.
    pub(in crate::keeper) fn erase(&self, slot: &Slot) -> io::Result<()> {
        if self.is_dead {
            room::erase(&self.file, slot)?;
            step("flushing a dead holder's file", || self.file.sync_data())?;
        }
        Ok(())
    }

    /// Removes the file of a dead holder that has nothing left in it: not before its last lease
    /// must have run out, because until then the file is what shows that the holder is dead. The
    /// first who finds it dead cuts it short, and so dates it.
    pub(in crate::keeper) fn clear(self, now: Timestamp) {
        let left = room::records(&self.file);
        if !self.is_dead || left.is_unread || !left.records.is_empty() {
            return;
        }
        let Ok(met) = self.file.metadata() else { return };
        let found_dead_at = Timestamp::from_secs(met.mtime());
        // What cannot be cleared now is cleared by somebody later.
        if met.len() > FOUND_DEAD {
            let _ = step("cutting a dead holder's file short", || self.file.set_len(FOUND_DEAD));
        } else if now.since(found_dead_at) > Lease::SPAN * 2 {
            let _ = step("removing a dead holder's file", || std::fs::remove_file(&self.path));
        }
    }

    /// Reads every record of every holder, dead or alive, and judges nobody.
    ///
    /// # Errors
    /// When the folder or a file in it cannot be read, or a record is being written: then there may
    /// be more.
    pub(in crate::keeper) fn all_records(folder: &Path) -> io::Result<Vec<Vec<u8>>> {
        let entries = match std::fs::read_dir(folder) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut records = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if !path.file_name().and_then(|name| name.to_str()).is_some_and(is_holders_name) {
                continue;
            }
            match open_file(&path) {
                // Its holder ended well meanwhile, with nothing in it.
                Err(why) if why.kind() == io::ErrorKind::NotFound => {}
                file => {
                    let file = file?;
                    // Let go at once with the file: nobody takes the living for dead by it.
                    let is_dead = file.try_lock_shared().is_ok();
                    let read = Self { file, path, is_dead };
                    records.extend(read.records()?.into_iter().map(|(_, record)| record));
                }
            }
        }
        Ok(records)
    }

    /// Opens a file; none when that lies at the file.
    pub(super) fn open_if_any(path: PathBuf) -> io::Result<Option<Self>> {
        match Self::open(path) {
            Err(why) if lacks_handles(&why) => Err(why),
            opened => Ok(opened.ok()),
        }
    }

    fn open(path: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(&path)?;
        let is_dead = file.try_lock().is_ok();
        Ok(Self { file, path, is_dead })
    }
}

/// Removes the files of processes that were ended while they made them: they take their room for ever,
/// and have nothing in them. Not before one that is being made must have its name.
pub(in crate::keeper) fn clear_unnamed(folder: &Path, now: Timestamp) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let is_unnamed = |name: &str| is_name(name, UNNAMED);
    for entry in entries.filter(|entry| entry.file_name().to_str().is_some_and(is_unnamed)) {
        let Ok(met) = entry.metadata() else { continue };
        if now.since(Timestamp::from_secs(met.mtime())) > Lease::SPAN * 2 {
            // What cannot be removed now is removed by somebody later.
            let _ = step("removing an unnamed file", || std::fs::remove_file(entry.path()));
        }
    }
}

/// Names every holder's file in the folder but `own`.
pub(super) fn paths(
    folder: &Path,
    own: Option<&Presence>,
) -> io::Result<impl Iterator<Item = PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Err(why) if lacks_handles(&why) => return Err(why),
        entries => entries.into_iter().flatten().flatten(),
    };
    Ok(entries
        .filter(|entry| entry.file_name().to_str().is_some_and(is_holders_name))
        .map(|entry| entry.path())
        .filter(move |path| own.is_none_or(|own| own.path != *path)))
}

/// Returns whether nothing can be opened just now, whatever it is.
fn lacks_handles(why: &io::Error) -> bool {
    matches!(Errno::from_io_error(why), Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM))
}

/// Returns whether there may be a record in a file. One that cannot be looked at may have any.
pub(super) fn may_hold(path: &Path) -> bool {
    match length(path) {
        Ok(length) => !room::is_marked_empty(length),
        Err(why) => why.kind() != io::ErrorKind::NotFound,
    }
}

/// Returns a file's length as it is now: a network file system may have an older one at hand, and a
/// pair that another machine has written meanwhile would be missed.
#[cfg(target_os = "linux")]
fn length(path: &Path) -> io::Result<u64> {
    use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
    Ok(statx(CWD, path, AtFlags::STATX_FORCE_SYNC, StatxFlags::SIZE)?.stx_size)
}

#[cfg(not(target_os = "linux"))]
fn length(path: &Path) -> io::Result<u64> {
    Ok(std::fs::metadata(path)?.len())
}
