//! The exchange of a code, refusal by refusal.

use std::time::Duration;

use xpkce_emulator::{Emulator, EventKind, Quirks};

use crate::client::{Answer, Client, REDIRECT, Tokens, VERIFIER};

fn without<'a>(fields: &[(&'a str, &'a str)], name: &str) -> Vec<(&'a str, &'a str)> {
    fields.iter().filter(|(known, _)| *known != name).copied().collect()
}

fn with<'a>(
    fields: &[(&'a str, &'a str)],
    name: &'a str,
    value: &'a str,
) -> Vec<(&'a str, &'a str)> {
    let mut changed = without(fields, name);
    changed.push((name, value));
    changed
}

const CODE_INVALID: &str = "Value passed for the authorization code was invalid.";

#[tokio::test]
async fn missing_parameters_are_named() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let code = app.approved(&x).await;
    for name in ["code", "redirect_uri", "code_verifier", "client_id", "grant_type"] {
        let answer = app.post("/2/oauth2/token", &without(&app.exchange_fields(&code), name)).await;
        let text = format!("Missing required parameter [{name}].");
        assert_eq!(answer.oauth_error(), (400, "invalid_request".into(), text));
    }
    assert_eq!(app.exchange(&code).await.status, 200, "none of that used the code up");
}

#[tokio::test]
async fn another_grant_type_is_refused_in_the_words_of_x() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let answer = app.post("/2/oauth2/token", &[("grant_type", "client_credentials")]).await;
    let text = "Value passed for the grant type was invalid. Grant type should be one of \
                [authorization_code, refresh_token].";
    assert_eq!(answer.oauth_error(), (400, "invalid_request".into(), text.into()));
}

#[tokio::test]
async fn wrong_verifier_and_wrong_redirect_have_rows_of_their_own_and_do_not_use_the_code_up() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let code = app.approved(&x).await;
    let fields = app.exchange_fields(&code);
    let verifier = with(&fields, "code_verifier", "wrong");
    assert_eq!(
        app.post("/2/oauth2/token", &verifier).await.oauth_error().2,
        "Value passed for the code verifier did not match the code challenge."
    );
    let redirect = with(&fields, "redirect_uri", "http://localhost:8080/callback");
    assert_eq!(
        app.post("/2/oauth2/token", &redirect).await.oauth_error().2,
        "Value passed for the redirect uri did not match the uri of the authorization code."
    );
    assert_eq!(app.exchange(&code).await.status, 200);
}

#[tokio::test]
async fn a_refused_exchange_uses_the_code_up_when_switched_so() {
    let quirks = Quirks { refusal_consumes: true, ..Quirks::default() };
    let x = Emulator::builder().quirks(quirks).start().await.unwrap();
    let app = Client::public(&x);
    let code = app.approved(&x).await;
    let wrong = with(&app.exchange_fields(&code), "code_verifier", "wrong");
    assert_eq!(app.post("/2/oauth2/token", &wrong).await.status, 400);
    assert_eq!(app.exchange(&code).await.oauth_error().2, CODE_INVALID);
}

#[tokio::test]
async fn a_code_lives_for_thirty_seconds_from_approval() {
    let x = Emulator::builder().frozen_clock().start().await.unwrap();
    let app = Client::public(&x);
    let in_time = app.approved(&x).await;
    x.advance(Duration::from_millis(29_999));
    assert_eq!(app.exchange(&in_time).await.status, 200);
    let late = app.approved(&x).await;
    x.advance(Duration::from_secs(30));
    assert_eq!(
        app.exchange(&late).await.oauth_error(),
        (400, "invalid_request".into(), CODE_INVALID.into())
    );
}

#[tokio::test]
async fn a_code_is_redeemed_once_and_the_pair_survives_the_second_try() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let code = app.approved(&x).await;
    let tokens = Tokens::of(&app.exchange(&code).await);
    assert_eq!(app.exchange(&code).await.oauth_error().2, CODE_INVALID);
    assert_eq!((x.exchanges(), x.double_redeems()), (1, 1));
    assert_eq!(app.whoami(&tokens.access).await.status, 200);
}

#[tokio::test]
async fn a_double_redeem_revokes_when_switched_so() {
    let quirks = Quirks { double_redeem_revokes: true, ..Quirks::default() };
    let x = Emulator::builder().quirks(quirks).start().await.unwrap();
    let app = Client::public(&x);
    let code = app.approved(&x).await;
    let tokens = Tokens::of(&app.exchange(&code).await);
    app.exchange(&code).await;
    assert_eq!(app.whoami(&tokens.access).await.status, 401);
    assert_eq!(app.refresh(&tokens.refresh).await.status, 400);
}

#[tokio::test]
async fn a_code_belongs_to_its_app() {
    let x = Emulator::start().await;
    let code = Client::public(&x).approved(&x).await;
    let answer = Client::confidential(&x).exchange(&code).await;
    assert_eq!(answer.oauth_error().2, CODE_INVALID);
}

#[tokio::test]
async fn an_unknown_code_and_garbage_are_refused_without_a_panic() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    for code in ["unknown", "\u{0}", "ümläut", &"x".repeat(100_000)] {
        assert_eq!(app.exchange(code).await.oauth_error().2, CODE_INVALID);
    }
}

#[tokio::test]
async fn a_json_body_works_like_a_form() {
    let x = Emulator::start().await;
    let app = Client::confidential(&x);
    let code = app.approved(&x).await;
    let body = serde_json::json!({
        "grant_type": "authorization_code", "code": code,
        "redirect_uri": REDIRECT, "code_verifier": VERIFIER,
    });
    let url = format!("{}/2/oauth2/token", app.base);
    let secret = app.app.client_secret.clone();
    let request = app.http.post(url).json(&body).basic_auth(&app.app.client_id, secret);
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_body_is_read_as_what_it_says_it_is() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let (form, json) = ("grant_type=x&client_id=y", r#"{"grant_type":"x","client_id":"y"}"#);
    let twice = r#"{"grant_type":"x","grant_type":"refresh_token"}"#;
    let (read, unread) = ("grant type was invalid", "parameter [grant_type]");
    for (kind, body, says) in [
        ("application/x-www-form-urlencoded", form, read),
        ("Application/X-WWW-Form-URLencoded; charset=UTF-8", form, read),
        ("application/json;charset=UTF-8", json, read),
        ("application/json", twice, "Repeated parameter [grant_type]"),
        ("application/json", form, unread),
        ("application/x-www-form-urlencoded", json, unread),
        ("application/jsonp", json, unread),
        ("text/plain", form, unread),
        ("", form, unread),
    ] {
        let request = app.http.post(format!("{}/2/oauth2/token", app.base)).body(body);
        let request = if kind.is_empty() { request } else { request.header("content-type", kind) };
        let (_, _, description) = Answer::of(request.send().await.unwrap()).await.oauth_error();
        assert!(description.contains(says), "{kind} {body}: {description}");
    }
}

#[tokio::test]
async fn a_body_of_names_alone_keeps_nobody_waiting() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let names: String = (0..45_000).map(|n| format!("{n:x}&")).collect();
    let request = app.http.post(format!("{}/2/oauth2/token", app.base)).body(names);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let answer = request.timeout(Duration::from_secs(5)).send().await.unwrap();
    assert_eq!(
        Answer::of(answer).await.oauth_error().2,
        "Missing required parameter [grant_type]."
    );
}

#[tokio::test]
async fn tokens_have_the_shape_of_x_and_scopes_come_as_a_set() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let answer = app.exchange(&app.approved(&x).await).await;
    let tokens = Tokens::of(&answer);
    assert_eq!((tokens.access.len(), tokens.refresh.len()), (91, 91));
    assert!(tokens.access.ends_with("OmF0OjE"));
    assert!(tokens.refresh.ends_with("OnJ0OjE"));
    let json = answer.json();
    assert_eq!((&json["token_type"], &json["expires_in"]), (&"bearer".into(), &7200.into()));
    let scope = answer.text("scope");
    let mut scopes: Vec<_> = scope.split(' ').collect();
    scopes.sort_unstable();
    assert_eq!(scopes, ["offline.access", "tweet.read", "users.read"]);
}

#[tokio::test]
async fn without_offline_access_there_is_no_refresh_token_and_no_error() {
    let x = Emulator::start().await;
    let answer = Client::public(&x).sign_in_with(&x, "tweet.read").await;
    assert_eq!(answer.status, 200);
    assert!(answer.json().get("refresh_token").is_none());
    assert_eq!(answer.text("scope"), "tweet.read");
}

#[tokio::test]
async fn a_second_sign_in_kills_the_first_of_the_same_app_and_user_only() {
    let x = Emulator::start().await;
    let (app, other) = (Client::public(&x), Client::confidential(&x));
    let first = app.sign_in(&x).await;
    let by_other_user = app.sign_in_as(&x, "bo_sample").await;
    let at_other_app = other.sign_in(&x).await;
    let second = app.sign_in(&x).await;
    assert_eq!(app.whoami(&first.access).await.status, 401);
    assert_eq!(
        app.refresh(&first.refresh).await.oauth_error().2,
        "Value passed for the token was invalid."
    );
    for (client, tokens) in [(&app, by_other_user), (&other, at_other_app), (&app, second)] {
        assert_eq!(client.whoami(&tokens.access).await.status, 200);
        assert_eq!(client.refresh(&tokens.refresh).await.status, 200);
    }
    let superseded = x.events().iter().filter(|e| e.kind == EventKind::Superseded).count();
    assert_eq!(superseded, 1);
    assert_eq!(x.replays(), 0, "a superseded token is not a replay");
}

#[tokio::test]
async fn two_parallel_redeems_have_one_winner() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let code = app.approved(&x).await;
    let answers = futures_util::future::join_all((0..8).map(|_| app.exchange(&code))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert_eq!((x.exchanges(), x.double_redeems()), (1, 7));
}
