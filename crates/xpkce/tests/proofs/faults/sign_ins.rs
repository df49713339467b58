//! The faults of a sign-in, and what each comes to: what the caller got, how many codes were
//! exchanged, and what is left of the login.

use super::rows::{Row, row, sign_in};
use super::{Act, Deed};

pub static SIGN_INS: [Row; 20] = [
    sign_in(
        "F12 a new token is unknown for a second",
        &[r#"{"endpoint":"whoami","fault":{"kind":"too_young","for_ms":1000},"times":null}"#],
        "signed in; 1 exchanged; alive",
    ),
    sign_in(
        "F18 callback error_without_state",
        &[
            r#"{"endpoint":"callback","fault":{"kind":"callback","callback":"error_without_state"}}"#,
        ],
        "says SignIn; 0 exchanged; no login",
    ),
    sign_in(
        "F18 callback altered_state",
        &[r#"{"endpoint":"callback","fault":{"kind":"callback","callback":"altered_state"}}"#],
        "says SignIn; 0 exchanged; no login",
    ),
    sign_in(
        "F18 callback missing_state",
        &[r#"{"endpoint":"callback","fault":{"kind":"callback","callback":"missing_state"}}"#],
        "says SignIn; 0 exchanged; no login",
    ),
    sign_in(
        "F18 callback missing_code",
        &[r#"{"endpoint":"callback","fault":{"kind":"callback","callback":"missing_code"}}"#],
        "says SignIn; 0 exchanged; no login",
    ),
    sign_in(
        "F18 callback repeated_code",
        &[r#"{"endpoint":"callback","fault":{"kind":"callback","callback":"repeated_code"}}"#],
        "says SignIn; 0 exchanged; no login",
    ),
    sign_in(
        "F18 callback late",
        &[r#"{"endpoint":"callback","fault":{"kind":"callback","callback":"late"}}"#],
        "says SignIn; 0 exchanged; no login",
    ),
    row(
        "F18 callback delivered_twice",
        Deed::SignInHere,
        Act::None,
        &[r#"{"endpoint":"callback","fault":{"kind":"callback","callback":"delivered_twice"}}"#],
        "signed in; 1 exchanged; alive",
    ),
    row(
        "F18 callback stray_request",
        Deed::SignInHere,
        Act::None,
        &[r#"{"endpoint":"callback","fault":{"kind":"callback","callback":"stray_request"}}"#],
        "signed in; 1 exchanged; alive",
    ),
    sign_in(
        "F18 callback denied",
        &[r#"{"endpoint":"callback","fault":{"kind":"callback","callback":"denied"}}"#],
        "says SignIn; 0 exchanged; no login",
    ),
    sign_in(
        "F19 another user approves",
        &[r#"{"endpoint":"callback","fault":{"kind":"callback","callback":"other_user"}}"#],
        "signed in; 1 exchanged; alive",
    ),
    sign_in(
        "F20 whoami unauthorized",
        &[
            r#"{"endpoint":"whoami","fault":{"kind":"problem","problem":"unauthorized"},"times":null}"#,
        ],
        "signed in, unlabelled; 1 exchanged; alive",
    ),
    sign_in(
        "F20 whoami forbidden",
        &[r#"{"endpoint":"whoami","fault":{"kind":"problem","problem":"forbidden"},"times":null}"#],
        "signed in, unlabelled; 1 exchanged; alive",
    ),
    sign_in(
        "F20 whoami client_not_enrolled",
        &[
            r#"{"endpoint":"whoami","fault":{"kind":"problem","problem":"client_not_enrolled"},"times":null}"#,
        ],
        "signed in, unlabelled; 1 exchanged; alive",
    ),
    sign_in(
        "F20 whoami out_of_credits",
        &[
            r#"{"endpoint":"whoami","fault":{"kind":"problem","problem":"out_of_credits"},"times":null}"#,
        ],
        "signed in, unlabelled; 1 exchanged; alive",
    ),
    sign_in(
        "F20 whoami too_many_requests",
        &[
            r#"{"endpoint":"whoami","fault":{"kind":"problem","problem":"too_many_requests"},"times":null}"#,
        ],
        "signed in, unlabelled; 1 exchanged; alive",
    ),
    sign_in(
        "F20 whoami service_unavailable",
        &[
            r#"{"endpoint":"whoami","fault":{"kind":"problem","problem":"service_unavailable"},"times":null}"#,
        ],
        "signed in, unlabelled; 1 exchanged; alive",
    ),
    sign_in(
        "F20 whoami without a username",
        &[r#"{"endpoint":"whoami","fault":{"kind":"odd","answer":"missing_username"},"times":1}"#],
        "signed in; 1 exchanged; alive",
    ),
    sign_in(
        "exchange: gateway error",
        &[
            r#"{"endpoint":"exchange","fault":{"kind":"status","status":503,"body":"html"},"times":1}"#,
        ],
        "says InDoubt; 0 exchanged; no login",
    ),
    sign_in(
        "exchange: answer lost",
        &[
            r#"{"endpoint":"exchange","fault":{"kind":"drop","at":"before_headers"},"moment":"after_commit","times":1}"#,
        ],
        "says InDoubt; 1 exchanged; no login",
    ),
];
