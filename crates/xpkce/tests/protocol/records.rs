//! A token as it is kept: the JSON object of X's Python class.

use std::time::Duration;

use xpkce::{ErrorKind, Scopes, Timestamp, Token};

use crate::silence::Silence;
use crate::support::NOW;

/// Reads one, and listens to what is said of it.
fn token(json: &str) -> Token {
    let silence = Silence::listen();
    let token = Token::from_json(json).unwrap();
    silence.hear(&token);
    token
}

#[test]
fn a_token_of_xs_class_comes_back_the_same() {
    let json = r#"{"access_token":"old-access","token_type":"bearer","expires_in":7200,
        "refresh_token":"old-refresh","scope":"tweet.read users.read","expires_at":1800000000.25,"new":[1]}"#;
    let token = token(json);
    assert_eq!(token.expires_at, Some(Timestamp::from_millis(1_800_000_000_250)));
    let written: serde_json::Value = serde_json::from_str(&token.to_json()).unwrap();
    assert_eq!(written, serde_json::from_str::<serde_json::Value>(json).unwrap());
}

#[test]
fn a_written_token_is_in_one_buffer_that_never_grew() {
    let token = Token::from_json(
        r#"{"access_token":"old-access","refresh_token":"old-refresh","new":"n"}"#,
    )
    .unwrap();
    let written: zeroize::Zeroizing<String> = token.to_json();
    assert_eq!(written.capacity(), written.len());
    let written: zeroize::Zeroizing<String> = crate::support::login().to_json();
    assert_eq!(written.capacity(), written.len());
}

#[test]
fn a_field_of_its_own_is_written_once_whatever_else_is_called_so() {
    let json = r#"{"access_token":"old-access","refresh_token":"old-refresh","new":[1]}"#;
    let mut token = token(json);
    token.other.insert("refresh_token".into(), "another".into());
    assert_eq!(token.to_json().matches("refresh_token").count(), 1);
    assert_eq!(token.to_value()["refresh_token"], "old-refresh");
    token.refresh_token = None;
    assert_eq!(token.to_value()["refresh_token"], "another");
}

#[test]
fn no_other_field_takes_the_place_of_one_of_its_own() {
    let json = r#"{"access_token":"old-access","token_type":"bearer","expires_in":7200,"refresh_token":"old-refresh",
        "scope":"tweet.read","expires_at":1800000000}"#;
    let whole = token(json);
    for name in whole.to_value().as_object().unwrap().keys() {
        let mut token = token(json);
        token.other.insert(name.clone(), "another".into());
        assert_eq!(token.to_json(), whole.to_json(), "{name}");
    }
}

#[test]
fn an_end_that_is_no_time_is_none() {
    Silence::listen();
    for end in ["-1", "\"-1\"", "\"inf\"", "\"NaN\"", "[]", "null"] {
        let json = format!(r#"{{"access_token":"old-access","expires_at":{end}}}"#);
        assert_eq!(Token::from_json(&json).unwrap().expires_at, None, "{end}");
    }
}

#[test]
fn a_token_may_have_its_scopes_as_a_list_and_its_times_as_texts() {
    let json = r#"{"access_token":"old-access","scope":["tweet.read","users.read"],"expires_at":"1800000000"}"#;
    let token = token(json);
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
    assert!(token(r#"{"access_token":"old-access"}"#).is_expired(NOW));
    let dated = token(r#"{"access_token":"old-access","expires_at":1800000010.001}"#);
    assert!(!dated.is_expired(NOW));
    assert!(dated.is_expired(NOW + Duration::from_millis(1)));
}
