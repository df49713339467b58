//! The client over a scripted network.

use std::error::Error as _;
use std::sync::Arc;

use http::{HeaderMap, Method};
use xpkce::http::{HttpRequest, SendError};
use xpkce::{
    AccessToken, App, Client, ClientSecret, ErrorKind, Login, ManualClock, Probe, Reason,
    RefreshAnswer, RefreshToken, Revocable,
};

use crate::support::{
    CLIENT_ID, NOW, PAIR, Script, With as _, answer, app, cut, dead_token, login, maybe_sent,
    not_sent, oauth_error,
};

fn client(app: App, http: &Arc<Script>) -> Client {
    Client::new(app, http.clone(), Arc::new(ManualClock::new(NOW)))
}

fn approval() -> xpkce::Approval {
    let login = login();
    login.approve(&format!("code=the-code&state={}", login.state().expose())).unwrap()
}

#[test]
fn debug_shows_the_app_and_no_secret() {
    let app = App::confidential(CLIENT_ID, ClientSecret::new("fake-secret"));
    let shown = format!("{:?}", client(app, &Script::new([])));
    assert!(shown.contains(CLIENT_ID) && !shown.contains("fake-secret"), "{shown}");
}

#[test]
fn debug_shows_where_a_request_goes_and_how_long_an_answer_is() {
    let url = "https://api.x.com/2/oauth2/token?fake-code".parse().unwrap();
    let body = b"fake-secret".to_vec().into();
    let request = HttpRequest { method: Method::POST, url, headers: HeaderMap::new(), body };
    assert_eq!(format!("{request:?}"), "HttpRequest(POST /2/oauth2/token)");
    assert_eq!(format!("{:?}", answer(200, "fake-secret")), "HttpResponse(200, 11 bytes)");
}

#[test]
fn a_failure_to_send_says_whether_something_was_sent_and_why() {
    for (failure, words) in [
        (SendError::NotSent("fake".into()), "was not sent"),
        (SendError::MaybeSent("fake".into()), "may have been sent"),
    ] {
        assert!(failure.to_string().contains(words), "{failure}");
        assert_eq!(failure.source().unwrap().to_string(), "fake");
    }
}

#[tokio::test]
async fn a_public_client_names_itself_in_the_body_alone() {
    let http = Script::new([Ok(answer(200, PAIR))]);
    let _ = client(app(), &http).redeem(approval()).await.unwrap();
    assert_eq!(http.url(0), "https://api.x.com/2/oauth2/token");
    assert_eq!(http.field(0, "client_id").unwrap(), CLIENT_ID);
    assert_eq!(http.field(0, "grant_type").unwrap(), "authorization_code");
    assert_eq!(http.field(0, "redirect_uri").unwrap(), "http://127.0.0.1:8080/callback");
    assert_eq!(http.field(0, "code").unwrap(), "the-code");
    assert_eq!(http.field(0, "code_verifier").unwrap().len(), 43);
    assert_eq!(http.header(0, "authorization"), None);
}

#[tokio::test]
async fn a_confidential_client_is_named_in_the_header_and_in_the_body() {
    let http = Script::new([Ok(answer(200, PAIR))]);
    let app = App::confidential("an \u{ef}d", ClientSecret::new("fake-s"));
    assert!(matches!(
        client(app, &http).refresh(&RefreshToken::new("old-refresh")).await,
        RefreshAnswer::Misconfigured(_)
    ));
    let app = App::confidential("an+ id", ClientSecret::new("se:cr% t"));
    let _ = client(app, &http).refresh(&RefreshToken::new("old-refresh")).await;
    // base64 of an%2B%20id:se%3Acr%25%20t: whoever decodes forms or URLs reads that space.
    assert_eq!(
        http.header(0, "authorization").unwrap(),
        "Basic YW4lMkIlMjBpZDpzZSUzQWNyJTI1JTIwdA=="
    );
    assert_eq!(http.field(0, "client_id").unwrap(), "an+ id");
    assert_eq!(http.field(0, "client_secret"), None);
}

#[tokio::test]
async fn an_approval_of_another_app_is_not_sent() {
    let http = Script::new([]);
    // As in another process, whose settings are not those of the first.
    let login = Login::from_json(&login().to_json()).unwrap();
    let callback = format!("?state={}&code=c", login.state().expose());
    let elsewhere = "https://elsewhere.example";
    for (app, said) in [
        (App::public("another"), "the client id"),
        (app().with_base_url(elsewhere).unwrap(), "the base URL https://api.x.com"),
        (app().with_authorization_base_url(elsewhere).unwrap(), "base URL https://x.com/i"),
    ] {
        let approval = login.approve(&callback).unwrap();
        let error = client(app, &http).redeem(approval).await.unwrap_err();
        assert_eq!((error.kind(), error.reason()), (ErrorKind::Configure, Reason::OtherApp));
        assert!(error.to_string().contains(said), "{error}");
        assert!(error.hint().is_some());
    }
    assert_eq!(http.requests(), 0);
}

#[tokio::test]
async fn an_approval_of_an_app_whose_servers_are_spelled_in_another_way_is_sent() {
    let http = Script::new([Ok(answer(200, PAIR))]);
    let login = Login::from_json(&login().to_json()).unwrap();
    let approval = login.approve(&format!("?state={}&code=c", login.state().expose())).unwrap();
    let app = app().with_base_url("https://API.X.com:443/").unwrap();
    let app = app.with_authorization_base_url("HTTPS://x.com:443/i//").unwrap();
    let _ = client(app, &http).redeem(approval).await.unwrap();
}

#[tokio::test]
async fn a_refresh_token_alone_is_redeemed_and_not_exchanged() {
    let alone = || Ok(answer(200, r#"{"refresh_token":"old-refresh"}"#));
    let http = Script::new([alone(), alone()]);
    let client = client(app(), &http);
    assert!(client.redeem(approval()).await.is_ok());
    let error = client.exchange(approval()).await.unwrap_err();
    assert_eq!(error.reason(), Reason::UnexpectedAnswer);
}

#[tokio::test]
async fn a_refresh_is_sent_once_whatever_comes_of_it() {
    let token = RefreshToken::new("old-refresh");
    let http = Script::new([not_sent(), maybe_sent(), Ok(answer(503, "")), Ok(dead_token())]);
    let client = client(app(), &http);
    assert!(matches!(client.refresh(&token).await, RefreshAnswer::NotSent(_)));
    assert!(matches!(client.refresh(&token).await, RefreshAnswer::Unknown { resend: true, .. }));
    assert!(matches!(client.refresh(&token).await, RefreshAnswer::Unknown { resend: true, .. }));
    assert!(matches!(client.refresh(&token).await, RefreshAnswer::Rejected(_)));
    assert_eq!(http.requests(), 4);
    assert_eq!(http.field(3, "refresh_token").unwrap(), "old-refresh");
}

#[tokio::test]
async fn an_answer_that_broke_off_brings_the_tokens_that_came_whole() {
    let some = r#"{"refresh_token":"fake-r2","access_token":"cu"#;
    let none = r#"{"token_type":"bearer","refresh_token":"cu"#;
    let http = Script::new([
        Ok(cut(200, some)),
        Ok(cut(200, none)),
        Ok(cut(400, r#"{"error":"invalid_re"#)),
        Ok(cut(200, some)),
        Ok(cut(200, none)),
        Ok(cut(200, some)),
        Ok(cut(200, "")),
    ]);
    let client = client(app(), &http);
    let token = RefreshToken::new("old-refresh");
    match client.refresh(&token).await {
        RefreshAnswer::Rotated(pair) => assert!(pair.refresh.unwrap().matches("fake-r2")),
        other => panic!("{other:?}"),
    }
    assert!(matches!(client.refresh(&token).await, RefreshAnswer::Unknown { resend: true, .. }));
    assert!(matches!(client.refresh(&token).await, RefreshAnswer::Unknown { resend: true, .. }));
    assert!(client.redeem(approval()).await.is_ok());
    assert_eq!(client.redeem(approval()).await.unwrap_err().kind(), ErrorKind::InDoubt);
    let access = AccessToken::new("old-access");
    assert_eq!(client.me(&access).await.unwrap_err().kind(), ErrorKind::Retry);
    assert!(client.revoke(Revocable::Access(&access)).await.is_err());
}

#[tokio::test]
async fn a_refusal_that_came_whole_is_heard_though_the_answer_broke_off_after_it() {
    let dead = xpkce::http::HttpResponse { is_whole: false, ..dead_token() };
    let http = Script::new([
        Ok(cut(429, "")),
        Ok(cut(503, "")),
        Ok(cut(429, "")),
        Ok(cut(401, "{")),
        Ok(dead),
        Ok(cut(503, "")),
    ]);
    let (client, token) = (client(app(), &http), RefreshToken::new("old-refresh"));
    assert_eq!(client.redeem(approval()).await.unwrap_err().kind(), ErrorKind::Retry);
    assert_eq!(client.redeem(approval()).await.unwrap_err().kind(), ErrorKind::InDoubt);
    assert!(matches!(client.refresh(&token).await, RefreshAnswer::Limited(_)));
    assert!(matches!(client.refresh(&token).await, RefreshAnswer::Misconfigured(_)));
    assert!(matches!(client.refresh(&token).await, RefreshAnswer::Rejected(_)));
    assert!(matches!(client.refresh(&token).await, RefreshAnswer::Unknown { resend: true, .. }));
}

#[tokio::test]
async fn what_failed_to_arrive_is_told_by_its_kind() {
    let http = Script::new([not_sent(), maybe_sent(), maybe_sent(), maybe_sent(), maybe_sent()]);
    let client = client(app(), &http);
    let token = AccessToken::new("old-access");
    assert_eq!(client.redeem(approval()).await.unwrap_err().kind(), ErrorKind::Retry);
    assert_eq!(client.redeem(approval()).await.unwrap_err().kind(), ErrorKind::InDoubt);
    let revoked = client.revoke(Revocable::Access(&token)).await;
    assert_eq!(revoked.unwrap_err().kind(), ErrorKind::Retry);
    assert_eq!(client.me(&token).await.unwrap_err().kind(), ErrorKind::Retry);
    let posted = client.request(&token, Method::POST, "/2/tweets", HeaderMap::new(), None).await;
    assert_eq!(posted.unwrap_err().kind(), ErrorKind::InDoubt);
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_told_apart_from_one_that_broke_off() {
    let long = || Ok(cut(200, &"x".repeat(xpkce::http::MAX_BODY)));
    let broken = || Ok(cut(200, "x"));
    let http = Script::new([long(), long(), broken(), broken(), not_sent()]);
    let client = client(app(), &http);
    let ask = async |method| {
        let token = AccessToken::new("old-access");
        client.request(&token, method, "/2/tweets", HeaderMap::new(), None).await.unwrap_err()
    };
    for method in [Method::GET, Method::POST] {
        let why = ask(method).await;
        assert_eq!((why.reason(), why.status()), (Reason::TooLong, Some(200)));
    }
    let is_careful = |why: &xpkce::Error| {
        why.hint().is_some_and(|hint| hint.contains("before you send it again"))
    };
    assert_eq!(ask(Method::GET).await.reason(), Reason::Outage);
    let why = ask(Method::POST).await;
    assert!(why.reason() == Reason::OutcomeUnknown && is_careful(&why), "{why:?}");
    let why = ask(Method::POST).await;
    assert!(why.reason() == Reason::NotSent && !is_careful(&why), "{why:?}");
}

#[tokio::test]
async fn a_token_goes_to_its_own_origin_alone() {
    let http = Script::new([Ok(answer(200, "")), Ok(answer(200, "")), Ok(answer(200, ""))]);
    let client = client(app(), &http);
    let get = async |target: &str| {
        let token = AccessToken::new("old-access");
        client.request(&token, Method::GET, target, HeaderMap::new(), None).await
    };
    for target in [
        "https://evil.example/2/users/me",
        "http://api.x.com/2/users/me",
        "https://api.x.com:444/",
        "https://user@api.x.com/",
        "https://api.x.com.evil.example/",
        "2/users/me",
        "",
    ] {
        assert_eq!(get(target).await.unwrap_err().kind(), ErrorKind::Configure, "{target}");
    }
    assert_eq!(http.requests(), 0);
    get("/2/users/me?user.fields=id").await.unwrap();
    get("https://API.x.com/2/tweets").await.unwrap();
    get("//evil.example/").await.unwrap();
    assert_eq!(http.url(0), "https://api.x.com/2/users/me?user.fields=id");
    assert_eq!(http.url(1), "https://api.x.com/2/tweets");
    assert!(http.url(2).starts_with("https://api.x.com//"));
    assert_eq!(http.header(0, "authorization").unwrap(), "Bearer old-access");
}

#[tokio::test]
async fn a_target_that_no_request_can_name_is_not_the_networks_fault() {
    let http = Script::new([Ok(answer(200, ""))]);
    let client = client(app(), &http);
    let get = async |length: usize| {
        let target = format!("/2/tweets?ids={}", "1".repeat(length));
        let token = AccessToken::new("old-access");
        client.request(&token, Method::GET, &target, HeaderMap::new(), None).await
    };
    get(65_000).await.unwrap();
    let error = get(66_000).await.unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Configure, Reason::InvalidSetting));
    assert!(error.to_string().contains("64 KiB") && error.hint().is_some(), "{error}");
    assert_eq!(http.requests(), 1);
}

#[tokio::test]
async fn any_status_of_a_request_is_the_callers() {
    let http = Script::new([Ok(answer(403, "no").with("x-transaction-id", "t"))]);
    let mut headers = HeaderMap::new();
    headers.insert("x-mine", "1".parse().unwrap());
    headers.insert("authorization", "Bearer another".parse().unwrap());
    let body = Some(b"{}".to_vec());
    let client = client(app(), &http);
    let token = AccessToken::new("old-access");
    let answer = client.request(&token, Method::POST, "/2/tweets", headers, body).await.unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (403, b"no".as_slice()));
    assert_eq!(http.header(0, "x-mine").unwrap(), "1");
    assert_eq!(http.header(0, "authorization").unwrap(), "Bearer old-access");
}

#[tokio::test]
async fn a_token_that_is_no_header_is_not_sent() {
    let http = Script::new([]);
    let error = client(app(), &http).me(&AccessToken::new("fake-\r\nb")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configure);
    assert!(!format!("{error:?}").contains("\\r"));
}

#[tokio::test]
async fn the_probe_tells_the_credentials_apart() {
    let http = Script::new([
        Ok(dead_token()),
        Ok(oauth_error(401, "unauthorized_client", "Missing valid authorization header")),
        Ok(oauth_error(400, "invalid_client", "Value passed for the client id was invalid.")),
        Ok(answer(429, "")),
        Ok(answer(503, "")),
        Ok(answer(200, PAIR)),
        not_sent(),
    ]);
    let client = client(app(), &http);
    assert_eq!(client.probe().await.unwrap(), Probe::Good);
    assert_eq!(client.probe().await.unwrap(), Probe::WrongSecretOrAppType);
    assert_eq!(client.probe().await.unwrap(), Probe::WrongClientId);
    assert_eq!(client.probe().await.unwrap_err().reason(), Reason::RateLimited);
    assert_eq!(client.probe().await.unwrap_err().reason(), Reason::Outage);
    assert_eq!(client.probe().await.unwrap_err().reason(), Reason::UnexpectedAnswer);
    assert_eq!(client.probe().await.unwrap_err().reason(), Reason::NotSent);
}

#[tokio::test]
async fn revoking_names_the_token_and_its_kind() {
    let http = Script::new([Ok(answer(200, "")), Ok(dead_token())]);
    let client = client(app(), &http);
    client.revoke(Revocable::Refresh(&RefreshToken::new("old-refresh"))).await.unwrap();
    client.revoke(Revocable::Access(&AccessToken::new("old-access"))).await.unwrap();
    assert_eq!(http.url(0), "https://api.x.com/2/oauth2/revoke");
    assert_eq!(http.field(0, "token").unwrap(), "old-refresh");
    assert_eq!(http.field(0, "token_type_hint").unwrap(), "refresh_token");
    assert_eq!(http.field(1, "token_type_hint").unwrap(), "access_token");
}
