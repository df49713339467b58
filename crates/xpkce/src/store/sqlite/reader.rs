//! The thread that reads, so that no read waits behind a flush.

use rusqlite::Connection;

use super::Place;
use super::backoff::Backoff;
use super::failure::changing;
use super::file::{self, Opened};
use super::lane::Jobs;
use crate::Result;

/// One read; it answers its caller itself.
pub(super) type Read = Box<dyn FnOnce(&mut Reader) + Send>;

/// The reading connection, opened when it is first needed.
pub(super) struct Reader {
    place: Place,
    opened: Option<Opened>,
}

impl Reader {
    pub(super) fn work(place: Place, mut reads: Jobs<Read>) {
        let mut reader = Self { place, opened: None };
        while let Some((read, _working)) = reads.next(|| reader.opened = None) {
            read(&mut reader);
        }
    }

    /// Reads; again when somebody changed the file meanwhile whom no lock keeps out.
    pub(super) fn read<T>(
        &mut self,
        read: impl Fn(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let mut backoff = Backoff::start();
        loop {
            let path = &self.place.path;
            let opened = match &mut self.opened {
                Some(opened) => opened,
                closed => closed.insert(file::open(path)?),
            };
            let found = opened.read(path, &read)?;
            if opened.is_still() {
                self.opened = None;
            }
            match found {
                Some(found) => return Ok(found),
                None if backoff.wait() => {}
                None => return Err(changing(path)),
            }
        }
    }
}
