//! A thread with a bounded queue before it. SQLite blocks, so every connection has one.

use std::sync::PoisonError;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, WeakSender, channel};

use super::Place;
use super::live::Live;
use crate::fork::{self, Working};
use crate::turns::{self, Mutex, Thread};
use crate::{Error, Reason, Result};

/// How many jobs may wait for one thread.
const LENGTH: usize = 8192;

/// Starts its thread with the first job. Dropping it waits for the jobs that wait and for the
/// connection's end: a program that ended first would leave the write-ahead log to whoever comes
/// next.
pub(super) struct Lane<J> {
    started: Mutex<Option<Started<J>>>,
    work: fn(Place, Jobs<J>),
}

struct Started<J> {
    queue: Sender<Asked<J>>,
    thread: Thread,
    process: u32,
}

/// A job; none asks for the connection to be closed because a fork is near.
type Asked<J> = Option<J>;

/// A thread that may have a connection.
trait Closing: Send {
    /// Returns whether its store is open still.
    fn is_there(&self) -> bool;

    /// Asks it to close the connection.
    fn close(&self);
}

impl<J: Send> Closing for WeakSender<Asked<J>> {
    fn is_there(&self) -> bool {
        self.strong_count() > 0
    }

    fn close(&self) {
        if let Some(queue) = self.upgrade() {
            // A full queue has jobs, and its thread sees the fork at the next one.
            let _ = queue.try_send(None);
        }
    }
}

/// Every thread of this process that may have a connection, and some that have ended.
static THREADS: std::sync::Mutex<Vec<Box<dyn Closing>>> = std::sync::Mutex::new(Vec::new());

/// Asks every thread of this process to close its connection, which it does while a fork is near.
pub(super) fn close_all() {
    let threads = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
    threads.iter().for_each(|thread| thread.close());
}

impl<J: Send + 'static> Lane<J> {
    pub(super) fn new(work: fn(Place, Jobs<J>)) -> Self {
        Self { started: Mutex::default(), work }
    }

    pub(super) fn send(&self, place: &Place, job: J) -> Result<()> {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        let started = match &mut *started {
            Some(started) => started,
            empty => empty.insert(self.start(place)?),
        };
        started.queue.try_send(Some(job)).map_err(|why| match why {
            TrySendError::Full(_) => {
                Error::new(Reason::Busy, format!("{LENGTH} calls wait for the store already"))
            }
            TrySendError::Closed(_) => ended(),
        })
    }

    fn start(&self, place: &Place) -> Result<Started<J>> {
        let (queue, asked) = channel(LENGTH);
        let (place, work) = (place.clone(), self.work);
        let jobs = Jobs { asked, live: Some(Live::enter()?) };
        let thread = Thread::start("xpkce-sqlite", move || work(place, jobs)).map_err(|why| {
            Error::new(Reason::Store, "cannot start the store's thread").with_source(why)
        })?;
        let mut threads = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
        threads.retain(|thread| thread.is_there());
        threads.push(Box::new(queue.downgrade()));
        Ok(Started { queue, thread, process: std::process::id() })
    }
}

impl<J> Drop for Lane<J> {
    fn drop(&mut self) {
        let started = self.started.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Started { queue, thread, process }) = started else { return };
        if process != std::process::id() {
            // The thread is the parent's, and so is what telling it would wake.
            return std::mem::forget((queue, thread));
        }
        drop(queue);
        if !thread.is_current() {
            thread.join();
        }
    }
}

/// The jobs of one thread.
pub(super) struct Jobs<J> {
    asked: Receiver<Asked<J>>,
    /// Counts until the connection is closed.
    live: Option<Live>,
}

impl<J> Jobs<J> {
    /// Waits for the next job, and says when it may begin. While a fork is near, closes the
    /// connection by `close` and lets the fork pass.
    pub(super) fn next(&mut self, mut close: impl FnMut()) -> Option<(J, Working)> {
        loop {
            let asked = turns::receive(&mut self.asked)?;
            let working = fork::try_work();
            if working.is_none() {
                close();
                self.live = None;
            }
            let Some(job) = asked else { continue };
            let working = working.unwrap_or_else(fork::work);
            if self.live.is_none() {
                self.live = Some(Live::enter().ok()?);
            }
            return Some((job, working));
        }
    }

    /// Returns a job that waits, if there is one.
    pub(super) fn at_once(&mut self) -> Option<J> {
        loop {
            if let Some(job) = self.asked.try_recv().ok()? {
                return Some(job);
            }
        }
    }
}

/// The error of a job whose thread has ended without an answer.
pub(super) fn ended() -> Error {
    Error::new(Reason::Internal, "the store's thread has ended")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::store::SqliteStore;

    #[tokio::test]
    async fn of_stores_that_were_closed_nobody_is_asked_to_close() {
        let folder = tempfile::TempDir::new().unwrap();
        for _ in 0..200 {
            drop(SqliteStore::open(folder.path().join("xpkce.db")).await.unwrap());
        }
        // Those of other tests may be open.
        let asked = THREADS.lock().unwrap().len();
        assert!(asked < 100, "{asked} threads");
    }
}
