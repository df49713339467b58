//! One object with several faces: the app described anew, a callback checked before its exchange.

use std::sync::Arc;

use xpkce::{App, OAuth2PkceAuth, Reason, Scopes, Token};

use crate::support::{CLIENT_ID, PAIR, Script, answer};

const OLD: &str = r#"{"access_token":"old-access","refresh_token":"old-refresh"}"#;

fn auth(http: &Arc<Script>) -> OAuth2PkceAuth {
    OAuth2PkceAuth::builder().client_id(CLIENT_ID).http(http.clone()).build().unwrap()
}

fn callback(url: &str) -> String {
    let (_, state) = url.split_once("&state=").unwrap();
    let state = state.split('&').next().unwrap();
    format!("http://127.0.0.1:8080/callback?state={state}&code=the-code")
}

#[tokio::test]
async fn an_app_described_anew_has_the_same_sign_ins_and_token() {
    let http = Script::new([Ok(answer(200, PAIR))]);
    let before = auth(&http);
    let url = before.authorization_url(None).unwrap();
    let after = before.with_app(App::public(CLIENT_ID).with_scopes(Scopes::parse("like.read")));
    after.fetch_token(&callback(&url)).await.unwrap();
    assert!(before.access_token().unwrap().matches("new-access"));
    assert_eq!(http.field(0, "client_id").unwrap(), CLIENT_ID);
    assert!(before.app().scopes().is_none() && after.app().scopes().is_some());
}

#[tokio::test]
async fn a_checked_callback_gives_what_an_exchange_takes_and_goes_on_waiting() {
    let http = Script::new([Ok(answer(200, PAIR))]);
    let auth = auth(&http);
    let url = auth.authorization_url(None).unwrap();
    for _ in 0..2 {
        let (code, verifier) = auth.check_callback(&callback(&url)).unwrap();
        assert!(code.matches("the-code"));
        assert!(verifier.matches(auth.code_verifier().unwrap().expose()));
    }
    let (code, verifier) = auth.check_callback(&callback(&url)).unwrap();
    auth.exchange_code(code.expose(), Some(verifier.expose())).await.unwrap();
    let again = auth.check_callback(&callback(&url)).unwrap_err();
    assert_eq!(again.reason(), Reason::StateMismatch);
}

#[test]
fn a_callback_of_another_sign_in_does_not_pass_the_check() {
    let auth = auth(&Script::new([]));
    auth.authorization_url(None).unwrap();
    let url = callback("http://127.0.0.1/?a&state=another");
    assert_eq!(auth.check_callback(&url).unwrap_err().reason(), Reason::StateMismatch);
}

#[test]
fn a_pair_that_is_cleared_is_not_used_by_the_next_url() {
    let auth = auth(&Script::new([]));
    auth.set_pkce_parameters("a-verifier", None).unwrap();
    auth.clear_pkce_parameters();
    assert!(auth.code_verifier().is_none() && auth.code_challenge().is_none());
    auth.authorization_url(None).unwrap();
    assert!(!auth.code_verifier().unwrap().matches("a-verifier"));
}

#[tokio::test]
async fn a_token_that_is_set_is_the_one_that_is_spent() {
    let alone = r#"{"refresh_token":"fake-alone"}"#;
    let answers = [Ok(answer(200, alone)), Ok(answer(503, "")), Ok(answer(503, ""))];
    let http = Script::new(answers.into_iter().chain([Ok(answer(200, PAIR))]));
    let auth = auth(&http);
    let url = auth.authorization_url(None).unwrap();
    auth.fetch_token(&callback(&url)).await.unwrap_err();
    auth.set_token(Some(Token::from_json(OLD).unwrap()));
    auth.refresh_token().await.unwrap();
    assert_eq!(http.field(3, "refresh_token").unwrap(), "old-refresh");
}
