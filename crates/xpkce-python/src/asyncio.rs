//! Futures of `asyncio` that a task of ours settles.

use std::future::Future;

use pyo3::prelude::*;

use crate::{ending, runtime};

/// Runs `task` to its end and returns an `asyncio.Future` for what `convert` makes of its result.
/// A future that is cancelled meanwhile is left alone.
pub(crate) fn future<'py, T, F, C>(
    py: Python<'py>,
    task: F,
    convert: C,
) -> PyResult<Bound<'py, PyAny>>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
    C: FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
{
    let running = py.import("asyncio")?.call_method0("get_running_loop")?;
    let future = running.call_method0("create_future")?;
    let waiting = Waiting { running: running.unbind(), future: future.clone().unbind() };
    runtime::start(async move {
        let result = task.await;
        // Where waiting for the GIL holds nobody up.
        tokio::task::spawn_blocking(move || waiting.settle(|py| convert(py, result)));
    })?;
    Ok(future)
}

/// Returns an `asyncio.Future` that has its result.
pub(crate) fn settled<'py>(py: Python<'py>, value: Py<PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let running = py.import("asyncio")?.call_method0("get_running_loop")?;
    let future = running.call_method0("create_future")?;
    future.call_method1("set_result", (value,))?;
    Ok(future)
}

struct Waiting {
    running: Py<PyAny>,
    future: Py<PyAny>,
}

impl Waiting {
    /// An interpreter that ends or a loop that is closed has nobody left to tell.
    fn settle(self, result: impl FnOnce(Python<'_>) -> PyResult<Py<PyAny>>) {
        let Self { running, future } = self;
        let told = ending::try_attach(|py| {
            let settle = py.import("xpkce._settle")?.getattr("settle")?;
            let (value, error) = match result(py) {
                Ok(value) => (Some(value), None),
                Err(why) => (None, Some(why.into_value(py))),
            };
            let settled = (settle, &future, value, error);
            running.bind(py).call_method1("call_soon_threadsafe", settled)?;
            drop((running, future));
            PyResult::Ok(())
        });
        if let Some(Err(_)) = told {
            // The loop is closed.
        }
    }
}
