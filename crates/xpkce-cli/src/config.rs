//! Settings: flags, then the environment, then what is stored of the app. This file and `main.rs`
//! alone read the environment.

use std::env;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use secrecy::SecretString;
use xpkce::ClientSecret;
use xpkce::seal::{KeySource, KeyText};
use xpkce::store::{PostgresUri, is_libpq_dsn};

use crate::failure::{Failure, Kind, Result};

mod apps;
mod choice;

pub(crate) use apps::{Apps, StoredApp};
pub(crate) use choice::{AppFlags, ChosenApp, wrong_url};

/// The name of the sealing key among a service's credentials (systemd's `LoadCredential=`).
const CREDENTIAL: &str = "xpkce.key";

/// What the environment says. An empty variable counts as not set.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    home: Option<PathBuf>,
    client_id: Option<String>,
    client_secret: Option<ClientSecret>,
    redirect_uri: Option<String>,
    scope: Option<String>,
    base_url: Option<String>,
    authorization_base_url: Option<String>,
    store: Option<SecretString>,
    key: Option<KeyText>,
    key_file: Option<PathBuf>,
    credentials: Option<PathBuf>,
    log: Option<String>,
    has_desktop: bool,
}

impl Environment {
    /// Reads the process's environment.
    pub(crate) fn read() -> Result<Self> {
        Ok(Self {
            home: variable("XPKCE_HOME")?.map(PathBuf::from),
            client_id: variable("XPKCE_CLIENT_ID")?.map(|id| id.trim().to_owned()),
            client_secret: variable("XPKCE_CLIENT_SECRET")?.map(ClientSecret::new),
            redirect_uri: variable("XPKCE_REDIRECT_URI")?,
            scope: variable("XPKCE_SCOPE")?,
            base_url: variable("XPKCE_BASE_URL")?,
            authorization_base_url: variable("XPKCE_AUTHORIZATION_BASE_URL")?,
            store: variable("XPKCE_STORE")?.map(SecretString::from),
            key: variable("XPKCE_KEY")?.map(KeyText::new),
            key_file: variable("XPKCE_KEY_FILE")?.map(PathBuf::from),
            credentials: variable("CREDENTIALS_DIRECTORY")?.map(PathBuf::from),
            log: variable("XPKCE_LOG")?,
            has_desktop: has_desktop(),
        })
    }

    /// Returns what `XPKCE_LOG` asks for.
    pub(crate) fn log(&self) -> Option<&str> {
        self.log.as_deref()
    }

    /// Returns whether a browser that is opened here is seen by the person who asked.
    pub(crate) fn has_desktop(&self) -> bool {
        self.has_desktop
    }
}

fn variable(name: &str) -> Result<Option<String>> {
    match env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.trim().is_empty())),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => {
            Err(Failure::new(Kind::Configure, format!("{name} is not UTF-8 text"))
                .hint(format!("unset {name}")))
        }
    }
}

/// A shell from another machine has no browser to show, unless `BROWSER` names one.
fn has_desktop() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_remote = is_set("SSH_CONNECTION") || is_set("SSH_TTY");
    let has_display = !cfg!(target_os = "linux") || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY");
    is_set("BROWSER") || has_display && !is_remote
}

/// Where everything is, and what apps there are.
#[derive(Debug)]
pub(crate) struct Settings<'e> {
    environment: &'e Environment,
    home: PathBuf,
    apps: Apps,
}

/// Where the store is.
#[derive(Debug)]
pub(crate) enum StoreAt {
    /// One SQLite file.
    File(PathBuf),
    /// A PostgreSQL server.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(dead_code, reason = "only a build with PostgreSQL connects to it")
    )]
    Postgres(PostgresUri),
}

impl<'e> Settings<'e> {
    /// Finds the home folder and reads the apps in it. Makes nothing.
    pub(crate) fn load(environment: &'e Environment) -> Result<Self> {
        let home = home(environment)?;
        let apps = Apps::load(&home)?;
        Ok(Self { environment, home, apps })
    }

    /// Returns the home folder.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// Returns the stored apps.
    pub(crate) fn apps(&self) -> &Apps {
        &self.apps
    }

    /// Returns where the store is.
    pub(crate) fn store(&self) -> Result<StoreAt> {
        use secrecy::ExposeSecret as _;
        let Some(store) = &self.environment.store else {
            return Ok(StoreAt::File(self.home.join("xpkce.db")));
        };
        store_at(store.expose_secret().trim())
    }

    /// Returns where the sealing keys come from.
    pub(crate) fn key_source(&self) -> KeySource {
        let Environment { key, key_file, credentials, .. } = self.environment;
        if let Some(key) = key {
            return KeySource::Text(key.clone());
        }
        if let Some(path) = key_file {
            return KeySource::File(path.clone());
        }
        // A service manager names the folder also to services that have other credentials only.
        let credential = credentials.as_ref().map(|folder| folder.join(CREDENTIAL));
        match credential.filter(|path| path.try_exists().unwrap_or(true)) {
            Some(path) => KeySource::Credential(path),
            None => KeySource::File(self.home.join("key")),
        }
    }
}

/// Reads a store's address: a path, `sqlite:PATH` or `postgres://…`. What it is is not repeated in
/// errors, for it may hold a password.
fn store_at(text: &str) -> Result<StoreAt> {
    let path = text.strip_prefix("sqlite:").unwrap_or(text);
    if path.is_empty() {
        let failure = Failure::new(Kind::Configure, "XPKCE_STORE names no file");
        return Err(failure.hint("set XPKCE_STORE to sqlite:PATH, or unset it"));
    }
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        return Ok(StoreAt::Postgres(PostgresUri::new(text)));
    }
    // With a slash too few it would be a file, whose name may hold the password.
    if is_libpq_dsn(text) || text.starts_with("postgres:") || text.starts_with("postgresql:") {
        return Err(Failure::new(Kind::Configure, "XPKCE_STORE names a PostgreSQL, and is no URL")
            .hint("set XPKCE_STORE to postgres://USER:PASSWORD@HOST/DATABASE"));
    }
    // SQLite's own words for a store that nobody could come back to, or that has parameters.
    if path.contains("://") || path.starts_with("file:") || path.starts_with(":memory:") {
        return Err(Failure::new(
            Kind::Configure,
            "XPKCE_STORE names a kind of store that is not known",
        )
        .hint("set XPKCE_STORE to a path, sqlite:PATH or postgres://…, or unset it"));
    }
    Ok(StoreAt::File(path.into()))
}

fn home(environment: &Environment) -> Result<PathBuf> {
    let home = match &environment.home {
        Some(home) => home.clone(),
        None => etcetera::base_strategy::choose_native_strategy()
            .map_err(|why| {
                Failure::new(Kind::Configure, "there is no home folder to keep data in")
                    .why(&why)
                    .hint("export XPKCE_HOME=/path/to/a/folder")
            })?
            .data_dir()
            .join("xpkce"),
    };
    std::path::absolute(&home).map_err(crate::failure::io(
        Kind::Configure,
        format!("cannot find the folder {}", home.display()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_a_path_or_an_address() {
        let is_at = |text: &str, path: &str| matches!(store_at(text), Ok(StoreAt::File(at)) if at == Path::new(path));
        assert!(is_at("a b.db", "a b.db") && is_at("sqlite:/x.db", "/x.db"));
        assert_eq!(store_at("sqlite:").unwrap_err().kind, Kind::Configure);
        let address = store_at("postgres://user:hunter2@host/db").unwrap();
        assert!(matches!(address, StoreAt::Postgres(_)));
        assert!(!format!("{address:?}").contains("hunter2"));
        for other in [":memory:", "sqlite::memory:", "file:x?mode=memory", "postgres:/u:pw@h/d"] {
            assert_eq!(store_at(other).unwrap_err().kind, Kind::Configure);
        }
        let unknown = store_at("mysql://user:hunter2@host/db").unwrap_err();
        assert!(!format!("{unknown:?}").contains("hunter2"));
    }

    #[test]
    fn an_address_of_words_and_values_is_no_path_and_is_not_repeated() {
        let refused = store_at("host=h password=hunter2 dbname=d").unwrap_err();
        assert_eq!(refused.kind, Kind::Configure);
        assert!(!format!("{refused:?}").contains("hunter2"));
    }
}
