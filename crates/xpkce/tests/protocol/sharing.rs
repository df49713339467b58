//! One object for several tokens, sign-ins and callers: none is taken for another, none is lost.

use std::sync::Arc;

use xpkce::{App, ErrorKind, OAuth2PkceAuth, Reason, Token};

use crate::support::{CLIENT_ID, PAIR, Script, answer};

const ADAS: &str = r#"{"access_token":"adas-access","refresh_token":"adas-refresh"}"#;
const BOS: &str = r#"{"access_token":"bos-access","refresh_token":"bos-refresh"}"#;
const BOS_NEXT: &str = r#"{"access_token":"bos-new-access","refresh_token":"bos-new-refresh"}"#;

fn auth(http: &Arc<Script>) -> Arc<OAuth2PkceAuth> {
    Arc::new(OAuth2PkceAuth::builder().client_id(CLIENT_ID).http(http.clone()).build().unwrap())
}

fn token(json: &str) -> Option<Token> {
    Some(Token::from_json(json).unwrap())
}

fn callback(url: &str) -> String {
    let (_, state) = url.split_once("&state=").unwrap();
    let state = state.split('&').next().unwrap();
    format!("http://127.0.0.1:8080/callback?state={state}&code=the-code")
}

#[tokio::test]
async fn a_token_set_meanwhile_is_refreshed_and_not_answered_with_the_one_before() {
    let (http, gate) = Script::gated([Ok(answer(200, PAIR)), Ok(answer(200, BOS_NEXT))]);
    let auth = auth(&http);
    auth.set_token(token(ADAS));
    let caller = auth.clone();
    let adas = tokio::spawn(async move { caller.refresh_token().await });
    gate.reached.acquire().await.unwrap().forget();
    auth.set_token(token(BOS));
    gate.open.add_permits(2);
    assert!(auth.refresh_token().await.unwrap().access_token.matches("bos-new-access"));
    assert!(adas.await.unwrap().unwrap().access_token.matches("new-access"));
    assert!(auth.access_token().unwrap().matches("bos-new-access"));
    assert_eq!(http.field(1, "refresh_token").unwrap(), "bos-refresh");
}

#[tokio::test]
async fn a_token_that_is_set_again_is_still_spent_once() {
    let (http, gate) = Script::gated([Ok(answer(200, PAIR))]);
    let auth = auth(&http);
    auth.set_token(token(ADAS));
    let caller = auth.clone();
    let first = tokio::spawn(async move { caller.refresh_token().await });
    gate.reached.acquire().await.unwrap().forget();
    auth.set_token(token(BOS));
    auth.set_token(token(ADAS));
    let second = tokio::spawn(async move { auth.refresh_token().await });
    tokio::task::yield_now().await;
    gate.open.add_permits(1);
    for refresh in [first, second] {
        assert!(refresh.await.unwrap().unwrap().access_token.matches("new-access"));
    }
    assert_eq!(http.requests(), 1);
}

#[tokio::test]
async fn a_refresh_token_that_came_alone_is_spent_once_whoever_asks() {
    let alone = || Ok(answer(200, r#"{"refresh_token":"fake-alone"}"#));
    let (http, gate) = Script::gated([alone(), Ok(answer(200, PAIR))]);
    let auth = auth(&http);
    let caller = auth.clone();
    let sign_in = tokio::spawn(async move { caller.exchange_code("code", Some("v")).await });
    gate.reached.acquire().await.unwrap().forget();
    gate.open.add_permits(1);
    gate.reached.acquire().await.unwrap().forget();
    let refresh = tokio::spawn(async move { auth.refresh_token().await });
    tokio::task::yield_now().await;
    gate.open.add_permits(1);
    for landed in [sign_in, refresh] {
        assert!(landed.await.unwrap().unwrap().access_token.matches("new-access"));
    }
    assert_eq!(http.requests(), 2);
}

#[tokio::test]
async fn a_refresh_token_that_a_refresh_brought_alone_is_spent_once_whoever_asks() {
    let alone = || Ok(answer(200, r#"{"refresh_token":"fake-alone"}"#));
    let (http, gate) = Script::gated([alone(), Ok(answer(200, PAIR))]);
    let auth = auth(&http);
    auth.set_token(token(ADAS));
    let callers = [auth.clone(), auth];
    let mut refreshes = Vec::new();
    for caller in callers {
        refreshes.push(tokio::spawn(async move { caller.refresh_token().await }));
        if refreshes.len() == 1 {
            gate.reached.acquire().await.unwrap().forget();
            gate.open.add_permits(1);
            gate.reached.acquire().await.unwrap().forget();
        }
    }
    tokio::task::yield_now().await;
    gate.open.add_permits(2);
    for refresh in refreshes {
        assert!(refresh.await.unwrap().unwrap().access_token.matches("new-access"));
    }
    assert_eq!(http.requests(), 2);
}

#[tokio::test]
async fn a_refresh_that_ends_leaves_that_of_another_token_to_be_joined() {
    let (http, gate) = Script::gated([Ok(answer(200, PAIR)), Ok(answer(200, BOS_NEXT))]);
    let auth = auth(&http);
    let refresh = || {
        let caller = auth.clone();
        tokio::spawn(async move { caller.refresh_token().await })
    };
    auth.set_token(token(ADAS));
    let adas = refresh();
    gate.reached.acquire().await.unwrap().forget();
    auth.set_token(token(BOS));
    let bos = refresh();
    gate.reached.acquire().await.unwrap().forget();
    gate.open.add_permits(1);
    assert!(adas.await.unwrap().unwrap().access_token.matches("new-access"));
    let bos_too = refresh();
    tokio::task::yield_now().await;
    gate.open.add_permits(2);
    for landed in [bos, bos_too] {
        assert!(landed.await.unwrap().unwrap().access_token.matches("bos-new-access"));
    }
    assert_eq!(http.requests(), 2);
}

#[tokio::test]
async fn a_callback_that_was_copied_in_part_does_not_end_the_sign_in() {
    let http = Script::new([Ok(answer(200, PAIR))]);
    let auth = auth(&http);
    let whole = callback(&auth.authorization_url(None).unwrap());
    let (part, _) = whole.split_once("&code").unwrap();
    let error = auth.fetch_token(part).await.unwrap_err();
    assert_eq!(error.reason(), Reason::MalformedCallback);
    auth.fetch_token(&whole).await.unwrap();
}

#[tokio::test]
async fn a_denial_ends_the_sign_in() {
    let auth = auth(&Script::new([]));
    let whole = callback(&auth.authorization_url(None).unwrap());
    let denied = whole.replace("code=the-code", "error=access_denied");
    assert_eq!(auth.fetch_token(&denied).await.unwrap_err().reason(), Reason::Denied);
    assert_eq!(auth.fetch_token(&whole).await.unwrap_err().reason(), Reason::StateMismatch);
}

#[tokio::test]
async fn a_code_that_another_app_did_not_send_can_still_be_sent() {
    let http = Script::new([Ok(answer(200, PAIR))]);
    let auth = auth(&http);
    let whole = callback(&auth.authorization_url(None).unwrap());
    let another = auth.with_app(App::public("another"));
    assert_eq!(another.fetch_token(&whole).await.unwrap_err().kind(), ErrorKind::Configure);
    assert_eq!(http.requests(), 0);
    auth.fetch_token(&whole).await.unwrap();
}

#[test]
fn a_callback_of_another_app_is_not_taken_apart_for_this_one() {
    let auth = auth(&Script::new([]));
    let whole = callback(&auth.authorization_url(None).unwrap());
    let elsewhere = App::public(CLIENT_ID).with_base_url("https://elsewhere.example").unwrap();
    for other in [elsewhere, App::public("another")] {
        let why = auth.with_app(other).check_callback(&whole).unwrap_err();
        assert_eq!(why.reason(), Reason::OtherApp);
    }
    auth.check_callback(&whole).unwrap();
}

#[test]
fn a_pair_is_not_used_up_by_a_url_that_was_refused() {
    let auth = auth(&Script::new([]));
    auth.set_pkce_parameters("v".repeat(43), None).unwrap();
    let challenge = auth.code_challenge().unwrap();
    assert!(auth.authorization_url(Some("a state with spaces")).is_err());
    assert!(auth.authorization_url(None).unwrap().contains(&challenge));
}

#[tokio::test]
async fn a_refresh_token_that_came_alone_is_told_of_though_another_was_set() {
    let alone = answer(200, r#"{"refresh_token":"fake-alone"}"#);
    let (http, gate) = Script::gated([Ok(alone), Ok(answer(429, "{}"))]);
    let auth = auth(&http);
    auth.set_token(token(ADAS));
    let caller = auth.clone();
    let adas = tokio::spawn(async move { caller.refresh_token_or_alone().await });
    gate.reached.acquire().await.unwrap().forget();
    auth.set_token(token(BOS));
    gate.open.add_permits(2);
    let (adas, alone) = adas.await.unwrap();
    assert_eq!(adas.unwrap_err().reason(), Reason::RateLimited);
    assert!(alone.unwrap().matches("fake-alone"));
    assert!(auth.access_token().unwrap().matches("bos-access"));
}
