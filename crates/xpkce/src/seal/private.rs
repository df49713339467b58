//! Files that are for their owner alone.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::Path;
use std::time::Duration;

use rustix::fs::OFlags;

/// Opens a file to be read. A pipe or a device in its place is refused: whoever opens one may wait
/// for ever.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"))
    }
}

/// Locks a file or a folder that others lock for a moment. Returns whether it could be had within
/// about five seconds: who waits here hears no signal.
pub(crate) fn lock(file: &File) -> io::Result<bool> {
    const LOOKS: u32 = 250;
    const PAUSE: Duration = Duration::from_millis(20);
    for _ in 0..LOOKS {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::Error(why)) => return Err(why),
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
        }
    }
    Ok(false)
}

/// Gives a new file to whose file it replaces, or whose folder it is in: the system's administrator
/// may work on a service's files. Nobody else can, and need not.
pub(crate) fn belongs_like(draft: &File, path: &Path, folder: &Path) -> io::Result<()> {
    let owner = fs::metadata(path).or_else(|_| fs::metadata(folder))?;
    if rustix::process::geteuid().is_root() && owner.uid() != draft.metadata()?.uid() {
        fchown(draft, Some(owner.uid()), Some(owner.gid()))?;
    }
    Ok(())
}

/// Says how to close a file to others, as it is pasted into a shell.
pub(crate) fn closing(path: &Path) -> String {
    let shown = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-".contains(c);
    if shown.chars().all(is_plain) {
        return format!("chmod 600 {shown}");
    }
    format!("chmod 600 '{}'", shown.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_a_shell_would_split_is_quoted() {
        assert_eq!(closing(Path::new("/a/key")), "chmod 600 /a/key");
        assert_eq!(closing(Path::new("/a b/it's")), r"chmod 600 '/a b/it'\''s'");
    }
}
