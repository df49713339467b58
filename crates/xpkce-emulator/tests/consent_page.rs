//! The consent page in a real browser. Needs `chromedriver` and Chromium; fails without them.
//!
//! `XPKCE_TEST_CHROMEDRIVER` names the driver, `XPKCE_TEST_CHROMIUM` the browser if the driver does
//! not find it by itself.
#![allow(clippy::unwrap_used)]

#[path = "consent_page/app.rs"]
mod app;
#[path = "consent_page/browser.rs"]
mod browser;
#[path = "semantics/client.rs"]
mod client;
#[path = "../../xpkce/tests/silence/said.rs"]
mod said;

use app::App;
use browser::{Browser, ENTER, SHIFT, TAB};
use xpkce_emulator::{AppSeed, Emulator};

const ALLOW: &str = "button[value=allow]";
const CANCEL: &str = "button[value=cancel]";

#[tokio::test]
async fn allow_lands_on_the_callback_with_code_and_state_of_the_chosen_account() {
    let app = App::start().await;
    let browser = Browser::start().await;
    browser.open(&app.authorize_url()).await;
    browser.click("input[value=bo_sample]").await;
    browser.click(ALLOW).await;
    let callback = app.callback().await;
    assert_eq!(client::param(&callback, "state").as_deref(), Some("a-state"));
    assert_eq!(app.username_behind(&client::code_of(&callback)).await, "bo_sample");
    browser.quit().await;
}

#[tokio::test]
async fn allow_lands_on_a_callback_of_ipv6_too() {
    let app = App::start_at("[::1]:0").await;
    let browser = Browser::start().await;
    browser.open(&app.authorize_url()).await;
    browser.click(ALLOW).await;
    assert!(client::param(&app.callback().await, "code").is_some());
    browser.quit().await;
}

#[tokio::test]
async fn cancel_lands_on_the_callback_with_access_denied() {
    let app = App::start().await;
    let browser = Browser::start().await;
    browser.open(&app.authorize_url()).await;
    browser.click(CANCEL).await;
    let callback = app.callback().await;
    assert_eq!(client::param(&callback, "error").as_deref(), Some("access_denied"));
    assert_eq!(client::param(&callback, "state").as_deref(), Some("a-state"));
    assert_eq!(client::param(&callback, "code"), None);
    browser.quit().await;
}

#[tokio::test]
async fn the_keyboard_alone_chooses_an_account_and_allows() {
    let app = App::start().await;
    let browser = Browser::start().await;
    browser.open(&app.authorize_url()).await;
    browser.press(&[TAB, browser::DOWN, browser::DOWN]).await;
    assert_eq!(browser.focused("value").await, "cleo_fiction");
    browser.press(&[TAB]).await;
    assert_eq!(browser.focused("value").await, "allow");
    browser.press(&[ENTER]).await;
    let code = client::code_of(&app.callback().await);
    assert_eq!(app.username_behind(&code).await, "cleo_fiction");
    browser.quit().await;
}

#[tokio::test]
async fn the_keyboard_alone_cancels_and_finds_its_way_back() {
    let app = App::start().await;
    let browser = Browser::start().await;
    browser.open(&app.authorize_url()).await;
    browser.press(&[TAB, TAB, TAB]).await;
    assert_eq!(browser.focused("value").await, "cancel");
    browser.press(&[SHIFT, TAB]).await;
    assert_eq!(browser.focused("value").await, "allow");
    browser.press(&[TAB, ENTER]).await;
    assert_eq!(client::param(&app.callback().await, "error").as_deref(), Some("access_denied"));
    browser.quit().await;
}

#[tokio::test]
async fn enter_on_an_account_allows_rather_than_cancels() {
    let app = App::start().await;
    let browser = Browser::start().await;
    browser.open(&app.authorize_url()).await;
    browser.press(&[TAB, ENTER]).await;
    let code = client::code_of(&app.callback().await);
    assert_eq!(app.username_behind(&code).await, "ada_example");
    browser.quit().await;
}

#[tokio::test]
async fn the_page_says_who_wants_what_in_words_and_speaks_to_assistive_technology() {
    let app = App::start().await;
    let browser = Browser::start().await;
    browser.open(&app.authorize_url()).await;
    assert_eq!(browser.text("h1").await, "Paper Lantern wants to access your account");
    let permissions = browser.text(".permissions").await;
    for words in
        ["Your profile", "Post and repost for you", "Stay connected until you revoke access"]
    {
        assert!(permissions.contains(words), "{permissions}");
    }
    assert!(!permissions.contains("tweet.write"), "words, not scope names");
    assert!(browser.text("footer").await.contains(app.host()));
    assert_eq!(browser.role("input[value=ada_example]").await, "radio");
    assert_eq!(browser.label("input[value=ada_example]").await, "Ada Example @ada_example");
    assert_eq!(browser.label(ALLOW).await, "Allow");
    assert_eq!(browser.console().await, Vec::<String>::new(), "no violations, no errors");
    browser.quit().await;
}

#[tokio::test]
async fn a_phone_needs_no_sideways_scrolling_and_fingers_find_the_buttons() {
    let app = App::start().await;
    let browser = Browser::start_phone().await;
    browser.open(&app.authorize_url()).await;
    let width = browser.evaluate("return document.documentElement.scrollWidth").await;
    assert_eq!(width, 320);
    for control in [ALLOW, CANCEL, ".account"] {
        let script = format!("return document.querySelector('{control}').offsetHeight >= 44");
        assert_eq!(browser.evaluate(&script).await, true, "{control}");
    }
    browser.quit().await;
}

#[tokio::test]
async fn a_long_name_without_a_space_needs_no_sideways_scrolling_either() {
    let seed = AppSeed::public(&"Lantern".repeat(20)).redirect_uri(client::REDIRECT);
    let x = Emulator::builder().auto_approve(None).app(seed.clone()).start().await.unwrap();
    let browser = Browser::start_phone().await;
    for url in [client::Client::of(&x, seed).authorize_url(&[]), x.base_url().to_owned()] {
        browser.open(&url).await;
        let width = browser.evaluate("return document.documentElement.scrollWidth").await;
        assert_eq!(width, 320, "{url}");
    }
    browser.quit().await;
}

#[tokio::test]
async fn every_page_is_made_of_landmarks_and_has_one_heading_first() {
    let app = App::start().await;
    let browser = Browser::start().await;
    let consent = app.authorize_url();
    let wrong = consent.replace("tweet.read", "tweet.reed");
    for url in [consent.as_str(), wrong.as_str(), app.base_url()] {
        browser.open(url).await;
        let parts = "return [...document.body.children].map(e => e.localName).join()";
        let parts = browser.evaluate(parts).await;
        assert!(parts == "main,footer" || parts == "main", "{url}: {parts}");
        assert_eq!(browser.evaluate("return document.querySelectorAll('h1').length").await, 1);
        assert_eq!(browser.evaluate("return document.documentElement.lang").await, "en");
    }
    browser.quit().await;
}

#[tokio::test]
async fn a_faulty_request_shows_the_generic_page_and_the_way_to_its_reason() {
    let app = App::start().await;
    let browser = Browser::start().await;
    browser.open(&app.authorize_url().replace("tweet.read", "tweet.reed")).await;
    assert_eq!(browser.text("h1").await, "Something went wrong");
    let page = browser.text("body").await;
    assert!(!page.contains("scope"), "the page itself says as little as X's: {page}");
    browser.click("footer a").await;
    assert!(browser.text("body").await.contains("a scope is unknown"));
    browser.quit().await;
}
