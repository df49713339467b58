//! Settings: flags, then the environment, then what is stored of the app. This file and `main.rs`
//! alone read the environment.

use std::env;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use secrecy::SecretString;
use xpkce::ClientSecret;
use xpkce::seal::{KeySource, KeyText};
use xpkce::store::{StoreAddress, StoreAddressError};

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
    pub(crate) fn store(&self) -> Result<StoreAddress> {
        use secrecy::ExposeSecret as _;
        let Some(store) = &self.environment.store else {
            return Ok(StoreAddress::File(self.home.join("xpkce.db")));
        };
        StoreAddress::parse(store.expose_secret().trim()).map_err(no_store)
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

fn no_store(why: StoreAddressError) -> Failure {
    let (message, hint) = match why {
        StoreAddressError::Empty => {
            ("XPKCE_STORE names no file", "set XPKCE_STORE to sqlite:PATH, or unset it")
        }
        StoreAddressError::NoUrl => (
            "XPKCE_STORE names a PostgreSQL, and is no URL",
            "set XPKCE_STORE to postgres://USER:PASSWORD@HOST/DATABASE",
        ),
        StoreAddressError::UnknownKind => (
            "XPKCE_STORE names a kind of store that is not known",
            "set XPKCE_STORE to a path, sqlite:PATH or postgres://…, or unset it",
        ),
    };
    Failure::new(Kind::Configure, message).hint(hint)
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
