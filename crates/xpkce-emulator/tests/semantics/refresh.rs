//! Rotation: single use, one winner, and what the switches change.

use std::time::Duration;

use futures_util::future::join_all;
use xpkce_emulator::{Emulator, EventKind, Lifetimes, Quirks, TokenKind};

use crate::client::{Client, Tokens};

const TOKEN_INVALID: &str = "Value passed for the token was invalid.";

async fn with(change: impl FnOnce(&mut Quirks)) -> Emulator {
    let mut quirks = Quirks::default();
    change(&mut quirks);
    Emulator::builder().quirks(quirks).frozen_clock().start().await.unwrap()
}

#[tokio::test]
async fn a_spent_token_answers_invalid_request_and_the_winner_lives() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let first = app.sign_in(&x).await;
    let second = Tokens::of(&app.refresh(&first.refresh).await);
    let replay = app.refresh(&first.refresh).await;
    assert_eq!(replay.oauth_error(), (400, "invalid_request".into(), TOKEN_INVALID.into()));
    assert_eq!((x.refreshes(), x.replays()), (1, 1));
    assert_eq!(app.refresh(&second.refresh).await.status, 200);
}

#[tokio::test]
async fn of_many_parallel_refreshes_exactly_one_wins() {
    let x = Emulator::start().await;
    let app = Client::confidential(&x);
    let tokens = app.sign_in(&x).await;
    let answers = join_all((0..50).map(|_| app.refresh(&tokens.refresh))).await;
    let winners: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(winners.len(), 1);
    assert_eq!((x.refreshes(), x.replays()), (1, 49));
    assert_eq!(app.whoami(&Tokens::of(winners[0]).access).await.status, 200);
}

#[tokio::test]
async fn access_tokens_are_no_refresh_tokens_and_other_apps_tokens_are_refused() {
    let x = Emulator::start().await;
    let (app, other) = (Client::public(&x), Client::confidential(&x));
    let tokens = app.sign_in(&x).await;
    assert_eq!(app.refresh(&tokens.access).await.oauth_error().2, TOKEN_INVALID);
    assert_eq!(other.refresh(&tokens.refresh).await.oauth_error().1, "invalid_client");
    assert_eq!(app.refresh(&tokens.refresh).await.status, 200, "nothing was spent");
}

#[tokio::test]
async fn the_log_tells_who_spent_which_generation() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let first = app.sign_in(&x).await;
    let answer = app.refresh(&first.refresh).await;
    app.refresh(&first.refresh).await;
    let events = x.events();
    let refreshed = events.iter().find(|e| e.kind == EventKind::Refreshed).unwrap();
    let replayed = events.iter().find(|e| e.kind == EventKind::Replayed).unwrap();
    assert_eq!(refreshed.generation, Some(2));
    assert_eq!(refreshed.token, replayed.token);
    assert_eq!(refreshed.username.as_deref(), Some("ada_example"));
    assert_eq!(refreshed.transaction_id.as_deref(), Some(answer.header("x-transaction-id")));
    assert!(refreshed.peer.as_deref().unwrap().starts_with("127.0.0.1:"));
}

#[tokio::test]
async fn neither_the_log_nor_debug_holds_a_whole_credential() {
    let x = Emulator::start().await;
    let app = Client::confidential(&x);
    let code = app.approved(&x).await;
    let tokens = Tokens::of(&app.exchange(&code).await);
    app.refresh(&tokens.refresh).await;
    let written = format!("{:?} {x:?} {:?} {:?}", x.events(), x.summary(), x.apps());
    let secret = app.app.client_secret.unwrap();
    for secret in [&code, &tokens.access, &tokens.refresh, &secret] {
        assert!(!written.contains(secret.as_str()));
    }
}

#[tokio::test]
async fn access_tokens_last_two_hours_and_refresh_tokens_180_days() {
    let x = with(|_| {}).await;
    let app = Client::public(&x);
    let tokens = app.sign_in(&x).await;
    x.advance(Duration::from_secs(7199));
    assert_eq!(app.whoami(&tokens.access).await.status, 200);
    x.advance(Duration::from_secs(1));
    assert_eq!(app.whoami(&tokens.access).await.status, 401);
    x.advance(Duration::from_secs(180 * 86_400 - 7201));
    let tokens = Tokens::of(&app.refresh(&tokens.refresh).await);
    x.advance(Duration::from_secs(180 * 86_400));
    assert_eq!(app.refresh(&tokens.refresh).await.oauth_error().2, TOKEN_INVALID);
    assert_eq!(x.replays(), 0, "an expired token is not a replay");
}

#[tokio::test]
async fn e1_the_old_access_token_dies_unless_switched() {
    for survives in [false, true] {
        let x = with(|quirks| quirks.old_access_survives_refresh = survives).await;
        let app = Client::public(&x);
        let first = app.sign_in(&x).await;
        app.refresh(&first.refresh).await;
        let status = if survives { 200 } else { 401 };
        assert_eq!(app.whoami(&first.access).await.status, status);
    }
}

#[tokio::test]
async fn e2_a_replay_kills_the_family_only_when_switched() {
    for kills in [false, true] {
        let x = with(|quirks| quirks.replay_kills_family = kills).await;
        let app = Client::public(&x);
        let first = app.sign_in(&x).await;
        let second = Tokens::of(&app.refresh(&first.refresh).await);
        app.refresh(&first.refresh).await;
        let (whoami, refresh) = if kills { (401, 400) } else { (200, 200) };
        assert_eq!(app.whoami(&second.access).await.status, whoami);
        assert_eq!(app.refresh(&second.refresh).await.status, refresh);
    }
}

#[tokio::test]
async fn e3_within_the_grace_a_spent_token_buys_the_same_pair_again() {
    let x = with(|quirks| quirks.reuse_grace_ms = 500).await;
    let app = Client::public(&x);
    let first = app.sign_in(&x).await;
    let second = Tokens::of(&app.refresh(&first.refresh).await);
    x.advance(Duration::from_millis(499));
    let again = Tokens::of(&app.refresh(&first.refresh).await);
    assert_eq!((again.access, again.refresh), (second.access, second.refresh));
    x.advance(Duration::from_millis(1));
    assert_eq!(app.refresh(&first.refresh).await.status, 400);
    assert_eq!(x.refreshes(), 1);
}

#[tokio::test]
async fn e3_a_pair_that_was_revoked_is_not_bought_again() {
    let x = with(|quirks| quirks.reuse_grace_ms = 500).await;
    let app = Client::public(&x);
    let first = app.sign_in(&x).await;
    let second = Tokens::of(&app.refresh(&first.refresh).await);
    assert_eq!(app.revoke(&second.refresh).await.status, 200);
    assert_eq!(app.refresh(&first.refresh).await.status, 400);
}

#[tokio::test]
async fn e3_a_pair_that_was_spent_leads_on_within_its_own_grace() {
    let x = with(|quirks| quirks.reuse_grace_ms = 500).await;
    let app = Client::public(&x);
    let first = app.sign_in(&x).await;
    let second = Tokens::of(&app.refresh(&first.refresh).await);
    let third = Tokens::of(&app.refresh(&second.refresh).await);
    let again = Tokens::of(&app.refresh(&first.refresh).await);
    assert_eq!(again.refresh, second.refresh);
    assert_eq!(Tokens::of(&app.refresh(&again.refresh).await).refresh, third.refresh);
}

#[tokio::test]
async fn e4_six_months_slide_unless_switched() {
    for slides in [true, false] {
        let x = with(|quirks| quirks.refresh_lifetime_slides = slides).await;
        let app = Client::public(&x);
        let first = app.sign_in(&x).await;
        x.advance(Duration::from_secs(100 * 86_400));
        let second = Tokens::of(&app.refresh(&first.refresh).await);
        x.advance(Duration::from_secs(100 * 86_400));
        let status = if slides { 200 } else { 400 };
        assert_eq!(app.refresh(&second.refresh).await.status, status);
    }
}

#[tokio::test]
async fn e9_the_token_endpoint_has_no_limit_until_it_is_given_one() {
    let x = with(|quirks| quirks.token_limit = Some(2)).await;
    let app = Client::public(&x);
    let tokens = app.sign_in(&x).await;
    let last = app.refresh(&tokens.refresh).await;
    assert_eq!(
        (last.header("x-rate-limit-limit"), last.header("x-rate-limit-remaining")),
        ("2", "0")
    );
    let tokens = Tokens::of(&last);
    let limited = app.refresh(&tokens.refresh).await;
    assert_eq!(limited.status, 429);
    let reset: u64 = limited.header("x-rate-limit-reset").parse().unwrap();
    assert!(reset > x.now());
    x.set_quirks(Quirks { token_limit_headers: false, ..x.quirks() });
    assert_eq!(app.refresh(&tokens.refresh).await.header("x-rate-limit-reset"), "");
    x.advance(Duration::from_secs(900));
    assert_eq!(app.refresh(&tokens.refresh).await.status, 200, "a 429 spends nothing");
}

#[tokio::test]
async fn e12_a_scope_at_refresh_is_ignored_unless_switched() {
    for narrows in [false, true] {
        let x = with(|quirks| quirks.refresh_narrows_scope = narrows).await;
        let app = Client::public(&x);
        let tokens = app.sign_in(&x).await;
        let mut fields = app.refresh_fields(&tokens.refresh);
        fields.push(("scope", "tweet.read offline.access ads.write"));
        let answer = app.post("/2/oauth2/token", &fields).await;
        let expected = if narrows { 2 } else { 3 };
        assert_eq!(answer.text("scope").split(' ').count(), expected);
        let status = if narrows { 403 } else { 200 };
        assert_eq!(app.whoami(&Tokens::of(&answer).access).await.status, status);
    }
}

#[tokio::test]
async fn e13_a_wrong_secret_spends_nothing_unless_switched() {
    for consumes in [false, true] {
        let x = with(|quirks| quirks.refusal_consumes = consumes).await;
        let mut app = Client::confidential(&x);
        let tokens = app.sign_in(&x).await;
        let right = app.app.client_secret.replace("wrong".to_owned());
        assert_eq!(app.refresh(&tokens.refresh).await.status, 401);
        app.app.client_secret = right;
        let status = if consumes { 400 } else { 200 };
        assert_eq!(app.refresh(&tokens.refresh).await.status, status);
    }
}

#[tokio::test]
async fn f10_a_disconnected_app_loses_both_tokens_of_that_user() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let (ada, bo) = (app.sign_in(&x).await, app.sign_in_as(&x, "bo_sample").await);
    x.disconnect_app("ada_example");
    assert_eq!(app.whoami(&ada.access).await.status, 401);
    assert_eq!(app.refresh(&ada.refresh).await.oauth_error().2, TOKEN_INVALID);
    assert_eq!(app.whoami(&bo.access).await.status, 200);
}

#[tokio::test]
async fn tokens_can_be_made_to_expire_one_kind_at_a_time() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let tokens = app.sign_in(&x).await;
    x.expire("ada_example", TokenKind::Access);
    assert_eq!(app.whoami(&tokens.access).await.status, 401);
    let tokens = Tokens::of(&app.refresh(&tokens.refresh).await);
    x.expire("ada_example", TokenKind::Refresh);
    assert_eq!(app.refresh(&tokens.refresh).await.status, 400);
    assert_eq!(app.whoami(&tokens.access).await.status, 200);
}

#[tokio::test]
async fn f13_a_token_can_die_before_it_said() {
    let x = with(|_| {}).await;
    x.set_lifetimes(Lifetimes { access_in_truth: Some(60), ..Lifetimes::default() });
    let app = Client::public(&x);
    let answer = app.exchange(&app.approved(&x).await).await;
    assert_eq!(answer.json()["expires_in"], 7200);
    x.advance(Duration::from_secs(60));
    assert_eq!(app.whoami(&answer.text("access_token")).await.status, 401);
}

#[tokio::test]
async fn a_chain_of_a_thousand_rotations_holds() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let mut tokens = app.sign_in(&x).await;
    for _ in 0..1000 {
        tokens = Tokens::of(&app.refresh(&tokens.refresh).await);
    }
    assert_eq!(x.refreshes(), 1000);
    assert_eq!(app.whoami(&tokens.access).await.status, 200);
}
