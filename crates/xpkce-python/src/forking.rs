//! What Python does around `os.fork`, by `os.register_at_fork`: nobody of ours works and no store
//! is open at that moment, so that the child inherits no lock that nobody will let go.

use std::thread;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use xpkce::fork;

/// What works waits for nothing but the disk, so it comes to a rest in milliseconds. When it does
/// not, the fork happens all the same; signals are answered after it.
const LONGEST: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(1);

/// Lets everything come to a rest before a fork.
#[pyfunction]
fn before_fork(py: Python<'_>) {
    fork::begin();
    py.detach(|| {
        let pauses = LONGEST.as_millis() / PAUSE.as_millis();
        (0..pauses).take_while(|_| !fork::is_still()).for_each(|_| thread::sleep(PAUSE));
    });
}

/// Lets everything go on in the process that was forked.
#[pyfunction]
fn after_fork_in_parent() {
    fork::end_in_parent();
}

/// Lets everything begin anew in the child, and lets the parent's ports go.
#[pyfunction]
fn after_fork_in_child(py: Python<'_>) -> PyResult<()> {
    fork::end_in_child();
    let sockets = fork::sockets_of_parent();
    if sockets.is_empty() {
        return Ok(());
    }
    let os = py.import("os")?;
    let nothing = os.call_method1("open", (os.getattr("devnull")?, os.getattr("O_RDONLY")?))?;
    for socket in sockets {
        os.call_method1("dup2", (&nothing, socket, false))?;
    }
    os.call_method1("close", (nothing,)).map(drop)
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let Some(register) = py.import("os")?.getattr_opt("register_at_fork")? else { return Ok(()) };
    let hooks = PyDict::new(py);
    hooks.set_item("before", pyo3::wrap_pyfunction!(before_fork, module)?)?;
    hooks.set_item("after_in_parent", pyo3::wrap_pyfunction!(after_fork_in_parent, module)?)?;
    hooks.set_item("after_in_child", pyo3::wrap_pyfunction!(after_fork_in_child, module)?)?;
    register.call((), Some(&hooks))?;
    Ok(())
}
