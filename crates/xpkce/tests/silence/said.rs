//! What the process of a test says: what is logged at every level, and what a panic says.
#![allow(dead_code, unreachable_pub, reason = "each of the tests that share it uses a part of it")]

use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// How X's access tokens, refresh tokens and codes end, all of them.
pub const TOKEN_MARKS: [&str; 3] = ["OmF0OjE", "OnJ0OjE", "OmFjOjE"];

/// What tests make up that is not to be heard either: the tokens of scripted answers, passwords, a
/// sealing key, and what the contract's records hold, though that is sealed when a store gets it.
pub const MADE_UP: [&str; 24] = [
    "fake-",
    "the-code",
    "the-access-token",
    "the-refresh-token",
    "whole-token",
    "other-refresh",
    "newer-refresh",
    "bos-new-",
    "se:cr% t",
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

pub fn is_secret(said: &str) -> bool {
    TOKEN_MARKS.iter().chain(&MADE_UP).any(|mark| said.contains(mark))
}

/// What was said, by whomever, and not checked yet.
#[derive(Clone, Default)]
pub struct Said(Arc<Mutex<Heard>>);

#[derive(Default)]
pub struct Heard {
    pub bytes: Vec<u8>,
    /// Secrets that were made as the tests ran.
    pub learnt: Vec<String>,
    /// Whether the log has ever said anything.
    is_logged: bool,
    /// Whether it panics when the library says something.
    pub is_broken: bool,
}

impl Said {
    /// Listens from now on, to every thread of this process.
    pub fn of_this_process() -> Self {
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

    /// Whoever says a secret may catch a panic, so none is made of it.
    pub fn add(&self, bytes: &[u8]) {
        let mut heard = self.lock();
        let said = String::from_utf8_lossy(bytes);
        if is_secret(&said) || heard.learnt.iter().any(|it| said.contains(it)) {
            // The harness keeps what macros print.
            let _ = writeln!(std::io::stderr(), "a token is in what was said: {said}");
            std::process::abort();
        }
        heard.bytes.extend_from_slice(bytes);
    }

    pub fn take(&self) -> String {
        let bytes = std::mem::take(&mut self.lock().bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub fn has_lines(&self) -> bool {
        self.lock().is_logged
    }

    pub fn lock(&self) -> MutexGuard<'_, Heard> {
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
