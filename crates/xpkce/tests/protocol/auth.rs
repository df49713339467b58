//! X's class: what it keeps, and what it never loses.

use std::sync::Arc;
use std::time::Duration;

use xpkce::http::{HttpResponse, SendError};
use xpkce::{ErrorKind, ManualClock, OAuth2PkceAuth, OAuth2PkceAuthBuilder, Reason, Scopes, Token};

use crate::silence::Silence;
use crate::support::{
    CLIENT_ID, NOW, PAIR, Script, answer, dead_token, maybe_sent, not_sent, oauth_error,
};

const OLD: &str = r#"{"access_token":"old-access","refresh_token":"old-refresh",
    "scope":"tweet.read","expires_at":1800000000}"#;

fn builder(http: &Arc<Script>) -> OAuth2PkceAuthBuilder {
    let clock = Arc::new(ManualClock::new(NOW));
    OAuth2PkceAuth::builder().client_id(CLIENT_ID).http(http.clone()).clock(clock)
}

fn signed_in(http: &Arc<Script>) -> OAuth2PkceAuth {
    builder(http).token(Token::from_json(OLD).unwrap()).build().unwrap()
}

fn fresh(http: &Arc<Script>) -> OAuth2PkceAuth {
    builder(http).scope(Scopes::DEFAULT).build().unwrap()
}

fn pair() -> Result<HttpResponse, SendError> {
    Ok(answer(200, PAIR))
}

fn value(url: &str, name: &str) -> Option<String> {
    let url = url::Url::parse(url).unwrap();
    url.query_pairs().find(|(field, _)| field == name).map(|(_, value)| value.into_owned())
}

fn callback(url: &str) -> String {
    let state = value(url, "state").unwrap();
    format!("http://127.0.0.1:8080/callback?state={state}&code=the-code")
}

async fn landed(auth: &OAuth2PkceAuth, access: &str) {
    let landing = async {
        while !auth.access_token().is_some_and(|token| token.matches(access)) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), landing).await.expect("the pair lands");
}

#[test]
fn the_defaults_are_those_of_xs_class() {
    Silence::listen();
    let auth = OAuth2PkceAuth::builder().client_id(CLIENT_ID).build().unwrap();
    assert_eq!(auth.app().base_url(), "https://api.x.com");
    let url = auth.authorization_url(None).unwrap();
    assert!(url.starts_with("https://x.com/i/oauth2/authorize?response_type=code&client_id="));
    assert_eq!(value(&url, "scope"), None);
    assert_eq!(value(&url, "code_challenge_method").unwrap(), "S256");
    assert_eq!(value(&url, "code_challenge"), auth.code_challenge());
    assert!(auth.is_token_expired() && auth.token().is_none() && auth.access_token().is_none());
}

#[test]
fn scopes_are_one_text_or_a_list() {
    let list = builder(&Script::new([])).scope(["tweet.read", "users.read"]).build().unwrap();
    let url = list.authorization_url(Some("mine")).unwrap();
    assert_eq!(value(&url, "scope").unwrap(), "tweet.read users.read");
    assert_eq!(value(&url, "state").unwrap(), "mine");
}

#[tokio::test]
async fn a_callback_brings_the_token() {
    let http = Script::new([pair()]);
    let auth = fresh(&http);
    let url = auth.authorization_url(None).unwrap();
    let token = auth.fetch_token(&callback(&url)).await.unwrap();
    assert!(token.access_token.matches("new-access"));
    assert_eq!(token.expires_at, Some(NOW + Duration::from_secs(7200)));
    assert!(!auth.is_token_expired());
    assert_eq!(http.field(0, "code_verifier").unwrap(), auth.code_verifier().unwrap().expose());
}

#[tokio::test]
async fn two_open_tabs_do_not_disturb_each_other() {
    let http = Script::new([pair(), pair()]);
    let auth = fresh(&http);
    let first = auth.authorization_url(None).unwrap();
    let verifier = auth.code_verifier().unwrap();
    let second = auth.authorization_url(None).unwrap();
    assert!(!verifier.matches(auth.code_verifier().unwrap().expose()));
    auth.fetch_token(&callback(&first)).await.unwrap();
    auth.fetch_token(&callback(&second)).await.unwrap();
    assert!(verifier.matches(&http.field(0, "code_verifier").unwrap()));
    assert_ne!(http.field(0, "code_verifier"), http.field(1, "code_verifier"));
}

#[tokio::test]
async fn the_oldest_of_seventeen_sign_ins_gives_way() {
    let http = Script::new([pair()]);
    let auth = fresh(&http);
    let urls: Vec<_> = (0..17).map(|_| auth.authorization_url(None).unwrap()).collect();
    let error = auth.fetch_token(&callback(&urls[0])).await.unwrap_err();
    assert_eq!(error.reason(), Reason::StateMismatch);
    auth.fetch_token(&callback(&urls[1])).await.unwrap();
}

#[tokio::test]
async fn a_callback_of_another_sign_in_is_refused() {
    let http = Script::new([pair()]);
    let auth = fresh(&http);
    let url = auth.authorization_url(None).unwrap();
    for forged in ["state=wrong&code=a", "code=a"] {
        let error = auth.fetch_token(forged).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SignIn, "{forged}");
    }
    assert_eq!(http.requests(), 0);
    auth.fetch_token(&callback(&url)).await.unwrap();
    let again = auth.fetch_token(&callback(&url)).await.unwrap_err();
    assert_eq!(again.reason(), Reason::StateMismatch);
}

#[tokio::test]
async fn a_set_pair_is_used_by_the_next_url_alone() {
    let auth = fresh(&Script::new([]));
    let verifier = "v".repeat(43);
    auth.set_pkce_parameters(&verifier, None).unwrap();
    assert!(auth.code_verifier().unwrap().matches(&verifier));
    let challenge = auth.code_challenge().unwrap();
    assert_eq!(value(&auth.authorization_url(None).unwrap(), "code_challenge").unwrap(), challenge);
    assert_ne!(value(&auth.authorization_url(None).unwrap(), "code_challenge").unwrap(), challenge);
    auth.set_pkce_parameters("challenge", Some("challenge".into())).unwrap();
    assert_eq!(auth.code_challenge().unwrap(), "challenge");
    assert!(auth.set_pkce_parameters("not unreserved", None).is_err());
}

#[tokio::test]
async fn a_set_pair_finishes_a_sign_in_of_another_process_once() {
    let http = Script::new([pair()]);
    let auth = fresh(&http);
    let verifier = "v".repeat(43);
    auth.set_pkce_parameters(&verifier, None).unwrap();
    let error = auth.fetch_token("error=access_denied").await.unwrap_err();
    assert_eq!(error.reason(), Reason::Denied);
    let forged = auth.fetch_token("state=theirs&code=a&iss=https://evil.example").await;
    assert_eq!(forged.unwrap_err().reason(), Reason::IssuerMismatch);
    auth.fetch_token("state=theirs&code=a").await.unwrap();
    assert_eq!(http.field(0, "code_verifier").unwrap(), verifier);
    let again = auth.fetch_token("state=theirs&code=a").await.unwrap_err();
    assert_eq!(again.reason(), Reason::StateMismatch);
}

#[tokio::test]
async fn a_bare_code_takes_the_given_or_the_current_verifier() {
    let http = Script::new([pair(), pair()]);
    let auth = fresh(&http);
    let error = auth.exchange_code("code", None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configure);
    auth.exchange_code("code", Some("given")).await.unwrap();
    auth.authorization_url(None).unwrap();
    auth.exchange_code("code", None).await.unwrap();
    assert_eq!(http.field(0, "code_verifier").unwrap(), "given");
    assert!(auth.code_verifier().unwrap().matches(&http.field(1, "code_verifier").unwrap()));
}

#[tokio::test]
async fn a_sign_in_whose_code_was_not_sent_can_be_finished() {
    let http = Script::new([not_sent(), pair()]);
    let auth = fresh(&http);
    let url = auth.authorization_url(None).unwrap();
    let error = auth.fetch_token(&callback(&url)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Retry);
    auth.fetch_token(&callback(&url)).await.unwrap();
}

#[tokio::test]
async fn a_refresh_token_that_came_alone_is_spent_at_once() {
    let alone = || Ok(answer(200, r#"{"refresh_token":"fake-alone"}"#));
    let http = Script::new([alone(), pair(), alone(), not_sent(), pair()]);
    let auth = fresh(&http);
    auth.authorization_url(None).unwrap();
    let token = auth.exchange_code("code", None).await.unwrap();
    assert!(token.access_token.matches("new-access"));
    assert_eq!(http.field(1, "refresh_token").unwrap(), "fake-alone");

    assert_eq!(auth.refresh_token().await.unwrap_err().reason(), Reason::NotSent);
    let kept = auth.token().unwrap();
    assert!(kept.refresh_token.as_ref().unwrap().matches("fake-alone"));
    assert!(auth.is_token_expired());
    auth.refresh_token().await.unwrap();
    assert_eq!(http.field(4, "refresh_token").unwrap(), "fake-alone");
}

#[tokio::test]
async fn a_sign_in_that_brought_no_access_token_goes_on_with_its_refresh_token() {
    let alone = Ok(answer(200, r#"{"refresh_token":"fake-alone"}"#));
    let http = Script::new([alone, not_sent(), pair()]);
    let auth = fresh(&http);
    auth.authorization_url(None).unwrap();
    assert_eq!(auth.exchange_code("code", None).await.unwrap_err().reason(), Reason::NotSent);
    assert!(auth.token().is_none());
    let token = auth.refresh_token().await.unwrap();
    assert!(token.refresh_token.as_ref().unwrap().matches("new-refresh"));
    assert_eq!(http.field(2, "refresh_token").unwrap(), "fake-alone");
}

#[tokio::test]
async fn what_an_answer_leaves_out_stays_as_it_was() {
    let http = Script::new([Ok(answer(200, r#"{"access_token":"new-access"}"#))]);
    let auth = signed_in(&http);
    let token = auth.refresh_token().await.unwrap();
    assert!(token.access_token.matches("new-access"));
    assert!(token.refresh_token.as_ref().unwrap().matches("old-refresh"));
    assert_eq!(token.scopes, Some(Scopes::parse("tweet.read")));
}

#[tokio::test]
async fn ten_callers_spend_one_refresh_token() {
    let (http, gate) = Script::gated([pair()]);
    let auth = Arc::new(signed_in(&http));
    let callers: Vec<_> = (0..10)
        .map(|_| {
            let auth = auth.clone();
            tokio::spawn(async move { auth.refresh_token().await })
        })
        .collect();
    gate.reached.acquire().await.unwrap().forget();
    // Every caller is at the refresh before its answer comes: the runtime has this one thread.
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    gate.open.add_permits(1);
    for caller in callers {
        assert!(caller.await.unwrap().unwrap().access_token.matches("new-access"));
    }
    assert_eq!(http.requests(), 1);
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_lose_the_pair() {
    let (http, gate) = Script::gated([pair()]);
    let auth = signed_in(&http);
    tokio::select! {
        biased;
        _ = auth.refresh_token() => panic!("nothing was answered"),
        reached = gate.reached.acquire() => reached.unwrap().forget(),
    }
    gate.open.add_permits(1);
    landed(&auth, "new-access").await;
    assert_eq!(http.requests(), 1);
}

#[tokio::test]
async fn a_refresh_that_nobody_waited_for_is_not_the_answer_to_the_next() {
    let (http, gate) = Script::gated([pair(), pair(), pair()]);
    let auth = signed_in(&http);
    tokio::select! {
        biased;
        _ = auth.refresh_token() => panic!("nothing was answered"),
        reached = gate.reached.acquire() => reached.unwrap().forget(),
    }
    gate.open.add_permits(3);
    landed(&auth, "new-access").await;
    // On the same thread as the refresh, which does not pause after it has landed.
    auth.exchange_code("code", Some("verifier")).await.unwrap();
    auth.refresh_token().await.unwrap();
    assert_eq!(http.requests(), 3);
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_lose_its_sign_in() {
    let (http, gate) = Script::gated([pair()]);
    let auth = fresh(&http);
    let callback = callback(&auth.authorization_url(None).unwrap());
    tokio::select! {
        biased;
        _ = auth.fetch_token(&callback) => panic!("nothing was answered"),
        reached = gate.reached.acquire() => reached.unwrap().forget(),
    }
    gate.open.add_permits(1);
    landed(&auth, "new-access").await;
}

#[test]
fn a_runtime_that_is_shut_down_does_not_lose_the_pair() {
    let (http, gate) = Script::gated([pair()]);
    let auth = Arc::new(signed_in(&http));
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let first = runtime();
    let caller = auth.clone();
    first.spawn(async move { caller.refresh_token().await });
    first.block_on(gate.reached.acquire()).unwrap().forget();
    first.shutdown_background();
    gate.open.add_permits(1);
    runtime().block_on(landed(&auth, "new-access"));
    assert_eq!(http.requests(), 1);
}

#[tokio::test]
async fn a_token_that_was_set_meanwhile_stands() {
    let (http, gate) = Script::gated([pair()]);
    let auth = Arc::new(signed_in(&http));
    let caller = auth.clone();
    let refresh = tokio::spawn(async move { caller.refresh_token().await });
    gate.reached.acquire().await.unwrap().forget();
    let newer = r#"{"access_token":"fake-newer","refresh_token":"newer-refresh"}"#;
    auth.set_token(Some(Token::from_json(newer).unwrap()));
    gate.open.add_permits(1);
    assert!(refresh.await.unwrap().unwrap().access_token.matches("new-access"));
    assert!(auth.access_token().unwrap().matches("fake-newer"));
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_once_more() {
    let http = Script::new([maybe_sent(), pair()]);
    signed_in(&http).refresh_token().await.unwrap();
    assert_eq!(http.field(1, "refresh_token").unwrap(), "old-refresh");

    let http = Script::new([Ok(answer(503, "")), maybe_sent()]);
    let error = signed_in(&http).refresh_token().await.unwrap_err();
    assert_eq!((error.kind(), http.requests()), (ErrorKind::InDoubt, 2));

    let http = Script::new([maybe_sent(), Ok(dead_token())]);
    let error = signed_in(&http).refresh_token().await.unwrap_err();
    assert_eq!(error.reason(), Reason::TokenRejected);
    assert!(error.hint().unwrap().contains("connected_apps"));
}

#[tokio::test]
async fn a_definite_word_is_not_asked_for_again_and_changes_no_token() {
    let answers: [(fn() -> HttpResponse, ErrorKind); 4] = [
        (dead_token, ErrorKind::SignIn),
        (|| answer(429, ""), ErrorKind::Retry),
        (|| oauth_error(401, "unauthorized_client", ""), ErrorKind::Configure),
        (|| answer(200, "<html>"), ErrorKind::InDoubt),
    ];
    for (answer, kind) in answers {
        let http = Script::new([Ok(answer())]);
        let auth = signed_in(&http);
        assert_eq!(auth.refresh_token().await.unwrap_err().kind(), kind);
        assert!(auth.token().unwrap().refresh_token.as_ref().unwrap().matches("old-refresh"));
        assert_eq!(http.requests(), 1);
    }
}

#[tokio::test]
async fn without_a_refresh_token_nothing_is_sent() {
    let http = Script::new([]);
    let auth = builder(&http).token(Token::from_json(r#"{"access_token":"old-access"}"#).unwrap());
    let error = auth.build().unwrap().refresh_token().await.unwrap_err();
    assert_eq!(error.reason(), Reason::NoRefreshToken);
}

#[tokio::test]
async fn a_confidential_app_sends_its_secret_in_the_header() {
    let http = Script::new([pair()]);
    let token = Token::from_json(OLD).unwrap();
    let auth = builder(&http).client_secret("secret\n").token(token).build().unwrap();
    auth.refresh_token().await.unwrap();
    assert!(http.header(0, "authorization").unwrap().starts_with("Basic "));
}

#[test]
fn the_redirect_uri_that_is_given_is_in_the_url() {
    let auth = builder(&Script::new([])).redirect_uri("https://app.example/back").build().unwrap();
    let url = auth.authorization_url(None).unwrap();
    assert!(url.contains("redirect_uri=https%3A%2F%2Fapp.example%2Fback&"), "{url}");
}

#[test]
fn debug_shows_no_secret() {
    let auth = builder(&Script::new([])).client_secret("s3cret").redirect_uri("http://[::1]/back");
    let shown = format!("{auth:?}");
    assert!(shown.contains("http://[::1]/back") && !shown.contains("s3cret"), "{shown}");
    let auth = auth.token(Token::from_json(OLD).unwrap()).build().unwrap();
    auth.authorization_url(Some("the-state")).unwrap();
    let shown = format!("{auth:?}");
    for secret in ["s3cret", "old-", "the-state", auth.code_verifier().unwrap().expose()] {
        assert!(!shown.contains(secret));
    }
}

#[cfg(feature = "blocking")]
mod blocking {
    use super::*;
    use xpkce::blocking::OAuth2PkceAuth;

    #[tokio::test]
    async fn it_waits_inside_a_runtime_too() {
        let http = Script::new([pair(), pair()]);
        let auth: OAuth2PkceAuth = fresh(&http).into();
        let url = auth.authorization_url(None).unwrap();
        auth.fetch_token(&callback(&url)).unwrap();
        assert!(auth.refresh_token().unwrap().access_token.matches("new-access"));
        assert!(!auth.is_token_expired());
    }
}
