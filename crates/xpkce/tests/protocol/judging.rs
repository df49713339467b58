//! Answers that succeed, and what is read out of them.

use std::time::Duration;

use proptest::prelude::*;
use xpkce::token::{judge_exchange, judge_refresh, judge_revoke, rejudge};
use xpkce::{RefreshAnswer, Rotated, Scopes, Timestamp, judge_user};

use crate::silence::Silence;
use crate::support::{NOW, PAIR, With as _, answer};

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
        let body = format!(
            r#"{{"access_token":"old-access","refresh_token":"old-refresh","scope":7{expires_in}}}"#
        );
        let odd = rotated(&body);
        assert_eq!(odd.access.unwrap().expires_in, DAY, "{body}");
        assert_eq!(odd.scopes, None);
        assert!(odd.refresh.is_some());
    }
}

#[test]
fn a_life_may_be_a_text_or_have_a_fraction() {
    for (written, secs) in [("60", 60), ("\"60\"", 60), ("60.9", 60), ("\" 60.5 \"", 60)] {
        let odd = rotated(&format!(r#"{{"access_token":"old-access","expires_in":{written}}}"#));
        assert_eq!(odd.access.unwrap().expires_in, Duration::from_secs(secs), "{written}");
    }
}

#[test]
fn what_is_not_known_is_kept() {
    let odd =
        rotated(r#"{"access_token":"old-access","scope":"new.scope tweet.read","color":"blue"}"#);
    assert!(odd.scopes.unwrap().contains("new.scope"));
    assert_eq!(odd.other["color"], "blue");
}

#[test]
fn either_token_alone_is_success() {
    let refresh_alone = rotated(r#"{"refresh_token":"old-refresh","access_token":""}"#);
    assert!(refresh_alone.access.is_none() && refresh_alone.refresh.is_some());
    let access_alone = rotated(r#"{"access_token":"old-access"}"#);
    assert!(access_alone.access.is_some() && access_alone.refresh.is_none());
    let unusable_access = rotated(r#"{"refresh_token":"old-refresh","access_token":"a\nb"}"#);
    assert!(unusable_access.access.is_none());
}

#[test]
fn an_encodings_faults_cost_nothing() {
    Silence::listen();
    let mut body = b"\xEF\xBB\xBF".to_vec();
    body.extend_from_slice(b"{\"name\":\"\xFF\",\"refresh_token\":\"old-refresh\"}");
    assert!(rejudge(200, &body, NOW).unwrap().refresh.unwrap().matches("old-refresh"));
}

#[test]
fn an_answer_that_was_cut_gives_what_it_has() {
    let cut = r#"{"token_type":"bearer","refresh_token":"whole\u002Dtoken","access_token":"cu"#;
    let odd = rotated(cut);
    assert_eq!(odd.refresh.unwrap().expose(), "whole-token");
    assert!(odd.access.is_none());
    assert!(rotated(r#"{"refresh_token":"old-refresh","life":NaN}"#).refresh.is_some());
    assert!(rotated("{\"refresh_token\":\"old-refresh\"}\n<!-- edge -->").refresh.is_some());
}

#[test]
fn a_value_that_cannot_be_read_costs_that_field_and_not_the_pair() {
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    for value in ["1e400", r#""\ud83d""#, &deep] {
        for name in ["expires_in", "scope", "token_type", "note", "error"] {
            let odd = rotated(&format!(r#"{{"access_token":"old-access","{name}":{value}}}"#));
            assert_eq!(odd.access.unwrap().expires_in, DAY, "{name} {value}");
            let body = format!(
                r#"{{"old":{{"refresh_token":"old-refresh"}},"hint":"refresh_token","refresh_token":"new-refresh","{name}":{value},"expires_in":60,"error":null}}"#
            );
            assert_eq!(rotated(&body).refresh.unwrap().expose(), "new-refresh", "{name} {value}");
        }
    }
    let odd =
        rotated(r#"{"access_token":"old-access","scope":"tweet.read","expires_in":60,"x":1e400}"#);
    assert_eq!(odd.access.unwrap().expires_in, Duration::from_secs(60));
    assert_eq!(odd.scopes, Some(Scopes::parse("tweet.read")));
}

#[test]
fn a_refresh_token_that_can_be_none_leaves_the_old_one() {
    for odd in [" ", "\\t\\r\\n", "\\u3000", "a\\u0000b", "a\\nb", "a\\u0085b"] {
        let pair = rotated(&format!(r#"{{"access_token":"old-access","refresh_token":"{odd}"}}"#));
        assert!(pair.refresh.is_none(), "{odd}");
        let alone = answer(200, &format!(r#"{{"refresh_token":"{odd}"}}"#));
        assert!(matches!(judge_refresh(&alone, NOW), RefreshAnswer::Unreadable(_)), "{odd}");
    }
    assert!(rotated(r#"{"refresh_token":"no ascii: é"}"#).refresh.is_some());
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
        r#"{"data":{"access_token":"old-access"}}"#,
        r#"{"access_token":null,"refresh_token":5}"#,
        r#"{"refresh_token":"cu"#,
        r#"{"access_token":"fake-whole","refresh_token":" ","cu"#,
        r#"{"access_token":"fake-whole","old":{"refresh_token":"fake-old","cu"#,
        r#"{"access_token":"fake-whole","refresh_token":"cu"#,
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
    Silence::listen();
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
