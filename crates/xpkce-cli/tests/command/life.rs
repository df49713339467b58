//! A login from its beginning to its end.

use xpkce_emulator::{Endpoint, Fault, FaultRule, Problem, TokenKind};

use crate::world::World;

#[test]
fn a_login_is_made_used_refreshed_and_revoked() {
    let world = World::signed_in();

    let token = world.run(&["token"]).succeeded();
    assert_eq!(token.stdout.lines().count(), 1);
    assert_eq!(token.stderr, "");

    let me = world.run(&["request", "GET", "/2/users/me"]).succeeded();
    assert_eq!(me.json()["data"]["username"], "ada_example");

    world.run(&["refresh"]).succeeded();
    let rotated = world.run(&["token"]).succeeded();
    assert_ne!(token.stdout, rotated.stdout);
    assert_eq!(world.x.refreshes(), 1);

    world.run(&["logout"]).succeeded();
    assert_eq!(world.x.revocations(), 2);
    world.run(&["token"]).exited(3);
    assert_eq!(world.x.refreshes(), 1);
}

#[test]
fn a_fresh_token_costs_x_no_request() {
    let world = World::signed_in();
    let before = world.x.token_requests();
    let first = world.run(&["token"]).succeeded().stdout;
    assert_eq!(world.run(&["token"]).succeeded().stdout, first);
    assert_eq!(world.x.token_requests(), before);
}

#[test]
fn a_token_that_ended_is_refreshed_before_it_is_printed() {
    let world = World::signed_in();
    let first = world.run(&["token"]).succeeded().stdout;
    world.expire_token();
    let second = world.run(&["token"]).succeeded().stdout;
    assert_ne!(first, second);
    assert_eq!((world.x.refreshes(), world.x.replays()), (1, 0));
}

#[test]
fn a_refused_token_costs_a_request_one_refresh_and_one_retry() {
    let world = World::signed_in();
    // Older than the moment in which X is known to refuse a new token.
    world.edit("UPDATE grants SET record = json_set(record, '$.access.issued_at', 1000000)");
    world.x.expire("ada_example", TokenKind::Access);
    let me = world.run(&["request", "GET", "/2/users/me"]).succeeded();
    assert_eq!(me.json()["data"]["username"], "ada_example");
    assert_eq!(world.x.refreshes(), 1);
}

#[test]
fn a_missing_scope_costs_no_refresh_and_exits_with_one() {
    let world = World::with_app();
    world.sign_in(&["--scope", "users.read offline.access"]);
    let refused = world.run(&["request", "GET", "/2/users/me"]).exited(1);
    assert!(refused.stdout.contains("\"status\": 403"), "{}", refused.stdout);
    assert!(refused.stderr.contains("X answered 403 Forbidden"), "{}", refused.stderr);
    assert_eq!(world.x.refreshes(), 0);
}

#[test]
fn a_second_sign_in_of_the_same_user_is_announced_and_takes_the_place_of_the_first() {
    let world = World::signed_in();
    let started = world.run(&["login", "start"]).succeeded();
    assert!(started.stderr.contains("already signed in to the app lantern: ada_example"));
    assert!(started.stderr.contains("There is no terminal to ask at"));
    let callback = world.approve(started.json()["url"].as_str().unwrap());
    let finished = world.finish(&callback).succeeded();
    assert!(finished.stderr.contains("takes the place of the one before"), "{}", finished.stderr);
    let status = world.run(&["status", "--json"]).succeeded().json();
    assert_eq!(status["logins"].as_array().unwrap().len(), 1);
    assert_eq!(status["logins"][0]["generation"], 2);
}

#[test]
fn yes_leaves_the_warning_of_a_replaced_login_out() {
    let world = World::signed_in();
    let started = world.run(&["login", "start", "--yes"]).succeeded();
    assert!(!started.stderr.contains("already signed in"));
}

#[test]
fn a_sign_in_whose_user_x_does_not_tell_is_saved_and_named_by_a_refresh() {
    use xpkce_emulator::{BodyForm, Endpoint, Fault, FaultRule};
    let world = World::with_app();
    let outage = Fault::Status { status: 503, body: BodyForm::Json };
    world.x.fault(FaultRule::new(Endpoint::Whoami, outage).always());
    let callback = world.approve(&world.start(&[]));
    let finished = world.run_with(&["login", "finish", "--json"], &callback).succeeded();
    assert_eq!(finished.json()["account"], "unlabelled-1");
    assert_eq!(finished.json()["user_id"], serde_json::Value::Null);
    assert!(finished.stderr.contains("xpkce refresh --account unlabelled-1"));
    world.run(&["token", "--account", "unlabelled-1"]).succeeded();

    world.x.clear_faults();
    let refreshed = world.run(&["refresh", "--json"]).succeeded().json();
    assert_eq!(refreshed["account"], "ada_example");
    world.run(&["token", "--account", "@Ada_Example"]).succeeded();
}

#[test]
fn that_x_did_not_tell_who_signed_in_is_told_once() {
    let world = World::with_app();
    let down = Fault::Problem { problem: Problem::ServiceUnavailable };
    world.x.fault(FaultRule::new(Endpoint::Whoami, down).always());
    let unnamed = world.finish(&world.approve(&world.start(&[]))).succeeded();
    assert!(unnamed.stderr.starts_with("warning: X did not say who"), "{}", unnamed.stderr);
}

#[test]
fn a_token_of_xs_python_class_is_taken_over() {
    let world = World::signed_in();
    let token = world.run(&["token", "--json"]).succeeded().json();
    let saved = serde_json::json!({
        "access_token": token["access_token"], "token_type": "bearer", "expires_in": 7200,
        "refresh_token": "whatever", "scope": ["tweet.read", "users.read"],
        "expires_at": token["expires_at"].as_f64().unwrap() + 0.25,
    });
    let imported = world.run_with(&["import", "--json"], &saved.to_string()).succeeded();
    assert_eq!(imported.json()["username"], "ada_example");
    assert_eq!(imported.json()["replaced"], true);
    world.run_with(&["import"], "{\"refresh_token\":1}").exited(2);
    world.run_with(&["import"], "").exited(2);
}

/// A token record whose access token X does not take, with this refresh token.
fn record(refresh_token: &str) -> String {
    serde_json::json!({
        "access_token": "long-gone", "token_type": "bearer", "refresh_token": refresh_token,
        "scope": ["tweet.read", "users.read", "offline.access"], "expires_at": 1_700_000_000,
    })
    .to_string()
}

#[test]
fn an_imported_token_that_x_refuses_is_told_so_and_kept() {
    let world = World::with_app();
    let refused = world.run_with(&["import"], &record("never-issued")).exited(3);
    assert!(!refused.stderr.contains("Signed in") && refused.stdout.is_empty());
    assert!(
        refused.stderr.contains("saved as unlabelled-1, but X does not take it"),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains("hint: xpkce login\n"), "{}", refused.stderr);
    let status = world.run(&["status", "--json"]).succeeded().json();
    assert_eq!(status["logins"][0]["account"], "unlabelled-1");
    assert_eq!(status["logins"][0]["can_refresh"], true);
    let told = world.run_with(&["import", "--json"], &record("never-issued")).exited(3).json();
    assert_eq!(told["error"]["kind"], "sign_in");
}

#[test]
fn a_sign_in_after_an_import_that_x_refused_is_the_only_choice() {
    let world = World::with_app();
    let record = r#"{"access_token":"never-issued","refresh_token":"never-issued","expires_at":1}"#;
    world.run_with(&["import"], record).exited(3);
    world.sign_in(&[]);
    world.run(&["token"]).succeeded();
    let refused = world.run(&["token", "--account", "unlabelled-1"]).exited(5);
    assert!(
        refused.stderr.contains("X says that the refresh token is invalid"),
        "{}",
        refused.stderr
    );
}

#[test]
fn of_two_accounts_neither_is_the_only_choice_because_the_other_has_ended() {
    let world = World::signed_in();
    world.sign_in_as("bo_sample");
    world.edit("UPDATE grants SET state = 'sign_in_needed', record = json_set(record, '$.state', 'sign_in_needed', '$.death', 'token_invalid') WHERE json_extract(record, '$.username') = 'bo_sample'");
    let several = world.run(&["token"]).exited(2);
    assert!(several.stderr.contains("2 logins match"), "{}", several.stderr);
}

#[test]
fn an_imported_access_token_that_has_ended_is_renewed_with_its_refresh_token() {
    let world = World::with_app();
    let pair = world.pair_of_another_program();
    let taken = world.run_with(&["import"], &record(&pair)).succeeded();
    assert!(taken.stderr.contains("The login of @ada_example"), "{}", taken.stderr);
    assert_eq!(world.x.refreshes(), 1);
    world.run(&["request", "GET", "/2/users/me"]).succeeded();
}

#[test]
fn an_imported_token_whose_secret_is_wrong_is_a_setting_to_mend() {
    let world = World::new();
    world.add_confidential("harbour");
    world.x.rotate_secret(&world.x.confidential_app().client_id);
    let refused = world.run_with(&["import"], &record("unknown")).exited(2);
    assert!(refused.stderr.contains("but X does not take it"), "{}", refused.stderr);
    assert!(refused.stderr.contains("hint: xpkce app check\n"), "{}", refused.stderr);
}

#[test]
fn an_imported_token_is_saved_though_x_cannot_be_asked() {
    let mut world = World::with_app();
    let pair = world.pair_of_another_program();
    let base = world.x.base_url().to_owned();
    world.set("XPKCE_BASE_URL", "http://127.0.0.1:1");
    let saved = world.run_with(&["import"], &record(&pair)).succeeded();
    assert!(saved.stderr.contains("whether X takes it, is not known"), "{}", saved.stderr);
    assert!(!saved.stderr.contains("Signed in"), "{}", saved.stderr);
    world.set("XPKCE_BASE_URL", &base);
    world.run(&["refresh", "--account", "unlabelled-1"]).succeeded();
    world.run(&["token", "--account", "ada_example"]).succeeded();
}

#[test]
fn a_logout_that_cannot_reach_x_says_what_still_lives_and_can_be_tried_again() {
    let mut world = World::signed_in();
    let base = world.x.base_url().to_owned();
    world.set("XPKCE_BASE_URL", "http://127.0.0.1:1");
    let failed = world.run(&["logout"]).exited(5);
    assert!(failed.stderr.contains("were not revoked, and still live at X"), "{}", failed.stderr);
    assert!(failed.stderr.contains("xpkce logout --account ada_example --app lantern"));
    assert!(failed.stderr.contains("https://x.com/settings/connected_apps"));
    world.run(&["token"]).exited(3);
    let status = world.run(&["status", "--json"]).succeeded().json();
    assert_eq!(status["logins"][0]["state"], "signing_out");
    assert_eq!(status["logins"][0]["action"], "sign_out_again");

    world.set("XPKCE_BASE_URL", &base);
    let done = world.run(&["logout", "--json"]).succeeded().json();
    assert_eq!(done["outcome"], "revoked");
    assert_eq!(world.x.revocations(), 2);
}

#[test]
fn forget_asks_nothing_of_x() {
    let mut world = World::signed_in();
    world.set("XPKCE_BASE_URL", "http://127.0.0.1:1");
    let done = world.run(&["logout", "--forget", "--json"]).succeeded().json();
    assert_eq!(done["outcome"], "forgotten");
    let again = world.run(&["logout", "--json"]).succeeded().json();
    assert_eq!(again["outcome"], "already");
}

#[test]
fn forget_needs_no_app() {
    let world = World::signed_in();
    world.run(&["app", "remove", "lantern"]).exited(2);
    world.run(&["app", "remove", "lantern", "--yes"]).succeeded();
    world.run(&["token"]).succeeded();
    world.run(&["refresh"]).exited(2);
    world.run(&["logout", "--forget"]).succeeded();
}

#[test]
fn an_answer_of_400_or_more_comes_with_what_to_do() {
    let world = World::signed_in();
    for (request, code) in [
        (&["request", "GET", "/2/nothing"][..], 1),
        (&["request", "GET", "/2/users/me?user.fields=nothing"], 1),
        (&["request", "POST", "/2/tweets", "-d", "{}"], 1),
    ] {
        let refused = world.run(request).exited(code);
        assert!(refused.stderr.contains("warning: X answered 4"), "{}", refused.stderr);
        assert!(refused.hint().len() > 20, "{}", refused.stderr);
    }
}

#[test]
fn the_status_of_somebody_who_is_not_signed_in_fails_as_the_token_does() {
    let world = World::signed_in();
    for world in [&world, &World::with_app()] {
        let token = world.run(&["token", "--account", "bo_sample"]).exited(3);
        let status = world.run(&["status", "--account", "bo_sample"]).exited(3);
        assert_eq!(status.stderr, token.stderr);
        assert_eq!(status.stdout, "");
        let told = world.run(&["status", "--account", "bo_sample", "--json"]).exited(3).json();
        assert_eq!(told["error"]["kind"], "sign_in");
    }
    assert!(world.run(&["status", "--account", "ada_example"]).succeeded().stdout.contains("@ada"));
}
