//! The whole way, once.

use xpkce_emulator::Emulator;

use crate::client::{Client, REDIRECT, Tokens, code_of, param};

#[tokio::test]
async fn a_person_signs_in_refreshes_calls_and_signs_out() {
    let x = Emulator::start().await;
    let app = Client::public(&x);

    let callback = x.approve(&app.authorize_url(&[])).await;
    assert!(callback.starts_with(&format!("{REDIRECT}?state=a-state&code=")), "{callback}");
    let first = Tokens::of(&app.exchange(&code_of(&callback)).await);
    assert_eq!(app.whoami(&first.access).await.json()["data"]["username"], "ada_example");

    let second = Tokens::of(&app.refresh(&first.refresh).await);
    assert_eq!(app.whoami(&first.access).await.status, 401);
    assert_eq!(app.whoami(&second.access).await.status, 200);
    assert_eq!(x.refreshes(), 1);

    assert_eq!(app.revoke(&second.refresh).await.body, r#"{"revoked":true}"#);
    assert_eq!(app.whoami(&second.access).await.status, 401);
    assert_eq!(app.refresh(&second.refresh).await.status, 400);
}

#[tokio::test]
async fn a_real_get_of_the_authorize_page_is_approved_at_once() {
    let x = Emulator::start().await;
    let app = Client::confidential(&x);
    let answer = app.get(&app.authorize_url(&[])).await;
    assert_eq!(answer.status, 302);
    assert_eq!(param(answer.header("location"), "state").as_deref(), Some("a-state"));
}
