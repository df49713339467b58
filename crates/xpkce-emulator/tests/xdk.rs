//! X's own Python class, unmodified, against the emulator.
//!
//! Needs an interpreter with `xdk` 0.10.6, named by `XPKCE_TEST_PYTHON`; fails without it.
#![allow(clippy::unwrap_used)]

#[path = "../../xpkce/tests/silence/said.rs"]
mod said;

use std::process::Command;

use xpkce_emulator::Emulator;

use crate::said::Said;

/// Runs one scenario of the script; the script asserts, and controls the emulator over HTTP.
fn passes(scenario: &str) -> Emulator {
    let python = std::env::var("XPKCE_TEST_PYTHON")
        .expect("XPKCE_TEST_PYTHON names a Python interpreter with xdk 0.10.6");
    let x = Emulator::start_blocking();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/xdk_conformance.py");
    let output = Command::new(&python)
        .arg(script)
        .arg(scenario)
        .env("XPKCE_EMULATOR", serde_json::to_string(&x.summary()).unwrap())
        // requests-oauthlib insists on TLS otherwise; loopback has none.
        .env("OAUTHLIB_INSECURE_TRANSPORT", "1")
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .unwrap_or_else(|error| panic!("{python} does not run: {error}"));
    let said = Said::of_this_process();
    said.add(&output.stdout);
    said.add(&output.stderr);
    said.add(format!("{:?}", x.events()).as_bytes());
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{scenario}: {text}");
    x
}

#[test]
fn it_signs_in_calls_and_refreshes_a_confidential_app() {
    let x = passes("confidential");
    assert_eq!((x.exchanges(), x.refreshes(), x.replays()), (1, 2, 0));
}

#[test]
fn it_signs_in_a_public_app() {
    let x = passes("public");
    assert_eq!((x.exchanges(), x.refreshes()), (1, 0));
}

#[test]
fn it_is_told_that_a_replayed_token_is_invalid() {
    let x = passes("replay");
    assert_eq!((x.refreshes(), x.replays()), (1, 1));
}

#[test]
fn its_client_reads_the_signed_in_user() {
    let x = passes("client");
    assert_eq!(x.whoami_calls(), 1);
}

#[test]
fn it_sees_an_expired_token_refused_and_recovers() {
    let x = passes("expiry");
    assert_eq!(x.refreshes(), 1);
}
