//! A thread of our own for what must run to its end: no caller that goes away, and no runtime that
//! is shut down, takes a spend with it.

use std::future::Future;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Weak, mpsc};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use self::answers::{Answer, Answers, answer_by};
use crate::turns::{self, JoinSet, Thread};
use crate::{Error, Reason, Result};

mod answers;

/// How long a worker that is let go waits for what it runs: a send's deadlines for the connection
/// and the answer, and twice the store's for what is written before and after.
pub(crate) const DRAIN: Duration = Duration::from_secs(80);

type Task = futures_util::future::BoxFuture<'static, Answer>;

/// A background thread with a runtime of its own. Dropping it waits for what it runs, up to
/// [`DRAIN`].
#[derive(Debug)]
pub(crate) struct Worker {
    tasks: Option<UnboundedSender<Task>>,
    /// Gone with the thread: who still waits then is told that it has ended.
    answers: Weak<Answers>,
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
        let (own, process) = (Arc::<Answers>::default(), std::process::id());
        let answers = Arc::downgrade(&own);
        let thread = Thread::run(name, move || serve(queue, own, drain))?;
        Ok(Self { tasks: Some(tasks), answers, thread: Some(thread), process })
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
        let sent =
            self.submit(caught(task).map(answer_by(move |it| drop(answer.send(it)))).boxed());
        let answers = Weak::clone(&self.answers);
        async move {
            sent?;
            let answer = answered.await.unwrap_or_else(|_| Err(ended()));
            if let Some(answers) = answers.upgrade() {
                answers.help();
            }
            answer
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
        self.submit(caught(task).map(answer_by(move |it| drop(answer.send(it)))).boxed())?;
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

async fn serve(mut queue: UnboundedReceiver<Task>, answers: Arc<Answers>, drain: Duration) {
    let mut running = JoinSet::new();
    loop {
        tokio::select! {
            // In this order: what has ended makes room first, and no chance is in it.
            biased;
            Some(answer) = running.join_next() => answer.into_iter().for_each(|it| answers.add(it)),
            () = std::future::ready(()), if answers.are_there() => answers.give(),
            task = queue.recv() => match task {
                Some(task) => {
                    running.spawn(task);
                }
                None => break,
            },
        }
    }
    let all = async {
        while let Some(answer) = running.join_next().await {
            answer.into_iter().for_each(answers::give);
        }
    };
    if turns::timeout(drain, all).await.is_err() {
        tracing::error!("a task did not end in time and was given up");
    }
}

async fn caught<T>(task: impl Future<Output = T>) -> Result<T> {
    let caught = AssertUnwindSafe(task).catch_unwind().await;
    caught.map_err(|_| Error::new(Reason::Internal, "a task of the library panicked"))
}

fn ended() -> Error {
    Error::new(Reason::Internal, "the library's thread has ended")
}

#[cfg(test)]
mod tests;
