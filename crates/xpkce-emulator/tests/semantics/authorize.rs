//! The authorize request: what passes, and the one page for everything else.

use xpkce_emulator::{AppSeed, Emulator, EventKind, Quirks};

use crate::client::{Client, REDIRECT, SCOPES, VERIFIER, code_of, page_token, param};

async fn refused(app: &Client, changes: &[(&str, &str)]) {
    let answer = app.get(&app.authorize_url(changes)).await;
    assert_eq!(answer.status, 400, "{changes:?}");
    assert!(answer.header("location").is_empty(), "{changes:?} must not redirect");
    assert!(answer.body.contains("Something went wrong"), "{changes:?}");
    assert!(
        answer.body.contains(
            "You weren’t able to give access to the App. Go back and try logging in again."
        ),
        "{changes:?}"
    );
}

#[tokio::test]
async fn every_mistake_shows_the_same_page_and_never_redirects() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let long_state = "s".repeat(501);
    let long_challenge = "c".repeat(129);
    let mistakes: &[(&str, &str)] = &[
        ("client_id", ""),
        ("client_id", "unknown"),
        ("client_id", app.app.api_key.as_str()),
        ("redirect_uri", ""),
        ("redirect_uri", "http://127.0.0.1:8080/callback/"),
        ("redirect_uri", "http://127.0.0.1:8081/callback"),
        ("redirect_uri", "http://LOCALHOST:8080/callback"),
        ("response_type", ""),
        ("response_type", "token"),
        ("scope", ""),
        ("scope", "account_info.read"),
        ("scope", "tweet.read,users.read"),
        ("state", &long_state),
        ("code_challenge", ""),
        ("code_challenge", &long_challenge),
        ("code_challenge_method", ""),
        ("code_challenge_method", "S512"),
        ("state", ""),
    ];
    for mistake in mistakes {
        refused(&app, &[*mistake]).await;
    }
    assert_eq!(x.counters().authorize_refusals, mistakes.len());
}

#[tokio::test]
async fn a_repeated_parameter_is_refused() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let url = format!("{}&state=again", app.authorize_url(&[]));
    assert_eq!(app.get(&url).await.status, 400);
}

#[tokio::test]
async fn the_evidence_says_what_the_page_does_not() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let refused = x.try_approve(&app.authorize_url(&[("scope", "nonsense")])).await.unwrap_err();
    assert_eq!((refused.status, refused.reason), (400, Some("a scope is unknown")));
}

#[tokio::test]
async fn a_url_of_another_server_is_not_approved() {
    let x = Emulator::start().await;
    let refused = x.try_approve("https://x.com/i/oauth2/authorize?client_id=1").await.unwrap_err();
    assert_eq!(refused.status, 404);
}

#[tokio::test]
async fn a_state_of_500_characters_comes_back_whole() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let state = "é".repeat(500);
    let callback = x.approve(&app.authorize_url(&[("state", &state)])).await;
    assert_eq!(param(&callback, "state"), Some(state));
}

#[tokio::test]
async fn an_empty_state_stays_empty_and_an_absent_one_needs_its_switch() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let url = app.authorize_url(&[("state", "")]);
    assert_eq!(param(&x.approve(&format!("{url}&state=")).await, "state").as_deref(), Some(""));
    assert_eq!(x.try_approve(&url).await.unwrap_err().reason, Some("state is missing"));
    x.set_quirks(Quirks { state_required: false, ..Quirks::default() });
    assert_eq!(param(&x.approve(&url).await, "state"), None);
}

#[tokio::test]
async fn an_absent_challenge_method_is_plain_when_switched_so() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let url = app.authorize_url(&[("code_challenge_method", ""), ("code_challenge", VERIFIER)]);
    let refused = x.try_approve(&url).await.unwrap_err();
    assert_eq!(refused.reason, Some("code_challenge_method is missing"));
    x.set_quirks(Quirks { challenge_method_required: false, ..Quirks::default() });
    assert_eq!(app.exchange(&code_of(&x.approve(&url).await)).await.status, 200);
}

#[tokio::test]
async fn base64_in_a_state_survives_and_json_loses_quotes_and_commas() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let back = async |state: &str| {
        param(&x.approve(&app.authorize_url(&[("state", state)])).await, "state").unwrap()
    };
    assert_eq!(back("ab+/=cd").await, "ab+/=cd");
    assert_eq!(back(r#"{"a":1,"b":2}"#).await, "{a:1b:2}");
    let quirks = Quirks { mangles_json_state: false, ..Quirks::default() };
    x.set_quirks(quirks);
    assert_eq!(back(r#"{"a":1,"b":2}"#).await, r#"{"a":1,"b":2}"#);
}

#[tokio::test]
async fn scopes_may_be_separated_by_plus_or_percent_twenty() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let plus = app.authorize_url(&[]);
    assert!(plus.contains("tweet.read+users.read"));
    assert_eq!(app.get(&plus).await.status, 302);
    assert_eq!(app.get(&plus.replace('+', "%20")).await.status, 302);
}

#[tokio::test]
async fn s256_may_be_written_small_and_plain_and_short_challenges_work() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let changes = [("code_challenge_method", "s256"), ("response_mode", "query")];
    let code = code_of(&x.approve(&app.authorize_url(&changes)).await);
    assert_eq!(app.exchange(&code).await.status, 200);

    let changes = [("code_challenge_method", "plain"), ("code_challenge", "challenge")];
    let code = code_of(&x.approve(&app.authorize_url(&changes)).await);
    let mut fields = app.exchange_fields(&code);
    fields.retain(|(name, _)| *name != "code_verifier");
    fields.push(("code_verifier", "challenge"));
    assert_eq!(app.post("/2/oauth2/token", &fields).await.status, 200);
}

#[tokio::test]
async fn denial_follows_its_switches() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    let url = app.authorize_url(&[]);
    assert_eq!(x.deny(&url).await, format!("{REDIRECT}?error=access_denied&state=a-state"));
    let quirks = Quirks {
        denial_echoes_state: false,
        denial_error: "denied".to_owned(),
        ..Quirks::default()
    };
    x.set_quirks(quirks);
    assert_eq!(x.deny(&url).await, format!("{REDIRECT}?error=denied"));
}

#[tokio::test]
async fn a_redirect_uri_keeps_its_own_query() {
    let uri = "https://example.com/cb?tenant=1";
    let seed = AppSeed::public("Tenants").redirect_uri(uri);
    let x = Emulator::builder().app(seed.clone()).start().await.unwrap();
    let app = Client::of(&x, seed);
    let callback = x.approve(&app.authorize_url(&[("redirect_uri", uri)])).await;
    assert!(callback.starts_with("https://example.com/cb?tenant=1&state=a-state&code="));
}

#[tokio::test]
async fn a_suspended_app_gets_the_error_page() {
    let x = Emulator::start().await;
    let app = Client::public(&x);
    x.suspend_app(&app.app.client_id);
    refused(&app, &[]).await;
    x.reinstate_app(&app.app.client_id);
    assert_eq!(app.get(&app.authorize_url(&[])).await.status, 302);
}

#[tokio::test]
async fn a_strict_verifier_also_refuses_short_challenges() {
    let quirks = Quirks { strict_verifier: true, ..Quirks::default() };
    let x = Emulator::builder().quirks(quirks).start().await.unwrap();
    refused(&Client::public(&x), &[("code_challenge", "challenge")]).await;
}

#[tokio::test]
async fn an_app_registers_at_most_ten_redirects_and_no_dangerous_ones() {
    let x = Emulator::start().await;
    let id = x.public_app().client_id;
    for port in 1..=8 {
        x.register_redirect(&id, &format!("http://127.0.0.1:{port}/callback"));
    }
    assert!(x.try_register_redirect(&id, "http://127.0.0.1:9/callback").is_err());
    assert!(x.try_register_redirect(&id, "javascript:alert(1)").is_err());
    assert!(x.try_register_redirect("nobody", REDIRECT).is_err());
    assert!(x.try_register_redirect(&id, REDIRECT).is_ok(), "it is there already");
}

#[tokio::test]
async fn localhost_can_be_made_unregistrable() {
    let quirks = Quirks { localhost_registrable: false, ..Quirks::default() };
    let x = Emulator::start().await;
    x.set_quirks(quirks);
    let id = x.public_app().client_id;
    assert!(x.try_register_redirect(&id, "http://localhost:9999/callback").is_err());
    assert!(x.try_register_redirect(&id, "http://127.0.0.1:9999/callback").is_ok());
}

#[tokio::test]
async fn the_consent_form_is_accepted_once_and_only_with_its_token() {
    let x = Emulator::builder().auto_approve(None).start().await.unwrap();
    let app = Client::public(&x);
    let page = app.get(&app.authorize_url(&[("scope", SCOPES)])).await;
    assert_eq!(page.status, 200);
    let token = page_token(&page);
    let answer = async |fields: &[(&str, &str)], origin: &str| {
        let post = app.http.post(&app.authorize).form(fields).header("origin", origin);
        crate::client::Answer::of(post.send().await.unwrap()).await
    };
    let own = x.base_url();
    let good = [("page", token.as_str()), ("username", "bo_sample"), ("decision", "allow")];
    assert_eq!(answer(&[("page", "guess"), good[1], good[2]], own).await.status, 400);
    assert_eq!(answer(&good, "https://evil.example").await.status, 400);
    let allowed = answer(&good, own).await;
    assert_eq!(allowed.status, 303);
    assert!(param(allowed.header("location"), "code").is_some());
    assert_eq!(answer(&good, own).await.status, 400, "the page was answered already");
    let approved = x.events().into_iter().find(|event| event.kind == EventKind::Approved).unwrap();
    assert_eq!(approved.username.as_deref(), Some("bo_sample"));
}

#[tokio::test]
async fn the_pages_forbid_framing_caching_scripts_and_referrers() {
    let x = Emulator::builder().auto_approve(None).start().await.unwrap();
    let app = Client::public(&x);
    for url in
        [app.authorize_url(&[]), app.authorize_url(&[("scope", "")]), format!("{}/", app.base)]
    {
        let page = app.get(&url).await;
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'none'"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(page.header("cache-control"), "no-store");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert!(!page.body.contains("<script"));
    }
}

#[tokio::test]
async fn an_app_name_cannot_bring_markup_into_the_page() {
    let seed = AppSeed::public("<img src=x onerror=alert(1)>").redirect_uri(REDIRECT);
    let x = Emulator::builder().auto_approve(None).app(seed.clone()).start().await.unwrap();
    let app = Client::of(&x, seed);
    let page = app.get(&app.authorize_url(&[])).await;
    assert!(!page.body.contains("<img"));
    assert!(page.body.contains("&lt;img"));
}
