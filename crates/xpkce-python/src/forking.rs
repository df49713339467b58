//! What Python does around `os.fork`, by `os.register_at_fork`: nobody of ours works and no store
//! is open at that moment, so that the child inherits no lock that nobody will let go.

use std::cell::Cell;
use std::process;
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use xpkce::fork;

/// What works waits for nothing but the disk, so it comes to a rest in milliseconds. When it does
/// not, the fork happens all the same.
const LONGEST: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(1);

thread_local! {
    /// The forks that this thread has begun.
    static NEAR: Cell<Near> = const { Cell::new(Near { process: 0, forks: 0 }) };
}

/// Python code runs between what is done before a fork and what is done after it, on the same
/// thread: that of signal handlers, and what others have registered. It may call us.
#[derive(Clone, Copy, Default)]
struct Near {
    process: u32,
    /// More than one when such code forks.
    forks: u32,
}

/// Returns whether this thread is about to fork, or has just forked.
pub(crate) fn is_near() -> bool {
    NEAR.get().forks > 0
}

/// Waits for something. If this thread is about to fork, everyone works meanwhile, since nobody else
/// would let them, and comes to a rest again.
pub(crate) fn not_near<T>(py: Python<'_>, wait: impl FnOnce() -> T) -> T {
    begin_anew_in_child();
    let near = NEAR.get();
    if near.forks == 0 {
        return wait();
    }
    NEAR.take();
    (0..near.forks).for_each(|_| fork::end_in_parent());
    let done = wait();
    (0..near.forks).for_each(|_| fork::begin());
    // A signal handler may have forked meanwhile, and this be the child: it is to fork too.
    NEAR.set(Near { process: process::id(), ..near });
    come_to_rest(py);
    done
}

/// Once in each child: what others do in it may make us begin before our own turn comes.
fn begin_anew_in_child() {
    let (near, process) = (NEAR.get(), process::id());
    if near.forks == 0 || near.process == process {
        return;
    }
    fork::end_in_child();
    // Forked by a signal handler, it is to fork once more.
    let forks = near.forks - 1;
    (0..forks).for_each(|_| fork::begin());
    NEAR.set(Near { process, forks });
}

fn come_to_rest(py: Python<'_>) {
    py.detach(|| {
        let pauses = LONGEST.as_millis() / PAUSE.as_millis();
        (0..pauses).take_while(|_| !fork::is_still()).for_each(|_| thread::sleep(PAUSE));
    });
}

/// Lets everything come to a rest before a fork.
#[pyfunction]
fn before_fork(py: Python<'_>) {
    fork::begin();
    NEAR.set(Near { process: process::id(), forks: NEAR.get().forks + 1 });
    come_to_rest(py);
}

/// Lets everything go on in the process that was forked.
#[pyfunction]
fn after_fork_in_parent() {
    let near = NEAR.get();
    NEAR.set(Near { forks: near.forks.saturating_sub(1), ..near });
    fork::end_in_parent();
}

/// Lets everything begin anew in the child, and lets the parent's ports go.
#[pyfunction]
fn after_fork_in_child(py: Python<'_>) -> PyResult<()> {
    begin_anew_in_child();
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
