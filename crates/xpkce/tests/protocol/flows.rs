//! Whole flows over the network, against the emulator.

use std::time::Duration;

use xpkce::loopback::Listener;
use xpkce::{
    AccessToken, App, Approval, Client, ClientSecret, Login, OAuth2PkceAuth, Pkce, Probe, Reason,
    RefreshAnswer, RefreshToken, Revocable, Rotated, Scopes, State, Timestamp,
};
use xpkce_emulator::{
    AppSeed, CallbackFault, Cut, Emulator, Endpoint, Fault, FaultRule, OddAnswer,
};

use crate::silence::Silence;

fn app(x: &Emulator, seed: &AppSeed) -> App {
    let app = match &seed.client_secret {
        Some(secret) => App::confidential(&seed.client_id, ClientSecret::new(secret.as_str())),
        None => App::public(&seed.client_id),
    };
    app.with_scopes(Scopes::parse(Scopes::DEFAULT))
        .with_base_url(x.base_url())
        .unwrap()
        .with_authorization_base_url(x.authorization_base_url())
        .unwrap()
}

fn public(x: &Emulator) -> Client {
    Client::with_hyper(app(x, &x.public_app()))
}

fn login(client: &Client) -> Login {
    Login::begin(client.app(), client.clock().now()).unwrap()
}

async fn approval(x: &Emulator, client: &Client) -> Approval {
    let login = login(client);
    login.approve(&x.approve(login.url()).await).unwrap()
}

async fn signed_in(x: &Emulator, client: &Client) -> Rotated {
    client.redeem(approval(x, client).await).await.unwrap()
}

fn rotated(answer: RefreshAnswer) -> Rotated {
    match answer {
        RefreshAnswer::Rotated(rotated) => rotated,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn both_kinds_of_app_sign_in_refresh_and_sign_out() {
    let _silence = Silence::listen();
    let x = Emulator::start().await;
    for seed in [x.public_app(), x.confidential_app()] {
        let client = Client::with_hyper(app(&x, &seed));
        assert_eq!(client.probe().await.unwrap(), Probe::Good);
        let first = signed_in(&x, &client).await;
        assert_eq!(first.scopes, Some(Scopes::parse(Scopes::DEFAULT)));
        assert!(first.server_date.is_some());
        let user = client.me(&first.access.unwrap().access_token).await.unwrap();
        assert_eq!(user.username.as_deref(), Some(x.users()[0].username.as_str()));

        let second = rotated(client.refresh(&first.refresh.unwrap()).await);
        let (access, refresh) = (second.access.unwrap(), second.refresh.unwrap());
        client.revoke(Revocable::Refresh(&refresh)).await.unwrap();
        client.revoke(Revocable::Refresh(&refresh)).await.unwrap();
        client.revoke(Revocable::Access(&access.access_token)).await.unwrap();
        assert!(matches!(client.refresh(&refresh).await, RefreshAnswer::Rejected(_)));
        let error = client.me(&access.access_token).await.unwrap_err();
        assert_eq!(error.reason(), Reason::TokenRejected);
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_client_is_told_apart() {
    let _silence = Silence::listen();
    let x = Emulator::start().await;
    let id = x.confidential_app().client_id;
    let token = RefreshToken::new("fake-anything");
    for (wrong, probe, reason) in [
        (
            App::confidential(&id, ClientSecret::new("fake-wrong")),
            Probe::WrongSecretOrAppType,
            Reason::WrongSecretOrAppType,
        ),
        (App::public(&id), Probe::WrongSecretOrAppType, Reason::WrongSecretOrAppType),
        (App::public("nobodys-id"), Probe::WrongClientId, Reason::WrongClientId),
    ] {
        let client = Client::with_hyper(wrong.with_base_url(x.base_url()).unwrap());
        assert_eq!(client.probe().await.unwrap(), probe);
        match client.refresh(&token).await {
            RefreshAnswer::Misconfigured(error) => {
                assert_eq!(error.reason(), reason);
                assert!(error.transaction_id().is_some());
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_exchange_is_told_apart() {
    let _silence = Silence::listen();
    let x = Emulator::start().await;
    let client = public(&x);
    let refused = async |approval| client.redeem(approval).await.unwrap_err().reason();

    let begun = login(&client);
    let callback = x.approve(begun.url()).await;
    let _ = client.redeem(begun.approve(&callback).unwrap()).await.unwrap();
    assert_eq!(refused(begun.approve(&callback).unwrap()).await, Reason::CodeRejected);

    let late = approval(&x, &client).await;
    x.advance(Duration::from_secs(31));
    assert_eq!(refused(late).await, Reason::CodeRejected);

    // The same state, so the callback fits; another pair.
    let begin = |seed| {
        let pkce = Some(Pkce::from_random([seed; 32]));
        Login::begin_with(client.app(), Some(State::new("same")), pkce, Timestamp::default())
    };
    let (ours, theirs) = (begin(1).unwrap(), begin(2).unwrap());
    let callback = x.approve(theirs.url()).await;
    assert_eq!(refused(ours.approve(&callback).unwrap()).await, Reason::VerifierMismatch);

    let begun = login(&client);
    let callback = x.approve(begun.url()).await;
    let elsewhere = begun.to_json().replace("127.0.0.1:8080", "localhost:8080");
    let elsewhere = Login::from_json(&elsewhere).unwrap();
    assert_eq!(refused(elsewhere.approve(&callback).unwrap()).await, Reason::RedirectMismatch);
}

#[tokio::test]
async fn a_denial_and_a_damaged_callback_are_told_apart() {
    let _silence = Silence::listen();
    let x = Emulator::start().await;
    let begun = login(&public(&x));
    let denied = begun.approve(&x.deny(begun.url()).await).unwrap_err();
    assert_eq!(denied.reason(), Reason::Denied);
    for (fault, reason) in [
        (CallbackFault::ErrorWithoutState, Reason::AuthorizationFailed),
        (CallbackFault::AlteredState, Reason::StateMismatch),
        (CallbackFault::MissingState, Reason::MalformedCallback),
        (CallbackFault::MissingCode, Reason::MalformedCallback),
        (CallbackFault::RepeatedCode, Reason::MalformedCallback),
    ] {
        x.fault(FaultRule::callback(fault));
        let callback = x.approve(begun.url()).await;
        assert_eq!(begun.approve(&callback).unwrap_err().reason(), reason, "{fault:?}");
    }
}

#[tokio::test]
async fn an_odd_success_brings_what_is_in_it() {
    let _silence = Silence::listen();
    let x = Emulator::start().await;
    let client = public(&x);
    for odd in [
        OddAnswer::NoAccessToken,
        OddAnswer::NoExpiresIn,
        OddAnswer::ExpiresInString,
        OddAnswer::ExpiresInZero,
        OddAnswer::ExpiresInNegative,
        OddAnswer::ExpiresInFraction,
        OddAnswer::UnknownScope,
        OddAnswer::MissingScope,
        OddAnswer::FewerScopes,
        OddAnswer::CapitalBearer,
        OddAnswer::ExtraFields,
        OddAnswer::LongTokens,
    ] {
        let refresh = signed_in(&x, &client).await.refresh.unwrap();
        x.fault(FaultRule::new(Endpoint::Refresh, Fault::Odd { answer: odd }));
        let pair = rotated(client.refresh(&refresh).await);
        assert_eq!(pair.access.is_none(), odd == OddAnswer::NoAccessToken, "{odd:?}");
        if let Some(access) = pair.access {
            assert!(access.expires_in >= Duration::from_secs(7199), "{odd:?}");
            client.me(&access.access_token).await.unwrap();
        }
        let _ = rotated(client.refresh(&pair.refresh.unwrap()).await);
    }
}

#[tokio::test]
async fn every_fault_of_the_network_has_its_verdict() {
    let _silence = Silence::listen();
    let x = Emulator::start().await;
    let client = public(&x);
    let verdict = async |rule: FaultRule| {
        let refresh = signed_in(&x, &client).await.refresh.unwrap();
        x.fault(rule);
        match client.refresh(&refresh).await {
            RefreshAnswer::Rotated(_) => "rotated",
            RefreshAnswer::Unreadable(_) => "unreadable",
            RefreshAnswer::Rejected(_) => "rejected",
            RefreshAnswer::Misconfigured(_) => "misconfigured",
            RefreshAnswer::Limited(_) => "limited",
            RefreshAnswer::NotSent(_) => "not sent",
            RefreshAnswer::Unknown { resend: true, .. } => "resend",
            RefreshAnswer::Unknown { resend: false, .. } => "unknown",
            _ => "another",
        }
    };
    let limited = Fault::RateLimited { reset_in: Some(-5), retry_after: None };
    for (fault, expected) in [
        (Fault::Drop { at: Cut::BeforeHeaders }, "resend"),
        (Fault::Drop { at: Cut::AfterHeaders }, "resend"),
        (Fault::Drop { at: Cut::MidBody }, "resend"),
        (Fault::Reset, "resend"),
        (Fault::HugeBody, "rotated"),
        (Fault::Cloudflare, "unknown"),
        (Fault::EmptyNotFound, "unknown"),
        (Fault::PlainNotFound, "unknown"),
        (Fault::BrokenGzip, "unreadable"),
        (Fault::ErrorInside200, "unreadable"),
        (Fault::HtmlInside200, "unreadable"),
        (Fault::Empty200, "unreadable"),
        (Fault::Trickle { bytes: 64, pause_ms: 1 }, "rotated"),
        (Fault::SkewedDate { seconds: 600 }, "rotated"),
        (limited, "limited"),
    ] {
        let rule = FaultRule::new(Endpoint::Refresh, fault.clone());
        assert_eq!(verdict(rule).await, expected, "{fault:?}");
    }
}

#[tokio::test]
async fn xs_class_signs_in_and_refreshes() {
    let _silence = Silence::listen();
    let x = Emulator::start().await;
    let auth = OAuth2PkceAuth::builder()
        .base_url(x.base_url())
        .authorization_base_url(x.authorization_base_url())
        .client_id(x.public_app().client_id)
        .scope(Scopes::DEFAULT)
        .build()
        .unwrap();
    let url = auth.authorization_url(None).unwrap();
    auth.fetch_token(&x.approve(&url).await).await.unwrap();
    let first = auth.access_token().unwrap();
    let refreshed = futures_util::future::join_all((0..10).map(|_| auth.refresh_token())).await;
    assert!(refreshed.iter().all(Result::is_ok));
    assert!(!auth.access_token().unwrap().matches(first.expose()));
    assert_eq!((x.refreshes(), x.replays()), (1, 0));
}

#[tokio::test]
async fn the_listener_takes_the_callback_of_the_browser() {
    let _silence = Silence::listen();
    let x = Emulator::start().await;
    let seed = x.public_app();
    let listener = Listener::bind_any_port("http://127.0.0.1/callback").await.unwrap();
    x.register_redirect(&seed.client_id, listener.redirect_uri());
    let app = app(&x, &seed).with_redirect_uri(listener.redirect_uri());
    let client = Client::with_hyper(app);
    let login = login(&client);
    let callback = x.approve(login.url()).await;
    let browser = tokio::spawn(fetch(callback));
    let visit = listener.callback(&login, Login::LIFETIME).await.unwrap();
    let token = client.exchange(login.approve(visit.callback_url()).unwrap()).await;
    visit.tell(&token).await;
    assert!(browser.await.unwrap().contains("Signed in"));
}

/// Plays the browser's last step.
async fn fetch(url: String) -> String {
    let client = Client::with_hyper(
        App::public("browser").with_base_url(url.split("/callback").next().unwrap()).unwrap(),
    );
    let token = AccessToken::new("fake-none");
    let headers = http::HeaderMap::new();
    let page = client.request(&token, http::Method::GET, &url, headers, None).await.unwrap();
    String::from_utf8_lossy(&page.body).into_owned()
}
