//! Listens to the library's own tests, and ends the process of one that says a secret: in the log, at
//! every level, in a panic, in what is measured, or in an error. A secret is known as soon as it is
//! wrapped, or when a test names it; so every test that has one is listened to.

use std::collections::HashSet;
use std::io::Write;
use std::sync::{Mutex, OnceLock, PoisonError};

/// What a secret begins with; what is shorter may be heard by chance.
type Start = [u8; 8];

static KNOWN: OnceLock<Mutex<Known>> = OnceLock::new();

/// There may be many, and each line is held against all of them.
#[derive(Default)]
struct Known {
    starts: HashSet<Start>,
    secrets: HashSet<String>,
}

impl Known {
    fn secret_in(&self, said: &str) -> Option<&String> {
        let mut places = said.as_bytes().windows(size_of::<Start>());
        let may_be = places.any(|place| self.starts.contains(place));
        may_be.then(|| self.secrets.iter().find(|secret| said.contains(*secret)))?
    }
}

/// Takes a secret that is not to be heard from now on.
pub(crate) fn learn(secret: &str) {
    if secret.is_empty() {
        return;
    }
    let start = secret.as_bytes().first_chunk::<{ size_of::<Start>() }>();
    let start = start.expect("the secret of a test is long enough not to be heard by chance");
    let mut known = KNOWN.get_or_init(listen).lock().unwrap_or_else(PoisonError::into_inner);
    known.starts.insert(*start);
    known.secrets.insert(secret.to_owned());
}

/// Takes what was said. Whoever says a secret may catch a panic, so none is made of it.
pub(crate) fn hear(said: &str) {
    let Some(known) = KNOWN.get() else { return };
    let known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(secret) = known.secret_in(said) {
        // The harness keeps what macros print.
        let _ = writeln!(std::io::stderr(), "the secret {secret} is in what was said: {said}");
        std::process::abort();
    }
}

fn listen() -> Mutex<Known> {
    tracing_subscriber::fmt()
        // The scheduler of the schedules tells of each of its steps.
        .with_env_filter("trace,shuttle=off")
        .with_ansi(false)
        .with_writer(|| Log)
        .init();
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        hear(&panic.to_string());
        usual(panic);
    }));
    #[cfg(feature = "metrics")]
    metrics::set_global_recorder(measures::Measures).expect("nobody else measures");
    Mutex::default()
}

struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        hear(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(feature = "metrics")]
mod measures {
    use metrics::{
        Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    };

    use super::hear;

    pub(super) struct Measures;

    impl Recorder for Measures {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            hear(&key.to_string());
            Counter::noop()
        }

        fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
            hear(&key.to_string());
            Gauge::noop()
        }

        fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
            hear(&key.to_string());
            Histogram::noop()
        }
    }
}

mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::Command;

    use crate::{AccessToken, Error, Reason};

    const SECRET: &str = "fake-token-of-a-test";

    #[test]
    #[ignore = "run by the test below"]
    fn nothing_that_matters() {
        let token = AccessToken::new(SECRET);
        tracing::trace!(?token, "somebody was careful");
    }

    #[test]
    #[ignore = "run by the test below"]
    fn a_token_that_is_logged() {
        let token = AccessToken::new(SECRET);
        tracing::trace!(token = token.expose(), "somebody was careless");
    }

    #[test]
    #[ignore = "run by the test below"]
    fn a_token_in_a_panic_that_is_caught() {
        let token = AccessToken::new(SECRET);
        let _ = std::panic::catch_unwind(|| panic!("{} is not valid", token.expose()));
    }

    #[test]
    #[ignore = "run by the test below"]
    fn a_token_in_an_error_that_nobody_reads() {
        let token = AccessToken::new(SECRET);
        let why = std::io::Error::other(token.expose().to_owned());
        drop(Error::new(Reason::Internal, "somebody was careless").with_source(why));
    }

    #[cfg(feature = "metrics")]
    #[test]
    #[ignore = "run by the test below"]
    fn a_token_that_is_measured() {
        let token = AccessToken::new(SECRET);
        metrics::counter!("tokens", "token" => token.expose().to_owned()).increment(1);
    }

    /// How one of them ends, as a process of its own.
    fn end_of(role: &str) -> std::process::ExitStatus {
        let mut test = Command::new(std::env::current_exe().unwrap());
        let role = format!("{}::{role}", module_path!().split_once("::").unwrap().1);
        let output = test.args([&role, "--exact", "--ignored"]).output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(told.contains("running 1 test"), "{role} was not run: {told}");
        output.status
    }

    #[test]
    fn whoever_says_a_secret_ends() {
        assert!(end_of("nothing_that_matters").success());
        for role in [
            "a_token_that_is_logged",
            "a_token_in_a_panic_that_is_caught",
            "a_token_in_an_error_that_nobody_reads",
            #[cfg(feature = "metrics")]
            "a_token_that_is_measured",
        ] {
            assert_eq!(end_of(role).signal(), Some(6), "{role}");
        }
    }
}
