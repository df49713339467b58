//! One background thread that waits on behalf of Python callers, whatever becomes of them.

use std::future::Future;
use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use tokio::runtime::{Builder, Runtime};

use crate::landing::{Landing, landing};

/// This process's runtime. It is never dropped: after a fork, what is left of the parent's cannot
/// be shut down, and at the interpreter's exit nobody should wait for it.
static RUNTIME: Mutex<Option<(u32, &'static Runtime)>> = Mutex::new(None);

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

fn runtime() -> PyResult<&'static Runtime> {
    let mut slot = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    let here = std::process::id();
    if let Some((_, runtime)) = slot.filter(|(process, _)| *process == here) {
        return Ok(runtime);
    }
    let mut builder = Builder::new_multi_thread();
    let builder = builder.worker_threads(1).thread_name("xpkce-python").enable_all();
    let runtime = builder.build().map_err(|why| PyOSError::new_err(why.to_string()))?;
    let runtime: &'static Runtime = Box::leak(Box::new(runtime));
    *slot = Some((here, runtime));
    Ok(runtime)
}
