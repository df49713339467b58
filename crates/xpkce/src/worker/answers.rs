//! Answers to those who wait for what a worker runs. Many are ready at a time, and a thread is not
//! woken for each: who gets the first gives the others theirs, which costs no change of threads where
//! they wait on the same one. The worker goes on giving meanwhile, so that nobody waits for somebody
//! who does not come to it.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

/// Tells somebody what has become of a task.
pub(super) type Answer = Box<dyn FnOnce() + Send>;

/// Makes an answer of what a task results in.
pub(super) fn answer_by<T: Send + 'static>(
    tell: impl FnOnce(T) + Send + 'static,
) -> impl FnOnce(T) -> Answer + Send + 'static {
    |result| Box::new(move || tell(result))
}

/// Gives one. The waker that it calls is other people's code.
pub(super) fn give(answer: Answer) {
    let _ = catch_unwind(AssertUnwindSafe(answer));
}

/// Those that are ready.
#[derive(Default)]
pub(super) struct Answers(Mutex<VecDeque<Answer>>);

impl Answers {
    pub(super) fn add(&self, answer: Answer) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(answer);
    }

    pub(super) fn are_there(&self) -> bool {
        !self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Gives all of them, but for those that others take.
    pub(super) fn give(&self) {
        let next = || self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        std::iter::from_fn(next).for_each(give);
    }

    /// Gives as many as are there now, while nobody else is at them: in a forked child somebody may
    /// be so for ever.
    pub(super) fn help(&self) {
        let many = self.0.try_lock().map_or(0, |answers| answers.len());
        let next = || self.0.try_lock().ok().and_then(|mut answers| answers.pop_front());
        std::iter::from_fn(next).take(many).for_each(give);
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answers")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn who_helps_does_not_stay_for_what_comes_meanwhile() {
        let (answers, given) = (Arc::new(Answers::default()), Arc::new(AtomicUsize::new(0)));
        add_again(&answers, &given);
        answers.help();
        assert_eq!((given.load(Ordering::SeqCst), answers.are_there()), (1, true));
    }

    /// Adds an answer that adds another one, which does so too.
    fn add_again(answers: &Arc<Answers>, given: &Arc<AtomicUsize>) {
        let (more, given) = (Arc::clone(answers), Arc::clone(given));
        answers.add(Box::new(move || {
            if given.fetch_add(1, Ordering::SeqCst) < 9 {
                add_again(&more, &given);
            }
        }));
    }
}
