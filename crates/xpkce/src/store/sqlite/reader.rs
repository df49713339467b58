//! The thread that reads, so that no read waits behind a flush.

use rusqlite::Connection;
use tokio::sync::mpsc::Receiver;

use super::{Place, file};
use crate::Result;

/// One read; it answers its caller itself.
pub(super) type Read = Box<dyn FnOnce(&mut Reader) + Send>;

/// The reading connection, opened when it is first needed.
pub(super) struct Reader {
    place: Place,
    db: Option<Connection>,
}

impl Reader {
    pub(super) fn work(place: Place, mut reads: Receiver<Read>) {
        let mut reader = Self { place, db: None };
        while let Some(read) = reads.blocking_recv() {
            read(&mut reader);
        }
    }

    pub(super) fn db(&mut self) -> Result<&Connection> {
        match &mut self.db {
            Some(db) => Ok(db),
            closed => Ok(closed.insert(file::open(&self.place.path)?)),
        }
    }
}
