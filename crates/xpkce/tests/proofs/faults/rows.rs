//! The faults, and what each comes to. On a refresh: what the caller got, how many token requests
//! went out for it, the state then, and what came of the login once X was well again.

use super::{Act, Deed};

/// One fault.
pub struct Row {
    pub fault: &'static str,
    pub deed: Deed,
    pub act: Act,
    /// As the emulator's control interface takes them.
    pub rules: &'static [&'static str],
    pub outcome: &'static str,
}

const fn row(
    fault: &'static str,
    deed: Deed,
    act: Act,
    rules: &'static [&'static str],
    outcome: &'static str,
) -> Row {
    Row { fault, deed, act, rules, outcome }
}

pub static ROWS: [Row; 67] = [
    row(
        "F1 request lost",
        Deed::Refresh,
        Act::None,
        &[r#"{"endpoint":"refresh","fault":{"kind":"reset"},"times":1}"#],
        "generation 2; 2 sent; ready; alive",
    ),
    row(
        "F1 request lost twice",
        Deed::Refresh,
        Act::None,
        &[r#"{"endpoint":"refresh","fault":{"kind":"reset"},"times":2}"#],
        "says InDoubt; 2 sent; in_doubt; alive",
    ),
    row(
        "F1 answer cut before headers",
        Deed::Refresh,
        Act::None,
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"drop","at":"before_headers"},"moment":"after_commit","times":1}"#,
        ],
        "says Retry; 2 sent; rejected; dead, `answer_lost`",
    ),
    row(
        "F1 answer cut after headers",
        Deed::Refresh,
        Act::None,
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"drop","at":"after_headers"},"moment":"after_commit","times":1}"#,
        ],
        "says Retry; 2 sent; rejected; dead, `answer_lost`",
    ),
    row(
        "F1 answer cut mid body",
        Deed::Refresh,
        Act::None,
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"drop","at":"mid_body"},"moment":"after_commit","times":1}"#,
        ],
        "says Retry; 2 sent; rejected; dead, `answer_lost` or generation 3; 2 sent; ready; alive",
    ),
    row(
        "F2 slow",
        Deed::Refresh,
        Act::None,
        &[r#"{"endpoint":"refresh","fault":{"kind":"slow"},"times":1,"delay_ms":300}"#],
        "generation 2; 1 sent; ready; alive",
    ),
    row(
        "F2 trickle",
        Deed::Refresh,
        Act::None,
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"trickle","bytes":64,"pause_ms":10},"times":1}"#,
        ],
        "generation 2; 1 sent; ready; alive",
    ),
    row(
        "F3 503 html, once",
        Deed::Refresh,
        Act::None,
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"status","status":503,"body":"html"},"times":1}"#,
        ],
        "generation 2; 2 sent; ready; alive",
    ),
    row(
        "F3 503 json, once",
        Deed::Refresh,
        Act::None,
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"status","status":503,"body":"json"},"times":1}"#,
        ],
        "generation 2; 2 sent; ready; alive",
    ),
    row(
        "F3 503 empty, once",
        Deed::Refresh,
        Act::None,
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"status","status":503,"body":"empty"},"times":1}"#,
        ],
        "generation 2; 2 sent; ready; alive",
    ),
    row(
        "F3 503, three times",
        Deed::Refresh,
        Act::None,
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"status","status":503,"body":"html"},"times":3}"#,
        ],
        "says InDoubt; 2 sent; in_doubt; alive",
    ),
    row(
        "F3 500 after the commit",
        Deed::Refresh,
        Act::None,
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"status","status":500,"body":"json"},"moment":"after_commit","times":1}"#,
        ],
        "says Retry; 2 sent; rejected; dead, `answer_lost`",
    ),
    row(
        "F4 reset on a reused connection",
        Deed::Refresh,
        Act::None,
        &[r#"{"endpoint":"refresh","fault":{"kind":"reset_reused"},"times":1}"#],
        "generation 2; 2 sent; ready; alive",
    ),
    row(
        "F5 cloudflare",
        Deed::Refresh,
        Act::None,
        &[r#"{"endpoint":"refresh","fault":{"kind":"cloudflare"},"times":1}"#],
        "says InDoubt; 1 sent; in_doubt; alive",
    ),
    row(
        "F5 empty_not_found",
        Deed::Refresh,
        Act::None,
        &[r#"{"endpoint":"refresh","fault":{"kind":"empty_not_found"},"times":1}"#],
        "says InDoubt; 1 sent; in_doubt; alive",
    ),
    row(
        "F5 plain_not_found",
        Deed::Refresh,
        Act::None,
        &[r#"{"endpoint":"refresh","fault":{"kind":"plain_not_found"},"times":1}"#],
        "says InDoubt; 1 sent; in_doubt; alive",
    ),
    row(
        "F5 truncated_json",
        Deed::Refresh,
        Act::None,
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"truncated_json"},"moment":"after_commit","times":1}"#,
        ],
        "says InDoubt; 1 sent; in_doubt; dead, `answer_lost` or generation 3; 2 sent; ready; alive",
    ),
    row(
        "F5 broken_gzip",
        Deed::Refresh,
        Act::None,
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"broken_gzip"},"moment":"after_commit","times":1}"#,
        ],
        "generation 2; 1 sent; ready; alive",
    ),
    row(
        "F5 error_inside200",
        Deed::Refresh,
        Act::None,
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"error_inside200"},"moment":"after_commit","times":1}"#,
        ],
        "says InDoubt; 1 sent; in_doubt; dead, `answer_lost`",
    ),
    row(
        "F5 html_inside200",
        Deed::Refresh,
        Act::None,
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"html_inside200"},"moment":"after_commit","times":1}"#,
        ],
        "says InDoubt; 1 sent; in_doubt; dead, `answer_lost`",
    ),
    row(
        "F5 empty200",
        Deed::Refresh,
        Act::None,
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"empty200"},"moment":"after_commit","times":1}"#,
        ],
        "says InDoubt; 1 sent; in_doubt; dead, `answer_lost`",
    ),
    row(
        "F5 huge_body",
        Deed::Refresh,
        Act::None,
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"huge_body"},"moment":"after_commit","times":1}"#,
        ],
        "generation 2; 1 sent; ready; alive",
    ),
    row(
        "F5 no access token",
        Deed::Refresh,
        Act::None,
        &[r#"{"endpoint":"refresh","fault":{"kind":"odd","answer":"no_access_token"},"times":1}"#],
        "generation 3; 2 sent; ready; alive",
    ),
    row(
        "F6 429, reset in 30 s",
        Deed::Refresh,
        Act::None,
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"rate_limited","reset_in":30,"retry_after":null},"times":1}"#,
        ],
        "says Retry; 1 sent; ready; alive",
    ),
    row(
        "F6 429, reset in the past",
        Deed::Refresh,
        Act::None,
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"rate_limited","reset_in":-30,"retry_after":null},"times":1}"#,
        ],
        "says Retry; 1 sent; ready; alive",
    ),
    row(
        "F6 429, no headers",
        Deed::Refresh,
        Act::None,
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"rate_limited","reset_in":null,"retry_after":null},"times":1}"#,
        ],
        "says Retry; 1 sent; ready; alive",
    ),
    row(
        "F8 answer lost, a replay kills the family",
        Deed::Refresh,
        Act::ReplayKills,
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"drop","at":"before_headers"},"moment":"after_commit","times":1}"#,
        ],
        "says Retry; 2 sent; rejected; dead, `answer_lost`",
    ),
    row(
        "F9 a sign-in elsewhere",
        Deed::Refresh,
        Act::SignInElsewhere,
        &[],
        "says Retry; 1 sent; rejected; dead, `token_invalid`",
    ),
    row(
        "F10 the user disconnects the app",
        Deed::Refresh,
        Act::Disconnect,
        &[],
        "says Retry; 1 sent; rejected; dead, `token_invalid`",
    ),
    row(
        "F10 the app is suspended",
        Deed::Refresh,
        Act::Suspend,
        &[],
        "says Configure; 1 sent; ready; dead, `token_invalid`",
    ),
    row(
        "F10 the refresh token expires",
        Deed::Refresh,
        Act::EndRefreshToken,
        &[],
        "says Retry; 1 sent; rejected; dead, `token_invalid`",
    ),
    row(
        "F11 an outage says 401",
        Deed::Request,
        Act::None,
        &[
            r#"{"endpoint":"whoami","fault":{"kind":"problem","problem":"unauthorized"},"times":null}"#,
        ],
        "401; 1 sent; ready; alive",
    ),
    row(
        "F12 a new token is unknown for a second",
        Deed::SignIn,
        Act::None,
        &[r#"{"endpoint":"whoami","fault":{"kind":"too_young","for_ms":1000},"times":null}"#],
        "signed in; 1 exchanged; alive",
    ),
    row(
        "F13 the access token ends early",
        Deed::Request,
        Act::EndAccessTokenEarly,
        &[],
        "200; 1 sent; ready; alive",
    ),
    row(
        "F14 no_refresh_token",
        Deed::Refresh,
        Act::None,
        &[r#"{"endpoint":"refresh","fault":{"kind":"odd","answer":"no_refresh_token"},"times":1}"#],
        "generation 2; 1 sent; ready; dead, `token_invalid`",
    ),
    row(
        "F14 empty_refresh_token",
        Deed::Refresh,
        Act::None,
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"odd","answer":"empty_refresh_token"},"times":1}"#,
        ],
        "generation 2; 1 sent; ready; dead, `token_invalid`",
    ),
    row(
        "F14 no_expires_in",
        Deed::Refresh,
        Act::None,
        &[r#"{"endpoint":"refresh","fault":{"kind":"odd","answer":"no_expires_in"},"times":1}"#],
        "generation 2; 1 sent; ready; alive",
    ),
    row(
        "F14 expires_in_string",
        Deed::Refresh,
        Act::None,
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"odd","answer":"expires_in_string"},"times":1}"#,
        ],
        "generation 2; 1 sent; ready; alive",
    ),
    row(
        "F14 expires_in_zero",
        Deed::Refresh,
        Act::None,
        &[r#"{"endpoint":"refresh","fault":{"kind":"odd","answer":"expires_in_zero"},"times":1}"#],
        "generation 2; 1 sent; ready; alive",
    ),
    row(
        "F14 expires_in_negative",
        Deed::Refresh,
        Act::None,
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"odd","answer":"expires_in_negative"},"times":1}"#,
        ],
        "generation 2; 1 sent; ready; alive",
    ),
    row(
        "F14 expires_in_fraction",
        Deed::Refresh,
        Act::None,
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"odd","answer":"expires_in_fraction"},"times":1}"#,
        ],
        "generation 2; 1 sent; ready; alive",
    ),
    row(
        "F14 unknown_scope",
        Deed::Refresh,
        Act::None,
        &[r#"{"endpoint":"refresh","fault":{"kind":"odd","answer":"unknown_scope"},"times":1}"#],
        "generation 2; 1 sent; ready; alive",
    ),
    row(
        "F14 missing_scope",
        Deed::Refresh,
        Act::None,
        &[r#"{"endpoint":"refresh","fault":{"kind":"odd","answer":"missing_scope"},"times":1}"#],
        "generation 2; 1 sent; ready; alive",
    ),
    row(
        "F14 fewer_scopes",
        Deed::Refresh,
        Act::None,
        &[r#"{"endpoint":"refresh","fault":{"kind":"odd","answer":"fewer_scopes"},"times":1}"#],
        "generation 2; 1 sent; ready; alive",
    ),
    row(
        "F14 capital_bearer",
        Deed::Refresh,
        Act::None,
        &[r#"{"endpoint":"refresh","fault":{"kind":"odd","answer":"capital_bearer"},"times":1}"#],
        "generation 2; 1 sent; ready; alive",
    ),
    row(
        "F14 extra_fields",
        Deed::Refresh,
        Act::None,
        &[r#"{"endpoint":"refresh","fault":{"kind":"odd","answer":"extra_fields"},"times":1}"#],
        "generation 2; 1 sent; ready; alive",
    ),
    row(
        "F14 long_tokens",
        Deed::Refresh,
        Act::None,
        &[r#"{"endpoint":"refresh","fault":{"kind":"odd","answer":"long_tokens"},"times":1}"#],
        "generation 2; 1 sent; ready; alive",
    ),
    row(
        "F15 Date a day ahead",
        Deed::Refresh,
        Act::None,
        &[r#"{"endpoint":"refresh","fault":{"kind":"skewed_date","seconds":86400},"times":1}"#],
        "generation 2; 1 sent; ready; alive",
    ),
    row(
        "F15 Date a day behind",
        Deed::Refresh,
        Act::None,
        &[r#"{"endpoint":"refresh","fault":{"kind":"skewed_date","seconds":-86400},"times":1}"#],
        "generation 2; 1 sent; ready; alive",
    ),
    row(
        "F16 the secret is replaced",
        Deed::Refresh,
        Act::RotateSecret,
        &[],
        "says Configure; 1 sent; ready; says Configure",
    ),
    row(
        "F17 the app becomes confidential",
        Deed::Refresh,
        Act::FlipType,
        &[],
        "says Configure; 1 sent; ready; alive",
    ),
    row(
        "F18 callback error_without_state",
        Deed::SignIn,
        Act::None,
        &[
            r#"{"endpoint":"callback","fault":{"kind":"callback","callback":"error_without_state"}}"#,
        ],
        "says SignIn; 0 exchanged; no login",
    ),
    row(
        "F18 callback altered_state",
        Deed::SignIn,
        Act::None,
        &[r#"{"endpoint":"callback","fault":{"kind":"callback","callback":"altered_state"}}"#],
        "says SignIn; 0 exchanged; no login",
    ),
    row(
        "F18 callback missing_state",
        Deed::SignIn,
        Act::None,
        &[r#"{"endpoint":"callback","fault":{"kind":"callback","callback":"missing_state"}}"#],
        "says SignIn; 0 exchanged; no login",
    ),
    row(
        "F18 callback missing_code",
        Deed::SignIn,
        Act::None,
        &[r#"{"endpoint":"callback","fault":{"kind":"callback","callback":"missing_code"}}"#],
        "says SignIn; 0 exchanged; no login",
    ),
    row(
        "F18 callback repeated_code",
        Deed::SignIn,
        Act::None,
        &[r#"{"endpoint":"callback","fault":{"kind":"callback","callback":"repeated_code"}}"#],
        "says SignIn; 0 exchanged; no login",
    ),
    row(
        "F18 callback denied",
        Deed::SignIn,
        Act::None,
        &[r#"{"endpoint":"callback","fault":{"kind":"callback","callback":"denied"}}"#],
        "says SignIn; 0 exchanged; no login",
    ),
    row(
        "F19 another user approves",
        Deed::SignIn,
        Act::None,
        &[r#"{"endpoint":"callback","fault":{"kind":"callback","callback":"other_user"}}"#],
        "signed in; 1 exchanged; alive",
    ),
    row(
        "F20 whoami unauthorized",
        Deed::SignIn,
        Act::None,
        &[
            r#"{"endpoint":"whoami","fault":{"kind":"problem","problem":"unauthorized"},"times":null}"#,
        ],
        "signed in, unlabelled; 1 exchanged; alive",
    ),
    row(
        "F20 whoami forbidden",
        Deed::SignIn,
        Act::None,
        &[r#"{"endpoint":"whoami","fault":{"kind":"problem","problem":"forbidden"},"times":null}"#],
        "signed in, unlabelled; 1 exchanged; alive",
    ),
    row(
        "F20 whoami client_not_enrolled",
        Deed::SignIn,
        Act::None,
        &[
            r#"{"endpoint":"whoami","fault":{"kind":"problem","problem":"client_not_enrolled"},"times":null}"#,
        ],
        "signed in, unlabelled; 1 exchanged; alive",
    ),
    row(
        "F20 whoami out_of_credits",
        Deed::SignIn,
        Act::None,
        &[
            r#"{"endpoint":"whoami","fault":{"kind":"problem","problem":"out_of_credits"},"times":null}"#,
        ],
        "signed in, unlabelled; 1 exchanged; alive",
    ),
    row(
        "F20 whoami too_many_requests",
        Deed::SignIn,
        Act::None,
        &[
            r#"{"endpoint":"whoami","fault":{"kind":"problem","problem":"too_many_requests"},"times":null}"#,
        ],
        "signed in, unlabelled; 1 exchanged; alive",
    ),
    row(
        "F20 whoami service_unavailable",
        Deed::SignIn,
        Act::None,
        &[
            r#"{"endpoint":"whoami","fault":{"kind":"problem","problem":"service_unavailable"},"times":null}"#,
        ],
        "signed in, unlabelled; 1 exchanged; alive",
    ),
    row(
        "F20 whoami without a username",
        Deed::SignIn,
        Act::None,
        &[r#"{"endpoint":"whoami","fault":{"kind":"odd","answer":"missing_username"},"times":1}"#],
        "signed in; 1 exchanged; alive",
    ),
    row(
        "exchange: gateway error",
        Deed::SignIn,
        Act::None,
        &[
            r#"{"endpoint":"exchange","fault":{"kind":"status","status":503,"body":"html"},"times":1}"#,
        ],
        "says InDoubt; 0 exchanged; no login",
    ),
    row(
        "exchange: answer lost",
        Deed::SignIn,
        Act::None,
        &[
            r#"{"endpoint":"exchange","fault":{"kind":"drop","at":"before_headers"},"moment":"after_commit","times":1}"#,
        ],
        "says InDoubt; 1 exchanged; no login",
    ),
];
