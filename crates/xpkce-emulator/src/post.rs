//! The posts that were written, for as long as there is room.

use std::collections::VecDeque;

const ROOM: usize = 1000;
const FIRST_ID: u64 = 1_900_000_000_000_000_000;

/// The newest posts.
#[derive(Debug, Default)]
pub(crate) struct Posts {
    kept: VecDeque<(u64, String)>,
    written: u64,
}

impl Posts {
    /// Keeps `text` and returns its id.
    pub(crate) fn write(&mut self, text: &str) -> u64 {
        self.written += 1;
        let id = FIRST_ID + self.written;
        if self.kept.len() == ROOM {
            self.kept.pop_front();
        }
        self.kept.push_back((id, text.to_owned()));
        id
    }

    pub(crate) fn read(&self, id: u64) -> Option<&str> {
        self.kept.iter().find(|(known, _)| *known == id).map(|(_, text)| text.as_str())
    }
}
