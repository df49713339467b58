//! What is on its way: kept by a task, awaited by any number of Python threads without the GIL.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use futures_util::future::BoxFuture;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use xpkce::{Clock as _, SystemClock, fork};

use crate::forking;

/// How often a waiting thread looks for signals: how late Ctrl-C may be.
const TICK: Duration = Duration::from_millis(50);
/// How often it looks whether a fork of another thread is over.
const PAUSE: Duration = Duration::from_millis(1);

enum State<T> {
    Coming,
    Here(T),
    /// The task ended without a result: it panicked.
    Lost,
}

struct Cell<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    /// A task that whoever waits polls, while nobody does.
    task: Mutex<Option<BoxFuture<'static, T>>>,
}

/// The end that a task keeps.
pub(crate) struct Promise<T>(Arc<Cell<T>>);

/// The end that callers wait at.
pub(crate) struct Landing<T>(Arc<Cell<T>>);

pub(crate) fn landing<T>() -> (Promise<T>, Landing<T>) {
    let cell = Arc::new(Cell::new(None));
    (Promise(cell.clone()), Landing(cell))
}

impl<T> Promise<T> {
    pub(crate) fn keep(self, value: T) {
        self.0.set(State::Here(value));
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

impl<T: Clone + Send + 'static> Landing<T> {
    /// Lands a task that its callers poll: the shortest way from the thread that does the work. A
    /// caller that a signal handler makes wait for its own outer call goes on with that one's task.
    pub(crate) fn of(task: BoxFuture<'static, T>) -> Self {
        Self(Arc::new(Cell::new(Some(task))))
    }

    /// Waits without the GIL. A signal handler that raises, such as Ctrl-C's, ends the wait and
    /// not the task.
    pub(crate) fn wait(&self, py: Python<'_>) -> PyResult<T> {
        self.wait_until(py, None)
    }

    /// As [`wait`](Self::wait), for a time that nothing takes unless it hangs.
    pub(crate) fn wait_at_most(&self, py: Python<'_>, longest: Duration) -> PyResult<T> {
        self.wait_until(py, Some(SystemClock.uptime() + longest))
    }

    fn wait_until(&self, py: Python<'_>, end: Option<Duration>) -> PyResult<T> {
        forking::not_near(py, || self.wait_here(py, end))
    }

    fn wait_here(&self, py: Python<'_>, end: Option<Duration>) -> PyResult<T> {
        let process = std::process::id();
        loop {
            py.detach(|| self.0.advance());
            if let Some(landed) = self.peek() {
                return landed;
            }
            if let Err(raised) = py.check_signals() {
                self.let_go()?;
                return Err(raised);
            }
            if process != std::process::id() {
                return Err(PyRuntimeError::new_err(
                    "a signal handler forked: the call goes on in the parent",
                ));
            }
            if end.is_some_and(|end| end <= SystemClock.uptime()) {
                return Err(PyRuntimeError::new_err("a task of xpkce hangs"));
            }
        }
    }

    /// Lets the background end a task that nobody may wait for any more.
    fn let_go(&self) -> PyResult<()> {
        let cell = self.0.clone();
        crate::runtime::start(async move {
            // None is there while another caller polls it.
            let task = cell.task().take();
            if let Some(task) = task {
                let promise = Promise(cell);
                promise.keep(task.await);
            }
        })
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
    fn new(task: Option<BoxFuture<'static, T>>) -> Self {
        let (state, changed) = (Mutex::new(State::Coming), Condvar::new());
        Self { state, changed, task: Mutex::new(task) }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn task(&self) -> MutexGuard<'_, Option<BoxFuture<'static, T>>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: State<T>) {
        *self.state() = state;
        self.changed.notify_all();
    }

    /// Polls the task for a tick, or waits for whoever does.
    fn advance(&self) {
        let Some(mut task) = self.task().take() else { return self.wait_a_tick() };
        match catch_unwind(AssertUnwindSafe(|| poll_a_tick(&mut task))) {
            Ok(Poll::Ready(value)) => self.set(State::Here(value)),
            Ok(Poll::Pending) => *self.task() = Some(task),
            Err(_) => self.set(State::Lost),
        }
    }

    fn wait_a_tick(&self) {
        let state = self.state();
        if matches!(*state, State::Coming) {
            drop(self.changed.wait_timeout(state, TICK));
        }
    }
}

/// Polls until it ends, or nothing happens for a tick.
fn poll_a_tick<T>(task: &mut BoxFuture<'static, T>) -> Poll<T> {
    let bell = Arc::new(Bell { thread: thread::current(), rang: AtomicBool::new(true) });
    let waker = Waker::from(bell.clone());
    while bell.rang.swap(false, Ordering::AcqRel) {
        let Some(working) = work_within_a_tick() else { return Poll::Pending };
        if let ended @ Poll::Ready(_) = task.as_mut().poll(&mut Context::from_waker(&waker)) {
            return ended;
        }
        drop(working);
        thread::park_timeout(TICK);
    }
    Poll::Pending
}

/// Not for as long as a fork takes: signals are to be answered.
fn work_within_a_tick() -> Option<fork::Working> {
    let pauses = TICK.as_millis() / PAUSE.as_millis();
    (0..pauses).find_map(|_| {
        fork::try_work().or_else(|| {
            thread::sleep(PAUSE);
            None
        })
    })
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
