//! A process's file in the holders' folder: locked while the process lives, and with room kept
//! free in it for pairs that the store would not take.
//!
//! The lock is the kernel's (`flock`), so it ends with the process, however that ends. Who finds
//! the file of a holder unlocked knows that the holder is dead; who cannot open it knows nothing
//! and waits for the lease to run out.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::Timestamp;
use crate::grant::{Lease, Liveness};

/// The room for one pair: two tokens of 4 KiB, sealed and encoded, with slack.
const SLOT: usize = 16 * 1024;
/// How many pairs there is room for from the start; more make the file grow.
const SLOTS: usize = 16;
/// The most slots of a foreign file that are read.
const MOST_SLOTS: usize = 16 * 1024;
const SUFFIX: &str = "holder";
/// The length of a dead holder's file that has nothing left in it.
const FOUND_DEAD: u64 = 1;

/// This process's file. Unlinked when dropped, unless a pair is still in it.
#[derive(Debug)]
pub(super) struct Presence {
    file: File,
    path: PathBuf,
    liveness: Liveness,
    process: u32,
    taken: Mutex<Vec<bool>>,
}

/// Where in the file a pair lies.
#[derive(Debug)]
pub(super) struct Slot(usize);

impl Presence {
    /// Makes the file, locks it and writes its empty slots, so that a full disk is found now.
    /// It gets its name last: under that name nobody ever sees it unlocked while we live.
    pub(super) fn enter(folder: &Path, name: &str) -> io::Result<Self> {
        make_folder(folder)?;
        let file_name = format!("{name}.{SUFFIX}");
        let path = folder.join(&file_name);
        let unnamed = folder.join(format!("{name}.new"));
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).mode(0o600).open(&unnamed)?;
        file.try_lock().map_err(io::Error::from)?;
        file.write_all_at(&vec![0; SLOT * SLOTS], 0)?;
        file.sync_all()?;
        std::fs::rename(&unnamed, &path)?;
        File::open(folder)?.sync_all()?;
        let met = file.metadata()?;
        let liveness = Liveness { file: file_name, device: met.dev(), inode: met.ino() };
        let process = std::process::id();
        Ok(Self { file, path, liveness, process, taken: Mutex::new(vec![false; SLOTS]) })
    }

    /// Returns what a lease says of this process.
    pub(super) fn liveness(&self) -> &Liveness {
        &self.liveness
    }

    /// Writes a record into a free slot. It outlives this process; the machine, only once
    /// [`sync`](Self::sync) is done.
    pub(super) fn spill(&self, record: &[u8]) -> io::Result<Slot> {
        let length = u32::try_from(record.len()).ok().filter(|_| record.len() <= SLOT - 4);
        let length = length.ok_or_else(|| io::Error::other("the record does not fit a slot"))?;
        let slot = self.take_slot();
        let at = (slot.0 * SLOT) as u64;
        self.file.write_all_at(record, at + 4)?;
        // The length makes the record valid, so it comes last.
        self.file.write_all_at(&length.to_le_bytes(), at)?;
        Ok(slot)
    }

    /// Makes what was spilled durable. A record that a failing machine tore does not open.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()?;
        if self.file.metadata()?.nlink() == 0 {
            return Err(io::Error::other("somebody has removed the file"));
        }
        Ok(())
    }

    /// Erases a record that is durable elsewhere. One that comes back with the machine is known
    /// for what it is by its generation.
    pub(super) fn erase(&self, slot: &Slot) -> io::Result<()> {
        erase(&self.file, slot)?;
        self.slots()[slot.0] = false;
        Ok(())
    }

    fn take_slot(&self) -> Slot {
        let mut taken = self.slots();
        let free = taken.iter().position(|is_taken| !is_taken);
        let at = free.unwrap_or(taken.len());
        if free.is_none() {
            taken.push(true);
        }
        taken[at] = true;
        Slot(at)
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, Vec<bool>> {
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
        let Ok(entries) = std::fs::read_dir(folder) else {
            return Vec::new();
        };
        let paths = entries.flatten().map(|entry| entry.path());
        paths
            .filter(|path| path.extension().is_some_and(|suffix| suffix == SUFFIX))
            .filter(|path| own.is_none_or(|own| own.path != *path))
            .filter_map(|path| Self::open(path).ok())
            .collect()
    }

    pub(super) fn is_dead(&self) -> bool {
        self.is_dead
    }

    /// Returns the records in it, and where they lie.
    pub(super) fn records(&self) -> Vec<(Slot, Vec<u8>)> {
        let size = self.file.metadata().map_or(0, |met| met.len());
        let slots = usize::try_from(size.div_ceil(SLOT as u64)).unwrap_or(0).min(MOST_SLOTS);
        (0..slots).filter_map(|at| Some((Slot(at), self.record(at)?))).collect()
    }

    /// Erases a record that is durable elsewhere. Only a dead holder's: a living one does it.
    pub(super) fn erase(&self, slot: &Slot) -> io::Result<()> {
        if self.is_dead {
            erase(&self.file, slot)?;
            self.file.sync_data()?;
        }
        Ok(())
    }

    /// Removes the file of a dead holder that has nothing left in it: not before its last lease
    /// must have run out, because until then the file is what shows that the holder is dead. The
    /// first who finds it dead cuts it short, and so dates it.
    pub(super) fn clear(self, now: Timestamp) {
        if !self.is_dead || !self.records().is_empty() {
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
    /// When the folder or a file in it cannot be read: then there may be more.
    pub(super) fn all_records(folder: &Path) -> io::Result<Vec<Vec<u8>>> {
        let entries = match std::fs::read_dir(folder) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut records = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_none_or(|suffix| suffix != SUFFIX) {
                continue;
            }
            match File::open(&path) {
                // Its holder ended well meanwhile, with nothing in it.
                Err(why) if why.kind() == io::ErrorKind::NotFound => {}
                file => {
                    let read = Self { file: file?, path, is_dead: false };
                    records.extend(read.records().into_iter().map(|(_, record)| record));
                }
            }
        }
        Ok(records)
    }

    fn open(path: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(&path)?;
        let is_dead = file.try_lock().is_ok();
        Ok(Self { file, path, is_dead })
    }

    fn record(&self, slot: usize) -> Option<Vec<u8>> {
        let at = (slot * SLOT) as u64;
        let mut length = [0; 4];
        self.file.read_exact_at(&mut length, at).ok()?;
        let length = usize::try_from(u32::from_le_bytes(length)).ok()?;
        if length == 0 || length > SLOT - 4 {
            return None;
        }
        let mut record = vec![0; length];
        self.file.read_exact_at(&mut record, at + 4).ok()?;
        Some(record)
    }
}

/// Returns whether a holder is dead, where this process may judge: it must see the same inode.
pub(super) fn is_dead(folder: &Path, holder: &Liveness) -> bool {
    let Ok(file) = OpenOptions::new().read(true).open(folder.join(&holder.file)) else {
        return false;
    };
    let is_same =
        file.metadata().is_ok_and(|met| met.dev() == holder.device && met.ino() == holder.inode);
    is_same && !matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

fn erase(file: &File, slot: &Slot) -> io::Result<()> {
    file.write_all_at(&[0; 4], (slot.0 * SLOT) as u64)?;
    file.write_all_at(&[0; SLOT - 4], (slot.0 * SLOT) as u64 + 4)
}

fn make_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{Clock as _, SystemClock};

    #[test]
    fn a_living_holder_is_not_dead_and_an_ended_one_is() {
        let folder = tempfile::tempdir().unwrap();
        let presence = Presence::enter(folder.path(), "one").unwrap();
        let liveness = presence.liveness().clone();
        assert!(!is_dead(folder.path(), &liveness));
        presence.spill(b"still here").unwrap();
        drop(presence);
        assert!(is_dead(folder.path(), &liveness));
    }

    #[test]
    fn nobody_judges_a_holder_whose_file_is_another_inode() {
        let folder = tempfile::tempdir().unwrap();
        let presence = Presence::enter(folder.path(), "one").unwrap();
        let mut liveness = presence.liveness().clone();
        presence.spill(b"still here").unwrap();
        drop(presence);
        liveness.inode += 1;
        assert!(!is_dead(folder.path(), &liveness));
    }

    #[test]
    fn a_spilled_record_outlives_its_holder_until_it_is_erased() {
        let folder = tempfile::tempdir().unwrap();
        let presence = Presence::enter(folder.path(), "one").unwrap();
        for at in 0..SLOTS + 2 {
            presence.spill(format!("record {at}").as_bytes()).unwrap();
        }
        drop(presence);
        let foreign = Foreign::all(folder.path(), None).pop().unwrap();
        let records = foreign.records();
        assert_eq!(records.len(), SLOTS + 2);
        assert_eq!(records.last().unwrap().1, format!("record {}", SLOTS + 1).as_bytes());
        for (slot, _) in &records {
            foreign.erase(slot).unwrap();
        }
        assert!(foreign.records().is_empty());
    }

    #[test]
    fn a_dead_holder_is_shown_to_be_dead_until_its_lease_must_have_ended() {
        let folder = tempfile::tempdir().unwrap();
        let presence = Presence::enter(folder.path(), "one").unwrap();
        let liveness = presence.liveness().clone();
        let slot = presence.spill(b"keeps the file").unwrap();
        let kept = presence.file.try_clone().unwrap();
        drop(presence);
        erase(&kept, &slot).unwrap();
        drop(kept);
        let clear = |now| Foreign::all(folder.path(), None).pop().unwrap().clear(now);
        let now = SystemClock.now();
        clear(now);
        clear(now);
        assert!(is_dead(folder.path(), &liveness));
        clear(now + Lease::SPAN * 3);
        assert!(Foreign::all(folder.path(), None).is_empty());
    }

    #[test]
    fn an_empty_file_goes_with_its_holder() {
        let folder = tempfile::tempdir().unwrap();
        let presence = Presence::enter(folder.path(), "one").unwrap();
        let slot = presence.spill(b"saved after all").unwrap();
        presence.erase(&slot).unwrap();
        drop(presence);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
