//! The embedded store: one SQLite file, shared by any number of processes of one machine.
//!
//! One thread of a process writes and one reads. The writes that wait together are committed
//! together, with one flush; nobody is told before the flush has returned.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::boot::boot_id;
use super::{Due, LeaseEnd, PendingLogin, Revision, Store, Stored, Swapped};
use crate::grant::{Account, Grant};
use crate::http::Pending;
use crate::seal::{KeyId, Sealed};
use crate::{Clock, Error, Reason, Result, SystemClock, Timestamp};

mod backoff;

mod failure;

mod file;

mod lane;
use lane::{Lane, ended};

mod live;

mod meta;

mod migrate;

mod opened;

mod reader;
use reader::{Read, Reader};

mod reading;
pub use reading::SqliteReading;

mod reserve;

mod rows;
use rows::{Draft, LeaseColumns};

mod schema;

mod still;

mod writer;
use writer::{Task, Write, Writer, Wrote};

/// Keeps grants in one SQLite file.
///
/// Every commit is flushed. With `LIBSQLITE3_FLAGS=-DHAVE_FDATASYNC=1` in the environment of your build,
/// the SQLite in it leaves the times of its log out, which are of no use to it.
pub struct SqliteStore {
    place: Place,
    reader: Lane<Read>,
    writer: Lane<Box<dyn Write>>,
    /// The process that opened it. A forked child must not use its parent's connections.
    process: u32,
}

/// Where the store is, and which boot and clock its leases count by.
#[derive(Clone)]
struct Place {
    path: Arc<Path>,
    boot: Boot,
}

/// One boot of the machine, and its uptime.
#[derive(Clone)]
struct Boot {
    id: Arc<str>,
    clock: Arc<dyn Clock>,
}

impl Boot {
    fn uptime_millis(&self) -> i64 {
        i64::try_from(self.clock.uptime().as_millis()).unwrap_or(i64::MAX)
    }
}

impl SqliteStore {
    /// Opens the store at `path`. Where there is none it is made, readable by its owner alone, in
    /// a folder that is made too. Where nothing can be written, a store that nobody has open is read
    /// as it lies, and every write fails.
    ///
    /// # Errors
    /// [`Reason::StoreNewer`] when a newer version wrote it, [`Reason::StoreDamaged`] when it is not
    /// a store, and [`Reason::Store`] when it cannot be opened or others can read it. Nothing is
    /// ever overwritten.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_at(path.as_ref(), &boot_id()?, Arc::new(SystemClock)).await
    }

    /// Opens it with leases that count by `clock`, in the boot named `boot_id`.
    ///
    /// # Errors
    /// Those of [`SqliteStore::open`].
    #[cfg(feature = "testing")]
    pub async fn open_in_boot(
        path: impl AsRef<Path>,
        boot_id: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        Self::open_at(path.as_ref(), boot_id, clock).await
    }

    /// Returns whether this process has a store open, or is still closing one: a child that is
    /// forked now could open none.
    pub fn is_open_here() -> bool {
        live::has_connections()
    }

    /// Asks every store of this process to close its file while a fork is near; the next call opens
    /// it again.
    pub(crate) fn close_for_fork() {
        lane::close_all();
    }

    /// Reads the whole file and checks that it is sound.
    ///
    /// # Errors
    /// [`Reason::StoreDamaged`] when it is not, and [`Reason::Store`] when it cannot be read.
    pub async fn check(&self) -> Result<()> {
        let found: String =
            self.read(|db| db.query_row("PRAGMA integrity_check(1)", (), |row| row.get(0))).await?;
        if found == "ok" {
            return Ok(());
        }
        let path = self.place.path.display();
        Err(Error::new(Reason::StoreDamaged, format!("the store {path} is damaged"))
            .with_source(found))
    }

    async fn open_at(path: &Path, boot_id: &str, clock: Arc<dyn Clock>) -> Result<Self> {
        let path = absolute(path)?;
        let store = Self {
            place: Place { path: path.into(), boot: Boot { id: boot_id.into(), clock } },
            reader: Lane::new(Reader::work),
            writer: Lane::new(Writer::work),
            process: std::process::id(),
        };
        store.read(|_| Ok(())).await?;
        Ok(store)
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        self.refuse_after_fork()?;
        let (caller, answer) = oneshot::channel();
        let job = move |reader: &mut Reader| {
            let _ = caller.send(reader.read(read));
        };
        self.reader.send(&self.place, Box::new(job))?;
        answer.await.map_err(|_| ended())?
    }

    async fn write<T: Send + 'static>(
        &self,
        write: impl FnMut(&Connection) -> rusqlite::Result<Wrote<T>> + Send + 'static,
    ) -> Result<T> {
        self.write_for(write, false).await
    }

    async fn write_for<T: Send + 'static>(
        &self,
        write: impl FnMut(&Connection) -> rusqlite::Result<Wrote<T>> + Send + 'static,
        is_spend: bool,
    ) -> Result<T> {
        let (caller, answer) = oneshot::channel();
        let lost = |_: &Connection| Ok(None);
        self.queue(Task { lost, write, is_spend, found: None, caller })?;
        answer.await.map_err(|_| ended())?
    }

    fn queue(&self, write: impl Write + 'static) -> Result<()> {
        self.refuse_after_fork()?;
        self.writer.send(&self.place, Box::new(write))
    }

    fn refuse_after_fork(&self) -> Result<()> {
        if self.process == std::process::id() {
            return Ok(());
        }
        Err(live::forked())
    }

    fn boot(&self) -> &Boot {
        &self.place.boot
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SqliteStore").field(&self.place.path).finish()
    }
}

impl Store for SqliteStore {
    fn load<'a>(&'a self, account: &'a Account) -> Pending<'a, Result<Option<Stored>>> {
        let Account { app, user } = account.clone();
        Box::pin(async move {
            let row = self.read(move |db| rows::load(db, &app, &user)).await?;
            row.map(|row| row.stored(self.boot())).transpose()
        })
    }

    fn swap<'a>(
        &'a self,
        grant: &'a Grant,
        expected: Option<Revision>,
        lease: LeaseEnd,
    ) -> Pending<'a, Result<Swapped>> {
        Box::pin(async move {
            let draft = Arc::new(Draft::of(grant)?);
            let (judged, boot) = (Arc::clone(&draft), self.boot().clone());
            let lost = move |db: &Connection| judged.lost(db, expected);
            let write =
                move |db: &Connection| draft.swap(db, expected, &LeaseColumns::at(lease, &boot));
            let is_spend = matches!(lease, LeaseEnd::In(_));
            let (caller, answer) = oneshot::channel();
            self.queue(Task { lost, write, is_spend, found: None, caller })?;
            answer.await.map_err(|_| ended())??.swapped(self.boot())
        })
    }

    fn relabel<'a>(
        &'a self,
        from: (&'a Account, Revision),
        grant: &'a Grant,
        expected: Option<Revision>,
    ) -> Pending<'a, Result<Swapped>> {
        let from = (from.0.clone(), from.1);
        Box::pin(async move {
            let draft = Draft::of(grant)?;
            let write = move |db: &Connection| draft.relabel(db, &from, expected);
            self.write(write).await?.swapped(self.boot())
        })
    }

    fn list<'a>(
        &'a self,
        after: Option<&'a Account>,
        limit: usize,
    ) -> Pending<'a, Result<Vec<Stored>>> {
        let after = after.cloned();
        Box::pin(async move {
            let rows = self.read(move |db| rows::list(db, after.as_ref(), limit)).await?;
            rows.into_iter().map(|row| row.stored(self.boot())).collect()
        })
    }

    fn due<'a>(
        &'a self,
        app: &'a str,
        now: Timestamp,
        after: Option<&'a Due>,
        limit: usize,
    ) -> Pending<'a, Result<Vec<Due>>> {
        let (app, after) = (app.to_owned(), after.cloned());
        Box::pin(self.read(move |db| rows::due(db, &app, now, after.as_ref(), limit)))
    }

    fn next_sign_in(&self) -> Pending<'_, Result<u64>> {
        // A code is spent on it.
        Box::pin(self.write_for(meta::next_sign_in, true))
    }

    fn put_login<'a>(&'a self, login: &'a PendingLogin, now: Timestamp) -> Pending<'a, Result<()>> {
        let login = login.clone();
        Box::pin(self.write(move |db| meta::put_login(db, &login, now)))
    }

    fn take_login<'a>(
        &'a self,
        key: &'a str,
        now: Timestamp,
    ) -> Pending<'a, Result<Option<Sealed>>> {
        let key = key.to_owned();
        Box::pin(async move {
            let taken = self.write(move |db| meta::take_login(db, &key, now)).await?;
            taken.map(Sealed::try_from).transpose()
        })
    }

    fn key_check<'a>(
        &'a self,
        proposed: Option<&'a Sealed>,
    ) -> Pending<'a, Result<Option<Sealed>>> {
        let proposed = proposed.cloned().map(String::from);
        Box::pin(async move {
            let there = match proposed {
                None => self.read(meta::key_check).await?,
                Some(proposed) => self.write(move |db| meta::set_key_check(db, &proposed)).await?,
            };
            there.map(Sealed::try_from).transpose()
        })
    }

    fn replace_key_check<'a>(
        &'a self,
        expected: &'a Sealed,
        check: &'a Sealed,
    ) -> Pending<'a, Result<bool>> {
        let (expected, check) = (String::from(expected.clone()), String::from(check.clone()));
        let write = move |db: &Connection| meta::replace_key_check(db, &expected, &check);
        Box::pin(self.write(write))
    }

    fn login_keys(&self) -> Pending<'_, Result<Vec<KeyId>>> {
        Box::pin(async {
            let logins = self.read(meta::logins).await?;
            logins.into_iter().map(|login| Ok(*Sealed::try_from(login)?.key())).collect()
        })
    }

    fn folder(&self) -> Option<&Path> {
        self.place.path.parent()
    }
}

/// The path as it is now: the program may change its folder later.
fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|why| {
        Error::new(Reason::Store, format!("cannot find the store {}", path.display()))
            .with_source(why)
    })
}

fn damaged(user: &str) -> Error {
    Error::new(Reason::StoreDamaged, format!("the record of {user} cannot be read"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_drops_it_finds_the_file_closed_and_no_log_beside_it() {
        let folder = tempfile::TempDir::new().unwrap();
        let store = SqliteStore::open(folder.path().join("xpkce.db")).await.unwrap();
        store.next_sign_in().await.unwrap();
        assert!(folder.path().join("xpkce.db-wal").exists());
        drop(store);
        assert!(!folder.path().join("xpkce.db-wal").exists());
    }

    #[tokio::test]
    async fn a_forked_child_does_not_use_its_parents_connections() {
        let folder = tempfile::TempDir::new().unwrap();
        let parents = SqliteStore::open(folder.path().join("xpkce.db")).await.unwrap();
        let childs = SqliteStore { process: parents.process + 1, ..parents };
        assert_eq!(childs.list(None, 1).await.unwrap_err().reason(), Reason::Store);
        assert_eq!(childs.next_sign_in().await.unwrap_err().reason(), Reason::Store);
    }
}
