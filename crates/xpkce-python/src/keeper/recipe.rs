//! How a keeper is opened: its app, its store and its key. A fork opens it anew.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pyo3::PyResult;
use xpkce::seal::{KeySource, KeyText, unlock};
use xpkce::store::{PostgresUri, SqliteStore, Store, StoreAddress, StoreAddressError};
use xpkce::{App, Client, ClientSecret, Error, Keeper, Reason, Result, Scopes, SystemClock};

use crate::failure::raise;

pub(super) struct Recipe {
    app: App,
    store: StoreAddress,
    key: KeySource,
}

impl Recipe {
    /// Reads a store's address, a path, `sqlite:PATH` or `postgres://…`, and where its key is: by
    /// default beside a store's file, which has to be readable by its owner alone too. Paths are
    /// meant from the folder that the program is in now, however often the store is opened.
    pub(super) fn new(
        store: OsString,
        key: Option<String>,
        key_file: Option<PathBuf>,
    ) -> PyResult<Self> {
        let store = address(&store).map_err(|why| raise(&why))?;
        let key = match (key, key_file, &store) {
            (Some(text), _, _) => KeySource::Text(KeyText::new(text)),
            (None, Some(path), _) => KeySource::File(absolute(&path).map_err(|why| raise(&why))?),
            (None, None, StoreAddress::File(path)) => KeySource::File(path.with_file_name("key")),
            (None, None, StoreAddress::Postgres(_)) => return Err(raise(&no_key())),
        };
        Ok(Self { app: App::public(""), store, key })
    }

    pub(super) fn with_app(
        mut self,
        client_id: &str,
        secret: Option<String>,
        redirect_uri: Option<&str>,
        scope: &str,
        base_url: &str,
        authorization_base_url: &str,
    ) -> PyResult<Self> {
        let app = match secret.filter(|secret| !secret.is_empty()) {
            Some(secret) => App::confidential(client_id, ClientSecret::new(secret)),
            None => App::public(client_id),
        };
        let app = app
            .with_base_url(base_url)
            .and_then(|app| app.with_authorization_base_url(authorization_base_url))
            .map_err(|why| raise(&why))?
            .with_scopes(Scopes::parse(scope));
        self.app = match redirect_uri {
            Some(uri) => app.with_redirect_uri(uri),
            None => app,
        };
        Ok(self)
    }

    pub(super) fn base_url(&self) -> &str {
        self.app.base_url()
    }

    pub(super) fn client_id(&self) -> &str {
        self.app.client_id()
    }

    pub(super) async fn open(&self) -> Result<Keeper> {
        let store = open(&self.store).await?;
        let sealer = unlock(store.as_ref(), &self.key).await?;
        let client = Client::new(self.app.clone(), crate::http::shared(), Arc::new(SystemClock));
        Keeper::new(client, store, Arc::new(sealer), None)
    }
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.app.client_id();
        match &self.store {
            StoreAddress::File(path) => write!(f, "client_id={id:?} store={:?}", path.display()),
            StoreAddress::Postgres(_) => write!(f, "client_id={id:?} store=\"postgres://…\""),
        }
    }
}

fn address(store: &OsStr) -> Result<StoreAddress> {
    match StoreAddress::parse(store) {
        Ok(StoreAddress::File(path)) => absolute(&path).map(StoreAddress::File),
        Ok(server) => Ok(server),
        Err(why) => Err(no_store(why)),
    }
}

fn no_store(why: StoreAddressError) -> Error {
    let (message, hint) = match why {
        StoreAddressError::NoUrl => {
            ("a store on PostgreSQL is a URL", "give postgres://USER:PASSWORD@HOST/DATABASE")
        }
        StoreAddressError::Empty | StoreAddressError::UnknownKind => {
            ("this kind of store is not known", "give a path, sqlite:PATH or postgres://…")
        }
    };
    Error::new(Reason::InvalidSetting, message).with_hint(hint)
}

async fn open(at: &StoreAddress) -> Result<Arc<dyn Store>> {
    match at {
        StoreAddress::File(path) => Ok(Arc::new(SqliteStore::open(path).await?)),
        StoreAddress::Postgres(address) => open_postgres(address).await,
    }
}

#[cfg(feature = "postgres")]
async fn open_postgres(address: &PostgresUri) -> Result<Arc<dyn Store>> {
    Ok(Arc::new(xpkce::store::PostgresStore::open(address).await?))
}

#[cfg(not(feature = "postgres"))]
async fn open_postgres(_: &PostgresUri) -> Result<Arc<dyn Store>> {
    Err(Error::new(Reason::InvalidSetting, "this build of xpkce cannot use PostgreSQL"))
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|why| {
        Error::new(Reason::InvalidSetting, "a path is empty, or the current folder is gone")
            .with_hint("give the whole path, from / on")
            .with_source(why)
    })
}

fn no_key() -> Error {
    Error::new(Reason::Key, "a store on PostgreSQL needs a key")
        .with_hint("give key_file=, the same file on every machine, or key=")
}
