//! What is on its way: kept by a task, awaited by any number of Python threads without the GIL.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use futures_util::future::BoxFuture;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// How often a waiting thread looks for signals: how late Ctrl-C may be.
const TICK: Duration = Duration::from_millis(50);

enum State<T> {
    Coming,
    Here(T),
    /// The task ended without a result: it panicked.
    Lost,
}

struct Cell<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

/// The end that a task keeps.
pub(crate) struct Promise<T>(Arc<Cell<T>>);

/// The end that callers wait at.
pub(crate) struct Landing<T>(Arc<Cell<T>>);

pub(crate) fn landing<T>() -> (Promise<T>, Landing<T>) {
    let cell = Arc::new(Cell { state: Mutex::new(State::Coming), changed: Condvar::new() });
    (Promise(cell.clone()), Landing(cell))
}

impl<T> Promise<T> {
    pub(crate) fn keep(self, value: T) {
        self.0.set(State::Here(value));
    }
}

impl<T: Send + 'static> Promise<T> {
    /// Polls `task` on the calling thread, without the GIL, and keeps what it brings: the shortest
    /// way from the thread that does the work. A signal handler that raises ends the caller's wait
    /// and not the task.
    pub(crate) fn drive(self, py: Python<'_>, mut task: BoxFuture<'static, T>) -> PyResult<()> {
        loop {
            if let Poll::Ready(value) = py.detach(|| poll_a_tick(&mut task)) {
                self.keep(value);
                return Ok(());
            }
            if let Err(raised) = py.check_signals() {
                crate::runtime::start(async move { self.keep(task.await) })?;
                return Err(raised);
            }
        }
    }
}

/// Polls until it ends, or nothing happens for a tick.
fn poll_a_tick<T>(task: &mut BoxFuture<'static, T>) -> Poll<T> {
    let bell = Arc::new(Bell { thread: thread::current(), rang: AtomicBool::new(true) });
    let waker = Waker::from(bell.clone());
    while bell.rang.swap(false, Ordering::AcqRel) {
        if let ended @ Poll::Ready(_) = task.as_mut().poll(&mut Context::from_waker(&waker)) {
            return ended;
        }
        thread::park_timeout(TICK);
    }
    Poll::Pending
}

/// Wakes the thread that polls.
struct Bell {
    thread: Thread,
    rang: AtomicBool,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rang.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        if matches!(*self.0.state(), State::Coming) {
            self.0.set(State::Lost);
        }
    }
}

impl<T> Clone for Landing<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Clone + Send> Landing<T> {
    /// Waits without the GIL. A signal handler that raises, such as Ctrl-C's, ends the wait and
    /// not the task.
    pub(crate) fn wait(&self, py: Python<'_>) -> PyResult<T> {
        loop {
            py.detach(|| self.0.wait_a_tick());
            if let Some(landed) = self.peek() {
                return landed;
            }
            py.check_signals()?;
        }
    }

    /// Returns the result if it is here.
    pub(crate) fn peek(&self) -> Option<PyResult<T>> {
        match &*self.0.state() {
            State::Coming => None,
            State::Here(value) => Some(Ok(value.clone())),
            State::Lost => Some(Err(PyRuntimeError::new_err("a task of xpkce panicked"))),
        }
    }
}

impl<T> Cell<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: State<T>) {
        *self.state() = state;
        self.changed.notify_all();
    }

    fn wait_a_tick(&self) {
        let state = self.state();
        if matches!(*state, State::Coming) {
            drop(self.changed.wait_timeout(state, TICK));
        }
    }
}
