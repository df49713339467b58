//! The turns as the system gives them: the real things, by their own names.

use std::future::Future;
use std::io;
use std::thread;

#[cfg(feature = "keeper")]
pub(crate) use arc_swap::ArcSwapOption;
pub(crate) use getrandom::fill;
pub(crate) use std::sync::atomic::{AtomicI64, AtomicU64};
pub(crate) use std::sync::{Mutex, MutexGuard};
pub(crate) use tokio::spawn;
pub(crate) use tokio::task::{JoinHandle, JoinSet};
pub(crate) use tokio::time::{sleep, timeout};

use crate::fork;

/// Blocks the thread until there is something in the queue; none when nobody can put anything there.
#[cfg(feature = "sqlite")]
pub(crate) fn receive<T>(queue: &mut tokio::sync::mpsc::Receiver<T>) -> Option<T> {
    queue.blocking_recv()
}

/// A thread of our own.
#[derive(Debug)]
pub(crate) struct Thread(thread::JoinHandle<()>);

impl Thread {
    /// Starts a thread.
    pub(crate) fn start(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        thread::Builder::new().name(name.to_owned()).spawn(work).map(Self)
    }

    /// Starts a thread with a runtime of its own, which runs one future to its end.
    pub(crate) fn run<F: Future<Output = ()>>(
        name: &str,
        work: impl FnOnce() -> F + Send + 'static,
    ) -> io::Result<Self> {
        let runtime = fork::runtime()?;
        Self::start(name, move || runtime.run(work()))
    }

    /// Returns whether this is the calling thread.
    pub(crate) fn is_current(&self) -> bool {
        self.0.thread().id() == thread::current().id()
    }

    /// Waits for its end.
    pub(crate) fn join(self) {
        let _ = self.0.join();
    }
}
