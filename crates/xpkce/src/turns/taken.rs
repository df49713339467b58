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

/// A thread with a runtime of its own.
#[derive(Debug)]
pub(crate) struct Thread(thread::JoinHandle<()>);

impl Thread {
    /// Starts the thread, which runs one future to its end.
    pub(crate) fn start<F: Future<Output = ()>>(
        name: &str,
        work: impl FnOnce() -> F + Send + 'static,
    ) -> io::Result<Self> {
        let runtime = fork::runtime()?;
        let run = move || runtime.run(work());
        thread::Builder::new().name(name.to_owned()).spawn(run).map(Self)
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
