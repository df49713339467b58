//! The thread that reads, so that no read waits behind a flush.

use rusqlite::Connection;

use super::lane::Jobs;
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
    pub(super) fn work(place: Place, mut reads: Jobs<Read>) {
        let mut reader = Self { place, db: None };
        while let Some((read, _working)) = reads.next(|| reader.db = None) {
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
