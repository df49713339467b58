//! Revocation, and what it takes along (E5, E15).

use xpkce_emulator::{Emulator, Quirks, RevokeReach};

use crate::client::Client;

/// Revokes one token of a fresh pair; returns the statuses of whoami and refresh afterwards.
async fn after_revoking(reach: RevokeReach, refresh_token: bool) -> (u16, u16) {
    let quirks = Quirks { revoke_reach: reach, ..Quirks::default() };
    let x = Emulator::builder().quirks(quirks).start().await.unwrap();
    let app = Client::confidential(&x);
    let tokens = app.sign_in(&x).await;
    let revoked = if refresh_token { &tokens.refresh } else { &tokens.access };
    assert_eq!(app.revoke(revoked).await.json(), serde_json::json!({"revoked": true}));
    (app.whoami(&tokens.access).await.status, app.refresh(&tokens.refresh).await.status)
}

#[tokio::test]
async fn e5_revoking_reaches_as_far_as_switched() {
    use RevokeReach::{Pair, RefreshTakesAccess, TokenOnly};
    assert_eq!(after_revoking(TokenOnly, false).await, (401, 200));
    assert_eq!(after_revoking(TokenOnly, true).await, (200, 400));
    assert_eq!(after_revoking(RefreshTakesAccess, false).await, (401, 200));
    assert_eq!(after_revoking(RefreshTakesAccess, true).await, (401, 400));
    assert_eq!(after_revoking(Pair, false).await, (401, 400));
    assert_eq!(after_revoking(Pair, true).await, (401, 400));
}

#[tokio::test]
async fn e15_an_unknown_token_is_revoked_unless_switched() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    assert_eq!(app.revoke("unknown").await.body, r#"{"revoked":true}"#);
    let quirks = Quirks { revoke_unknown_succeeds: false, ..Quirks::default() };
    x.set_quirks(quirks);
    let text = "Value passed for the token was invalid.";
    assert_eq!(
        app.revoke("unknown").await.oauth_error(),
        (400, "invalid_request".into(), text.into())
    );
}

#[tokio::test]
async fn revoking_needs_the_right_client_and_a_token() {
    let x = Emulator::start().await;
    let (app, other) = (Client::public(&x), Client::confidential(&x));
    let tokens = app.sign_in(&x).await;
    assert_eq!(other.revoke(&tokens.refresh).await.oauth_error().1, "invalid_client");
    let id = app.app.client_id.as_str();
    let answer = app.post("/2/oauth2/revoke", &[("client_id", id)]).await;
    assert_eq!(answer.oauth_error().2, "Missing required parameter [token].");
    let answer = app.post("/2/oauth2/revoke", &[("token", tokens.refresh.as_str())]).await;
    assert_eq!(answer.oauth_error().2, "Missing required parameter [client_id].");
    assert_eq!(app.whoami(&tokens.access).await.status, 200);
    assert_eq!(x.revocations(), 0);
}

#[tokio::test]
async fn a_token_type_hint_is_tolerated() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let tokens = app.sign_in(&x).await;
    let fields = [
        ("token", tokens.refresh.as_str()),
        ("token_type_hint", "access_token"),
        ("client_id", app.app.client_id.as_str()),
    ];
    assert_eq!(app.post("/2/oauth2/revoke", &fields).await.status, 200);
    assert_eq!((x.revocations(), app.refresh(&tokens.refresh).await.status), (1, 400));
}
