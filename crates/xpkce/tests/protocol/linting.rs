//! What is found before the browser opens.

use xpkce::{App, ClientSecret, ErrorKind, Login, MAX_STATE, Scopes, Severity, State, lint};

use crate::silence::Silence;
use crate::support::{CLIENT_ID, NOW, app};

fn messages(app: &App, severity: Severity) -> Vec<String> {
    let found = lint(app).into_iter().filter(|lint| lint.severity == severity);
    found.map(|lint| lint.message).collect()
}

fn is_refused(app: &App) -> bool {
    Silence::listen();
    let refused = Login::begin(app, NOW).is_err_and(|error| error.kind() == ErrorKind::Configure);
    assert_eq!(refused, !messages(app, Severity::Error).is_empty());
    refused
}

#[test]
fn a_good_app_has_no_findings() {
    assert_eq!(lint(&app()), []);
}

#[test]
fn a_client_that_x_refuses_does_not_begin() {
    assert!(is_refused(&App::public("  ")));
    assert!(is_refused(&App::public("caf\u{e9}")));
    assert!(is_refused(&App::public("a\u{7}b")));
    assert!(is_refused(&App::confidential(CLIENT_ID, ClientSecret::new(" \n"))));
    assert!(is_refused(&App::confidential(CLIENT_ID, ClientSecret::new("a\tb"))));
    assert!(is_refused(&App::confidential(CLIENT_ID, ClientSecret::new("caf\u{e9}"))));
}

#[test]
fn every_character_that_the_rfc_allows_in_an_id_and_a_secret_may_begin() {
    let all: String = (' '..='~').collect();
    let (id, secret) = (format!("i{all}d"), ClientSecret::new(format!("s{all}t")));
    assert!(!is_refused(&App::confidential(id, secret)));
}

#[test]
fn a_redirect_uri_that_x_refuses_does_not_begin() {
    for redirect in [
        "",
        "/callback",
        "127.0.0.1:8080/callback",
        "http://127.0.0.1:8080/callback#here",
        "http://127.0.0.1:8080/call back",
        "http://127.0.0.1:8080/caf\u{e9}",
        "http:\\\\127.0.0.1:8080\\callback",
        "javascript:alert(1)",
        "mailto:a@b.example",
        "file:///tmp/x",
        "https://app.example/cb?state=mine",
        "https://app.example/cb?code_challenge=1",
        "http://127.0.0.1:0/callback",
        "http:127.0.0.1:8080/callback",
        "http:/127.0.0.1:8080/callback",
        "http:///127.0.0.1:8080/callback",
        "https:app.example/cb?at=https://app.example",
    ] {
        assert!(is_refused(&app().with_redirect_uri(redirect)), "{redirect}");
    }
    for redirect in ["https://app.example/cb?tenant=1", "myapp://callback/path"] {
        assert!(!is_refused(&app().with_redirect_uri(redirect)), "{redirect}");
    }
}

#[test]
fn a_redirect_uri_that_begins_has_a_callback_that_is_read_with_the_longest_code_and_state() {
    let of_length = |length: usize| {
        let start = "http://127.0.0.1:8080/";
        app().with_redirect_uri(format!("{start}{}", "a".repeat(length - start.len())))
    };
    assert!(is_refused(&of_length(2049)));
    let app = of_length(2048);
    let state = State::new("%".repeat(MAX_STATE));
    let login = Login::begin_with(&app, Some(state), None, NOW).unwrap();
    let query = format!("code={}&state={}", "c".repeat(4096), "%25".repeat(MAX_STATE));
    let callback = format!("{}?{query}", app.redirect_uri());
    assert!(login.approve(&callback).is_ok());
}

#[test]
fn an_app_that_was_good_is_looked_at_again_when_it_changes() {
    let good = app();
    Login::begin(&good, NOW).unwrap();
    assert!(is_refused(&good.clone().with_redirect_uri("nonsense")));
    assert!(is_refused(&good.clone().with_scopes(Scopes::parse("\""))));
    Login::begin(&good, NOW).unwrap();
}

#[test]
fn a_scope_that_is_none_does_not_begin() {
    assert!(is_refused(&app().with_scopes(Scopes::parse("tweet.read \"quoted\""))));
    assert!(is_refused(&app().with_scopes(Scopes::parse("tweet.read caf\u{e9}"))));
}

#[test]
fn a_state_that_x_refuses_does_not_begin() {
    let begin = |state: &str| Login::begin_with(&app(), Some(State::new(state)), None, NOW);
    assert!(begin(&"s".repeat(MAX_STATE)).is_ok());
    assert!(begin(&"s".repeat(MAX_STATE + 1)).is_err());
    assert!(begin("").is_err());
    assert!(begin("two words").is_err());
}

#[test]
fn a_client_id_that_is_left_out_is_one_finding() {
    let found =
        messages(&App::public("").with_scopes(Scopes::parse(Scopes::DEFAULT)), Severity::Warning);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn what_is_unusual_is_a_warning() {
    let warned = |app: &App, word: &str| {
        assert!(Login::begin(app, NOW).is_ok());
        assert!(messages(app, Severity::Warning).iter().any(|it| it.contains(word)), "{word}");
    };
    let scoped = |id: &str| App::public(id).with_scopes(Scopes::parse(Scopes::DEFAULT));
    warned(&scoped("27283493"), "numeric");
    warned(&scoped("xvz1evFS4wEEPTGEFPHBog123"), "API key");
    warned(&scoped("short"), "34");
    warned(&scoped("xvz1evFS4wEEPTGEFPH-og123"), "34");
    warned(&scoped("two words"), "space");
    warned(&scoped("thirty four characters with spaces"), "space");
    let spaced = App::confidential(CLIENT_ID, ClientSecret::new("a b"));
    warned(&spaced.with_scopes(Scopes::parse(Scopes::DEFAULT)), "secret has a space");
    warned(&app().with_redirect_uri("http://app.example/cb"), "plain HTTP");
    warned(&app().with_redirect_uri("http://localhost:8080/callback"), "localhost");
    warned(&app().with_redirect_uri("myapp:/callback"), "no host");
    warned(&App::public(CLIENT_ID), "no scope");
    warned(&app().with_scopes(Scopes::parse("tweet.read users.read")), "offline.access");
    warned(&app().with_scopes(Scopes::parse("users.read offline.access")), "who signed in");
    warned(&app().with_scopes(Scopes::parse("tweet.read account_info.read")), "account_info.read");
}
