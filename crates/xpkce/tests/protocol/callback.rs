//! Callbacks: what is checked, and in which order.

use proptest::prelude::*;
use xpkce::{App, ErrorKind, Login, Pkce, Reason, Scopes, State, callback_state};

use crate::silence::Silence;
use crate::support::{CLIENT_ID, NOW, app, login};

fn refused(query: &str) -> Reason {
    let login = Login::begin_with(&app(), Some(State::new("fake-right")), None, NOW).unwrap();
    login.approve(&format!("{}?{query}", login.redirect_uri())).unwrap_err().reason()
}

#[test]
fn a_whole_url_and_a_bare_query_are_both_callbacks() {
    let login = login();
    let query = format!("state={}&code=the-code&extra=1", login.state().expose());
    for callback in [
        format!("http://127.0.0.1:8080/callback?{query}"),
        format!("  http://127.0.0.1:8080/callback?{query}#_=_\n"),
        format!("?{query}"),
        query,
    ] {
        assert!(login.approve(&callback).is_ok(), "{callback}");
    }
}

#[test]
fn a_question_mark_in_a_state_does_not_begin_another_query() {
    let login = Login::begin_with(&app(), Some(State::new("what?")), None, NOW).unwrap();
    for callback in [
        "state=what?&code=the-code",
        "?state=what?&code=the-code",
        "http://h/cb?state=what?&code=a",
    ] {
        assert!(login.approve(callback).is_ok(), "{callback}");
    }
}

#[test]
fn a_path_is_none_of_the_query_whatever_is_in_it() {
    let state = State::new("a://b?c");
    let login = Login::begin_with(&app(), Some(state), None, NOW).unwrap();
    let query = "state=a://b?c&code=the-code";
    for before in ["", "http://h/a=b?", "app:/a=b?", "app:a=b?"] {
        let callback = format!("{before}{query}");
        assert!(login.approve(&callback).is_ok(), "{callback}");
    }
}

#[test]
fn a_repeated_parameter_is_refused_before_anything_else() {
    assert_eq!(
        refused("error=access_denied&state=fake-right&state=fake-right"),
        Reason::MalformedCallback
    );
    assert_eq!(refused("error=access_denied&error=access_denied"), Reason::MalformedCallback);
    assert_eq!(refused("state=fake-right&code=a&code=b"), Reason::MalformedCallback);
    assert_eq!(refused("state=fake-right&code=a&code="), Reason::MalformedCallback);
}

#[test]
fn an_error_comes_before_the_state() {
    assert_eq!(refused("error=access_denied&state=wrong"), Reason::Denied);
    assert_eq!(refused("error=access_denied"), Reason::Denied);
    assert_eq!(refused("error=invalid_request&code=the-code"), Reason::AuthorizationFailed);
    assert_eq!(refused("error=%1b[31mnews&state=fake-right"), Reason::AuthorizationFailed);
}

#[test]
fn the_state_comes_before_the_issuer_and_the_code() {
    assert_eq!(refused("state=wrong&iss=https://evil.example"), Reason::StateMismatch);
    assert_eq!(refused("state=fake-rightt&code=the-code"), Reason::StateMismatch);
    assert_eq!(refused("state=&code=the-code"), Reason::MalformedCallback);
    assert_eq!(refused("code=the-code"), Reason::MalformedCallback);
}

#[test]
fn a_state_that_x_may_have_mangled_is_told_apart() {
    for (state, word) in [(r#"{"a":1,"b":2}"#, "commas"), ("abc", "opened last")] {
        let login = Login::begin_with(&app(), Some(State::new(state)), None, NOW).unwrap();
        let error = login.approve("state={a:1b:2}&code=the-code").unwrap_err();
        assert_eq!(error.reason(), Reason::StateMismatch);
        assert!(error.hint().unwrap().contains(word), "{state}");
    }
}

#[test]
fn an_issuer_is_checked_when_it_is_named() {
    assert_eq!(refused("state=fake-right&iss=https://evil.example&code=a"), Reason::IssuerMismatch);
    assert_eq!(refused("state=fake-right&iss=http://x.com&code=a"), Reason::IssuerMismatch);
    assert_eq!(refused("state=fake-right&iss=nonsense&code=a"), Reason::IssuerMismatch);
    let login = login();
    let query = format!("state={}&code=the-code", login.state().expose());
    assert!(login.approve(&format!("{query}&iss=https://x.com")).is_ok());
    assert!(login.approve(&format!("{query}&iss=https://api.x.com/")).is_ok());
}

#[test]
fn the_code_must_be_there_and_be_one() {
    assert_eq!(refused("state=fake-right"), Reason::MalformedCallback);
    assert_eq!(refused("state=fake-right&code="), Reason::MalformedCallback);
    assert_eq!(refused("state=fake-right&code=a%0Ab"), Reason::MalformedCallback);
    let of_length = |length| format!("state={}&code={}", "s".repeat(43), "a".repeat(length));
    let login = Login::begin_with(&app(), Some(State::new("s".repeat(43))), None, NOW).unwrap();
    assert!(login.approve(&of_length(4096)).is_ok());
    assert!(login.approve(&of_length(4097)).is_err());
}

#[test]
fn a_huge_callback_is_refused_unread() {
    let of_length = |length: usize| {
        let rest = "state=fake-right&code=the-code&pad=";
        format!("{rest}{}", "a".repeat(length - rest.len()))
    };
    let login = Login::begin_with(&app(), Some(State::new("fake-right")), None, NOW).unwrap();
    assert!(login.approve(&of_length(8192)).is_ok());
    assert_eq!(login.approve(&of_length(8193)).unwrap_err().reason(), Reason::MalformedCallback);
}

#[test]
fn an_error_says_what_it_means_and_what_to_do() {
    for (error, message, hint) in [
        ("access_denied", "did not approve", "press Authorize"),
        ("invalid_request", "authorize URL invalid", "redirect URI"),
        ("invalid_scope", "a scope", "scopes"),
        ("unauthorized_client", "this app", "client id"),
        ("unsupported_response_type", "kind of sign-in", "client id"),
        ("server_error", "X failed", "in a while"),
        ("temporarily_unavailable", "just now", "in a while"),
        ("something_new", "redirected with an error", "in a while"),
    ] {
        let why = login().approve(&format!("error={error}")).unwrap_err();
        assert!(why.to_string().contains(message), "{error}: {why}");
        assert!(why.hint().unwrap().contains(hint), "{error}: {why:?}");
    }
}

#[test]
fn the_consent_pages_own_address_is_told_apart() {
    let login = login();
    let error = login.approve(login.url()).unwrap_err();
    assert_eq!(error.reason(), Reason::MalformedCallback);
    assert!(error.to_string().contains("consent page"));
}

#[test]
fn a_bare_code_is_taken_by_the_named_method_alone() {
    let login = login();
    assert!(login.approve("abc").is_err());
    assert!(login.approve_bare_code(" the-code\n").is_ok());
    assert!(login.approve_bare_code(&"a".repeat(4096)).is_ok());
    for text in
        ["", "a b", "http://127.0.0.1/?x", "state=a&code=b", "code=b", "state=a", &"a".repeat(4097)]
    {
        assert_eq!(
            login.approve_bare_code(text).unwrap_err().reason(),
            Reason::MalformedCallback,
            "{text}"
        );
    }
}

#[test]
fn the_state_leads_to_the_sign_in() {
    Silence::listen();
    assert!(callback_state("http://h/cb?code=a&state=s").unwrap().matches("s"));
    assert!(callback_state("error=access_denied&state=s").unwrap().matches("s"));
    assert_eq!(callback_state("error=access_denied").unwrap_err().reason(), Reason::Denied);
    assert_eq!(callback_state("code=a").unwrap_err().reason(), Reason::MalformedCallback);
}

#[test]
fn another_process_finishes_the_sign_in() {
    let state = State::new(r#"odd"\state"#);
    let begun = Login::begin_with(&app(), Some(state), None, NOW).unwrap();
    let read = Login::from_json(&begun.to_json()).unwrap();
    assert_eq!(read.url(), begun.url());
    assert_eq!(read.created_at(), NOW);
    assert_eq!(read.scopes(), begun.scopes());
    assert!(read.verifier().matches(begun.verifier().expose()));
    assert!(read.approve(r#"code=the-code&state=odd"\state"#).is_ok());
    assert_eq!(Login::from_json("{}").unwrap_err().kind(), ErrorKind::Store);
}

#[test]
fn a_sign_in_tells_what_it_began_with() {
    let login = login();
    assert_eq!(login.client_id(), app().client_id());
    assert_eq!(login.redirect_uri(), app().redirect_uri());
    assert_eq!(login.scopes(), app().scopes());
    assert!(login.scopes().is_some());
}

#[test]
fn a_sign_in_waits_ten_minutes() {
    let login = login();
    assert!(!login.is_expired(NOW + Login::LIFETIME));
    assert!(login.is_expired(NOW + Login::LIFETIME + std::time::Duration::from_millis(1)));
}

#[test]
fn every_sign_in_has_its_own_state_and_verifier() {
    let (one, other) = (login(), login());
    assert!(!one.state().matches(other.state().expose()));
    assert!(!one.verifier().matches(other.verifier().expose()));
    assert_eq!(one.state().expose().len(), 43);
}

#[test]
fn debug_shows_no_secret() {
    let login = login();
    let code = "the-code";
    let callback = format!("code={code}&state={}", login.state().expose());
    let shown = format!("{login:?} {:?}", login.approve(&callback).unwrap());
    for secret in [login.state().expose(), login.verifier().expose(), code] {
        assert!(!shown.contains(secret));
    }
    assert!(shown.starts_with("Login {") && shown.contains("Approval {"), "{shown}");
    let wrong = login.approve("state=sEcReT&code=CoDe").unwrap_err();
    let shown = format!("{wrong} {wrong:?}");
    assert!(!shown.contains("sEcReT") && !shown.contains("CoDe"));
}

proptest! {
    #[test]
    fn no_callback_makes_it_panic(text in ".{0,200}") {
        let login = login();
        let _ = login.approve(&text);
        let _ = login.approve_bare_code(&text);
        let _ = callback_state(&text);
        let _ = login.approve(&format!("?state={}&{text}", login.state().expose()));
    }

    #[test]
    fn what_goes_into_the_url_comes_out_of_it(
        state in "[!-~]{1,500}",
        path in "[!-~&&[^#?%\\\\]]{0,40}",
    ) {
        Silence::listen();
        let redirect = format!("https://app.example/{path}");
        let app = App::public(CLIENT_ID)
            .with_redirect_uri(&redirect)
            .with_scopes(Scopes::parse(Scopes::DEFAULT));
        let pkce = Pkce::from_random([3; 32]);
        let begun = Login::begin_with(&app, Some(State::new(state.clone())), Some(pkce), NOW);
        let begun = begun.unwrap();
        prop_assert!(!begun.url().contains('+'));
        let url = url::Url::parse(begun.url()).unwrap();
        let value = |name: &str| {
            url.query_pairs().find(|(field, _)| field == name).unwrap().1.into_owned()
        };
        prop_assert_eq!(value("state"), state);
        prop_assert_eq!(value("redirect_uri"), redirect);
        prop_assert_eq!(value("scope"), Scopes::DEFAULT);
    }
}
