//! F14: successes with something odd about them, while the rotation is real.

use serde_json::Value;
use xpkce_emulator::{Emulator, Endpoint, Fault, FaultRule, OddAnswer};

use crate::client::Client;

async fn odd(answer: OddAnswer) -> Value {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let tokens = app.sign_in(&x).await;
    x.fault(FaultRule::new(Endpoint::Refresh, Fault::Odd { answer }));
    let refreshed = app.refresh(&tokens.refresh).await;
    assert_eq!((refreshed.status, x.refreshes()), (200, 1));
    refreshed.json()
}

#[tokio::test]
async fn fields_can_be_absent_or_empty() {
    assert!(odd(OddAnswer::NoRefreshToken).await.get("refresh_token").is_none());
    assert_eq!(odd(OddAnswer::EmptyRefreshToken).await["refresh_token"], "");
    assert!(odd(OddAnswer::NoAccessToken).await.get("access_token").is_none());
    assert!(odd(OddAnswer::NoExpiresIn).await.get("expires_in").is_none());
    assert!(odd(OddAnswer::MissingScope).await.get("scope").is_none());
}

#[tokio::test]
async fn expires_in_can_be_text_zero_negative_or_a_fraction() {
    assert_eq!(odd(OddAnswer::ExpiresInString).await["expires_in"], "7200");
    assert_eq!(odd(OddAnswer::ExpiresInZero).await["expires_in"], 0);
    assert_eq!(odd(OddAnswer::ExpiresInNegative).await["expires_in"], -1);
    assert_eq!(odd(OddAnswer::ExpiresInFraction).await["expires_in"], 7199.5);
}

#[tokio::test]
async fn scopes_can_be_more_or_fewer_and_the_type_capital() {
    let unknown = odd(OddAnswer::UnknownScope).await;
    assert!(unknown["scope"].as_str().unwrap().contains("holograms.read"));
    let fewer = odd(OddAnswer::FewerScopes).await;
    assert!(!fewer["scope"].as_str().unwrap().contains(' '));
    assert_eq!(odd(OddAnswer::CapitalBearer).await["token_type"], "Bearer");
    assert!(odd(OddAnswer::ExtraFields).await["x_extra"]["nested"].is_array());
}

#[tokio::test]
async fn tokens_of_four_kibibytes_work() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let first = app.sign_in(&x).await;
    let rule = || FaultRule::new(Endpoint::Refresh, Fault::Odd { answer: OddAnswer::LongTokens });
    x.fault(rule());
    let long = app.refresh(&first.refresh).await;
    let (access, refresh) = (long.text("access_token"), long.text("refresh_token"));
    assert_eq!((access.len(), refresh.len()), (4096, 4096));
    assert_eq!(app.whoami(&access).await.status, 200);
    assert_eq!(app.refresh(&refresh).await.status, 200);
    assert_eq!(app.whoami(&access).await.status, 401, "dead once rotated, like any other");
    assert_eq!(x.replays(), 0);
}
