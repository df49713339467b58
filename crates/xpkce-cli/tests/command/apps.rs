//! Apps: added, listed, checked and removed.

use std::os::unix::fs::PermissionsExt as _;

use crate::world::World;

#[test]
fn an_app_is_listed_with_its_type_and_without_its_secret() {
    let world = World::with_app();
    world.add_confidential("harbour");
    let list = world.run(&["app", "list", "--json"]).succeeded();
    assert_eq!(list.json()["apps"][0]["name"], "harbour");
    assert_eq!(list.json()["apps"][0]["type"], "confidential");
    assert_eq!(list.json()["apps"][1]["type"], "public");
    assert_eq!(
        list.json()["apps"][1].as_object().unwrap().keys().collect::<Vec<_>>(),
        [
            "authorization_base_url",
            "base_url",
            "client_id",
            "name",
            "redirect_uri",
            "scopes",
            "type"
        ],
    );
    assert!(!list.stdout.contains("secret"));
    assert!(world.run(&["app", "list"]).succeeded().stdout.contains("confidential"));
}

#[test]
fn the_apps_file_is_private_and_so_is_its_folder() {
    let world = World::with_app();
    let mode =
        |path: std::path::PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(world.home().join("apps.toml")), 0o600);
    assert_eq!(mode(world.home()), 0o700);
}

#[test]
fn a_name_is_taken_once_unless_it_is_replaced() {
    let world = World::with_app();
    let add = ["app", "add", "lantern", "--public", "--client-id", "another"];
    let taken = world.run(&add).exited(2);
    assert!(taken.stderr.contains("--client-id another --replace"), "{}", taken.stderr);
    world.run(&[&add[..], &["--replace"]].concat()).succeeded();
    let list = world.run(&["app", "list", "--json"]).succeeded().json();
    assert_eq!(list["apps"][0]["client_id"], "another");
}

#[test]
fn what_is_not_given_for_a_replaced_app_stays_as_it_was() {
    let mut world = World::new();
    world.unset("XPKCE_BASE_URL");
    world.unset("XPKCE_AUTHORIZATION_BASE_URL");
    let add = |id: &str, more: &[&str]| {
        let add = ["app", "add", "lantern", "--public", "--client-id", id];
        world.run(&[&add[..], more].concat()).succeeded();
        world.run(&["app", "list", "--json"]).succeeded().json()["apps"][0].clone()
    };
    let callback = ["--redirect-uri", "http://127.0.0.1:7777/back", "--scope", "tweet.read"];
    let here = ["--base-url", "http://127.0.0.1:1"];
    let there = ["--authorization-base-url", "http://127.0.0.1:2"];
    let before = add("one", &[&callback[..], &here, &there].concat());
    let mut after = add("two", &["--replace"]);
    assert_eq!(after["client_id"], "two");
    after["client_id"] = before["client_id"].clone();
    assert_eq!(after, before);
}

#[test]
fn check_tells_a_good_app_from_a_wrong_id_a_wrong_secret_and_a_wrong_type() {
    let world = World::with_app();
    world.add_confidential("harbour");
    for app in ["lantern", "harbour"] {
        let good = world.run(&["app", "check", app, "--json"]).succeeded().json();
        assert_eq!(good["result"], "good");
    }
    let harbour = world.x.confidential_app().client_id;
    let (wrong_secret, wrong_type) = (["--confidential", &harbour], ["--public", &harbour]);
    let wrong_id = ["--public", "bm9ib2R5LW5vYm9keS1ub2JvZHk6MTpjaQ"];
    for ([kind, id], said) in [
        (wrong_secret, "the secret is wrong, or the app is of the other type"),
        (wrong_type, "the secret is wrong, or the app is of the other type"),
        (wrong_id, "X does not know the client id"),
    ] {
        let add = ["app", "add", "harbour", "--replace", kind, "--client-id", id];
        world.run_with(&add, "wrong").succeeded();
        let refused = world.run(&["app", "check", "harbour"]).exited(2);
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
        assert!(refused.stderr.contains("xpkce app add harbour --replace"));
    }
}

#[test]
fn check_warns_of_what_is_odd_and_says_under_it_what_to_do() {
    let world = World::new();
    let id = world.x.public_app().client_id;
    let scope = "tweet.read users.read";
    let add = ["app", "add", "lantern", "--public", "--client-id", &id, "--scope", scope];
    world.run(&add).succeeded();
    let odd = "without offline.access X sends no refresh token: the login ends after two hours";
    let told = world.run(&["app", "check"]).succeeded().stderr;
    let warned = format!("warning: {odd}\n  hint: add offline.access to the scopes\n");
    assert!(told.starts_with(&warned), "{told}");
    let json = world.run(&["app", "check", "--json"]).succeeded().json();
    assert_eq!(json["warnings"], serde_json::json!([odd]));
}

#[test]
fn a_client_id_has_one_name() {
    let world = World::with_app();
    let id = world.x.public_app().client_id;
    let twin = world.run(&["app", "add", "twin", "--public", "--client-id", &id]).exited(2);
    assert!(twin.stderr.contains("already, as the app lantern"), "{}", twin.stderr);
}

#[test]
fn an_app_with_logins_is_removed_only_with_yes() {
    let world = World::signed_in();
    let refused = world.run(&["app", "remove", "lantern"]).exited(2);
    assert!(refused.stderr.contains("xpkce logout --account ada_example --app lantern"));
    world.run(&["logout"]).succeeded();
    world.run(&["app", "remove", "lantern"]).succeeded();
    world.run(&["app", "remove", "lantern"]).exited(2);
}

#[test]
fn special_characters_in_ids_and_secrets_pass_through() {
    // All that RFC 6749 appendices A.1 and A.2 allow.
    let all: String = (' '..='~').collect();
    let (id, secret) = (format!("a{all}%25+z"), format!("s{all}%2B t"));
    let app = xpkce_emulator::AppSeed::confidential("Odd").client_id(&id).client_secret(&secret);
    let app = app.redirect_uri("http://127.0.0.1:8080/callback");
    let x = xpkce_emulator::Emulator::builder().app(app.clone()).start_blocking().unwrap();
    let mut world = World::new();
    world.set("XPKCE_BASE_URL", x.base_url());
    world.set("XPKCE_AUTHORIZATION_BASE_URL", x.authorization_base_url());
    world.x = x;
    let add = ["app", "add", "odd", "--confidential", "--client-id", &app.client_id];
    world.run_with(&add, &format!("{secret}\r\n")).succeeded();
    world.run(&["app", "check", "odd"]).succeeded();
    world.sign_in(&[]);
    world.run(&["refresh"]).succeeded();
}

#[test]
fn an_address_that_is_not_taken_is_told_with_what_gave_it() {
    let mut world = World::new();
    let add = ["app", "add", "lantern", "--public", "--client-id", "x"];
    for (flag, variable) in [
        ("--base-url", "XPKCE_BASE_URL"),
        ("--authorization-base-url", "XPKCE_AUTHORIZATION_BASE_URL"),
    ] {
        let typed = world.run(&[&add[..], &[flag, "http://example.com"]].concat()).exited(2);
        assert!(typed.hint().ends_with(&format!("see {flag}")), "{}", typed.stderr);
        let sound = world.variable(variable);
        world.set(variable, "http://example.com");
        let set = world.run(&add).exited(2);
        assert!(set.hint().ends_with(&format!("see {variable}")), "{}", set.stderr);
        world.set(variable, &sound);
    }
}
