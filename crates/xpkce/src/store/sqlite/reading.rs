//! One look at a store, on the thread that asks: for a program that lives for a moment and wants
//! one token of what is there.

use std::path::Path;

use rusqlite::Connection;

use super::backoff::Backoff;
use super::live::Live;
use super::opened::{self, Opened};
use super::rows::Raw;
use super::{absolute, meta, rows};
use crate::grant::{Account, Grant};
use crate::seal::Sealed;
use crate::{Clock as _, Result, SystemClock, Timestamp};

/// A store's file, open for reading, with no thread of its own. It checks what
/// [`SqliteStore`](super::SqliteStore) checks: whose the file is, who can read it, and its version.
///
/// A process has one of the two open at a time: close this one before the other is opened.
pub struct SqliteReading {
    opened: Opened,
    path: Box<Path>,
    _live: Live,
}

impl SqliteReading {
    /// Opens the store at `path`; none where there is no file.
    ///
    /// # Errors
    /// Those of [`SqliteStore::open`](super::SqliteStore::open).
    pub fn open(path: impl AsRef<Path>) -> Result<Option<Self>> {
        Self::open_at(path.as_ref(), SystemClock.now())
    }

    fn open_at(path: &Path, now: Timestamp) -> Result<Option<Self>> {
        let path = absolute(path)?;
        if !path.try_exists().unwrap_or(true) {
            return Ok(None);
        }
        let live = Live::enter()?;
        let opened = match opened::open_at_rest(&path, now) {
            Some(opened) => opened,
            None => opened::open_patiently(Backoff::start(), &path, opened::open_existing)?,
        };
        Ok(Some(Self { opened, path: path.into(), _live: live }))
    }

    /// Returns the key check of this store, if it has one.
    ///
    /// # Errors
    /// [`Reason::Store`](crate::Reason::Store) when it cannot be read.
    pub fn key_check(&self) -> Result<Option<Sealed>> {
        self.read(meta::key_check)?.map(Sealed::try_from).transpose()
    }

    /// Reads one grant.
    ///
    /// # Errors
    /// [`Reason::Store`](crate::Reason::Store) when it cannot be read, and
    /// [`Reason::StoreDamaged`](crate::Reason::StoreDamaged) when it is not one.
    pub fn grant(&self, account: &Account) -> Result<Option<Grant>> {
        let row = self.read(|db| rows::load(db, &account.app, &account.user))?;
        row.map(Raw::grant).transpose()
    }

    /// Reads up to `limit` grants in the order of their accounts.
    ///
    /// # Errors
    /// As [`grant`](Self::grant).
    pub fn grants(&self, limit: usize) -> Result<Vec<Grant>> {
        let rows = self.read(|db| rows::list(db, None, limit))?;
        rows.into_iter().map(Raw::grant).collect()
    }

    /// Reads; from a file that was read as it lies, and that somebody has changed, once more by the
    /// way of all who have it open, if there is one for this process.
    fn read<T>(&self, read: impl Fn(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        if let Some(found) = self.opened.read(&self.path, &read)? {
            return Ok(found);
        }
        opened::read(Backoff::start(), &mut None, &self.path, opened::open_existing, read)
    }
}

impl std::fmt::Debug for SqliteReading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SqliteReading").field(&self.path).finish()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::Duration;

    use super::*;
    use crate::Reason;
    use crate::store::contract::grant;
    use crate::store::{LeaseEnd, SqliteStore, Store as _};

    #[tokio::test]
    async fn it_finds_what_the_store_has_kept_and_leaves_no_log_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("xpkce.db");
        let store = SqliteStore::open(&path).await.unwrap();
        let check = Sealed::try_from("0123456789abcdef.AAAA".to_owned()).unwrap();
        store.key_check(Some(&check)).await.unwrap();
        let [one, two] = ["1", "2"].map(|user| grant(Account::new("app", user)));
        for grant in [&two, &one] {
            store.swap(grant, None, LeaseEnd::Now).await.unwrap();
        }
        drop(store);
        let reading = SqliteReading::open(&path).unwrap().unwrap();
        assert_eq!(reading.key_check().unwrap(), Some(check));
        let json = |grant: &Grant| serde_json::to_value(grant).unwrap();
        assert_eq!(json(&reading.grant(&two.account).unwrap().unwrap()), json(&two));
        assert!(reading.grant(&Account::new("app", "user")).unwrap().is_none());
        let both: Vec<_> = reading.grants(10).unwrap().iter().map(json).collect();
        assert_eq!(both, [json(&one), json(&two)]);
        assert_eq!(reading.grants(1).unwrap().len(), 1);
        drop(reading);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_store_at_rest_is_read_without_a_log_until_somebody_changes_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("xpkce.db");
        drop(SqliteStore::open(&path).await.unwrap());
        let later = SystemClock.now() + Duration::from_secs(10);
        let reading = SqliteReading::open_at(&path, later).unwrap().unwrap();
        assert!(reading.key_check().unwrap().is_none());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "there is a log");
        let store = SqliteStore::open(&path).await.unwrap();
        let check = Sealed::try_from("0123456789abcdef.AAAA".to_owned()).unwrap();
        store.key_check(Some(&check)).await.unwrap();
        assert_eq!(reading.key_check().unwrap().as_ref(), Some(&check), "in the log");
        drop(store);
        assert_eq!(reading.key_check().unwrap(), Some(check), "in the file");
    }

    #[test]
    fn it_makes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert!(SqliteReading::open(folder.path().join("xpkce.db")).unwrap().is_none());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn it_makes_nothing_where_the_file_was_put_away_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("xpkce.db");
        drop(SqliteStore::open(&path).await.unwrap());
        let later = SystemClock.now() + Duration::from_secs(10);
        let reading = SqliteReading::open_at(&path, later).unwrap().unwrap();
        fs::rename(&path, folder.path().join("away.db")).unwrap();
        let why = reading.key_check().unwrap_err();
        assert!(why.reason() == Reason::Store && why.to_string().ends_with("is gone"), "{why}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn it_refuses_what_the_store_refuses() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("xpkce.db");
        drop(SqliteStore::open(&path).await.unwrap());
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert_eq!(SqliteReading::open(&path).unwrap_err().reason(), Reason::Store);
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let db = Connection::open(&path).unwrap();
        db.pragma_update(None, "user_version", super::super::schema::VERSION + 1).unwrap();
        drop(db);
        assert_eq!(SqliteReading::open(&path).unwrap_err().reason(), Reason::StoreNewer);
    }
}
