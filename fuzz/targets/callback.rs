//! No callback is approved but one that brings the state of its sign-in and a code.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use xpkce::{App, Login, Scopes, State, Timestamp};

const STATE: &str = "the-state-of-this-sign-in";

static LOGIN: LazyLock<Login> = LazyLock::new(|| {
    let app = App::public("a-client").with_scopes(Scopes::parse("users.read"));
    let state = Some(State::new(STATE));
    Login::begin_with(&app, state, None, Timestamp::from_secs(1_700_000_000)).unwrap()
});

fuzz_target!(|callback: &str| {
    let _ = xpkce::callback_state(callback);
    if LOGIN.approve(callback).is_ok() {
        let decoded = callback.replace('%', "");
        assert!(callback.contains(STATE) || decoded != callback, "approved without its state");
    }
});
