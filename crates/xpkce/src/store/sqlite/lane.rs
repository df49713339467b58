//! A thread with a bounded queue before it. SQLite blocks, so every connection has one.

use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::Place;
use super::live::Live;
use crate::{Error, Reason, Result};

/// How many jobs may wait for one thread.
const LENGTH: usize = 8192;

/// Starts its thread with the first job. Dropping it waits for the jobs that wait and for the
/// connection's end: a program that ended first would leave the write-ahead log to whoever comes
/// next.
pub(super) struct Lane<J> {
    started: Mutex<Option<Started<J>>>,
    work: fn(Place, Receiver<J>),
}

struct Started<J> {
    queue: Sender<J>,
    thread: JoinHandle<()>,
    process: u32,
}

impl<J: Send + 'static> Lane<J> {
    pub(super) fn new(work: fn(Place, Receiver<J>)) -> Self {
        Self { started: Mutex::new(None), work }
    }

    pub(super) fn send(&self, place: &Place, job: J) -> Result<()> {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        let started = match &mut *started {
            Some(started) => started,
            empty => empty.insert(self.start(place)?),
        };
        started.queue.try_send(job).map_err(|why| match why {
            TrySendError::Full(_) => {
                Error::new(Reason::Busy, format!("{LENGTH} calls wait for the store already"))
            }
            TrySendError::Closed(_) => ended(),
        })
    }

    fn start(&self, place: &Place) -> Result<Started<J>> {
        let (queue, jobs) = channel(LENGTH);
        let (place, work) = (place.clone(), self.work);
        let live = Live::enter()?;
        let thread = thread::Builder::new()
            .name("xpkce-sqlite".to_owned())
            .spawn(move || {
                // Counts until the connection is closed.
                let _live = live;
                work(place, jobs);
            })
            .map_err(|why| {
                Error::new(Reason::Store, "cannot start the store's thread").with_source(why)
            })?;
        Ok(Started { queue, thread, process: std::process::id() })
    }
}

impl<J> Drop for Lane<J> {
    fn drop(&mut self) {
        let started = self.started.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Started { queue, thread, process }) = started else { return };
        drop(queue);
        // In a forked child the thread is its parent's.
        if process == std::process::id() && thread.thread().id() != thread::current().id() {
            let _ = thread.join();
        }
    }
}

/// The error of a job whose thread has ended without an answer.
pub(super) fn ended() -> Error {
    Error::new(Reason::Internal, "the store's thread has ended")
}
