//! Time that passes when the schedule says so: by itself only once nobody else has anything to do.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::future::{Either, select};

use super::{taken, time, turn};
use crate::{Clock as _, ManualClock};

/// A clock and those who wait for it.
#[derive(Debug)]
pub(crate) struct Time {
    clock: Arc<ManualClock>,
    timers: Mutex<Timers>,
}

#[derive(Debug, Default)]
struct Timers {
    last: u64,
    waiting: BTreeMap<(Duration, u64), Waker>,
    /// Wakes who makes time pass.
    keeper: Option<Waker>,
}

impl Time {
    pub(crate) fn new(clock: Arc<ManualClock>) -> Arc<Self> {
        Arc::new(Self { clock, timers: Mutex::default() })
    }

    /// Makes time pass to whom it wakes next, with every turn it gets.
    pub(crate) async fn pass(self: Arc<Self>) {
        loop {
            poll_fn(|cx| self.poll_awaited(cx)).await;
            turn();
            self.wake_next();
        }
    }

    fn poll_awaited(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut timers = self.timers();
        if timers.waiting.is_empty() {
            timers.keeper = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    fn wake_next(&self) {
        let Some(((at, _), waker)) = self.timers().waiting.pop_first() else { return };
        self.clock.advance(at.saturating_sub(self.clock.uptime()));
        waker.wake();
    }

    fn timers(&self) -> MutexGuard<'_, Timers> {
        self.timers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A pause, from when it is first waited for.
struct Pause {
    time: Arc<Time>,
    span: Duration,
    timer: Option<(Duration, u64)>,
}

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let time = Arc::clone(&self.time);
        let mut timers = time.timers();
        let (now, span) = (time.clock.uptime(), self.span);
        let timer = *self.timer.get_or_insert_with(|| {
            timers.last += 1;
            // The clock has whole milliseconds.
            let span = Duration::from_millis(span.as_micros().div_ceil(1000) as u64);
            (now + span, timers.last)
        });
        if timer.0 <= now {
            return Poll::Ready(());
        }
        timers.waiting.insert(timer, cx.waker().clone());
        if let Some(keeper) = timers.keeper.take() {
            keeper.wake();
        }
        Poll::Pending
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        if let Some(timer) = self.timer {
            self.time.timers().waiting.remove(&timer);
        }
    }
}

pub(crate) async fn sleep(span: Duration) {
    match time() {
        Some(time) => Pause { time, span, timer: None }.await,
        None => taken::sleep(span).await,
    }
}

/// The deadline has passed.
#[derive(Debug)]
pub(crate) struct Elapsed;

pub(crate) async fn timeout<F: Future>(span: Duration, work: F) -> Result<F::Output, Elapsed> {
    if time().is_none() {
        return taken::timeout(span, work).await.map_err(|_| Elapsed);
    }
    match select(pin!(work), pin!(sleep(span))).await {
        Either::Left((outcome, _)) => Ok(outcome),
        Either::Right(((), _)) => Err(Elapsed),
    }
}
