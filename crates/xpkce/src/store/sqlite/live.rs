//! Who has connections. SQLite's locks belong to a process: a child that was forked while its
//! parent had a file open takes locks for held that it does not hold, and may damage the file.

use std::process;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;

use crate::{Error, Reason, Result};

/// The process that has connections, and how many threads of it; in one word, because a fork may
/// come between any two.
static LIVE: AtomicU64 = AtomicU64::new(0);

/// A thread of this process that may have a connection, until it is dropped.
pub(super) struct Live(&'static AtomicU64);

impl Live {
    pub(super) fn enter() -> Result<Self> {
        Self::enter_as(process::id(), &LIVE)
    }

    fn enter_as(me: u32, live: &'static AtomicU64) -> Result<Self> {
        let one_more = |word| match of(word) {
            (process, threads) if process == me => Some(word_of(me, threads + 1)),
            (_, 0) => Some(word_of(me, 1)),
            _ => None,
        };
        live.fetch_update(SeqCst, SeqCst, one_more).map_err(|_| forked())?;
        Ok(Self(live))
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// Returns whether this process has connections. A child has its parent's word until it opens one.
pub(super) fn has_connections() -> bool {
    let (process, threads) = of(LIVE.load(SeqCst));
    process == process::id() && threads > 0
}

fn of(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}

fn word_of(process: u32, threads: u32) -> u64 {
    u64::from(process) << 32 | u64::from(threads)
}

/// The error of a child that was forked from a process with a store open.
pub(super) fn forked() -> Error {
    Error::new(Reason::Store, "this process was forked from one that had a store open")
        .with_hint("open stores after the fork only, or start processes without forking")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_child_forked_beside_an_open_store_is_refused() {
        static WORD: AtomicU64 = AtomicU64::new(0);
        let _parents = Live::enter_as(1, &WORD).unwrap();
        assert!(Live::enter_as(2, &WORD).is_err());
    }

    #[test]
    fn a_child_forked_after_the_store_was_closed_opens_its_own() {
        static WORD: AtomicU64 = AtomicU64::new(0);
        drop([Live::enter_as(1, &WORD).unwrap(), Live::enter_as(1, &WORD).unwrap()]);
        let _childs = Live::enter_as(2, &WORD).unwrap();
        assert!(Live::enter_as(2, &WORD).is_ok());
    }
}
