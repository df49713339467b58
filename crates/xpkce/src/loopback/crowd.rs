//! All connections to the callback port at one time.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::visit::Visit;

/// How many connections are kept. One more costs the oldest its place, so that no number of silent
/// ones keeps the browser out.
const MOST: usize = 64;

/// The connections that are being read or answered, the oldest first.
pub(super) struct Crowd<F>(VecDeque<Pin<Box<F>>>);

impl<F> Default for Crowd<F> {
    fn default() -> Self {
        Self(VecDeque::with_capacity(MOST))
    }
}

impl<F: Future<Output = Option<Visit>>> Crowd<F> {
    /// Lets one more in, in the place of the oldest if no other is free.
    pub(super) fn join(&mut self, talk: F) {
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back(Box::pin(talk));
    }

    /// Hears everybody until one brings the callback.
    pub(super) async fn callback(&mut self) -> Visit {
        poll_fn(|context| self.hear(context)).await
    }

    fn hear(&mut self, context: &mut Context<'_>) -> Poll<Visit> {
        let mut callback = None;
        self.0.retain_mut(|talk| match talk.as_mut().poll(context) {
            Poll::Pending => true,
            Poll::Ready(visit) => {
                callback = callback.take().or(visit);
                false
            }
        });
        callback.map_or(Poll::Pending, Poll::Ready)
    }
}
