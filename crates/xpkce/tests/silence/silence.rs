//! Listens to everything that the process of a test says, and fails on a token or another secret: what is logged at
//! every level, what a panic says, what is measured, and the errors that a test hands over.
#![allow(dead_code, reason = "each of the tests that share it uses a part of it")]

use std::fmt::Debug;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// How X's access tokens, refresh tokens and codes end, all of them.
pub const TOKEN_MARKS: [&str; 3] = ["OmF0OjE", "OnJ0OjE", "OmFjOjE"];

/// What tests make up that is not to be heard either: the tokens of scripted answers, passwords, a
/// sealing key, and what the contract's records hold, though that is sealed when a store gets it.
pub const MADE_UP: [&str; 15] = [
    "old-access",
    "old-refresh",
    "new-access",
    "new-refresh",
    "adas-access",
    "adas-refresh",
    "bos-access",
    "bos-refresh",
    "bGFzdCByZWZyZXNoIHRva2Vu",
    "hunter2",
    "s3cret",
    "s3same",
    "dXNlcjpzM3NhbWU",
    "AAECAwQFBgcICQoLDA0O",
    "cmVmcmVzaA",
];

fn is_secret(said: &str) -> bool {
    TOKEN_MARKS.iter().chain(&MADE_UP).any(|mark| said.contains(mark))
}

/// Checked when it is dropped, for the whole process so far.
pub struct Silence {
    said: Said,
    #[cfg(feature = "metrics")]
    pub measures: Measures,
}

impl Silence {
    /// Listens from now on, to every thread of this process.
    pub fn listen() -> Self {
        Self {
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

/// What was said, by whomever, and not checked yet.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Heard>>);

#[derive(Default)]
struct Heard {
    bytes: Vec<u8>,
    /// Secrets that were made as the tests ran.
    learnt: Vec<String>,
    /// Whether the log has ever said anything.
    is_logged: bool,
    /// Whether it panics when the library says something.
    is_broken: bool,
}

impl Said {
    fn of_this_process() -> Self {
        static SAID: OnceLock<Said> = OnceLock::new();
        SAID.get_or_init(Self::begin).clone()
    }

    fn begin() -> Self {
        let said = Self::default();
        let writer = said.clone();
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .init();
        tracing::trace!("a test that does nothing worth logging has this line");
        let (panics, usual) = (said.clone(), std::panic::take_hook());
        std::panic::set_hook(Box::new(move |panic| {
            panics.add(format!("{panic}\n").as_bytes());
            usual(panic);
        }));
        said
    }

    fn add(&self, bytes: &[u8]) {
        self.lock().bytes.extend_from_slice(bytes);
    }

    fn take(&self) -> String {
        let bytes = std::mem::take(&mut self.lock().bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn has_lines(&self) -> bool {
        self.lock().is_logged
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.lock().is_logged = true;
        self.add(bytes);
        // What could not be written before is still in front of it.
        let is_librarys =
            String::from_utf8_lossy(bytes).lines().last().is_some_and(|it| it.contains(" xpkce:"));
        assert!(!(is_librarys && self.lock().is_broken), "the log is gone");
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
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
