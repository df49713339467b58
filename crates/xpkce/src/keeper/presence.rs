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

use super::room::{self, LONGEST, SLOT, SLOTS, Slot};
use crate::grant::{Liveness, PairId};
use crate::seal::open_file;
use crate::steps::step;

mod foreign;
pub(super) use foreign::{Foreign, clear_unnamed};

const SUFFIX: &str = "holder";
/// Of a file that is being made.
const UNNAMED: &str = "new";

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
        step("flushing the spill file", || self.flush())
    }

    fn flush(&self) -> io::Result<()> {
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
            let _ = step("removing the spill file", || std::fs::remove_file(&self.path));
        }
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
    options.read(true).write(true).create_new(true).mode(0o600);
    let file = step("making the spill file", || options.open(unnamed))?;
    file.try_lock().map_err(io::Error::from)?;
    room::reserve(&file, 0, (SLOT * SLOTS) as u64)?;
    // One that cannot be marked is read.
    let _ = room::mark_empty(&file);
    step("naming the spill file", || std::fs::rename(unnamed, path))?;
    Ok(file)
}

pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(test)]
mod tests;
