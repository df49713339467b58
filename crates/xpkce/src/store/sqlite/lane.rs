//! A thread with a bounded queue before it. SQLite blocks, so every connection has one.

use std::sync::{Mutex, PoisonError};
use std::thread;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::Place;
use super::live::Live;
use crate::{Error, Reason, Result};

/// How many jobs may wait for one thread.
const LENGTH: usize = 8192;

/// Starts its thread with the first job and ends it when dropped, after the jobs that wait.
pub(super) struct Lane<J> {
    queue: Mutex<Option<Sender<J>>>,
    work: fn(Place, Receiver<J>),
}

impl<J: Send + 'static> Lane<J> {
    pub(super) fn new(work: fn(Place, Receiver<J>)) -> Self {
        Self { queue: Mutex::new(None), work }
    }

    pub(super) fn send(&self, place: &Place, job: J) -> Result<()> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = match &mut *queue {
            Some(queue) => queue,
            empty => empty.insert(self.start(place)?),
        };
        queue.try_send(job).map_err(|why| match why {
            TrySendError::Full(_) => {
                Error::new(Reason::Busy, format!("{LENGTH} calls wait for the store already"))
            }
            TrySendError::Closed(_) => ended(),
        })
    }

    fn start(&self, place: &Place) -> Result<Sender<J>> {
        let (queue, jobs) = channel(LENGTH);
        let (place, work) = (place.clone(), self.work);
        let live = Live::enter()?;
        thread::Builder::new()
            .name("xpkce-sqlite".to_owned())
            .spawn(move || {
                // Counts until the connection is closed.
                let _live = live;
                work(place, jobs);
            })
            .map_err(|why| {
                Error::new(Reason::Store, "cannot start the store's thread").with_source(why)
            })?;
        Ok(queue)
    }
}

/// The error of a job whose thread has ended without an answer.
pub(super) fn ended() -> Error {
    Error::new(Reason::Internal, "the store's thread has ended")
}
