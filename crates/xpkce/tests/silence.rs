//! What listens for tokens in the other tests hears them.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

#[path = "silence/silence.rs"]
mod silence;

use std::process::Command;

use self::silence::Silence;
use self::silence::said::{MADE_UP, TOKEN_MARKS};

fn token() -> String {
    format!("ZmFrZQ{}", TOKEN_MARKS[0])
}

#[test]
#[ignore = "run by the test below"]
fn a_token_that_is_logged() {
    let _silence = Silence::listen();
    tracing::trace!(token = %token(), "somebody was careless");
}

#[test]
#[ignore = "run by the test below"]
fn a_token_in_a_panic_that_is_caught() {
    let _silence = Silence::listen();
    std::panic::catch_unwind(|| panic!("{} is not valid", token())).unwrap_err();
}

#[test]
#[ignore = "run by the test below"]
fn a_token_in_an_error() {
    let silence = Silence::listen();
    silence.hear(&std::io::Error::other(token()));
}

#[cfg(feature = "metrics")]
#[test]
#[ignore = "run by the test below"]
fn a_token_that_is_measured() {
    let _silence = Silence::listen();
    metrics::counter!("tokens", "token" => token()).increment(1);
}

#[test]
#[ignore = "run by the test below"]
fn a_secret_that_a_test_made_up() {
    let _silence = Silence::listen();
    tracing::debug!(answer = MADE_UP[2], "somebody was careless");
}

#[test]
#[ignore = "run by the test below"]
fn a_secret_that_was_made_as_the_test_ran() {
    let silence = Silence::listen();
    silence.learn("of this test");
    tracing::debug!("somebody was careless with what is of this test");
}

#[test]
#[ignore = "run by the test below"]
fn a_secret_that_was_learnt_after_it_was_said() {
    let silence = Silence::listen();
    tracing::debug!("somebody was careless with what is of this test");
    silence.learn("of this test");
}

#[test]
#[ignore = "run by the test below"]
fn nothing_that_matters() {
    let silence = Silence::listen();
    tracing::trace!("nothing");
    silence.hear(&"nothing");
}

/// Whether a role passes, as a process of its own: what it says must not reach the others.
fn passes(role: &str) -> bool {
    let mut test = Command::new(std::env::current_exe().unwrap());
    let output = test.args([role, "--exact", "--ignored"]).output().unwrap();
    let (stdout, stderr) = (String::from_utf8(output.stdout), String::from_utf8(output.stderr));
    let told = stdout.unwrap() + &stderr.unwrap();
    let is_run = told.contains("1 passed") || told.contains("a token is in");
    assert!(is_run, "{role} was not run: {told}");
    output.status.success()
}

#[test]
fn a_token_fails_the_test_that_says_it() {
    assert!(passes("nothing_that_matters"));
    assert!(!passes("a_token_that_is_logged"));
    assert!(!passes("a_token_in_a_panic_that_is_caught"));
    assert!(!passes("a_token_in_an_error"));
    assert!(!passes("a_secret_that_a_test_made_up"));
    assert!(!passes("a_secret_that_was_made_as_the_test_ran"));
    assert!(!passes("a_secret_that_was_learnt_after_it_was_said"));
    #[cfg(feature = "metrics")]
    assert!(!passes("a_token_that_is_measured"));
}
