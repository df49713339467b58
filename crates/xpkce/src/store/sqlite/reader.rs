//! The thread that reads, so that no read waits behind a flush.

use rusqlite::Connection;

use super::Place;
use super::backoff::Backoff;
use super::lane::Jobs;
use super::opened::{self, Opened};
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
        opened::read(Backoff::start(), &mut self.opened, &self.place.path, opened::open, read)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::super::{Boot, file};
    use super::*;
    use crate::SystemClock;

    /// A reader of a new store, which it takes for one that lies still.
    fn reader(folder: &Path) -> Reader {
        let path = folder.join("xpkce.db");
        drop(opened::open(&path).unwrap());
        let boot = Boot { id: "boot".into(), clock: Arc::new(SystemClock) };
        let opened = Some(Opened::as_it_lies(&path));
        Reader { place: Place { path: path.into(), boot }, opened }
    }

    #[test]
    fn what_changed_since_it_lay_still_is_read_anew_at_once() {
        let folder = tempfile::TempDir::new().unwrap();
        let mut reader = reader(folder.path());
        let other = file::open_for_writing(&reader.place.path).unwrap();
        other.execute("UPDATE store SET sign_ins = 1", ()).unwrap();
        let count = "SELECT sign_ins FROM store";
        let read = |db: &Connection| db.query_row(count, (), |row| row.get::<_, i64>(0));
        assert_eq!(reader.read(read).unwrap(), 1);
    }

    #[test]
    fn what_lies_still_is_opened_for_each_read_and_what_does_not_stays_open() {
        let folder = tempfile::TempDir::new().unwrap();
        let mut reader = reader(folder.path());
        reader.read(|_| Ok(())).unwrap();
        assert!(reader.opened.is_none());
        reader.read(|_| Ok(())).unwrap();
        assert!(reader.opened.is_some());
    }
}
