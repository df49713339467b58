//! A process's file in the holders' folder: locked while the process lives, and with room kept
//! free in it for pairs until the store has them. While there is none its length says so, and nobody
//! has to open it.
//!
//! The lock is the kernel's (`flock`), so it ends with the process, however that ends. Who finds
//! the file of a holder unlocked knows that the holder is dead; who cannot open it knows nothing
//! and waits for the lease to run out.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::AcqRel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rustix::io::Errno;

use super::room::{self, LONGEST, SLOT, SLOTS, Slot};
use crate::Timestamp;
use crate::grant::{Lease, Liveness, PairId};
use crate::seal::open_file;

const SUFFIX: &str = "holder";
/// Of a file that is being made.
const UNNAMED: &str = "new";
/// The length of a dead holder's file that has nothing left in it: no slots, and the mark.
const FOUND_DEAD: u64 = 1;

/// This process's file. Unlinked when dropped, unless a pair is still in it.
#[derive(Debug)]
pub(super) struct Presence {
    file: Arc<Mutex<File>>,
    path: PathBuf,
    liveness: Liveness,
    process: u32,
    taken: Mutex<Vec<bool>>,
    /// Whether somebody is about to [`mark`](Self::mark) it.
    is_being_marked: AtomicBool,
}

/// The files of this process. A forked child has them too, and would keep its parent's locks.
static OWN: Mutex<Vec<Weak<Mutex<File>>>> = Mutex::new(Vec::new());

/// Lets go, in a forked child, of the files that are its parent's. One that somebody was at when
/// the process was forked is kept: then a dead parent is noticed when its lease runs out.
pub(super) fn leave_to_parent() {
    let Ok(mut own) = OWN.try_lock() else { return };
    for file in own.drain(..).filter_map(|file| file.upgrade()) {
        if let (Ok(mut file), Ok(nothing)) = (file.try_lock(), File::open("/dev/null")) {
            *file = nothing;
        }
        // Its owner is the parent's, and stays as it is.
        std::mem::forget(file);
    }
}

impl Presence {
    /// Makes the file, locks it and keeps room in it, so that a full disk is found now. It gets its
    /// name last: under that name nobody ever sees it unlocked while we live.
    ///
    /// Nothing of it is flushed: a machine that fails takes every holder with it, and what is in the
    /// file by then was made durable with its name by [`sync`](Self::sync).
    pub(super) fn enter(folder: &Path, name: &PairId) -> io::Result<Self> {
        make_folder(folder)?;
        let name = name.as_str();
        let file_name = format!("{name}.{SUFFIX}");
        let path = folder.join(&file_name);
        let unnamed = folder.join(format!("{name}.{UNNAMED}"));
        let file = make(&unnamed, &path).inspect_err(|_| {
            // On a full disk it has taken the last of the room.
            let _ = std::fs::remove_file(&unnamed);
        })?;
        let met = file.metadata()?;
        let liveness = Liveness { file: file_name, device: met.dev(), inode: met.ino() };
        let (file, process) = (Arc::new(Mutex::new(file)), std::process::id());
        let mut own = OWN.lock().unwrap_or_else(PoisonError::into_inner);
        own.retain(|file| file.strong_count() > 0);
        own.push(Arc::downgrade(&file));
        drop(own);
        let taken = Mutex::new(vec![false; SLOTS]);
        Ok(Self { file, path, liveness, process, taken, is_being_marked: AtomicBool::new(false) })
    }

    /// Returns what a lease says of this process.
    pub(super) fn liveness(&self) -> &Liveness {
        &self.liveness
    }

    /// Writes a record into a free slot. It outlives this process; the machine, only once
    /// [`sync`](Self::sync) is done.
    pub(super) fn spill(&self, record: &[u8]) -> io::Result<Slot> {
        if record.len() > LONGEST {
            return Err(io::Error::other("the record is longer than any may be"));
        }
        let slot = self.take_slots(record.len());
        let file = self.file();
        let written = room::prepare(&file, &slot).and_then(|()| room::write(&file, &slot, record));
        drop(file);
        if let Err(why) = written {
            self.free(&slot);
            return Err(why);
        }
        Ok(slot)
    }

    /// Makes sure that a free slot has its room on the disk; the file grows if none has.
    pub(super) fn keep_room(&self) -> io::Result<()> {
        let slot = self.take_slots(0);
        let file = self.file();
        let kept = room::keep(&file, &slot);
        self.free(&slot);
        self.mark_if_empty(&file);
        kept
    }

    /// Makes what was spilled durable, and the file's name with it. A record that a failing machine
    /// tore does not open.
    pub(super) fn sync(&self) -> io::Result<()> {
        let file = self.file();
        // With its length, though that is no part of the record: it must not say that there is none.
        file.sync_all()?;
        let mut folders = self.path.ancestors().skip(1);
        if let Some(own) = folders.next() {
            File::open(own)?.sync_all()?;
        }
        // The folder itself may be new in this one, which not every owner may open.
        if let Some(Ok(parent)) = folders.next().map(File::open) {
            parent.sync_all()?;
        }
        if file.metadata()?.nlink() == 0 {
            return Err(io::Error::other("somebody has removed the file"));
        }
        Ok(())
    }

    /// Erases a record that is durable elsewhere. One that comes back with the machine is known
    /// for what it is by its generation.
    pub(super) fn erase(&self, slot: &Slot) -> io::Result<()> {
        room::erase(&self.file(), slot)?;
        self.free(slot);
        Ok(())
    }

    /// Takes the mark off for a record that is to come. One that stays is tried again with the record.
    pub(super) fn unmark(&self) {
        let _ = room::unmark(&self.file());
    }

    /// Returns whether nobody is about to mark the file: then it is the caller's to do, in a while.
    pub(super) fn is_to_be_marked(&self) -> bool {
        !self.is_being_marked.swap(true, AcqRel)
    }

    /// Marks the file if there is no record in it any more.
    pub(super) fn mark(&self) {
        // First: for what is erased from now on, somebody else comes.
        self.is_being_marked.swap(false, AcqRel);
        self.mark_if_empty(&self.file());
    }

    /// Whoever takes a slot meanwhile waits for the file before writing. One that cannot be marked is
    /// read.
    fn mark_if_empty(&self, file: &File) {
        if !self.slots().iter().any(|is_taken| *is_taken) {
            let _ = room::mark_empty(file);
        }
    }

    /// Takes the first slots in a row that have room for the record; the file grows if none have.
    fn take_slots(&self, length: usize) -> Slot {
        let mut taken = self.slots();
        let mut slot = Slot::at(0, length);
        let is_taken = |taken: &[bool], at: usize| taken.get(at).copied().unwrap_or(false);
        while let Some(at) = (slot.first..slot.end()).rfind(|at| is_taken(&taken, *at)) {
            slot.first = at + 1;
        }
        if taken.len() < slot.end() {
            taken.resize(slot.end(), false);
        }
        taken[slot.first..slot.end()].fill(true);
        slot
    }

    fn free(&self, slot: &Slot) {
        self.slots()[slot.first..slot.end()].fill(false);
    }

    fn file(&self) -> MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slots(&self) -> MutexGuard<'_, Vec<bool>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        // In a forked child the file is its parent's.
        let is_own = self.process == std::process::id();
        if is_own && !self.slots().iter().any(|is_taken| *is_taken) {
            // What stays behind after a failure is cleared by the next start.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Another process's file, as this one may see it.
#[derive(Debug)]
pub(super) struct Foreign {
    file: File,
    path: PathBuf,
    is_dead: bool,
}

impl Foreign {
    /// Opens every holder's file in the folder but `own`; those that cannot be opened are left.
    pub(super) fn all(folder: &Path, own: Option<&Presence>) -> Vec<Self> {
        let them = paths(folder, own).into_iter().flatten();
        them.filter_map(|path| Self::open(path).ok()).collect()
    }

    /// Opens only those in which there may be a record.
    ///
    /// # Errors
    /// When it is this process that can open nothing more: what it leaves then may hold a record.
    pub(super) fn with_records(folder: &Path, own: Option<&Presence>) -> io::Result<Vec<Self>> {
        let them = paths(folder, own)?.filter(|path| may_hold(path));
        them.filter_map(|path| Self::open_if_any(path).transpose()).collect()
    }

    /// Opens the file that a lease names, unless it is `own` or there is no record in it.
    ///
    /// # Errors
    /// As [`with_records`](Self::with_records).
    pub(super) fn of(
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

    pub(super) fn is_dead(&self) -> bool {
        self.is_dead
    }

    /// Returns the records in it, and where they lie.
    ///
    /// # Errors
    /// When a living holder's record is not whole however often it is read. A dead one's was cut
    /// by the end of its holder, and is none.
    pub(super) fn records(&self) -> io::Result<Vec<(Slot, Vec<u8>)>> {
        let found = room::records(&self.file);
        if found.is_torn && !self.is_dead {
            return Err(io::Error::other("a record is being written just now"));
        }
        Ok(found.records)
    }

    /// Erases a record that is durable elsewhere. Only a dead holder's: a living one does it.
    pub(super) fn erase(&self, slot: &Slot) -> io::Result<()> {
        if self.is_dead {
            room::erase(&self.file, slot)?;
            self.file.sync_data()?;
        }
        Ok(())
    }

    /// Removes the file of a dead holder that has nothing left in it: not before its last lease
    /// must have run out, because until then the file is what shows that the holder is dead. The
    /// first who finds it dead cuts it short, and so dates it.
    pub(super) fn clear(self, now: Timestamp) {
        let left = room::records(&self.file);
        if !self.is_dead || left.is_unread || !left.records.is_empty() {
            return;
        }
        let Ok(met) = self.file.metadata() else { return };
        let found_dead_at = Timestamp::from_secs(met.mtime());
        // What cannot be cleared now is cleared by somebody later.
        if met.len() > FOUND_DEAD {
            let _ = self.file.set_len(FOUND_DEAD);
        } else if now.since(found_dead_at) > Lease::SPAN * 2 {
            let _ = std::fs::remove_file(&self.path);
        }
    }

    /// Reads every record of every holder, dead or alive, and judges nobody.
    ///
    /// # Errors
    /// When the folder or a file in it cannot be read, or a record is being written: then there may
    /// be more.
    pub(super) fn all_records(folder: &Path) -> io::Result<Vec<Vec<u8>>> {
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
    fn open_if_any(path: PathBuf) -> io::Result<Option<Self>> {
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

/// Returns whether a holder is dead, where this process may judge.
pub(super) fn is_dead(folder: &Path, holder: &Liveness) -> bool {
    is_alive(folder, holder) == Some(false)
}

/// Returns whether a holder lives; none where this process may not judge: it must see the same inode.
pub(super) fn is_alive(folder: &Path, holder: &Liveness) -> Option<bool> {
    if !is_holders_name(&holder.file) {
        return None;
    }
    let file = open_file(&folder.join(&holder.file)).ok()?;
    let met = file.metadata().ok()?;
    let is_same = met.dev() == holder.device && met.ino() == holder.inode;
    is_same.then(|| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Removes the files of processes that were ended while they made them: they take their room for ever,
/// and have nothing in them. Not before one that is being made must have its name.
pub(super) fn clear_unnamed(folder: &Path, now: Timestamp) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let is_unnamed = |name: &str| is_name(name, UNNAMED);
    for entry in entries.filter(|entry| entry.file_name().to_str().is_some_and(is_unnamed)) {
        let Ok(met) = entry.metadata() else { continue };
        if now.since(Timestamp::from_secs(met.mtime())) > Lease::SPAN * 2 {
            // What cannot be removed now is removed by somebody later.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Names every holder's file in the folder but `own`.
fn paths(folder: &Path, own: Option<&Presence>) -> io::Result<impl Iterator<Item = PathBuf>> {
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
fn may_hold(path: &Path) -> bool {
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

/// Returns whether a file's name is one that [`Presence::enter`] gives. A store may name any: one
/// that leads elsewhere is never opened.
fn is_holders_name(file: &str) -> bool {
    is_name(file, SUFFIX)
}

fn is_name(file: &str, suffix: &str) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    file.strip_suffix(suffix)
        .and_then(|stem| stem.strip_suffix('.'))
        .is_some_and(|name| name.len() == PairId::LENGTH && name.bytes().all(is_digit))
}

/// Makes a file that is locked and has its empty slots, and gives it its name.
fn make(unnamed: &Path, path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create_new(true).mode(0o600).open(unnamed)?;
    file.try_lock().map_err(io::Error::from)?;
    room::reserve(&file, 0, (SLOT * SLOTS) as u64)?;
    // One that cannot be marked is read.
    let _ = room::mark_empty(&file);
    std::fs::rename(unnamed, path)?;
    Ok(file)
}

pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(test)]
mod tests;
