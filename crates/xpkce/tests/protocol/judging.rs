//! Answers and their verdicts.

use std::time::Duration;

use proptest::prelude::*;
use xpkce::token::{judge_exchange, judge_refresh, judge_revoke, rejudge};
use xpkce::{ErrorKind, Reason, RefreshAnswer, Rotated, Scopes, Timestamp, Token, judge_user};

use crate::support::{NOW, PAIR, With as _, answer, dead_token, oauth_error};

const DAY: Duration = Duration::from_secs(7200);

fn rotated(body: &str) -> Rotated {
    match judge_refresh(&answer(200, body), NOW) {
        RefreshAnswer::Rotated(rotated) => rotated,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pair_is_a_pair() {
    let pair = rotated(PAIR);
    let access = pair.access.unwrap();
    assert_eq!(access.access_token.expose(), "new-access");
    assert_eq!(access.token_type, "bearer");
    assert_eq!(access.expires_at, NOW + DAY);
    assert_eq!(pair.refresh.unwrap().expose(), "new-refresh");
    assert_eq!(pair.scopes, Some(Scopes::parse("offline.access tweet.read users.read")));
}

#[test]
fn an_odd_field_costs_that_field_and_not_the_pair() {
    for expires_in in [
        "",
        r#","expires_in":null"#,
        r#","expires_in":"soon""#,
        r#","expires_in":0"#,
        r#","expires_in":-5"#,
        r#","expires_in":1e300"#,
        r#","expires_in":31536001"#,
        r#","expires_in":[1]"#,
        r#","expires_in":"""#,
    ] {
        let body = format!(r#"{{"access_token":"a","refresh_token":"r","scope":7{expires_in}}}"#);
        let odd = rotated(&body);
        assert_eq!(odd.access.unwrap().expires_in, DAY, "{body}");
        assert_eq!(odd.scopes, None);
        assert!(odd.refresh.is_some());
    }
}

#[test]
fn a_life_may_be_a_text_or_have_a_fraction() {
    for (written, secs) in [("60", 60), ("\"60\"", 60), ("60.9", 60), ("\" 60.5 \"", 60)] {
        let odd = rotated(&format!(r#"{{"access_token":"a","expires_in":{written}}}"#));
        assert_eq!(odd.access.unwrap().expires_in, Duration::from_secs(secs), "{written}");
    }
}

#[test]
fn what_is_not_known_is_kept() {
    let odd = rotated(r#"{"access_token":"a","scope":"new.scope tweet.read","color":"blue"}"#);
    assert!(odd.scopes.unwrap().contains("new.scope"));
    assert_eq!(odd.other["color"], "blue");
}

#[test]
fn either_token_alone_is_success() {
    let refresh_alone = rotated(r#"{"refresh_token":"r","access_token":""}"#);
    assert!(refresh_alone.access.is_none() && refresh_alone.refresh.is_some());
    let access_alone = rotated(r#"{"access_token":"a"}"#);
    assert!(access_alone.access.is_some() && access_alone.refresh.is_none());
    let unusable_access = rotated(r#"{"refresh_token":"r","access_token":"a\nb"}"#);
    assert!(unusable_access.access.is_none());
}

#[test]
fn an_encodings_faults_cost_nothing() {
    let mut body = b"\xEF\xBB\xBF".to_vec();
    body.extend_from_slice(b"{\"name\":\"\xFF\",\"refresh_token\":\"r\"}");
    assert!(rejudge(200, &body, NOW).unwrap().refresh.unwrap().matches("r"));
}

#[test]
fn an_answer_that_was_cut_gives_what_it_has() {
    let cut = r#"{"token_type":"bearer","refresh_token":"whole\u002Dtoken","access_token":"cu"#;
    let odd = rotated(cut);
    assert_eq!(odd.refresh.unwrap().expose(), "whole-token");
    assert!(odd.access.is_none());
    assert!(rotated(r#"{"refresh_token":"r","life":NaN}"#).refresh.is_some());
    assert!(rotated("{\"refresh_token\":\"r\"}\n<!-- edge -->").refresh.is_some());
}

#[test]
fn a_success_without_a_token_is_kept_as_it_came() {
    for body in [
        "",
        "null",
        "[]",
        "<html>",
        "{}",
        r#"{"error":"invalid_request"}"#,
        r#"{"data":{"access_token":"a"}}"#,
        r#"{"access_token":null,"refresh_token":5}"#,
        r#"{"refresh_token":"cu"#,
        r#"{"access_token":"whole","refresh_token":"cu"#,
        r#"{"error":"invalid_request","sent":{"refresh_token":"old"}"#,
    ] {
        match judge_refresh(&answer(200, body), NOW) {
            RefreshAnswer::Unreadable(kept) => assert_eq!(*kept.body, body.as_bytes()),
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn a_kept_body_is_judged_by_when_it_came() {
    assert!(rejudge(200, b"{}", NOW).is_none());
    assert!(rejudge(500, PAIR.as_bytes(), NOW).is_none());
    let access = rejudge(200, PAIR.as_bytes(), NOW).unwrap().access.unwrap();
    assert_eq!(access.expires_at, NOW + DAY);
}

#[test]
fn the_servers_clock_is_kept_and_not_believed() {
    let response = answer(200, PAIR).with("date", "Sun, 06 Nov 1994 08:49:37 GMT");
    let RefreshAnswer::Rotated(pair) = judge_refresh(&response, NOW) else { panic!() };
    assert_eq!(pair.server_date, Some(Timestamp::from_secs(784_111_777)));
    assert_eq!(pair.access.unwrap().expires_at, NOW + DAY);
}

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

#[test]
fn a_user_is_read_as_far_as_it_goes() {
    let body = r#"{"data":{"id":"2244994945","name":"X \u001b[31mDevs","username":"XDevelopers"}}"#;
    let user = judge_user(&answer(200, body), NOW).unwrap();
    assert_eq!(user.id, "2244994945");
    assert_eq!(user.name.as_deref(), Some("X [31mDevs"));
    assert_eq!(user.username.as_deref(), Some("XDevelopers"));
    let user = judge_user(&answer(200, r#"{"data":{"id":7}}"#), NOW).unwrap();
    assert_eq!((user.id.as_str(), user.name, user.username), ("7", None, None));
}

#[test]
fn a_user_that_is_not_told_is_an_error_by_its_kind() {
    let not_enrolled = r#"{"reason":"client-not-enrolled","title":"Client Forbidden"}"#;
    for (status, body, reason) in [
        (401, r#"{"title":"Unauthorized"}"#, Reason::TokenRejected),
        (402, "", Reason::Refused),
        (403, r#"{"title":"Forbidden"}"#, Reason::Refused),
        (403, not_enrolled, Reason::Refused),
        (404, "", Reason::Refused),
        (429, r#"{"errors":[{"code":88}]}"#, Reason::RateLimited),
        (503, "", Reason::Outage),
        (200, r#"{"errors":[{"title":"Not Found"}]}"#, Reason::Refused),
        (200, r#"{"data":{"id":"   "}}"#, Reason::Refused),
        (200, "<html>", Reason::Refused),
    ] {
        assert_eq!(judge_user(&answer(status, body), NOW).unwrap_err().reason(), reason, "{body}");
    }
    let error = judge_user(&answer(403, not_enrolled), NOW).unwrap_err();
    assert!(error.to_string().contains("enrolled"));
}

#[test]
fn a_token_of_xs_class_comes_back_the_same() {
    let json = r#"{"access_token":"a","token_type":"bearer","expires_in":7200,
        "refresh_token":"r","scope":"tweet.read users.read","expires_at":1800000000.25,"new":[1]}"#;
    let token = Token::from_json(json).unwrap();
    assert_eq!(token.expires_at, Some(Timestamp::from_millis(1_800_000_000_250)));
    let written: serde_json::Value = serde_json::from_str(&token.to_json()).unwrap();
    assert_eq!(written, serde_json::from_str::<serde_json::Value>(json).unwrap());
}

#[test]
fn a_written_token_is_in_one_buffer_that_never_grew() {
    let token = Token::from_json(r#"{"access_token":"a","refresh_token":"r","new":"n"}"#).unwrap();
    let written: zeroize::Zeroizing<String> = token.to_json();
    assert_eq!(written.capacity(), written.len());
    let written: zeroize::Zeroizing<String> = crate::support::login().to_json();
    assert_eq!(written.capacity(), written.len());
}

#[test]
fn a_field_of_its_own_is_written_once_whatever_else_is_called_so() {
    let json = r#"{"access_token":"a","refresh_token":"r","new":[1]}"#;
    let mut token = Token::from_json(json).unwrap();
    token.other.insert("refresh_token".into(), "another".into());
    assert_eq!(token.to_json().matches("refresh_token").count(), 1);
    assert_eq!(token.to_value()["refresh_token"], "r");
    token.refresh_token = None;
    assert_eq!(token.to_value()["refresh_token"], "another");
}

#[test]
fn a_token_may_have_its_scopes_as_a_list_and_its_times_as_texts() {
    let json =
        r#"{"access_token":"a","scope":["tweet.read","users.read"],"expires_at":"1800000000"}"#;
    let token = Token::from_json(json).unwrap();
    assert_eq!(token.scopes, Some(Scopes::parse("tweet.read users.read")));
    assert_eq!(token.to_value()["expires_at"], 1_800_000_000);
    assert_eq!(token.token_type, "bearer");
}

#[test]
fn a_token_without_an_access_token_is_none() {
    for json in ["", "[]", "{}", r#"{"access_token":""}"#, r#"{"access_token":"a\nb"}"#] {
        assert_eq!(Token::from_json(json).unwrap_err().kind(), ErrorKind::Configure, "{json}");
    }
}

#[test]
fn a_token_counts_as_expired_ten_seconds_early() {
    let token = |json: &str| Token::from_json(json).unwrap();
    assert!(token(r#"{"access_token":"a"}"#).is_expired(NOW));
    let dated = token(r#"{"access_token":"a","expires_at":1800000010.001}"#);
    assert!(!dated.is_expired(NOW));
    assert!(dated.is_expired(NOW + Duration::from_millis(1)));
}

#[test]
fn debug_shows_no_token() {
    let pair = rotated(&PAIR.replace("7200", r#"7200,"id_token":"new-identity""#));
    let shown = format!("{pair:?} {:?}", pair.access);
    let token = pair.into_token().unwrap();
    assert!(!format!("{shown} {token:?}").contains("new-"));
}

proptest! {
    #[test]
    fn every_answer_has_a_verdict(status in 100..600_u16, body in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut response = answer(status, "");
        response.body = zeroize::Zeroizing::new(body);
        let _ = judge_refresh(&response, NOW);
        let _ = judge_exchange(&response, NOW);
        let _ = judge_revoke(&response, NOW);
        let _ = judge_user(&response, NOW);
        let _ = rejudge(status, &response.body, NOW);
    }

    #[test]
    fn a_refresh_token_in_a_success_is_never_dropped(
        refresh in "[!-~]{1,120}",
        expires_in in prop_oneof![any::<f64>().prop_map(|n| serde_json::json!(n)), ".*".prop_map(|t| serde_json::json!(t)), any::<i64>().prop_map(|n| serde_json::json!(n))],
        scope in prop_oneof![".*".prop_map(|t| serde_json::json!(t)), any::<bool>().prop_map(|b| serde_json::json!(b))],
        extra in ".*",
    ) {
        let body = serde_json::json!({
            "refresh_token": refresh, "expires_in": expires_in, "scope": scope, "extra": extra,
        });
        let pair = rotated(&body.to_string());
        prop_assert!(pair.refresh.unwrap().matches(&refresh));
    }

    #[test]
    fn a_cut_answer_never_gives_half_a_token(at in 0..160_usize) {
        let whole = r#"{"access_token":"the-access-token","refresh_token":"the-refresh-token","scope":"tweet.read"}"#;
        let cut = &whole[..at.min(whole.len())];
        if let RefreshAnswer::Rotated(pair) = judge_refresh(&answer(200, cut), NOW) {
            prop_assert!(pair.access.is_none_or(|it| it.access_token.matches("the-access-token")));
            prop_assert!(pair.refresh.is_none_or(|it| it.matches("the-refresh-token")));
        }
    }
}
