//! The shapes of `--json` that the README promises.

use serde_json::Value;

use crate::world::World;

const WHO: [&str; 4] = ["account", "app", "user_id", "username"];

/// Compares the fields of an object, whatever their order, with those of a login and some more.
#[track_caller]
fn has(object: &Value, more: &[&str]) {
    let mut expected: Vec<_> = WHO.iter().chain(more).copied().collect();
    expected.sort_unstable();
    let mut found: Vec<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
    found.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn every_answer_about_a_login_has_its_documented_fields() {
    let world = World::with_app();
    let callback = world.approve(&world.start(&[]));
    let finished = world.run_with(&["login", "finish", "--json"], &callback).succeeded().json();
    has(&finished, &["scopes", "expires_at", "can_refresh", "replaced"]);
    assert_eq!(finished["user_id"], "1000000000000000001");
    assert_eq!(finished["app"], "lantern");
    assert!(finished["scopes"].as_array().unwrap().contains(&"offline.access".into()));

    let token = world.run(&["token", "--json"]).succeeded().json();
    has(&token, &["access_token", "token_type", "expires_at", "generation", "scopes"]);
    assert_eq!(token["token_type"], "bearer");
    assert!(token["expires_at"].is_i64());

    let refreshed = world.run(&["refresh", "--json"]).succeeded().json();
    has(&refreshed, &["generation", "expires_at"]);
    assert_eq!(refreshed["generation"], 2);

    let status = world.run(&["status", "--json"]).succeeded().json();
    let login = &status["logins"][0];
    let more = [
        "client_id",
        "scopes",
        "expires_at",
        "can_refresh",
        "generation",
        "state",
        "reason",
        "not_before",
        "action",
        "history",
        "holder",
    ];
    has(login, &more);
    assert_eq!((&login["state"], &login["action"]), (&"ready".into(), &"none".into()));
    assert_eq!(login["history"][0]["what"], "signed_in");
    assert!(login["history"][0]["at"].is_i64() && login["history"][0]["holder"].is_string());

    let request = world.run(&["request", "GET", "/2/users/me", "--json"]).succeeded();
    assert_eq!(request.fields(), ["body", "headers", "status"]);
    let missing = world.run(&["request", "GET", "/2/nothing", "--json"]).exited(1);
    assert_eq!(missing.json()["status"], 404);

    let gone = world.run(&["logout", "--json"]).succeeded().json();
    has(&gone, &["outcome"]);
}

#[test]
fn nobody_is_an_empty_list() {
    let world = World::new();
    assert_eq!(
        world.run(&["status", "--json"]).succeeded().stdout,
        "{\"logins\":[],\"waiting\":[]}\n"
    );
    assert_eq!(world.run(&["app", "list", "--json"]).succeeded().stdout, "{\"apps\":[]}\n");
    assert!(!world.home().exists(), "asking makes nothing");
}

#[test]
fn a_header_is_sent_and_the_answers_headers_are_told() {
    let world = World::signed_in();
    let accept = ["request", "GET", "/2/users/me", "-H", "x-anything: goes", "--json"];
    let told = world.run(&accept).succeeded().json();
    assert_eq!(told["body"]["data"]["id"], "1000000000000000001");
    assert!(told["headers"]["x-rate-limit-limit"].is_string());
}
