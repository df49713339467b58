//! Keepers that nobody holds any more, and that close by themselves: the end of the interpreter
//! waits for what they have under way as for any other's.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use pyo3::prelude::*;

use super::open::Open;
use crate::landing::{Landing, landing};

/// Of this process and, in a fork, of its parent. Locked with the GIL only, so that no fork meets it
/// locked.
static LEFT: Mutex<Vec<Left>> = Mutex::new(Vec::new());

struct Left {
    process: u32,
    closed: Landing<()>,
}

/// Closes a keeper in a thread of its own: nobody should wait for that with the GIL.
pub(super) fn close(open: Arc<Open>) {
    let (promise, closed) = landing();
    let close = move || {
        open.close();
        promise.keep(());
    };
    if thread::Builder::new().name("xpkce-close".to_owned()).spawn(close).is_ok() {
        let mut left = left_here();
        left.retain(|left| left.closed.peek().is_none());
        left.push(Left { process: std::process::id(), closed });
    }
}

/// Waits until all of them are closed. A signal handler that raises ends the wait.
pub(super) fn wait(py: Python<'_>) -> PyResult<()> {
    loop {
        let Some(left) = left_here().pop() else { return Ok(()) };
        left.closed.wait(py)?;
    }
}

/// Leaves those of a parent alone: their threads are not here.
fn left_here() -> MutexGuard<'static, Vec<Left>> {
    let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
    if left.iter().any(|left| left.process != std::process::id()) {
        std::mem::forget(std::mem::take(&mut *left));
    }
    left
}
