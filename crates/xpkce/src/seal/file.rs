//! The key file: one key on each line, and the last one seals. It is private from the moment it is
//! created, and only ever replaced as a whole.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use zeroize::Zeroizing;

use super::{KeyId, Ring, Sealer, SealingKey, private};
use crate::steps::step;
use crate::{Error, Reason, Result, Timestamp};

const HEADER: &str = "\
# The sealing keys of an xpkce store, one a line: its name and the key. The last one seals.
# Without them the store's logins cannot be read. Back them up, apart from the store.
";

/// More than any key file needs.
const MAX_SIZE: usize = 64 * 1024;

impl Sealer {
    /// How long after a rotation old keys stay: until then a program that is running may seal with
    /// one.
    pub const SETTLE: Duration = Duration::from_secs(3600);

    /// Reads a key file.
    ///
    /// # Errors
    /// [`Reason::Key`] when there is none, others than its owner can read it, or it is malformed.
    pub fn from_key_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Ok(Self::of_file(path, read(path)?))
    }

    /// Reads the keys that a service manager has put into a file: in the form of a key file, or as
    /// [`Sealer::from_text`] reads them.
    ///
    /// # Errors
    /// [`Reason::Key`] when it cannot be read, or is malformed.
    pub fn from_credential(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = private::open(path).map_err(|why| failed("open", path, why))?;
        let text = read_text(file, path)?;
        let keys = || text.split_whitespace().map(SealingKey::from_text).collect::<Result<_>>();
        let ring = parse(&text)
            .or_else(|why| keys().and_then(Ring::new).map_err(|_| why))
            .map_err(|why| malformed(path, why))?;
        Ok(Self { ring: ArcSwap::from_pointee(ring), file: None })
    }

    /// Makes a key file with one new key, in a folder that is made where there is none.
    ///
    /// # Errors
    /// [`Reason::Key`] when there is a file already, which is left as it is, and [`Reason::Store`]
    /// when it cannot be written.
    pub fn generate_key_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let ring = Ring::new(vec![SealingKey::generate()?])?;
        make(path, &ring).map_err(|why| match why.kind() {
            io::ErrorKind::AlreadyExists => failed("make", path, why),
            _ => unwritten("make", path, why),
        })?;
        Ok(Self::of_file(path, ring))
    }

    /// Adds a new key to a key file; it seals from now on. Everything sealed before still opens.
    ///
    /// # Errors
    /// [`Reason::Key`] when the file cannot be read, [`Reason::Store`] when it cannot be replaced, and
    /// [`Reason::Busy`] while another program changes it.
    pub fn rotate_key_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let _lock = lock(path)?;
        let mut keys = read(path)?.keys().to_vec();
        keys.push(SealingKey::generate()?);
        let ring = Ring::new(keys)?;
        replace(path, &ring).map_err(|why| unwritten("replace", path, why))?;
        Ok(Self::of_file(path, ring))
    }

    /// Drops the keys that are not `in_use` from a key file, save the one that seals, and returns
    /// their names. [`keys_in_use`](super::keys_in_use) collects what a store names; spilled pairs
    /// name keys too.
    ///
    /// # Errors
    /// [`Reason::Key`] when the file was changed less than [`Sealer::SETTLE`] ago, or cannot be
    /// read; otherwise as [`rotate_key_file`](Self::rotate_key_file).
    pub fn prune_key_file(
        path: impl AsRef<Path>,
        in_use: &BTreeSet<KeyId>,
        now: Timestamp,
    ) -> Result<Vec<KeyId>> {
        let path = path.as_ref();
        let _lock = lock(path)?;
        if now < changed_at(path)? + Self::SETTLE {
            return Err(Error::new(
                Reason::Key,
                "the keys were changed lately: programs that run may still seal with an old one",
            )
            .with_hint("wait an hour, then run it again"));
        }
        let ring = read(path)?;
        let stays = |key: &SealingKey| in_use.contains(key.id()) || key.id() == ring.current().id();
        let (kept, dropped): (Vec<_>, Vec<_>) = ring.keys().iter().cloned().partition(stays);
        if !dropped.is_empty() {
            replace(path, &Ring::new(kept)?).map_err(|why| unwritten("replace", path, why))?;
        }
        Ok(dropped.into_iter().map(|key| *key.id()).collect())
    }

    /// Reads the key file again, if the keys come from one: a key that another process has added
    /// seals from now on, and none that was known is forgotten. To be called before something is
    /// spent whose answer must be sealed.
    ///
    /// # Errors
    /// [`Reason::Key`] when the file is gone or cannot be read: what is sealed now could not be
    /// opened after a restart.
    pub fn refresh(&self) -> Result<()> {
        if let Some(path) = &self.file {
            let read = read(path)?;
            let newest = *read.current().id();
            let ring = self.ring.load();
            if *ring.current().id() != newest || read.keys().len() != ring.keys().len() {
                self.ring.store(Arc::new(ring.followed_by(read)));
            }
        }
        Ok(())
    }

    /// The path as it is now: the program may change its folder before the file is read again.
    fn of_file(path: &Path, ring: Ring) -> Self {
        let file = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Self { ring: ArcSwap::from_pointee(ring), file: Some(file) }
    }
}

/// Makes a file that appears whole under its name, or not at all when the name is taken.
fn make(path: &Path, ring: &Ring) -> io::Result<()> {
    let folder = folder_of(path);
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let draft = write_draft(path, ring)?;
    let linked = step("naming the key file", || fs::hard_link(&draft, path));
    step("removing the key file's draft", || fs::remove_file(&draft))?;
    linked?;
    step("flushing the key file's folder", || File::open(folder)?.sync_all())
}

fn replace(path: &Path, ring: &Ring) -> io::Result<()> {
    let draft = write_draft(path, ring)?;
    step("replacing the key file", || fs::rename(&draft, path))?;
    step("flushing the key file's folder", || File::open(folder_of(path))?.sync_all())
}

/// Writes the ring under a name of its own beside `path`, durable and private from birth.
fn write_draft(path: &Path, ring: &Ring) -> io::Result<PathBuf> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{:016x}", u64::from_be_bytes(random)));
    let draft = path.with_file_name(name);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    private::belongs_like(&file, if path.exists() { path } else { folder_of(path) });
    let fill = || file.write_all(written(ring).as_bytes()).and_then(|()| file.sync_all());
    let filled = step("writing a draft of the key file", fill);
    if filled.is_err() {
        let _ = fs::remove_file(&draft);
    }
    filled.map(|()| draft)
}

fn written(ring: &Ring) -> Zeroizing<String> {
    // Wiped as one piece: the text must not grow while it is written.
    let mut text = Zeroizing::new(String::with_capacity(HEADER.len() + 64 * ring.keys().len()));
    text.push_str(HEADER);
    for key in ring.keys() {
        text.push_str(&key.id().to_string());
        text.push(' ');
        text.push_str(&key.to_text());
        text.push('\n');
    }
    text
}

/// One process changes the keys at a time. The folder is locked, because the file is replaced.
fn lock(path: &Path) -> Result<File> {
    let cannot = |why| unwritten("lock", path, why);
    let folder = File::open(folder_of(path)).map_err(cannot)?;
    if private::lock(&folder).map_err(cannot)? {
        return Ok(folder);
    }
    Err(Error::new(Reason::Busy, "another program is changing the keys"))
}

fn changed_at(path: &Path) -> Result<Timestamp> {
    let about = fs::metadata(path).map_err(|why| failed("read", path, why))?;
    Ok(Timestamp::from_secs(about.mtime()))
}

fn read(path: &Path) -> Result<Ring> {
    let file = open(path)?;
    let about = file.metadata().map_err(|why| failed("read", path, why))?;
    // What is no key file is not to be closed to others.
    let ring = parse(&read_text(file, path)?).map_err(|why| malformed(path, why))?;
    if about.mode() & 0o077 != 0 {
        return Err(Error::new(
            Reason::Key,
            format!("the key file {} can be read by others than its owner", path.display()),
        )
        .with_hint(super::closing(path)));
    }
    Ok(ring)
}

fn read_text(file: File, path: &Path) -> Result<Zeroizing<String>> {
    // No more room than is needed: all of it is wiped. A file is only ever replaced whole, so the
    // one that is open does not grow.
    let size = file.metadata().map_or(MAX_SIZE as u64, |about| about.len()).min(MAX_SIZE as u64);
    let mut text = Zeroizing::new(String::with_capacity(size as usize));
    file.take(size).read_to_string(&mut text).map_err(|why| failed("read", path, why))?;
    Ok(text)
}

fn malformed(path: &Path, why: Error) -> Error {
    Error::new(Reason::Key, format!("the key file {} is malformed", path.display()))
        .with_source(why)
}

fn parse(text: &str) -> Result<Ring> {
    let lines = text.lines().map(str::trim);
    let keys = lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(parse_line);
    Ring::new(keys.collect::<Result<_>>()?)
}

fn parse_line(line: &str) -> Result<SealingKey> {
    let (name, key) = line
        .split_once(char::is_whitespace)
        .ok_or_else(|| Error::new(Reason::Key, "a line is not a name and a key"))?;
    let name: KeyId = name.parse()?;
    let key = SealingKey::from_text(key.trim())?;
    if *key.id() != name {
        return Err(Error::new(Reason::Key, format!("the key named {name} is another one")));
    }
    Ok(key)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Opens a key file, and says who may where this process may not.
fn open(path: &Path) -> Result<File> {
    private::open(path).map_err(|why| {
        let is_denied = why.kind() == io::ErrorKind::PermissionDenied;
        let failed = failed("open", path, why);
        let Some(about) = fs::metadata(path).ok().filter(|_| is_denied) else { return failed };
        failed.with_hint(match about.uid() == rustix::process::geteuid().as_raw() {
            true => private::closing(path),
            false => format!("run it as the file's owner, who is user {}", about.uid()),
        })
    })
}

fn failed(what: &str, path: &Path, why: io::Error) -> Error {
    Error::new(Reason::Key, format!("cannot {what} the key file {}", path.display()))
        .with_source(why)
}

fn unwritten(what: &str, path: &Path, why: io::Error) -> Error {
    let is_full = why.kind() == io::ErrorKind::StorageFull;
    let message = format!("cannot {what} the key file {}", path.display());
    let failed = Error::new(Reason::Store, message).with_source(why);
    if is_full {
        return failed;
    }
    failed.with_hint(format!(
        "see who may write to {}, or name another key file",
        folder_of(path).display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_read_again_from_where_it_was_though_the_program_changes_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let here = std::env::current_dir().unwrap();
        let up: PathBuf = here.components().skip(1).map(|_| "..").collect();
        let relative = up.join(folder.path().strip_prefix("/").unwrap()).join("key");
        let sealer = Sealer::generate_key_file(&relative).unwrap();
        assert!(relative.is_relative() && sealer.file.unwrap().is_absolute());
    }
}
