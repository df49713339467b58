//! Answers that refuse, and what they say of the token.

use std::time::Duration;

use xpkce::token::{judge_exchange, judge_refresh, judge_revoke};
use xpkce::{ErrorKind, Reason, RefreshAnswer};

use crate::support::{NOW, With as _, answer, dead_token, oauth_error};

/// The rows of X's table: status, error, description; what a refresh and an exchange make of it.
#[test]
fn xs_table_is_read_row_by_row() {
    use Reason::*;
    let table = [
        (
            400,
            "invalid_request",
            "Value passed for the token was invalid.",
            "Rejected",
            CodeRejected,
        ),
        (
            400,
            "invalid_request",
            "Value passed for the authorization code was invalid.",
            "Unknown",
            CodeRejected,
        ),
        (
            400,
            "invalid_request",
            "Value passed for the code verifier did not match the code challenge.",
            "Unknown",
            VerifierMismatch,
        ),
        (
            400,
            "invalid_request",
            "Value passed for the redirect uri did not match the uri of the authorization code.",
            "Unknown",
            RedirectMismatch,
        ),
        (
            400,
            "invalid_request",
            "Missing required parameter [code_verifier].",
            "Unknown",
            VerifierMismatch,
        ),
        (
            400,
            "invalid_request",
            "Missing required parameter [client_id].",
            "Misconfigured",
            WrongClientId,
        ),
        (
            400,
            "invalid_request",
            "Value passed for the grant type was invalid. Grant type should be one of [authorization_code, refresh_token].",
            "Unknown",
            UnexpectedAnswer,
        ),
        (
            400,
            "invalid_client",
            "Value passed for the client id was invalid.",
            "Misconfigured",
            WrongClientId,
        ),
        (
            401,
            "unauthorized_client",
            "Missing valid authorization header",
            "Misconfigured",
            WrongSecretOrAppType,
        ),
        (401, "invalid_client", "", "Misconfigured", WrongSecretOrAppType),
        (400, "unauthorized_client", "", "Misconfigured", WrongSecretOrAppType),
        (400, "invalid_grant", "anything", "Rejected", CodeRejected),
        (400, "invalid_request", "Something new.", "Unknown", UnexpectedAnswer),
        (403, "", "", "Unknown", UnexpectedAnswer),
        (404, "", "", "Unknown", UnexpectedAnswer),
        (302, "", "", "Unknown", UnexpectedAnswer),
        (503, "", "", "Resend", OutcomeUnknown),
        (429, "", "", "Limited", RateLimited),
    ];
    for (status, error, description, refresh, exchange) in table {
        let response = oauth_error(status, error, description).with("x-transaction-id", "t1");
        let (name, seen) = verdict(judge_refresh(&response, NOW));
        assert_eq!(name, refresh, "{status} {error} {description}");
        assert_eq!(seen.status(), Some(status));
        assert_eq!(seen.transaction_id(), Some("t1"));
        let seen = judge_exchange(&response, NOW).unwrap_err();
        assert_eq!(seen.reason(), exchange, "{status} {error} {description}");
        assert!(seen.hint().is_some());
    }
}

#[test]
fn a_refusal_says_what_it_means_and_what_to_do() {
    let of = |error: &str, description: &str| oauth_error(400, error, description);
    for (response, message, hint) in [
        (dead_token(), "the token is spent", "sign in again"),
        (of("invalid_grant", ""), "the grant is invalid", "sign in again"),
        (
            of("invalid_request", "Value passed for the authorization code was invalid."),
            "the code is expired",
            "within 30 seconds",
        ),
        (
            of(
                "invalid_request",
                "Value passed for the code verifier did not match the code challenge.",
            ),
            "the code verifier",
            "that same sign-in",
        ),
        (
            of(
                "invalid_request",
                "Value passed for the redirect uri did not match the uri of the authorization code.",
            ),
            "the redirect URI",
            "one redirect URI",
        ),
        (
            of("invalid_client", "Value passed for the client id was invalid."),
            "the client id",
            "Copy the OAuth 2.0 Client ID",
        ),
        (oauth_error(401, "invalid_client", ""), "the secret is wrong", "check the secret"),
        (answer(429, ""), "asks to wait", "after the wait"),
        (answer(503, ""), "failed with 503", "begin the sign-in again"),
        (answer(418, ""), "answered 418", "transaction id"),
    ] {
        let why = judge_exchange(&response, NOW).unwrap_err();
        assert!(why.to_string().contains(message), "{why}");
        assert!(why.hint().unwrap().contains(hint), "{message}: {why:?}");
    }
}

fn verdict(answer: RefreshAnswer) -> (&'static str, xpkce::Error) {
    match answer {
        RefreshAnswer::Rejected(error) => ("Rejected", error),
        RefreshAnswer::Misconfigured(error) => ("Misconfigured", error),
        RefreshAnswer::Limited(error) => ("Limited", error),
        RefreshAnswer::Unknown { error, resend: true } => ("Resend", error),
        RefreshAnswer::Unknown { error, resend: false } => ("Unknown", error),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_page_of_html_says_nothing_about_the_token() {
    for (status, name) in [(400, "Unknown"), (403, "Unknown"), (404, "Unknown"), (500, "Resend")] {
        let (seen, error) = verdict(judge_refresh(&answer(status, "<html>secret</html>"), NOW));
        assert_eq!(seen, name);
        assert!(!format!("{error} {error:?}").contains("secret"));
        assert_eq!(error.kind(), ErrorKind::InDoubt);
    }
}

#[test]
fn what_x_wrote_is_not_in_the_error() {
    let response = oauth_error(400, "invalid_request\u{1b}[31m", "s3cret \u{1b}[31m")
        .with("x-transaction-id", "spaces are no id");
    let (_, error) = verdict(judge_refresh(&response, NOW));
    let shown = format!("{error} {error:?} {:?}", error.hint());
    assert!(!shown.contains("s3cret") && !shown.contains('\u{1b}'));
    assert_eq!(error.transaction_id(), None);
}

#[test]
fn a_limit_says_for_how_long_within_bounds() {
    let reset = |secs: i64| (NOW.as_secs() + secs).to_string();
    let wait = |response| verdict(judge_refresh(&response, NOW)).1.retry_after().unwrap().as_secs();
    assert_eq!(wait(answer(429, "")), 60);
    assert_eq!(wait(answer(429, "").with("x-rate-limit-reset", &reset(90))), 90);
    assert_eq!(wait(answer(429, "").with("x-rate-limit-reset", &reset(-90))), 1);
    assert_eq!(wait(answer(429, "").with("x-rate-limit-reset", &reset(86_400))), 900);
    assert_eq!(wait(answer(429, "").with("x-rate-limit-reset", "soon")), 60);
    assert_eq!(wait(answer(429, "").with("x-rate-limit-reset", "9223372036854775807")), 900);
    assert_eq!(wait(answer(429, "").with("retry-after", "30")), 30);
    assert_eq!(wait(answer(429, "").with("retry-after", "-30")), 60);
    // The reset is by X's clock, which its Date tells.
    let skewed = answer(429, "")
        .with("date", "Sun, 06 Nov 1994 08:49:37 GMT")
        .with("x-rate-limit-reset", "784111797");
    assert_eq!(wait(skewed), 20);
    let dated = answer(429, "")
        .with("date", "Sun, 06 Nov 1994 08:49:37 GMT")
        .with("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT");
    assert_eq!(wait(dated), 60);
}

#[test]
fn a_failing_server_says_for_how_long_by_retry_after_alone() {
    let wait = |response| verdict(judge_refresh(&response, NOW)).1.retry_after();
    // As X documents them for every answer.
    let failing = || {
        answer(503, "")
            .with("x-rate-limit-limit", "75")
            .with("x-rate-limit-remaining", "74")
            .with("x-rate-limit-reset", &(NOW.as_secs() + 840).to_string())
    };
    assert_eq!(wait(failing()), None);
    assert_eq!(wait(failing().with("retry-after", "30")), Some(Duration::from_secs(30)));
    assert_eq!(wait(failing().with("retry-after", "9999")), Some(Duration::from_secs(900)));
}

#[test]
fn revoking_what_is_gone_is_success() {
    for response in [
        answer(200, r#"{"revoked":true}"#),
        answer(200, ""),
        answer(204, ""),
        answer(200, "{}"),
        dead_token(),
        oauth_error(400, "invalid_grant", ""),
    ] {
        assert!(judge_revoke(&response, NOW).is_ok(), "{response:?}");
    }
    for (response, kind) in [
        (answer(200, r#"{"revoked":false}"#), ErrorKind::Protocol),
        (answer(200, r#"{"error":"x"}"#), ErrorKind::Protocol),
        (answer(200, "<html>"), ErrorKind::Protocol),
        (answer(503, ""), ErrorKind::Retry),
        (answer(429, ""), ErrorKind::Retry),
        (answer(401, ""), ErrorKind::Configure),
        (answer(404, ""), ErrorKind::Protocol),
    ] {
        assert_eq!(judge_revoke(&response, NOW).unwrap_err().kind(), kind);
    }
}
