//! Client authentication: who must prove what, probed with the free credential check.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use xpkce_emulator::{AppSeed, Emulator, Quirks};

use crate::client::{Answer, Client, REDIRECT};

const JUNK: [(&str, &str); 2] = [("grant_type", "refresh_token"), ("refresh_token", "junk")];

/// Spends a junk token: "token was invalid" means that the client was accepted.
async fn probe(app: &Client, basic: Option<(&str, &str)>, extra: &[(&str, &str)]) -> Answer {
    let fields: Vec<_> = JUNK.iter().chain(extra).copied().collect();
    let mut request = app.http.post(format!("{}/2/oauth2/token", app.base)).form(&fields);
    if let Some((id, secret)) = basic {
        let value = STANDARD.encode(format!("{id}:{secret}"));
        request = request.header("authorization", format!("Basic {value}"));
    }
    Answer::of(request.send().await.unwrap()).await
}

fn assert_accepted(answer: &Answer) {
    let text = "Value passed for the token was invalid.";
    assert_eq!(answer.oauth_error(), (400, "invalid_request".into(), text.into()));
}

fn assert_unauthorized(answer: &Answer) {
    let text = "Missing valid authorization header";
    assert_eq!(answer.oauth_error(), (401, "unauthorized_client".into(), text.into()));
}

fn assert_unknown(answer: &Answer) {
    let text = "Value passed for the client id was invalid.";
    assert_eq!(answer.oauth_error(), (400, "invalid_client".into(), text.into()));
}

#[tokio::test]
async fn a_confidential_app_needs_basic() {
    let x = Emulator::start().await;
    let app = Client::confidential(&x);
    let (id, secret) = (app.app.client_id.as_str(), app.app.client_secret.as_deref().unwrap());
    assert_accepted(&probe(&app, Some((id, secret)), &[]).await);
    assert_accepted(&probe(&app, Some((id, secret)), &[("client_id", id)]).await);
    let both = [("client_id", id), ("client_secret", secret)];
    assert_accepted(&probe(&app, Some((id, secret)), &both).await);

    assert_unauthorized(&probe(&app, None, &both).await);
    assert_unauthorized(&probe(&app, None, &[("client_id", id)]).await);
    assert_unauthorized(&probe(&app, Some((id, "wrong")), &[("client_id", id)]).await);
    assert_unauthorized(&probe(&app, Some((id, "")), &[]).await);
}

#[tokio::test]
async fn an_unknown_client_id_is_told_apart_from_a_wrong_secret() {
    let x = Emulator::start().await;
    let app = Client::confidential(&x);
    let secret = app.app.client_secret.as_deref().unwrap();
    assert_unknown(&probe(&app, Some(("nobody", secret)), &[]).await);
    assert_unknown(&probe(&app, None, &[("client_id", "nobody")]).await);
    let other = x.public_app().client_id;
    let differing = [("client_id", other.as_str())];
    assert_unknown(&probe(&app, Some((&app.app.client_id, secret)), &differing).await);
}

#[tokio::test]
async fn a_public_app_sends_its_id_in_the_body_and_may_send_basic() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let id = app.app.client_id.as_str();
    assert_accepted(&probe(&app, None, &[("client_id", id)]).await);
    assert_accepted(&probe(&app, Some((id, "anything")), &[]).await);
    assert_unauthorized(&probe(&app, Some((id, "")), &[]).await);
    let quirks = Quirks { public_basic_accepted: false, ..Quirks::default() };
    x.set_quirks(quirks);
    assert_unauthorized(&probe(&app, Some((id, "anything")), &[("client_id", id)]).await);
}

#[tokio::test]
async fn basic_may_be_raw_or_percent_encoded() {
    let seed = AppSeed::confidential("Encoded")
        .client_secret("secret+with=odd/characters%25 and spaces")
        .redirect_uri(REDIRECT);
    let x = Emulator::builder().app(seed.clone()).start().await.unwrap();
    let app = Client::of(&x, seed);
    let id = app.app.client_id.as_str();
    for secret in [
        "secret+with=odd/characters%25 and spaces",
        "secret%2Bwith%3Dodd%2Fcharacters%2525%20and%20spaces",
        "secret%2Bwith%3Dodd%2Fcharacters%2525+and+spaces",
    ] {
        assert_accepted(&probe(&app, Some((id, secret)), &[]).await);
    }
    assert_unauthorized(&probe(&app, Some((id, "secret with=odd/characters%")), &[]).await);
}

#[tokio::test]
async fn unreadable_authorization_headers_are_unauthorized() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let no_colon = format!("Basic {}", STANDARD.encode("nocolon"));
    let not_utf8 = format!("Basic {}", STANDARD.encode([0xff, 0xfe, b':']));
    for header in ["Basic", "Basic ???", "Bearer abc", "", &no_colon, &not_utf8] {
        let id = app.app.client_id.as_str();
        let fields: Vec<_> = JUNK.iter().copied().chain([("client_id", id)]).collect();
        let url = format!("{}/2/oauth2/token", app.base);
        let request = app.http.post(url).form(&fields).header("authorization", header);
        assert_unauthorized(&Answer::of(request.send().await.unwrap()).await);
    }
}

#[tokio::test]
async fn a_rotated_secret_is_needed_at_once_and_the_grant_lives_on() {
    let x = Emulator::start().await;
    let mut app = Client::confidential(&x);
    let tokens = app.sign_in(&x).await;
    let secret = x.rotate_secret(&app.app.client_id);
    assert_eq!(secret.len(), 50);
    assert_unauthorized(&app.refresh(&tokens.refresh).await);
    app.app.client_secret = Some(secret);
    assert_eq!(app.refresh(&tokens.refresh).await.status, 200);
}

#[tokio::test]
async fn a_flipped_app_must_change_how_it_authenticates() {
    let x = Emulator::start().await;
    let mut app = Client::public(&x);
    let tokens = app.sign_in(&x).await;
    let secret = x.flip_app_type(&app.app.client_id).unwrap();
    assert_unauthorized(&app.refresh(&tokens.refresh).await);
    app.app.client_secret = Some(secret);
    let tokens = crate::client::Tokens::of(&app.refresh(&tokens.refresh).await);
    assert_eq!(x.flip_app_type(&app.app.client_id), None);
    app.app.client_secret = None;
    assert_eq!(app.refresh(&tokens.refresh).await.status, 200);
}

#[tokio::test]
async fn a_suspended_app_loses_its_tokens_and_gets_no_new_ones() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let tokens = app.sign_in(&x).await;
    x.suspend_app(&app.app.client_id);
    assert_eq!(app.whoami(&tokens.access).await.status, 401);
    assert_unknown(&app.refresh(&tokens.refresh).await);
}
