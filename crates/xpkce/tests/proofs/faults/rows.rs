//! The faults of a login in use, and what each comes to. On a refresh: what the caller got, how many token requests
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

pub const fn row(
    fault: &'static str,
    deed: Deed,
    act: Act,
    rules: &'static [&'static str],
    outcome: &'static str,
) -> Row {
    Row { fault, deed, act, rules, outcome }
}

const fn refresh(
    fault: &'static str,
    rules: &'static [&'static str],
    outcome: &'static str,
) -> Row {
    row(fault, Deed::Refresh, Act::None, rules, outcome)
}

pub const fn sign_in(
    fault: &'static str,
    rules: &'static [&'static str],
    outcome: &'static str,
) -> Row {
    row(fault, Deed::SignIn, Act::None, rules, outcome)
}

pub static ROWS: [Row; 51] = [
    refresh(
        "F1 request lost",
        &[r#"{"endpoint":"refresh","fault":{"kind":"reset"},"times":1}"#],
        "generation 2; 2 sent; ready; alive",
    ),
    refresh(
        "F1 request lost twice",
        &[r#"{"endpoint":"refresh","fault":{"kind":"reset"},"times":2}"#],
        "says InDoubt; 2 sent; in_doubt; alive",
    ),
    refresh(
        "F1 answer cut before headers",
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"drop","at":"before_headers"},"moment":"after_commit","times":1}"#,
        ],
        "says Retry; 2 sent; rejected; dead, `answer_lost`",
    ),
    refresh(
        "F1 answer cut after headers",
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"drop","at":"after_headers"},"moment":"after_commit","times":1}"#,
        ],
        "says Retry; 2 sent; rejected; dead, `answer_lost`",
    ),
    refresh(
        "F1 answer cut mid body",
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"drop","at":"mid_body"},"moment":"after_commit","times":1}"#,
        ],
        "says Retry; 2 sent; rejected; dead, `answer_lost` or generation 3; 2 sent; ready; alive",
    ),
    refresh(
        "F2 slow",
        &[r#"{"endpoint":"refresh","fault":{"kind":"slow"},"times":1,"delay_ms":300}"#],
        "generation 2; 1 sent; ready; alive",
    ),
    refresh(
        "F2 trickle",
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"trickle","bytes":64,"pause_ms":10},"times":1}"#,
        ],
        "generation 2; 1 sent; ready; alive",
    ),
    row(
        "F2 slower than the client waits, before the commit",
        Deed::Refresh,
        Act::Hurry,
        &[r#"{"endpoint":"refresh","fault":{"kind":"slow"},"times":1,"delay_ms":60000}"#],
        "generation 2; 2 sent; ready; alive",
    ),
    row(
        "F2 slower than the client waits, after the commit",
        Deed::Refresh,
        Act::Hurry,
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"slow"},"moment":"after_commit","times":1,"delay_ms":60000}"#,
        ],
        "says Retry; 2 sent; rejected; dead, `answer_lost`",
    ),
    refresh(
        "F3 503 html, once",
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"status","status":503,"body":"html"},"times":1}"#,
        ],
        "generation 2; 2 sent; ready; alive",
    ),
    refresh(
        "F3 503 json, once",
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"status","status":503,"body":"json"},"times":1}"#,
        ],
        "generation 2; 2 sent; ready; alive",
    ),
    refresh(
        "F3 503 empty, once",
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"status","status":503,"body":"empty"},"times":1}"#,
        ],
        "generation 2; 2 sent; ready; alive",
    ),
    refresh(
        "F3 503, three times",
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"status","status":503,"body":"html"},"times":3}"#,
        ],
        "says InDoubt; 2 sent; in_doubt; alive",
    ),
    refresh(
        "F3 500 after the commit",
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"status","status":500,"body":"json"},"moment":"after_commit","times":1}"#,
        ],
        "says Retry; 2 sent; rejected; dead, `answer_lost`",
    ),
    refresh(
        "F4 reset on a reused connection",
        &[r#"{"endpoint":"refresh","fault":{"kind":"reset_reused"},"times":1}"#],
        "generation 2; 2 sent; ready; alive",
    ),
    row(
        "F4 connection refused",
        Deed::Refresh,
        Act::Refuse,
        &[],
        "says Retry; 0 sent; ready; alive",
    ),
    refresh(
        "F5 cloudflare",
        &[r#"{"endpoint":"refresh","fault":{"kind":"cloudflare"},"times":1}"#],
        "says InDoubt; 1 sent; in_doubt; alive",
    ),
    refresh(
        "F5 empty_not_found",
        &[r#"{"endpoint":"refresh","fault":{"kind":"empty_not_found"},"times":1}"#],
        "says InDoubt; 1 sent; in_doubt; alive",
    ),
    refresh(
        "F5 plain_not_found",
        &[r#"{"endpoint":"refresh","fault":{"kind":"plain_not_found"},"times":1}"#],
        "says InDoubt; 1 sent; in_doubt; alive",
    ),
    refresh(
        "F5 truncated_json",
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"truncated_json"},"moment":"after_commit","times":1}"#,
        ],
        "says InDoubt; 1 sent; in_doubt; dead, `answer_lost` or generation 3; 2 sent; ready; alive",
    ),
    refresh(
        "F5 broken_gzip",
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"broken_gzip"},"moment":"after_commit","times":1}"#,
        ],
        "generation 2; 1 sent; ready; alive",
    ),
    refresh(
        "F5 error_inside200",
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"error_inside200"},"moment":"after_commit","times":1}"#,
        ],
        "says InDoubt; 1 sent; in_doubt; dead, `answer_lost`",
    ),
    refresh(
        "F5 html_inside200",
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"html_inside200"},"moment":"after_commit","times":1}"#,
        ],
        "says InDoubt; 1 sent; in_doubt; dead, `answer_lost`",
    ),
    refresh(
        "F5 empty200",
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"empty200"},"moment":"after_commit","times":1}"#,
        ],
        "says InDoubt; 1 sent; in_doubt; dead, `answer_lost`",
    ),
    refresh(
        "F5 huge_body",
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"huge_body"},"moment":"after_commit","times":1}"#,
        ],
        "generation 2; 1 sent; ready; alive",
    ),
    refresh(
        "F5 no access token",
        &[r#"{"endpoint":"refresh","fault":{"kind":"odd","answer":"no_access_token"},"times":1}"#],
        "generation 3; 2 sent; ready; alive",
    ),
    refresh(
        "F6 429, reset in 30 s",
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"rate_limited","reset_in":30,"retry_after":null},"times":1}"#,
        ],
        "says Retry; 1 sent; ready; alive",
    ),
    refresh(
        "F6 429, reset in the past",
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"rate_limited","reset_in":-30,"retry_after":null},"times":1}"#,
        ],
        "says Retry; 1 sent; ready; alive",
    ),
    refresh(
        "F6 429, no headers",
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
    refresh(
        "F14 no_refresh_token",
        &[r#"{"endpoint":"refresh","fault":{"kind":"odd","answer":"no_refresh_token"},"times":1}"#],
        "generation 2; 1 sent; ready; dead, `token_invalid`",
    ),
    refresh(
        "F14 empty_refresh_token",
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"odd","answer":"empty_refresh_token"},"times":1}"#,
        ],
        "generation 2; 1 sent; ready; dead, `token_invalid`",
    ),
    refresh(
        "F14 no_expires_in",
        &[r#"{"endpoint":"refresh","fault":{"kind":"odd","answer":"no_expires_in"},"times":1}"#],
        "generation 2; 1 sent; ready; alive",
    ),
    refresh(
        "F14 expires_in_string",
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"odd","answer":"expires_in_string"},"times":1}"#,
        ],
        "generation 2; 1 sent; ready; alive",
    ),
    refresh(
        "F14 expires_in_zero",
        &[r#"{"endpoint":"refresh","fault":{"kind":"odd","answer":"expires_in_zero"},"times":1}"#],
        "generation 2; 1 sent; ready; alive",
    ),
    refresh(
        "F14 expires_in_negative",
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"odd","answer":"expires_in_negative"},"times":1}"#,
        ],
        "generation 2; 1 sent; ready; alive",
    ),
    refresh(
        "F14 expires_in_fraction",
        &[
            r#"{"endpoint":"refresh","fault":{"kind":"odd","answer":"expires_in_fraction"},"times":1}"#,
        ],
        "generation 2; 1 sent; ready; alive",
    ),
    refresh(
        "F14 unknown_scope",
        &[r#"{"endpoint":"refresh","fault":{"kind":"odd","answer":"unknown_scope"},"times":1}"#],
        "generation 2; 1 sent; ready; alive",
    ),
    refresh(
        "F14 missing_scope",
        &[r#"{"endpoint":"refresh","fault":{"kind":"odd","answer":"missing_scope"},"times":1}"#],
        "generation 2; 1 sent; ready; alive",
    ),
    refresh(
        "F14 fewer_scopes",
        &[r#"{"endpoint":"refresh","fault":{"kind":"odd","answer":"fewer_scopes"},"times":1}"#],
        "generation 2; 1 sent; ready; alive",
    ),
    refresh(
        "F14 capital_bearer",
        &[r#"{"endpoint":"refresh","fault":{"kind":"odd","answer":"capital_bearer"},"times":1}"#],
        "generation 2; 1 sent; ready; alive",
    ),
    refresh(
        "F14 extra_fields",
        &[r#"{"endpoint":"refresh","fault":{"kind":"odd","answer":"extra_fields"},"times":1}"#],
        "generation 2; 1 sent; ready; alive",
    ),
    refresh(
        "F14 long_tokens",
        &[r#"{"endpoint":"refresh","fault":{"kind":"odd","answer":"long_tokens"},"times":1}"#],
        "generation 2; 1 sent; ready; alive",
    ),
    refresh(
        "F15 Date a day ahead",
        &[r#"{"endpoint":"refresh","fault":{"kind":"skewed_date","seconds":86400},"times":1}"#],
        "generation 2; 1 sent; ready; alive",
    ),
    refresh(
        "F15 Date a day behind",
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
];
