//! The apps that are stored: `apps.toml` in the home folder, private, and replaced whole.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use xpkce::Scopes;
use xpkce::seal::{Sealed, private};

use crate::failure::{Failure, Kind, Result, io as failed};

/// The version of the file that this program reads and writes.
const VERSION: u32 = 1;

const HEADER: &str = "\
# The apps that xpkce knows. Change it with: xpkce app add, xpkce app remove.
# A client secret is sealed with the key file; nothing else here is secret.

";

/// An app as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredApp {
    pub(crate) client_id: String,
    /// The sealed secret of a confidential app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client_secret: Option<Sealed>,
    pub(crate) redirect_uri: String,
    pub(crate) scope: Scopes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) base_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) authorization_base_url: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Written {
    version: u32,
    #[serde(default)]
    apps: BTreeMap<String, StoredApp>,
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// The stored apps, by name.
#[derive(Debug, Default)]
pub(crate) struct Apps(BTreeMap<String, StoredApp>);

impl Apps {
    /// Reads the apps of a home folder; none where there is no file.
    pub(crate) fn load(home: &Path) -> Result<Self> {
        let path = file(home);
        match read(&path) {
            Ok(text) => parse(&text, &path),
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(why) if is_no_text(&why) => Err(damaged(&path, &why)),
            Err(why) if why.kind() == io::ErrorKind::NotADirectory => {
                let message = format!("{} is not a folder", home.display());
                Err(Failure::new(Kind::Store, message)
                    .why(&why)
                    .hint("set XPKCE_HOME to a folder, or unset it"))
            }
            Err(why) => Err(failed(Kind::Store, format!("cannot read {}", path.display()))(why)),
        }
    }

    /// Changes the apps of a home folder, one process at a time. The file is replaced whole or not
    /// at all.
    pub(crate) fn change<T>(home: &Path, change: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let path = file(home);
        let cannot = || failed(Kind::Store, format!("cannot write {}", path.display()));
        DirBuilder::new().recursive(true).mode(0o700).create(home).map_err(cannot())?;
        let _lock = lock(&home.join("apps.lock"))?;
        let mut apps = Self::load(home)?;
        let outcome = change(&mut apps)?;
        apps.save(home, &path)?;
        Ok(outcome)
    }

    /// Lets `seal` seal the client secrets anew, where it finds that needed, and returns how many it
    /// did. Where there are no apps nothing is made.
    pub(crate) fn reseal(
        home: &Path,
        seal: impl Fn(&str, &Sealed) -> Result<Option<Sealed>>,
    ) -> Result<usize> {
        if Self::load(home)?.is_empty() {
            return Ok(0);
        }
        Self::change(home, |apps| {
            let mut count = 0;
            for app in apps.0.values_mut() {
                let Some(secret) = &app.client_secret else { continue };
                if let Some(anew) = seal(&app.client_id, secret)? {
                    app.client_secret = Some(anew);
                    count += 1;
                }
            }
            Ok(count)
        })
    }

    fn save(&self, home: &Path, path: &Path) -> Result<()> {
        let written = Written { version: VERSION, apps: self.0.clone() };
        let text = toml::to_string(&written)
            .map_err(|why| Failure::new(Kind::Protocol, "cannot write the apps").why(&why))?;
        replace(home, path, format!("{HEADER}{text}").as_bytes())
            .map_err(failed(Kind::Store, format!("cannot write {}", path.display())))
    }

    /// Returns whether a new app may have this name: one that is typed without quotes and is no flag.
    pub(crate) fn may_name(name: &str) -> bool {
        let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        !name.is_empty() && !name.starts_with('-') && name.chars().all(is_plain)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&StoredApp> {
        self.0.get(name)
    }

    pub(crate) fn insert(&mut self, name: &str, app: StoredApp) {
        self.0.insert(name.to_owned(), app);
    }

    pub(crate) fn remove(&mut self, name: &str) -> Option<StoredApp> {
        self.0.remove(name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &StoredApp)> {
        self.0.iter().map(|(name, app)| (name.as_str(), app))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the app with a client id.
    pub(crate) fn with_client_id(&self, client_id: &str) -> Option<(&str, &StoredApp)> {
        self.iter().find(|(_, app)| app.client_id == client_id)
    }

    /// Returns the names, for a message.
    pub(crate) fn names(&self) -> String {
        self.iter().map(|(name, _)| name).collect::<Vec<_>>().join(", ")
    }
}

fn file(home: &Path) -> PathBuf {
    home.join("apps.toml")
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    private::open(path)?.read_to_string(&mut text)?;
    Ok(text)
}

/// Locks out others who change the apps, each for a moment.
fn lock(path: &Path) -> Result<File> {
    let cannot = || failed(Kind::Store, format!("cannot lock {}", path.display()));
    let file = private::open_lock(path).map_err(cannot())?;
    if private::lock(&file).map_err(cannot())? {
        return Ok(file);
    }
    Err(Failure::new(Kind::Retry, "another program is changing the apps")
        .why(&format_args!("it has locked {}", path.display()))
        .hint("run it again in a moment"))
}

fn is_no_text(why: &io::Error) -> bool {
    matches!(why.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput)
}

fn damaged(path: &Path, why: &dyn std::fmt::Display) -> Failure {
    Failure::new(Kind::Store, format!("{} cannot be read; it was left as it is", path.display()))
        .why(why)
        .hint("mend the file, or move it away and add the apps again")
}

/// The version first: a newer file may have fields that this program does not know.
fn parse(text: &str, path: &Path) -> Result<Apps> {
    let damaged = |why: toml::de::Error| damaged(path, &why.message());
    let Versioned { version } = toml::from_str(text).map_err(damaged)?;
    if version != VERSION {
        let message = format!(
            "{} has version {version}; this program knows version {VERSION}",
            path.display()
        );
        return Err(Failure::new(Kind::Store, message).hint("install the newer xpkce"));
    }
    toml::from_str::<Written>(text).map(|written| Apps(written.apps)).map_err(damaged)
}

/// Writes a draft, makes it durable, and gives it the name: readers see the old file or the new.
fn replace(folder: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    let mut draft = tempfile::Builder::new().prefix("apps.toml.").tempfile_in(folder)?;
    private::belongs_like(draft.as_file(), if path.exists() { path } else { folder });
    draft.write_all(content)?;
    draft.as_file().sync_all()?;
    draft.persist(path).map_err(|why| why.error)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    impl Apps {
        fn added(&mut self, name: &str) -> Result<()> {
            self.insert(name, app());
            Ok(())
        }
    }

    fn app() -> StoredApp {
        StoredApp {
            client_id: "id".into(),
            client_secret: None,
            redirect_uri: "http://127.0.0.1:8080/callback".into(),
            scope: Scopes::parse("tweet.read"),
            base_url: None,
            authorization_base_url: None,
        }
    }

    #[test]
    fn what_was_added_is_read_back_from_a_private_file() {
        let home = tempfile::tempdir().unwrap();
        Apps::change(home.path(), |apps| apps.added("a.b c")).unwrap();
        let apps = Apps::load(home.path()).unwrap();
        assert_eq!(apps.get("a.b c").unwrap().client_id, "id");
        let mode = fs::metadata(file(home.path())).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_newer_file_is_refused_and_left_alone() {
        let home = tempfile::tempdir().unwrap();
        fs::write(file(home.path()), "version = 2\nnew = true\n").unwrap();
        let refused = Apps::change(home.path(), |apps| apps.added("x")).unwrap_err();
        assert_eq!(refused.kind, Kind::Store);
        assert_eq!(fs::read_to_string(file(home.path())).unwrap(), "version = 2\nnew = true\n");
    }

    #[test]
    fn a_failed_change_writes_nothing() {
        let home = tempfile::tempdir().unwrap();
        let failed = Apps::change(home.path(), |apps| {
            apps.insert("x", app());
            Err::<(), _>(Failure::new(Kind::Usage, "no"))
        });
        assert!(failed.is_err() && !file(home.path()).exists());
    }
}
