//! Files that only their owner may read. For the command too; not part of the public interface.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::Path;
use std::time::Duration;

use rustix::fs::OFlags;

/// Opens a file for reading. Refuses a pipe or a device, because opening one may block for ever.
pub fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    regular(OpenOptions::new().read(true).custom_flags(flags).open(path)?)
}

fn regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"))
    }
}

/// Opens a lock file, and makes it if there is none. Does not follow a symbolic link: otherwise
/// root, working in another user's folder, could be made to create a file elsewhere and give it
/// away.
pub fn open_lock(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW).bits().cast_signed();
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600).custom_flags(flags);
    match options.clone().create_new(true).open(path) {
        Ok(made) => {
            belongs_like(&made, path.parent().unwrap_or(path));
            Ok(made)
        }
        // Whose it is is not changed: it may have another name as well.
        Err(why) if why.kind() == io::ErrorKind::AlreadyExists => regular(options.open(path)?),
        Err(why) => Err(why),
    }
}

/// Locks a file or a folder that others lock only briefly. Returns whether that succeeded within
/// about five seconds; a signal does not interrupt the wait.
pub fn lock(file: &File) -> io::Result<bool> {
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

/// Gives a new file to the owner of `there`: the file that it replaces, or its folder. This is for
/// root working on a service's files; for anybody else it does nothing.
pub fn belongs_like(made: &File, there: &Path) {
    let (Ok(owner), Ok(own)) = (fs::metadata(there), made.metadata()) else { return };
    if rustix::process::geteuid().is_root() && owner.uid() != own.uid() {
        let _ = fchown(made, Some(owner.uid()), Some(owner.gid()));
    }
}

/// Returns a shell command that closes a file to others.
pub fn closing(path: &Path) -> String {
    let shown = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-".contains(c);
    if shown.chars().all(is_plain) {
        return format!("chmod 600 {shown}");
    }
    format!("chmod 600 '{}'", shown.replace('\'', r"'\''"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_a_file_of_its_own_and_no_link_to_another() {
        use rustix::fs::{CWD, Mode, mkfifoat};
        let folder = tempfile::tempdir().unwrap();
        let there = |name| folder.path().join(name);
        std::os::unix::fs::symlink(there("elsewhere"), there("link")).unwrap();
        mkfifoat(CWD, there("pipe"), Mode::RUSR | Mode::WUSR).unwrap();
        for name in ["link", "pipe"] {
            assert!(open_lock(&there(name)).is_err(), "{name}");
        }
        assert!(!there("elsewhere").exists());
        let first = open_lock(&there("lock")).unwrap();
        assert!(lock(&first).unwrap());
        assert_eq!(first.metadata().unwrap().mode() & 0o777, 0o600);
        let second = open_lock(&there("lock")).unwrap();
        assert!(matches!(second.try_lock(), Err(TryLockError::WouldBlock)));
    }

    #[test]
    fn a_path_that_a_shell_would_split_is_quoted() {
        assert_eq!(closing(Path::new("/a/key")), "chmod 600 /a/key");
        assert_eq!(closing(Path::new("/a b/it's")), r"chmod 600 '/a b/it'\''s'");
    }
}
