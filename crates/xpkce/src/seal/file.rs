//! The key file: one line a key, the last one seals. Made whole and private from birth, and only
//! ever replaced whole.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{KeyId, Sealer, SealingKey};
use crate::{Error, Reason, Result};

const HEADER: &str = "\
# The sealing keys of an xpkce store, one a line: its name and the key. The last one seals.
# Without them the store's logins cannot be read. Back them up, apart from the store.
";

/// More than any key file needs.
const MAX_SIZE: u64 = 64 * 1024;

impl Sealer {
    /// Reads a key file.
    ///
    /// # Errors
    /// [`Reason::Key`] when there is none, others than its owner can read it, or it is malformed.
    pub fn from_key_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        parse(&read(path)?).map_err(|why| {
            Error::new(Reason::Key, format!("the key file {} is malformed", path.display()))
                .with_source(why)
        })
    }

    /// Makes a key file with one new key, in a folder that is made where there is none.
    ///
    /// # Errors
    /// [`Reason::Key`] when there is a file already, which is left as it is, or it cannot be
    /// written.
    pub fn generate_key_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let sealer = Self::with_keys(vec![SealingKey::generate()?])?;
        make(path, &sealer).map_err(|why| failed("make", path, why))?;
        Ok(sealer)
    }
}

/// Makes a file that appears whole under its name, or not at all when the name is taken.
fn make(path: &Path, sealer: &Sealer) -> io::Result<()> {
    let folder = folder_of(path);
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let draft = write_draft(path, sealer)?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    linked?;
    File::open(folder)?.sync_all()
}

/// Writes the ring under a name of its own beside `path`, durable and private from birth.
fn write_draft(path: &Path, sealer: &Sealer) -> io::Result<PathBuf> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{:016x}", u64::from_be_bytes(random)));
    let draft = path.with_file_name(name);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(written(sealer).as_bytes())?;
    file.sync_all()?;
    Ok(draft)
}

fn written(sealer: &Sealer) -> Zeroizing<String> {
    // Wiped as one piece: the text must not grow while it is written.
    let mut text = Zeroizing::new(String::with_capacity(HEADER.len() + 64 * sealer.keys.len()));
    text.push_str(HEADER);
    for key in &sealer.keys {
        text.push_str(&key.id().to_string());
        text.push(' ');
        text.push_str(&key.to_text());
        text.push('\n');
    }
    text
}

fn read(path: &Path) -> Result<Zeroizing<String>> {
    let file = File::open(path).map_err(|why| failed("open", path, why))?;
    let about = file.metadata().map_err(|why| failed("read", path, why))?;
    if about.mode() & 0o077 != 0 {
        let shown = path.display();
        return Err(Error::new(
            Reason::Key,
            format!("the key file {shown} can be read by others than its owner"),
        )
        .with_hint(format!("chmod 600 {shown}")));
    }
    let mut text = Zeroizing::new(String::with_capacity(MAX_SIZE as usize));
    file.take(MAX_SIZE).read_to_string(&mut text).map_err(|why| failed("read", path, why))?;
    Ok(text)
}

fn parse(text: &str) -> Result<Sealer> {
    let lines =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Sealer::with_keys(lines.map(parse_line).collect::<Result<_>>()?)
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

fn failed(what: &str, path: &Path, why: io::Error) -> Error {
    Error::new(Reason::Key, format!("cannot {what} the key file {}", path.display()))
        .with_source(why)
}
