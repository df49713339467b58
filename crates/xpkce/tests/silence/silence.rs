//! Listens to everything that the process of a test says, and ends it at a token or another secret: in what is logged
//! at every level, in a panic, in the errors that a test hands over, and, once a test is over, in what was measured.
#![allow(dead_code, reason = "each of the tests that share it uses a part of it")]

use std::fmt::Debug;
#[cfg(feature = "metrics")]
use std::sync::Arc;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[path = "said.rs"]
pub mod said;

use said::{Said, is_secret};

/// Takes what the process has said and measured, for a test. When it is dropped it is all gone through once more, for
/// what was learnt to be a secret after it was said.
pub struct Silence {
    said: Said,
    #[cfg(feature = "metrics")]
    pub measures: Measures,
    /// Given back when all is gone through.
    _turn: Turn,
}

impl Silence {
    /// Listens from now on, to every thread of this process.
    pub fn listen() -> Self {
        Self::at(Turn::beside_others())
    }

    /// Listens while nobody else does: what is said then, this test has said. It must not listen twice.
    pub fn listen_alone() -> Self {
        Self::at(Turn::alone())
    }

    fn at(turn: Turn) -> Self {
        Self {
            _turn: turn,
            said: Said::of_this_process(),
            #[cfg(feature = "metrics")]
            measures: Measures::of_this_process(),
        }
    }

    /// Takes what a caller was told: an error, or an answer that somebody may print.
    pub fn hear(&self, told: &impl Debug) {
        self.said.add(format!("told: {told:?}\n").as_bytes());
    }

    /// Takes a secret that was made just now: it must not be heard either.
    pub fn learn(&self, secret: &str) {
        assert!(secret.len() > 8, "it may be heard by chance");
        self.said.lock().learnt.push(secret.to_owned());
    }

    /// Takes what another process has said.
    pub fn overhear(&self, said: &[u8]) {
        self.said.add(said);
    }

    /// Returns whether the process has said that since the last check.
    pub fn has_heard(&self, words: &str) -> bool {
        self.times_heard(words) > 0
    }

    /// Returns how often the process has said that since the last check.
    pub fn times_heard(&self, words: &str) -> usize {
        String::from_utf8_lossy(&self.said.lock().bytes).matches(words).count()
    }

    /// Lets whatever the library logs panic from now on, as a standard error that is gone does.
    pub fn break_log(&self) {
        self.said.lock().is_broken = true;
    }

    fn check(&self) {
        let said = self.said.take();
        assert!(self.said.has_lines(), "nothing was logged: the test listens to the wrong place");
        let learnt = self.said.lock().learnt.clone();
        let is_secret = |said: &str| is_secret(said) || learnt.iter().any(|it| said.contains(it));
        for line in said.lines() {
            assert!(!is_secret(line), "a token is in what was said: {line}");
        }
        #[cfg(feature = "metrics")]
        for (name, value) in self.measures.take() {
            assert!(!is_secret(&name), "a token is in the metrics: {name} {value:?}");
        }
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.check();
        }
    }
}

/// The tests of a process share its log, so whoever looks for something in it goes alone.
struct Turn {
    is_alone: bool,
}

/// How many listen; -1 is one alone.
static LISTENERS: Mutex<isize> = Mutex::new(0);
static CHANGED: Condvar = Condvar::new();
/// More than all tests of a process take together.
const LONGEST_TURN: Duration = Duration::from_secs(600);

impl Turn {
    fn beside_others() -> Self {
        *listeners_until(|listeners| listeners >= 0) += 1;
        Self { is_alone: false }
    }

    fn alone() -> Self {
        *listeners_until(|listeners| listeners == 0) = -1;
        Self { is_alone: true }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *listeners_until(|_| true) += if self.is_alone { 1 } else { -1 };
        CHANGED.notify_all();
    }
}

fn listeners_until(so: impl Fn(isize) -> bool) -> MutexGuard<'static, isize> {
    let listeners = LISTENERS.lock().unwrap_or_else(PoisonError::into_inner);
    let (listeners, waited) = CHANGED
        .wait_timeout_while(listeners, LONGEST_TURN, |it| !so(*it))
        .unwrap_or_else(PoisonError::into_inner);
    assert!(!waited.timed_out(), "who listens alone listens twice, or another test never ends");
    listeners
}

/// All that any thread of this process measures.
#[cfg(feature = "metrics")]
#[derive(Clone)]
pub struct Measures(Arc<metrics_util::debugging::Snapshotter>);

#[cfg(feature = "metrics")]
impl Measures {
    fn of_this_process() -> Self {
        use metrics_util::debugging::DebuggingRecorder;
        static MEASURES: std::sync::OnceLock<Measures> = std::sync::OnceLock::new();
        let begin = || {
            let recorder = DebuggingRecorder::new();
            let snapshotter = recorder.snapshotter();
            recorder.install().unwrap();
            Self(Arc::new(snapshotter))
        };
        MEASURES.get_or_init(begin).clone()
    }

    /// Takes what was measured since the last time, each as `name{label=value}`.
    pub fn take(&self) -> Vec<(String, metrics_util::debugging::DebugValue)> {
        let measured = self.0.snapshot().into_vec();
        let named = measured.into_iter().map(|(key, _, _, value)| {
            let labels: Vec<_> = key
                .key()
                .labels()
                .map(|label| format!("{}={}", label.key(), label.value()))
                .collect();
            let name = key.key().name();
            match labels.is_empty() {
                true => (name.to_owned(), value),
                false => (format!("{name}{{{}}}", labels.join(",")), value),
            }
        });
        named.collect()
    }
}
