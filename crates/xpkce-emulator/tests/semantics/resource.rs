//! The resource API: scopes, limits, and refusals in X's words.

use std::time::Duration;

use xpkce_emulator::{AppSeed, Emulator, Quirks};

use crate::client::{Answer, Client, REDIRECT, SCOPES};

const UNAUTHORIZED: &str = "{\n  \"title\": \"Unauthorized\",\n  \"type\": \"about:blank\",\n  \"status\": 401,\n  \"detail\": \"Unauthorized\"\n}";
const FORBIDDEN: &str = "{\n  \"title\": \"Forbidden\",\n  \"type\": \"about:blank\",\n  \"status\": 403,\n  \"detail\": \"Forbidden\"\n}";

async fn signed_in(seed: AppSeed) -> (Emulator, Client, String) {
    let x = Emulator::builder().app(seed.clone()).frozen_clock().start().await.unwrap();
    let app = Client::of(&x, seed);
    let access = app.sign_in(&x).await.access;
    (x, app, access)
}

#[tokio::test]
async fn whoami_answers_three_fields_and_a_rate_limit() {
    let x = Emulator::builder().frozen_clock().start().await.unwrap();
    let app = Client::public(&x);
    let access = app.sign_in(&x).await.access;
    let answer = app.whoami(&access).await;
    assert_eq!(
        answer.body,
        r#"{"data":{"id":"1000000000000000001","name":"Ada Example","username":"ada_example"}}"#
    );
    assert_eq!(answer.header("x-rate-limit-limit"), "75");
    assert_eq!(answer.header("x-rate-limit-remaining"), "74");
    assert_eq!(answer.header("x-rate-limit-reset"), (x.now() + 900).to_string());
    assert_eq!(answer.header("x-transaction-id").len(), 16);
    assert_eq!(x.whoami_calls(), 1);
}

#[tokio::test]
async fn the_seventy_sixth_whoami_in_fifteen_minutes_is_too_many() {
    let x = Emulator::builder().frozen_clock().start().await.unwrap();
    let app = Client::public(&x);
    let access = app.sign_in(&x).await.access;
    for _ in 0..75 {
        assert_eq!(app.whoami(&access).await.status, 200);
    }
    let answer = app.whoami(&access).await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.json()["title"], "Too Many Requests");
    assert_eq!(answer.header("x-rate-limit-remaining"), "0");
    x.advance(Duration::from_secs(900));
    assert_eq!(app.whoami(&access).await.status, 200);
}

#[tokio::test]
async fn bad_bearers_are_unauthorized_to_the_byte() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let tokens = app.sign_in(&x).await;
    for bearer in ["unknown", "", tokens.refresh.as_str()] {
        let answer = app.whoami(bearer).await;
        assert_eq!((answer.status, answer.body.as_str()), (401, UNAUTHORIZED));
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    assert_eq!(app.get(&format!("{}/2/users/me", app.base)).await.status, 401);
}

#[tokio::test]
async fn a_missing_scope_is_a_bare_403() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    for scope in ["users.read", "tweet.read"] {
        let access = app.sign_in_with(&x, scope).await.text("access_token");
        let answer = app.whoami(&access).await;
        assert_eq!((answer.status, answer.body.as_str()), (403, FORBIDDEN));
        assert_eq!(answer.body.len(), 93);
    }
}

#[tokio::test]
async fn an_app_that_is_not_enrolled_is_told_so() {
    let seed = AppSeed::public("Outsider").redirect_uri(REDIRECT).not_enrolled();
    let (_x, app, access) = signed_in(seed).await;
    let answer = app.whoami(&access).await;
    assert_eq!(answer.status, 403);
    let json = answer.json();
    assert_eq!(json["reason"], "client-not-enrolled");
    assert_eq!(json["type"], "https://api.twitter.com/2/problems/client-forbidden");
    assert_eq!(json["client_id"], "27283493");
}

#[tokio::test]
async fn e14_an_app_without_credits_gets_the_switched_status() {
    let seed = AppSeed::public("Broke").redirect_uri(REDIRECT).out_of_credits();
    let (x, app, access) = signed_in(seed).await;
    assert_eq!(app.whoami(&access).await.status, 402);
    let quirks = Quirks {
        out_of_credits_status: 403,
        problem_origin: "https://api.x.com".to_owned(),
        ..Quirks::default()
    };
    x.set_quirks(quirks);
    let answer = app.whoami(&access).await;
    assert_eq!(answer.status, 403);
    assert_eq!(answer.json()["type"], "https://api.x.com/2/problems/credits");
}

#[tokio::test]
async fn the_email_needs_scope_and_console_option() {
    let ask = async |seed: AppSeed, scope: &str| {
        let x = Emulator::builder().app(seed.clone()).start().await.unwrap();
        let app = Client::of(&x, seed);
        let access = app.sign_in_with(&x, scope).await.text("access_token");
        let url = format!("{}/2/users/me?user.fields=confirmed_email,verified", app.base);
        let request = app.http.get(url).bearer_auth(access);
        Answer::of(request.send().await.unwrap()).await.json()["data"]["confirmed_email"].clone()
    };
    let seed = || AppSeed::public("Mail").redirect_uri(REDIRECT);
    let with_email = format!("{SCOPES} users.email");
    assert_eq!(ask(seed(), &with_email).await, "ada_example@example.com");
    assert!(ask(seed(), SCOPES).await.is_null());
    assert!(ask(seed().without_email(), &with_email).await.is_null());
}

#[tokio::test]
async fn an_unknown_user_field_is_an_invalid_request() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let access = app.sign_in(&x).await.access;
    let url = format!("{}/2/users/me?user.fields=shoe_size", app.base);
    assert_eq!(app.http.get(url).bearer_auth(access).send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn a_post_needs_three_scopes_and_can_be_read_back() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let url = format!("{}/2/tweets", app.base);
    let post = async |access: &str, body: &str| {
        let request = app.http.post(&url).bearer_auth(access).body(body.to_owned());
        Answer::of(request.send().await.unwrap()).await
    };
    let reader = app.sign_in(&x).await.access;
    assert_eq!(post(&reader, r#"{"text":"hello"}"#).await.status, 403);
    let scopes = "tweet.read tweet.write users.read";
    let writer = app.sign_in_with(&x, scopes).await.text("access_token");
    let created = post(&writer, r#"{"text":"hello"}"#).await;
    assert_eq!(created.status, 201);
    let id = created.json()["data"]["id"].as_str().unwrap().to_owned();
    let read = app.http.get(format!("{url}/{id}")).bearer_auth(&writer).send().await.unwrap();
    assert_eq!(Answer::of(read).await.json()["data"]["text"], "hello");
    for body in ["", "{}", "[]", r#"{"text":1}"#, r#"{"text":""}"#] {
        assert_eq!(post(&writer, body).await.status, 400, "{body}");
    }
    let missing =
        app.http.get(format!("{url}/nonsense")).bearer_auth(&writer).send().await.unwrap();
    assert_eq!(missing.status(), 404);
}

async fn app_only_token(app: &Client, api_secret: &str) -> Answer {
    let request = app
        .http
        .post(format!("{}/oauth2/token", app.base))
        .basic_auth(&app.app.api_key, Some(api_secret))
        .form(&[("grant_type", "client_credentials")]);
    Answer::of(request.send().await.unwrap()).await
}

#[tokio::test]
async fn app_only_tokens_are_one_per_app_and_no_use_at_whoami() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let fetch = async |secret: &str| app_only_token(&app, secret).await;
    let bearer = fetch(&app.app.api_secret).await.text("access_token");
    assert!(bearer.starts_with("AAAAAAAAAAAAAAAA") && bearer.contains("%2F"));
    assert_eq!(fetch(&app.app.api_secret).await.text("access_token"), bearer);
    let refused = fetch("wrong").await;
    assert_eq!(refused.status, 403);
    assert_eq!(refused.json()["errors"][0]["label"], "authenticity_token_error");

    let answer = app.whoami(&bearer).await;
    assert_eq!(answer.status, 403);
    assert_eq!(
        answer.json()["detail"],
        "Authenticating with OAuth 2.0 Application-Only is forbidden for this endpoint.  \
         Supported authentication types are [OAuth 1.0a User Context, OAuth 2.0 User Context]."
    );

    let invalidate = async || {
        let request = app
            .http
            .post(format!("{}/oauth2/invalidate_token", app.base))
            .basic_auth(&app.app.api_key, Some(&app.app.api_secret))
            .form(&[("access_token", &bearer)]);
        Answer::of(request.send().await.unwrap()).await
    };
    assert_eq!(invalidate().await.text("access_token"), bearer);
    assert_eq!(invalidate().await.json()["errors"][0]["code"], 89);
    assert_eq!(app.whoami(&bearer).await.status, 401);
}

#[tokio::test]
async fn an_app_only_token_reads_a_post_and_writes_none() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let scope = "tweet.read tweet.write users.read";
    let access = app.sign_in_with(&x, scope).await.text("access_token");
    let posts = format!("{}/2/tweets", app.base);
    let write = async |bearer: &str| {
        let post = app.http.post(&posts).bearer_auth(bearer).body(r#"{"text":"hello"}"#);
        Answer::of(post.send().await.unwrap()).await
    };
    let id = write(&access).await.json()["data"]["id"].as_str().unwrap().to_owned();
    let bearer = app_only_token(&app, &app.app.api_secret).await.text("access_token");
    assert_eq!(write(&bearer).await.json()["title"], "Unsupported Authentication");
    let read = app.http.get(format!("{posts}/{id}")).bearer_auth(&bearer).send().await.unwrap();
    let read = Answer::of(read).await;
    assert_eq!((read.status, &read.json()["data"]["text"]), (200, &"hello".into()));
    assert_eq!(read.header("x-rate-limit-limit"), "450");
    x.suspend_app(&app.app.client_id);
    let read = app.http.get(format!("{posts}/{id}")).bearer_auth(&bearer).send().await.unwrap();
    assert_eq!(read.status(), 401);
}

#[tokio::test]
async fn unrouted_paths_are_empty_404s_and_nothing_allows_cross_origin() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let answer = app.get(&format!("{}/2/nothing", app.base)).await;
    assert_eq!((answer.status, answer.body.as_str()), (404, ""));
    assert_eq!(app.get(&format!("{}/2/oauth2/token", app.base)).await.status, 405);
    let url = format!("{}/2/oauth2/token", app.base);
    for method in [reqwest::Method::OPTIONS, reqwest::Method::POST] {
        let request = app.http.request(method, &url).header("origin", "https://app.example");
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control")));
    }
}

#[tokio::test]
async fn an_oversize_body_is_refused() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let body = "x".repeat(300 * 1024);
    let answer = app.http.post(format!("{}/2/oauth2/token", app.base)).body(body).send().await;
    // The server may close while the client still writes.
    assert!(answer.is_err() || answer.unwrap().status() == 413);
}
