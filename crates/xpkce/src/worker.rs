//! A thread of our own for what must run to its end: no caller that goes away, and no runtime that
//! is shut down, takes a spend with it.

use std::future::Future;
use std::io;
use std::sync::mpsc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use crate::turns::{self, JoinSet, Thread};
use crate::{Error, Reason, Result};

/// How long a worker that is let go waits for what it runs: a send's deadlines for the connection
/// and the answer, and twice the store's for what is written before and after.
pub(crate) const DRAIN: Duration = Duration::from_secs(80);

type Task = futures_util::future::BoxFuture<'static, ()>;

/// A background thread with a runtime of its own. Dropping it waits for what it runs, up to
/// [`DRAIN`].
#[derive(Debug)]
pub(crate) struct Worker {
    tasks: Option<UnboundedSender<Task>>,
    thread: Option<Thread>,
    process: u32,
}

impl Worker {
    /// Starts the thread.
    pub(crate) fn start(name: &str) -> io::Result<Self> {
        Self::start_with(name, DRAIN)
    }

    fn start_with(name: &str, drain: Duration) -> io::Result<Self> {
        let (tasks, queue) = unbounded_channel();
        let thread = Thread::run(name, move || serve(queue, drain))?;
        Ok(Self { tasks: Some(tasks), thread: Some(thread), process: std::process::id() })
    }

    /// Returns whether this process is a fork of the one that started the thread: then there is no
    /// thread here.
    pub(crate) fn is_forked(&self) -> bool {
        self.process != std::process::id()
    }

    /// Runs `task` to its end, whether or not the returned future is awaited.
    pub(crate) fn run<T, F>(&self, task: F) -> impl Future<Output = Result<T>> + Send + use<T, F>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        // Boxed before it is wrapped: each wrapping moves it.
        let task = Box::pin(task);
        let sent = self.submit(caught(task).map(|result| drop(answer.send(result))).boxed());
        async move {
            sent?;
            answered.await.unwrap_or_else(|_| Err(ended()))
        }
    }

    /// Runs `task` to its end and blocks the calling thread until then. It may be a thread of
    /// another runtime, but not this worker's own.
    pub(crate) fn wait<T, F>(&self, task: F) -> Result<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let (answer, answered) = mpsc::sync_channel(1);
        self.submit(caught(task).map(move |result| drop(answer.send(result))).boxed())?;
        answered.recv().unwrap_or_else(|_| Err(ended()))
    }

    fn submit(&self, task: Task) -> Result<()> {
        if self.is_forked() {
            return Err(Error::new(Reason::Internal, "the process was forked after it signed in"));
        }
        let tasks = self.tasks.as_ref().ok_or_else(ended)?;
        tasks.send(task).map_err(|_| ended())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let (tasks, thread) = (self.tasks.take(), self.thread.take());
        if self.is_forked() {
            // Telling the thread, which is not here, would wake the parent's.
            return std::mem::forget((tasks, thread));
        }
        drop(tasks);
        let Some(thread) = thread else { return };
        // A task may hold the last handle of the worker that runs it.
        if !thread.is_current() {
            thread.join();
        }
    }
}

async fn serve(mut queue: UnboundedReceiver<Task>, drain: Duration) {
    let mut running = JoinSet::new();
    loop {
        tokio::select! {
            // In this order: what has ended makes room first, and no chance is in it.
            biased;
            Some(_) = running.join_next() => {}
            task = queue.recv() => match task {
                Some(task) => {
                    running.spawn(task);
                }
                None => break,
            },
        }
    }
    let all = async { while running.join_next().await.is_some() {} };
    if turns::timeout(drain, all).await.is_err() {
        tracing::error!("a task did not end in time and was given up");
    }
}

async fn caught<T>(task: impl Future<Output = T>) -> Result<T> {
    let caught = std::panic::AssertUnwindSafe(task).catch_unwind().await;
    caught.map_err(|_| Error::new(Reason::Internal, "a task of the library panicked"))
}

fn ended() -> Error {
    Error::new(Reason::Internal, "the library's thread has ended")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;

    fn gate() -> (oneshot::Sender<()>, oneshot::Receiver<()>) {
        oneshot::channel()
    }

    #[test]
    fn a_task_runs_to_its_end_though_nobody_waits() {
        let worker = Worker::start("test").unwrap();
        let (open, opened) = gate();
        let (done, is_done) = mpsc::channel();
        drop(worker.run(async move {
            opened.await.unwrap();
            done.send(()).unwrap();
        }));
        open.send(()).unwrap();
        is_done.recv_timeout(Duration::from_secs(10)).unwrap();
    }

    #[test]
    fn dropping_it_waits_for_what_it_runs() {
        let worker = Worker::start("test").unwrap();
        let is_done = Arc::new(AtomicBool::new(false));
        let (open, opened) = gate();
        let flag = is_done.clone();
        drop(worker.run(async move {
            opened.await.unwrap();
            flag.store(true, Ordering::SeqCst);
        }));
        let opener = thread::spawn(move || open.send(()).unwrap());
        drop(worker);
        assert!(is_done.load(Ordering::SeqCst));
        opener.join().unwrap();
    }

    #[test]
    fn dropping_it_gives_up_at_the_deadline() {
        let worker = Worker::start_with("test", Duration::from_millis(10)).unwrap();
        drop(worker.run(std::future::pending::<()>()));
        drop(worker);
    }

    #[test]
    fn a_task_may_hold_the_last_handle() {
        let worker = Arc::new(Worker::start("test").unwrap());
        let (open, opened) = gate();
        let (done, is_done) = mpsc::channel();
        let held = worker.clone();
        drop(worker.run(async move {
            opened.await.unwrap();
            drop(held);
            done.send(()).unwrap();
        }));
        drop(worker);
        open.send(()).unwrap();
        is_done.recv_timeout(Duration::from_secs(10)).unwrap();
    }

    #[test]
    fn a_panic_is_an_error_and_the_next_task_runs() {
        let worker = Worker::start("test").unwrap();
        let error = worker.wait(async { panic!("of a test") }).unwrap_err();
        assert_eq!(error.reason(), Reason::Internal);
        assert_eq!(worker.wait(async { 7 }).unwrap(), 7);
    }

    #[tokio::test]
    async fn it_waits_inside_another_runtime() {
        let worker = Worker::start("test").unwrap();
        assert_eq!(worker.wait(async { 1 }).unwrap() + worker.run(async { 2 }).await.unwrap(), 3);
    }
    #[test]
    fn nothing_is_given_to_the_worker_of_another_process() {
        let mut worker = Worker::start("test").unwrap();
        worker.process = 0;
        let why = worker.wait(async { 7 }).unwrap_err();
        assert_eq!(why.reason(), Reason::Internal);
    }
}
