//! The store and its key, opened together, and the keepers that work on them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

#[cfg(feature = "postgres")]
use xpkce::Reason;
use xpkce::grant::Account;
use xpkce::seal::{Sealer, unlock};
use xpkce::store::{SqliteStore, Store, StoreAddress, Stored};
use xpkce::{App, Client, Keeper};

use crate::config::Settings;
use crate::failure::{Failure, Result};

/// An open store.
pub(crate) struct Vault {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) sealer: Arc<Sealer>,
    /// Where keepers show that they live, and save what the store would not take.
    holders: PathBuf,
}

impl Vault {
    /// Opens the store; makes it where there is none.
    pub(crate) async fn open(settings: &Settings<'_>) -> Result<Self> {
        let store = open_store(settings.store()?).await?;
        let sealer = unlock(store.as_ref(), &settings.key_source()).await?;
        let folder = store.folder().unwrap_or(settings.home());
        let holders = folder.join("holders");
        Ok(Self { store, sealer: Arc::new(sealer), holders })
    }

    /// Opens the store if there is one. Makes nothing.
    pub(crate) async fn open_existing(settings: &Settings<'_>) -> Result<Option<Self>> {
        match settings.store()? {
            StoreAddress::File(path) if !path.try_exists().unwrap_or(true) => Ok(None),
            _ => Self::open(settings).await.map(Some),
        }
    }

    /// Returns where holders show that they live, and leave what the store would not take.
    pub(crate) fn holders(&self) -> &Path {
        &self.holders
    }

    /// Makes a keeper of an app.
    pub(crate) fn keeper(&self, app: App) -> Result<Keeper> {
        let client = Client::with_hyper(app);
        let folder = Some(self.holders.clone());
        Ok(Keeper::new(client, Arc::clone(&self.store), Arc::clone(&self.sealer), folder)?)
    }

    /// Reads the logins of one app, or of all, in the order of their accounts.
    pub(crate) async fn logins(&self, client_id: Option<&str>) -> Result<Vec<Stored>> {
        const PAGE: usize = 500;
        let mut after = client_id.map(|id| Account::new(id, ""));
        let mut found: Vec<Stored> = Vec::new();
        loop {
            let mut page = self.store.list(after.as_ref(), PAGE).await?;
            let is_last = page.len() < PAGE;
            after = page.last().map(|stored| stored.grant.account.clone());
            let before = page.len();
            page.retain(|stored| client_id.is_none_or(|id| stored.grant.account.app == id));
            let has_ended = is_last || page.len() < before;
            found.append(&mut page);
            if has_ended {
                return Ok(found);
            }
        }
    }
}

/// The hint of an address that cannot be used, or whose user or database is not there.
#[cfg(feature = "postgres")]
const ADDRESS: &str = "set XPKCE_STORE to postgres://USER:PASSWORD@HOST/DATABASE";

/// The hint of a server that cannot be reached.
#[cfg(feature = "postgres")]
const SERVER: &str =
    "see whether the server that XPKCE_STORE names runs, and can be reached from here";

/// The one place that knows which kinds of store this build has.
async fn open_store(at: StoreAddress) -> Result<Arc<dyn Store>> {
    match at {
        StoreAddress::File(path) => Ok(Arc::new(SqliteStore::open(path).await?)),
        #[cfg(feature = "postgres")]
        StoreAddress::Postgres(address) => {
            let store = xpkce::store::PostgresStore::open(&address).await;
            Ok(Arc::new(store.map_err(|why| match (why.hint(), why.reason()) {
                (None, Reason::InvalidSetting) => Failure::from(why).hint(ADDRESS),
                (None, Reason::Store) => Failure::from(why).hint(SERVER),
                _ => Failure::from(why),
            })?))
        }
        #[cfg(not(feature = "postgres"))]
        StoreAddress::Postgres(_) => {
            let message = "this build of xpkce has no PostgreSQL";
            Err(Failure::new(crate::failure::Kind::Configure, message)
                .why(&"it was built with --no-default-features")
                .hint("install it without that flag, or set XPKCE_STORE to a path or unset it"))
        }
    }
}
