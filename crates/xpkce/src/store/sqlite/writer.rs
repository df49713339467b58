//! The thread that writes: what waits is written in one transaction and flushed once, each write
//! judged on its own. Nobody is answered before the commit has returned.

use std::sync::Arc;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use super::backoff::Backoff;
use super::failure::{failure, is_busy, is_full};
use super::file::{self, Identity};
use super::lane::Jobs;
use super::reserve::Reserve;
use super::{Place, schema};
use crate::{Error, Reason, Result};

/// How many writes share a transaction at most.
const TOGETHER: usize = 1024;

/// What a write did inside the transaction.
pub(super) enum Wrote<T> {
    /// It changed something, which is true once committed.
    Changed(T),
    /// It found nothing to change.
    Nothing(T),
}

/// One write that waits for its turn.
pub(super) trait Write: Send {
    /// Reads outside any transaction whether there is nothing to do but to say so.
    fn is_lost(&mut self, db: &Connection) -> rusqlite::Result<bool>;

    /// Writes, and tells whether it changed anything. May be called again after a rollback.
    fn apply(&mut self, db: &Connection) -> rusqlite::Result<bool>;

    /// Returns whether something is spent once it is written, whose answer will need room.
    fn is_spend(&self) -> bool;

    /// Answers with what the last call found.
    fn answer(self: Box<Self>);

    /// Answers that nothing came of it.
    fn fail(self: Box<Self>, why: Error);
}

/// A write from a function that can be called again.
pub(super) struct Task<T, L, W> {
    pub(super) lost: L,
    pub(super) write: W,
    pub(super) is_spend: bool,
    pub(super) found: Option<T>,
    pub(super) caller: oneshot::Sender<Result<T>>,
}

impl<T, L, W> Write for Task<T, L, W>
where
    T: Send,
    L: FnMut(&Connection) -> rusqlite::Result<Option<T>> + Send,
    W: FnMut(&Connection) -> rusqlite::Result<Wrote<T>> + Send,
{
    fn is_lost(&mut self, db: &Connection) -> rusqlite::Result<bool> {
        self.found = (self.lost)(db)?;
        Ok(self.found.is_some())
    }

    fn apply(&mut self, db: &Connection) -> rusqlite::Result<bool> {
        let (found, has_changed) = match (self.write)(db)? {
            Wrote::Changed(found) => (found, true),
            Wrote::Nothing(found) => (found, false),
        };
        self.found = Some(found);
        Ok(has_changed)
    }

    fn is_spend(&self) -> bool {
        self.is_spend
    }

    fn answer(self: Box<Self>) {
        let found = self.found.ok_or_else(super::lane::ended);
        let _ = self.caller.send(found);
    }

    fn fail(self: Box<Self>, why: Error) {
        let _ = self.caller.send(Err(why));
    }
}

/// The writing connection, opened when it is first needed.
pub(super) struct Writer {
    place: Place,
    db: Option<Connection>,
    /// The file that it was first opened on.
    opened: Option<Identity>,
}

impl Writer {
    pub(super) fn work(place: Place, mut writes: Jobs<Box<dyn Write>>) {
        let mut writer = Self { place, db: None, opened: None };
        while let Some((first, _working)) = writes.next(|| writer.db = None) {
            let mut batch = Batch { writes: vec![first], waiting: &mut writes };
            batch.fill();
            match writer.commit(&mut batch) {
                Ok(()) => batch.answer(),
                Err(why) => batch.fail(&why),
            }
        }
    }

    /// Commits the batch. Where the disk is full, writes that begin a spend give way, and the room
    /// that was kept is there for the others.
    fn commit(&mut self, batch: &mut Batch<'_>) -> Result<()> {
        let reserve = Reserve::beside(&self.place.path);
        batch.keep_room(&reserve);
        let outcome = match self.commit_once(batch, Some(&reserve)) {
            Err(Failed::Sqlite(why)) if is_full(&self.place.path, &why) => {
                batch.refuse_spends(&failure(&self.place.path, &why));
                if !batch.writes.is_empty() {
                    reserve.release();
                }
                self.commit_once(batch, None)
            }
            outcome => outcome,
        };
        outcome.map_err(|why| match why {
            Failed::Sqlite(why) => failure(&self.place.path, &why),
            Failed::Refused(why) => why,
        })
    }

    /// Commits the batch, with those that come while it waits for its turn; none come where there is
    /// no reserve.
    fn commit_once(
        &mut self,
        batch: &mut Batch<'_>,
        reserve: Option<&Reserve>,
    ) -> Result<(), Failed> {
        let path = Arc::clone(&self.place.path);
        let Some(tx) = begin(self.db()?, batch, reserve)? else {
            return Ok(());
        };
        schema::recheck(&tx, &path)?;
        let mut has_changed = false;
        for write in &mut batch.writes {
            has_changed |= write.apply(&tx)?;
        }
        Ok(if has_changed { tx.commit() } else { tx.rollback() }?)
    }

    /// Returns the connection, which must still be to the file that has the path's name: what is
    /// written to another one is lost.
    fn db(&mut self) -> Result<&Connection, Failed> {
        let path = &self.place.path;
        let there = Identity::of(path).map_err(|why| {
            Error::new(Reason::Store, format!("the store {} is gone", path.display()))
                .with_source(why)
        })?;
        if self.opened.is_some_and(|opened| opened != there) {
            return Err(Error::new(
                Reason::Store,
                format!("the store {} was replaced while it was open", path.display()),
            )
            .with_hint("start this program again")
            .into());
        }
        match &mut self.db {
            Some(db) => Ok(db),
            closed => {
                let db = file::open_for_writing(path)?;
                self.opened = Some(there);
                Ok(closed.insert(db))
            }
        }
    }
}

/// Why a batch was not committed.
enum Failed {
    Sqlite(rusqlite::Error),
    Refused(Error),
}

impl From<rusqlite::Error> for Failed {
    fn from(why: rusqlite::Error) -> Self {
        Self::Sqlite(why)
    }
}

impl From<Error> for Failed {
    fn from(why: Error) -> Self {
        Self::Refused(why)
    }
}

/// Begins a transaction that may write, or none when no write of the batch is left.
fn begin<'db>(
    db: &'db Connection,
    batch: &mut Batch<'_>,
    reserve: Option<&Reserve>,
) -> rusqlite::Result<Option<Transaction<'db>>> {
    let mut backoff = Backoff::start();
    while !batch.writes.is_empty() {
        match Transaction::new_unchecked(db, TransactionBehavior::Immediate) {
            Err(why) if is_busy(&why) => {
                batch
                    .dismiss_lost(db)
                    .or_else(|why| if is_busy(&why) { Ok(()) } else { Err(why) })?;
                if !backoff.wait() {
                    return Err(why);
                }
                if let Some(reserve) = reserve {
                    batch.fill();
                    batch.keep_room(reserve);
                }
            }
            begun => return begun.map(Some),
        }
    }
    Ok(None)
}

/// Writes that share a transaction.
struct Batch<'w> {
    writes: Vec<Box<dyn Write>>,
    waiting: &'w mut Jobs<Box<dyn Write>>,
}

impl Batch<'_> {
    fn fill(&mut self) {
        while self.writes.len() < TOGETHER {
            let Some(write) = self.waiting.at_once() else {
                return;
            };
            self.writes.push(write);
        }
    }

    /// Answers those that have lost already, so that they do not queue for the lock.
    fn dismiss_lost(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let mut lost = Vec::new();
        for (at, write) in self.writes.iter_mut().enumerate() {
            if write.is_lost(db)? {
                lost.push(at);
            }
        }
        for at in lost.into_iter().rev() {
            self.writes.swap_remove(at).answer();
        }
        Ok(())
    }

    /// Makes sure of the room that a spend needs, or refuses it.
    fn keep_room(&mut self, reserve: &Reserve) {
        let has_spends = self.writes.iter().any(|write| write.is_spend());
        if has_spends && let Err(why) = reserve.keep() {
            self.refuse_spends(&why);
        }
    }

    fn refuse_spends(&mut self, why: &Error) {
        for write in self.writes.extract_if(.., |write| write.is_spend()) {
            write.fail(why.clone());
        }
    }

    fn answer(self) {
        self.writes.into_iter().for_each(|write| write.answer());
    }

    fn fail(self, why: &Error) {
        for write in self.writes {
            write.fail(why.clone());
        }
    }
}
