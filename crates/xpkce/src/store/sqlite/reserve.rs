//! Room kept for commits: a file beside the store that is given back when the disk is full, so
//! that a pair that was paid for with a refresh token can be saved. Nothing is spent without it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::failure::{ROOM, WRITABLE};
use crate::steps::step;
use crate::{Error, Reason, Result};

/// Enough for the commits of a few hundred grants, or of several with everything in them.
const SIZE: u64 = 1024 * 1024;

pub(super) struct Reserve {
    path: PathBuf,
}

impl Reserve {
    pub(super) fn beside(store: &Path) -> Self {
        let mut path = store.as_os_str().to_owned();
        path.push("-reserve");
        Self { path: path.into() }
    }

    /// Makes sure that the room is there.
    pub(super) fn keep(&self) -> Result<()> {
        if fs::metadata(&self.path).is_ok_and(|there| there.len() >= SIZE) {
            return Ok(());
        }
        step("keeping room for the store", || self.make()).map_err(|why| {
            use io::ErrorKind as Kind;
            // Half of it would pass for room, and take some.
            self.release();
            let refused = match why.kind() {
                Kind::StorageFull | Kind::QuotaExceeded => {
                    no_room("the disk is full").with_hint(ROOM)
                }
                Kind::ReadOnlyFilesystem | Kind::PermissionDenied => {
                    no_room("its folder is read-only").with_hint(WRITABLE)
                }
                _ => no_room("its folder cannot be written"),
            };
            refused.with_source(why)
        })
    }

    /// Gives the room back, if there is any.
    pub(super) fn release(&self) {
        let _ = step("giving back the store's room", || fs::remove_file(&self.path));
    }

    fn make(&self) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&self.path)?;
        if allocate(&file).is_err() {
            write_noise(&mut file)?;
        }
        file.sync_all()
    }
}

/// Takes the room by writing it. Not zeros: some file systems keep those in no room at all.
fn write_noise(to: &mut impl io::Write) -> io::Result<()> {
    let mut noise = vec![0; 64 * 1024];
    getrandom::fill(&mut noise).map_err(io::Error::other)?;
    for _ in 0..SIZE / noise.len() as u64 {
        to.write_all(&noise)?;
    }
    Ok(())
}

fn no_room(why: &str) -> Error {
    Error::new(Reason::Store, format!("no room can be kept for the store: {why}"))
}

#[cfg(target_os = "linux")]
fn allocate(file: &File) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    Ok(fallocate(file, FallocateFlags::empty(), 0, SIZE)?)
}

#[cfg(not(target_os = "linux"))]
fn allocate(_: &File) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn what_is_left_of_it_is_filled_up_and_what_is_whole_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve::beside(&folder.path().join("xpkce.db"));
        fs::write(&reserve.path, "cut short").unwrap();
        reserve.keep().unwrap();
        let kept = fs::metadata(&reserve.path).unwrap();
        assert_eq!(kept.len(), SIZE);
        assert!(kept.blocks() * 512 >= SIZE, "it promises room that it does not take");
        reserve.keep().unwrap();
        let still = fs::metadata(&reserve.path).unwrap();
        assert_eq!((still.ctime(), still.ctime_nsec()), (kept.ctime(), kept.ctime_nsec()));
        reserve.release();
        assert!(!reserve.path.exists());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_disk_that_is_full_is_told_from_a_folder_that_is_read_only() {
        // Nobody may write to the second, whatever rights the test has.
        for (place, words, hint) in [
            ("/dev/full", "the disk is full", ROOM),
            ("/proc/sys/kernel/osrelease", "its folder is read-only", WRITABLE),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let reserve = Reserve::beside(&folder.path().join("xpkce.db"));
            std::os::unix::fs::symlink(place, &reserve.path).unwrap();
            let why = reserve.keep().unwrap_err();
            assert_eq!(why.to_string(), format!("no room can be kept for the store: {words}"));
            assert_eq!(why.hint(), Some(hint));
        }
    }

    #[test]
    fn where_no_room_can_be_reserved_as_much_is_written_and_no_more() {
        let mut disk = vec![0; SIZE as usize + 1];
        let mut left = &mut disk[..];
        write_noise(&mut left).unwrap();
        assert_eq!(left.len(), 1);
        let zeros = disk.iter().filter(|byte| **byte == 0).count();
        assert!(zeros < disk.len() / 100, "{zeros} zeros");
    }
}
