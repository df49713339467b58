//! What the lint lets pass begins, its URL says what was asked for, and its callback is taken.
#![no_main]

use libfuzzer_sys::fuzz_target;
use url::Url;
use url::form_urlencoded::Serializer;
use xpkce::{App, ClientSecret, Login, Scopes, Severity, State, Timestamp, lint};

/// What is looked at of a callback, without room for its parameters.
const LONGEST: usize = 8 * 1024 - 2 * 1024;

type Settings<'a> = (&'a str, Option<&'a str>, &'a str, &'a str, &'a str, &'a str);

fuzz_target!(|settings: Settings<'_>| {
    let (client_id, secret, redirect_uri, scopes, base_url, state) = settings;
    let app = match secret {
        Some(secret) => App::confidential(client_id, ClientSecret::new(secret)),
        None => App::public(client_id),
    };
    let mut app = app.with_redirect_uri(redirect_uri).with_scopes(Scopes::parse(scopes));
    for set in [App::with_base_url, App::with_authorization_base_url] {
        app = set(app.clone(), base_url).unwrap_or(app);
    }
    let is_refused = lint(&app).iter().any(|it| it.severity == Severity::Error);
    let began = Timestamp::from_secs(1_700_000_000);
    let login = Login::begin_with(&app, Some(State::new(state)), None, began);
    let Ok(login) = login else { return };
    assert!(!is_refused, "begun against the lint");

    let url = Url::parse(login.url()).expect("a browser can open it");
    let said = |name: &str| url.query_pairs().find(|(it, _)| it == name).unwrap().1.into_owned();
    assert_eq!(said("client_id"), app.client_id());
    assert_eq!(said("redirect_uri"), app.redirect_uri());
    assert_eq!(said("state"), state);
    if app.redirect_uri().len() < LONGEST {
        let answer =
            Serializer::new(String::new()).append_pair("state", state).finish() + "&code=c";
        let separator = if app.redirect_uri().contains('?') { '&' } else { '?' };
        let callback = format!("{}{separator}{answer}", app.redirect_uri());
        login.approve(&callback).unwrap_or_else(|why| panic!("{callback}: {why}"));
        login.approve(&answer).unwrap_or_else(|why| panic!("{answer}: {why}"));
    }
});
