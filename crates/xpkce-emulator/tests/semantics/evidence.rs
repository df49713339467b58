//! What the log says of refusals whose answers say little.

use xpkce_emulator::{Emulator, Event, EventKind, Quirks};

use crate::client::{Client, page_token};

fn last(x: &Emulator, kind: EventKind) -> Event {
    let found = x.events().into_iter().rev().find(|event| event.kind == kind);
    found.unwrap_or_else(|| panic!("no {kind:?} in {:?}", x.events()))
}

#[tokio::test]
async fn a_refused_client_is_named_by_its_basic_header_alone() {
    let x = Emulator::start().await;
    let app = Client::confidential(&x);
    let request = app.http.post(format!("{}/2/oauth2/token", app.base));
    let request = request.basic_auth(&app.app.client_id, Some("wrong"));
    request.form(&[("grant_type", "refresh_token")]).send().await.unwrap();
    let refused = last(&x, EventKind::ClientRefused);
    assert_eq!(refused.client_id, Some(app.app.client_id));
    assert_eq!(refused.reason, Some("secret wrong"));
}

#[tokio::test]
async fn a_secret_in_the_place_of_the_client_id_is_not_written_down() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let tokens = app.sign_in(&x).await;
    let fields = [("grant_type", "refresh_token"), ("client_id", tokens.refresh.as_str())];
    assert_eq!(app.post("/2/oauth2/token", &fields).await.status, 400);
    assert_eq!(last(&x, EventKind::ClientRefused).client_id, None);
    assert!(!format!("{:?}", x.events()).contains(&tokens.refresh));
}

#[tokio::test]
async fn a_bare_403_is_explained_with_app_user_and_scope() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let access = app.sign_in_with(&x, "users.read").await.text("access_token");
    assert_eq!(app.whoami(&access).await.status, 403);
    let refused = last(&x, EventKind::BearerRefused);
    assert_eq!(refused.reason, Some("tweet.read is missing"));
    assert_eq!(refused.client_id, Some(app.app.client_id));
    assert_eq!(refused.username.as_deref(), Some("ada_example"));
}

#[tokio::test]
async fn a_request_without_a_bearer_is_explained() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    app.get(&format!("{}/2/users/me", app.base)).await;
    assert_eq!(last(&x, EventKind::BearerRefused).reason, Some("there is none"));
}

#[tokio::test]
async fn a_consent_page_that_was_answered_says_so_and_counts() {
    let x = Emulator::builder().auto_approve(None).start().await.unwrap();
    let app = Client::public(&x);
    let page = app.get(&app.authorize_url(&[])).await;
    let fields = [("page", page_token(&page)), ("decision", "cancel".to_owned())];
    let answer = async || app.http.post(&app.authorize).form(&fields).send().await.unwrap();
    assert_eq!(answer().await.status(), 303);
    assert_eq!(answer().await.status(), 400);
    let refused = last(&x, EventKind::AuthorizeRefused);
    assert_eq!(refused.reason, Some("the consent page was answered already, or is too old"));
    assert_eq!(x.counters().authorize_refusals, 1);
}

#[tokio::test]
async fn a_page_that_approves_as_nobody_says_so() {
    let x = Emulator::builder().empty().app(Emulator::start().await.public_app());
    let x = x.start().await.unwrap();
    let refused = x.try_approve(&Client::public(&x).authorize_url(&[])).await.unwrap_err();
    assert_eq!(refused.reason, Some("there is no such user"));
}

#[tokio::test]
async fn a_token_that_a_newer_sign_in_killed_is_refused_with_its_owner_named() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let old = app.sign_in(&x).await;
    app.sign_in(&x).await;
    assert_eq!(app.refresh(&old.refresh).await.status, 400);
    let refused = last(&x, EventKind::RefreshRefused);
    assert_eq!(refused.reason, Some("superseded by another sign-in"));
    assert_eq!(refused.client_id, Some(app.app.client_id));
    assert_eq!((refused.username.as_deref(), refused.generation), (Some("ada_example"), Some(1)));
}

#[tokio::test]
async fn a_family_is_killed_once() {
    let quirks = Quirks { replay_kills_family: true, ..Quirks::default() };
    let x = Emulator::builder().quirks(quirks).start().await.unwrap();
    let app = Client::public(&x);
    let spent = app.sign_in(&x).await;
    app.refresh(&spent.refresh).await;
    for _ in 0..2 {
        assert_eq!(app.refresh(&spent.refresh).await.status, 400);
    }
    let killed = x.events().into_iter().filter(|event| event.kind == EventKind::FamilyKilled);
    assert_eq!((killed.count(), x.replays()), (1, 2));
}

#[tokio::test]
async fn a_refused_revocation_is_not_written_down_as_one() {
    let x = Emulator::start().await;
    let (app, other) = (Client::public(&x), Client::confidential(&x));
    let tokens = app.sign_in(&x).await;
    other.revoke(&tokens.refresh).await;
    assert_eq!(last(&x, EventKind::RevokeRefused).reason, Some("of another app"));
    x.set_quirks(Quirks { revoke_unknown_succeeds: false, ..Quirks::default() });
    app.revoke("unknown").await;
    assert_eq!(last(&x, EventKind::RevokeRefused).reason, Some("the token was not alive"));
    assert!(x.events().iter().all(|event| event.kind != EventKind::Revoked));
}
