//! The turns as a schedule gives them. On a thread that explores schedules every lock, cell, task
//! and pause of the keeper asks the scheduler who is next, and time passes when it says so; on every
//! other thread of a test they are the real things.
//!
//! The cells are taken to be as atomic as they promise to be: what is explored is the order of the
//! steps between them, not the order in which processors see them.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, LockResult, PoisonError, atomic};
use std::task::{Context, Poll};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use shuttle::rand::RngCore as _;

use super::taken;

mod time;
pub(crate) use time::{Time, sleep, timeout};

thread_local! {
    static TIME: RefCell<Option<Arc<Time>>> = const { RefCell::new(None) };
}

/// Makes this thread one that explores schedules, from here on by this time.
pub(crate) fn explore_by(time: Arc<Time>) {
    TIME.set(Some(time));
}

fn time() -> Option<Arc<Time>> {
    TIME.with_borrow(Clone::clone)
}

fn is_explored() -> bool {
    TIME.with_borrow(Option::is_some)
}

/// Lets the scheduler say who is next.
pub(crate) fn turn() {
    if is_explored() {
        // Whatever shuttle has begins with a turn, and it offers none alone that is fair to the caller.
        shuttle::sync::atomic::AtomicBool::new(false).load(Ordering::SeqCst);
    }
}

/// Takes random bytes that a replay repeats.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), getrandom::Error> {
    if !is_explored() {
        return taken::fill(bytes);
    }
    shuttle::rand::thread_rng().fill_bytes(bytes);
    Ok(())
}

/// The standard library's lock, behind one that the scheduler knows.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T> {
    gate: shuttle::sync::Mutex<()>,
    inner: std::sync::Mutex<T>,
}

#[derive(Debug)]
pub(crate) struct MutexGuard<'a, T> {
    inner: std::sync::MutexGuard<'a, T>,
    _gate: Option<shuttle::sync::MutexGuard<'a, ()>>,
}

impl<T> Mutex<T> {
    #[cfg(feature = "sqlite")]
    pub(crate) fn get_mut(&mut self) -> LockResult<&mut T> {
        self.inner.get_mut()
    }

    pub(crate) fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        let gate = || self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let _gate = is_explored().then(gate);
        match self.inner.lock() {
            Ok(inner) => Ok(MutexGuard { inner, _gate }),
            Err(why) => Err(PoisonError::new(MutexGuard { inner: why.into_inner(), _gate })),
        }
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

#[derive(Debug, Default)]
pub(crate) struct AtomicI64(atomic::AtomicI64);

impl AtomicI64 {
    pub(crate) fn load(&self, order: Ordering) -> i64 {
        turn();
        self.0.load(order)
    }

    pub(crate) fn fetch_max(&self, value: i64, order: Ordering) -> i64 {
        turn();
        self.0.fetch_max(value, order)
    }
}

#[derive(Debug, Default)]
pub(crate) struct AtomicU64(atomic::AtomicU64);

impl AtomicU64 {
    pub(crate) fn load(&self, order: Ordering) -> u64 {
        turn();
        self.0.load(order)
    }

    pub(crate) fn store(&self, value: u64, order: Ordering) {
        turn();
        self.0.store(value, order);
    }

    /// The standard library's loop, with a turn between its steps.
    pub(crate) fn fetch_update(
        &self,
        set: Ordering,
        fetch: Ordering,
        mut update: impl FnMut(u64) -> Option<u64>,
    ) -> Result<u64, u64> {
        turn();
        let mut seen = self.0.load(fetch);
        while let Some(next) = update(seen) {
            turn();
            match self.0.compare_exchange(seen, next, set, fetch) {
                Ok(seen) => return Ok(seen),
                Err(now) => seen = now,
            }
        }
        Err(seen)
    }
}

#[derive(Debug)]
pub(crate) struct ArcSwapOption<T>(arc_swap::ArcSwapOption<T>);

impl<T> ArcSwapOption<T> {
    pub(crate) fn empty() -> Self {
        Self(arc_swap::ArcSwapOption::empty())
    }

    pub(crate) fn load(&self) -> arc_swap::Guard<Option<Arc<T>>> {
        turn();
        self.0.load()
    }

    pub(crate) fn store(&self, value: Option<Arc<T>>) {
        turn();
        self.0.store(value);
    }
}

/// A task, as the one or the other runs it.
#[derive(Debug)]
pub(crate) enum JoinHandle<T> {
    Taken(taken::JoinHandle<T>),
    Given(shuttle::future::JoinHandle<T>),
}

#[track_caller]
pub(crate) fn spawn<F>(task: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    match is_explored() {
        true => JoinHandle::Given(shuttle::future::spawn(task)),
        false => JoinHandle::Taken(taken::spawn(task)),
    }
}

impl<T> JoinHandle<T> {
    pub(crate) fn is_finished(&self) -> bool {
        match self {
            Self::Taken(task) => task.is_finished(),
            Self::Given(task) => task.is_finished(),
        }
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, String>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Taken(task) => Pin::new(task).poll(cx).map_err(|why| why.to_string()),
            Self::Given(task) => Pin::new(task).poll(cx).map_err(|why| why.to_string()),
        }
    }
}

#[derive(Debug)]
pub(crate) struct JoinSet<T>(FuturesUnordered<JoinHandle<T>>);

impl<T: Send + 'static> JoinSet<T> {
    pub(crate) fn new() -> Self {
        Self(FuturesUnordered::new())
    }

    pub(crate) fn spawn(&mut self, task: impl Future<Output = T> + Send + 'static) {
        self.0.push(spawn(task));
    }

    pub(crate) async fn join_next(&mut self) -> Option<Result<T, String>> {
        self.0.next().await
    }
}

#[cfg(feature = "sqlite")]
pub(crate) fn receive<T>(queue: &mut tokio::sync::mpsc::Receiver<T>) -> Option<T> {
    match is_explored() {
        true => shuttle::future::block_on(queue.recv()),
        false => taken::receive(queue),
    }
}

#[derive(Debug)]
pub(crate) enum Thread {
    Taken(taken::Thread),
    Given(shuttle::thread::JoinHandle<()>),
}

impl Thread {
    pub(crate) fn start(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        match is_explored() {
            true => Ok(Self::Given(shuttle::thread::spawn(work))),
            false => taken::Thread::start(name, work).map(Self::Taken),
        }
    }

    pub(crate) fn run<F: Future<Output = ()>>(
        name: &str,
        work: impl FnOnce() -> F + Send + 'static,
    ) -> io::Result<Self> {
        match is_explored() {
            true => Self::start(name, || shuttle::future::block_on(work())),
            false => taken::Thread::run(name, work).map(Self::Taken),
        }
    }

    /// No schedule test drops the last handle of a thread in one of the thread's own tasks.
    pub(crate) fn is_current(&self) -> bool {
        match self {
            Self::Taken(thread) => thread.is_current(),
            Self::Given(_) => false,
        }
    }

    pub(crate) fn join(self) {
        match self {
            Self::Taken(thread) => thread.join(),
            Self::Given(thread) => drop(thread.join()),
        }
    }
}
