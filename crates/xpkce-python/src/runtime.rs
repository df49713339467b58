//! One background thread that waits on behalf of Python callers, whatever becomes of them.

use std::future::{Future, pending};
use std::sync::{Mutex, PoisonError};
use std::thread;

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use tokio::runtime::Handle;
use xpkce::fork;

use crate::landing::{Landing, landing};

/// This process's runtime. It is never let go: after a fork, what is left of the parent's cannot be
/// shut down, and at the interpreter's exit nobody should wait for it. Locked with the GIL only, so
/// that no fork meets it locked.
static RUNTIME: Mutex<Option<(u32, Handle)>> = Mutex::new(None);

/// Runs `task` to its end, whether or not anyone waits for it.
pub(crate) fn spawn<T, F>(task: F) -> PyResult<Landing<T>>
where
    T: Clone + Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let (promise, landing) = landing();
    runtime()?.spawn(async move { promise.keep(task.await) });
    Ok(landing)
}

/// Runs `task` to its end; nobody waits for it here.
pub(crate) fn start(task: impl Future<Output = ()> + Send + 'static) -> PyResult<()> {
    runtime()?.spawn(task);
    Ok(())
}

fn runtime() -> PyResult<Handle> {
    let mut slot = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    let here = std::process::id();
    if let Some((_, runtime)) = slot.as_ref().filter(|(process, _)| *process == here) {
        return Ok(runtime.clone());
    }
    let handle = begin().map_err(|why| PyOSError::new_err(why.to_string()))?;
    std::mem::forget(slot.replace((here, handle.clone())));
    Ok(handle)
}

fn begin() -> std::io::Result<Handle> {
    let runtime = fork::runtime()?;
    let handle = runtime.handle();
    thread::Builder::new()
        .name("xpkce-python".to_owned())
        .spawn(move || runtime.run(pending::<()>()))?;
    Ok(handle)
}
