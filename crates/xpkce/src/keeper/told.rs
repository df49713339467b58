//! The spans of the log: whose spend or sign-out, and of which generation, an event belongs to.
//! No token.

use std::future::poll_fn;
use std::pin::Pin;

use tracing::Span;

use crate::contained;
use crate::grant::{Account, Generation};

/// A span that other people's code may panic in, at any step, without harm: a pair that comes inside it
/// must be saved all the same.
pub(super) struct Told(Option<Span>);

impl Told {
    pub(super) fn spend(account: &Account, generation: Generation) -> Self {
        Self::new(|| tracing::info_span!("spend", %account, %generation))
    }

    pub(super) fn sign_out(account: &Account, generation: Generation) -> Self {
        Self::new(|| tracing::info_span!("sign_out", %account, %generation))
    }

    fn new(span: impl FnOnce() -> Span) -> Self {
        let mut made = None;
        contained(|| made = Some(span()));
        Self(made)
    }

    /// Does work whose events are this span's. It is pinned by the caller, so that thousands of spends
    /// that wait at once do not hold it twice.
    pub(super) async fn during<T>(self, mut work: Pin<&mut impl Future<Output = T>>) -> T {
        poll_fn(|cx| {
            let _inside = Inside::enter(self.0.as_ref());
            work.as_mut().poll(cx)
        })
        .await
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        let span = self.0.take();
        contained(|| drop(span));
    }
}

struct Inside<'a>(Option<&'a Span>);

impl<'a> Inside<'a> {
    fn enter(span: Option<&'a Span>) -> Self {
        contained(|| {
            if let Some(span) = span {
                span.with_subscriber(|(id, log)| log.enter(id));
            }
        });
        Self(span)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        contained(|| {
            if let Some(span) = self.0 {
                span.with_subscriber(|(id, log)| log.exit(id));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    use super::*;

    /// A log that fails in each of these steps, and counts them.
    struct Broken(Arc<AtomicUsize>);

    impl Broken {
        fn fails(&self) -> ! {
            self.0.fetch_add(1, Ordering::SeqCst);
            panic!("of a test");
        }
    }

    impl Subscriber for Broken {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, _: &Event<'_>) {}

        fn enter(&self, _: &Id) {
            self.fails();
        }

        fn exit(&self, _: &Id) {
            self.fails();
        }

        fn try_close(&self, _: Id) -> bool {
            self.fails();
        }
    }

    #[test]
    fn work_in_a_span_whose_log_panics_is_done() {
        let failures = Arc::new(AtomicUsize::new(0));
        let done = tracing::subscriber::with_default(Broken(failures.clone()), || {
            let told = Told::spend(&Account::new("app", "1"), Generation(1));
            futures_util::FutureExt::now_or_never(told.during(pin!(async { 7 })))
        });
        assert_eq!((done, failures.load(Ordering::SeqCst)), (Some(7), 3));
    }
}
