//! F18, F19: what can be wrong with the answer that the browser carries.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;
use xpkce_emulator::{CallbackFault, Emulator, Endpoint, EventKind, FaultRule, Lifetimes};

use crate::client::{Client, REDIRECT, Tokens, code_of, param};

async fn callback(fault: CallbackFault, state: &str) -> (Emulator, Client, String) {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    x.fault(FaultRule::callback(fault));
    let callback = x.approve(&app.authorize_url(&[("state", state)])).await;
    (x, app, callback)
}

#[tokio::test]
async fn an_error_can_come_without_its_state() {
    let (_x, _app, callback) = callback(CallbackFault::ErrorWithoutState, "s").await;
    assert_eq!(param(&callback, "error").as_deref(), Some("invalid_request"));
    assert_eq!(param(&callback, "error_description").as_deref(), Some("Redirect is requested."));
    assert_eq!((param(&callback, "state"), param(&callback, "code")), (None, None));
}

#[tokio::test]
async fn a_state_can_be_altered_or_lost_and_so_can_a_code() {
    let (_x, _app, altered) = callback(CallbackFault::AlteredState, r#"a"b,c"#).await;
    assert_eq!(param(&altered, "state").as_deref(), Some("abc"));
    let (_x, _app, altered) = callback(CallbackFault::AlteredState, "abc").await;
    assert_eq!(param(&altered, "state").as_deref(), Some("ab"));
    let (_x, _app, lost) = callback(CallbackFault::MissingState, "s").await;
    assert!(param(&lost, "state").is_none() && param(&lost, "code").is_some());
    let (_x, _app, lost) = callback(CallbackFault::MissingCode, "s").await;
    assert!(param(&lost, "state").is_some() && param(&lost, "code").is_none());
}

#[tokio::test]
async fn a_code_can_come_twice_in_one_query() {
    let (_x, _app, twice) = callback(CallbackFault::RepeatedCode, "s").await;
    let url = Url::parse(&twice).unwrap();
    assert_eq!(url.query_pairs().filter(|(name, _)| name == "code").count(), 2);
}

#[tokio::test]
async fn a_late_callback_carries_an_expired_code() {
    let (x, app, late) = callback(CallbackFault::Late, "s").await;
    let answer = app.exchange(&code_of(&late)).await;
    assert_eq!(answer.oauth_error().2, "Value passed for the authorization code was invalid.");
    assert!(x.events().iter().any(|event| event.kind == EventKind::ClockAdvanced));
}

#[tokio::test]
async fn a_callback_is_late_for_a_code_that_lives_for_ever_too() {
    let x = Emulator::start().await;
    x.set_lifetimes(Lifetimes { code: u64::MAX, ..Lifetimes::default() });
    x.fault(FaultRule::callback(CallbackFault::Late));
    x.approve(&Client::public(&x).authorize_url(&[])).await;
}

#[tokio::test]
async fn a_callback_waits_as_long_as_its_rule_says() {
    const DELAY: Duration = Duration::from_secs(3600);
    let x = Emulator::start().await;
    let app = Client::public(&x);
    for rule in [
        FaultRule::callback(CallbackFault::MissingCode).delayed(DELAY),
        FaultRule::callback(CallbackFault::Denied).delayed(DELAY),
        FaultRule::delay(Endpoint::Callback, DELAY),
    ] {
        x.fault(rule);
        let url = app.authorize_url(&[]);
        let approving = tokio::time::timeout(Duration::from_millis(200), x.approve(&url));
        assert!(approving.await.is_err());
    }
    assert_eq!(x.counters().faults, 3);
}

#[tokio::test]
async fn consent_can_be_denied_by_script() {
    let (_x, _app, denied) = callback(CallbackFault::Denied, "s").await;
    assert_eq!(denied, format!("{REDIRECT}?error=access_denied&state=s"));
}

#[tokio::test]
async fn f19_somebody_else_may_have_been_signed_in() {
    let (_x, app, callback) = callback(CallbackFault::OtherUser, "s").await;
    let tokens = Tokens::of(&app.exchange(&code_of(&callback)).await);
    let username = app.whoami(&tokens.access).await.json()["data"]["username"].clone();
    assert!(username.is_string() && username != "ada_example");
}

/// Answers one request on a loopback port and returns its request line.
async fn visited(listener: &TcpListener) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = [0; 4096];
    let length = stream.read(&mut request).await.unwrap();
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    let text = String::from_utf8_lossy(&request[..length]).into_owned();
    text.lines().next().unwrap().to_owned()
}

async fn errand(fault: CallbackFault) -> (String, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/callback", listener.local_addr().unwrap());
    let x = Emulator::start().await;
    let app = Client::public(&x);
    x.register_redirect(&app.app.client_id, &uri);
    x.fault(FaultRule::callback(fault));
    let url = app.authorize_url(&[("redirect_uri", &uri)]);
    tokio::join!(visited(&listener), x.approve(&url))
}

#[tokio::test]
async fn the_callback_can_arrive_before_the_browser_brings_it_again() {
    let (seen, callback) = errand(CallbackFault::DeliveredTwice).await;
    let url = Url::parse(&callback).unwrap();
    assert_eq!(seen, format!("GET /callback?{} HTTP/1.1", url.query().unwrap()));
}

#[tokio::test]
async fn a_stray_request_can_reach_the_callback_port_first() {
    let (seen, callback) = errand(CallbackFault::StrayRequest).await;
    assert_eq!(seen, "GET /favicon.ico HTTP/1.1");
    assert!(param(&callback, "code").is_some());
}
