//! Every error message, as it is shown: what happened, why, and what to do.

use xpkce_emulator::{Endpoint, Fault, FaultRule};

use crate::world::{Done, World, snapshot};

fn outage() -> Fault {
    Fault::Status { status: 503, body: xpkce_emulator::BodyForm::Html }
}

/// Shows how a command failed: its code and its words.
fn shown(done: &Done) -> String {
    format!("exit {}\n{}", done.code.unwrap(), done.stderr)
}

macro_rules! shows {
    ($name:expr, $world:expr, $done:expr) => {
        let done = $done;
        assert_eq!(done.stdout, "", "errors are no data");
        let is_advised = done.stderr.contains("hint: ") || done.stderr.contains("try '--help'");
        assert!(is_advised, "{}", done.stderr);
        snapshot($world, || insta::assert_snapshot!($name, shown(&done)));
    };
}

#[test]
fn nothing_is_set_up() {
    let world = World::new();
    shows!("no_app_login", &world, world.run(&["login"]));
    shows!("no_app_token", &world, world.run(&["token"]));
    shows!("no_app_check", &world, world.run(&["app", "check"]));
    shows!("no_app_named", &world, world.run(&["login", "--app", "lantern"]));
    shows!("no_arguments_type", &world, world.run(&["app", "add", "x", "--client-id", "y"]));
    shows!("no_client_id", &world, world.run(&["app", "add", "x", "--public"]));
    shows!("odd_app_name", &world, world.run(&["app", "add", "a b", "--public"]));
    shows!("unknown_command", &world, world.run(&["lgoin"]));
}

#[test]
fn nobody_is_signed_in() {
    let world = World::with_app();
    for command in ["token", "refresh", "logout"] {
        shows!(format!("nobody_{command}"), &world, world.run(&[command]));
    }
    shows!("nobody_request", &world, world.run(&["request", "GET", "/2/users/me"]));
    world.sign_in(&[]);
    shows!("nobody_account", &world, world.run(&["token", "--account", "bo_sample"]));
}

#[test]
fn the_settings_are_wrong() {
    let mut world = World::with_app();
    world.set("XPKCE_BASE_URL", "http://api.x.com");
    shows!("insecure_base_url", &world, world.run(&["login"]));
    world.unset("XPKCE_BASE_URL");
    world.set("XPKCE_SCOPE", "tweet.read \"users.read");
    shows!("malformed_scope", &world, world.run(&["login"]));
    world.unset("XPKCE_SCOPE");
    world.set("XPKCE_REDIRECT_URI", "callback");
    shows!("malformed_redirect_uri", &world, world.run(&["login"]));
    world.set("XPKCE_REDIRECT_URI", "https://example.com/callback");
    shows!("remote_redirect_uri", &world, world.run(&["login"]));
    world.unset("XPKCE_REDIRECT_URI");
    world.set("XPKCE_STORE", "mysql://user:hunter2@host/db");
    shows!("unknown_store", &world, world.run(&["token"]));
    world.set("XPKCE_STORE", "postgres://user:hunter2@127.0.0.1:1/db?sslmode=disable");
    let name = if cfg!(feature = "postgres") { "postgres_unreachable" } else { "no_postgres" };
    shows!(name, &world, world.run(&["token"]));
    world.unset("XPKCE_STORE");
    world.set("XPKCE_KEY", "short");
    shows!("malformed_key", &world, world.run(&["login"]));
    world.unset("XPKCE_KEY");
    world.set("XPKCE_LOG", "a=b=c");
    shows!("malformed_log", &world, world.run(&["token"]));
}

#[test]
fn the_key_is_not_there() {
    let world = World::signed_in();
    std::fs::rename(world.home().join("key"), world.home().join("old")).unwrap();
    shows!("no_key", &world, world.run(&["token"]));
    std::fs::write(world.home().join("key"), "").unwrap();
    world.shell("chmod 600 home/key").succeeded();
    shows!("empty_key", &world, world.run(&["token"]));
    let mut other = World::signed_in();
    other.set("XPKCE_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    snapshot(&other, || {
        insta::with_settings!({filters => vec![(r"key [0-9a-f]{16}", "key [KEY]")]}, {
            insta::assert_snapshot!("another_key", shown(&other.run(&["token"])));
        });
    });
}

#[test]
fn the_store_is_not_usable() {
    let world = World::signed_in();
    world.edit("PRAGMA user_version = 99");
    shows!("newer_store", &world, world.run(&["token"]));
    let damaged = World::signed_in();
    std::fs::write(damaged.store(), "x".repeat(8192)).unwrap();
    shows!("damaged_store", &damaged, damaged.run(&["token"]));
    let foreign = World::with_app();
    rusqlite::Connection::open(foreign.store())
        .unwrap()
        .execute_batch("CREATE TABLE t(x)")
        .unwrap();
    foreign.shell("chmod 600 home/xpkce.db").succeeded();
    shows!("foreign_store", &foreign, foreign.run(&["token"]));
    let apps = World::with_app();
    std::fs::write(apps.home().join("apps.toml"), "version = 2\n").unwrap();
    shows!("newer_apps", &apps, apps.run(&["token"]));
    std::fs::write(apps.home().join("apps.toml"), "version = 1\n[apps.x\n").unwrap();
    shows!("damaged_apps", &apps, apps.run(&["token"]));
    std::fs::write(apps.home().join("apps.toml"), "version = 1\n[apps.x]\nclient_id = 1\n")
        .unwrap();
    shows!("odd_apps", &apps, apps.run(&["token"]));
}

#[test]
fn x_refuses_the_app() {
    let world = World::signed_in();
    world.x.flip_app_type(&world.x.public_app().client_id);
    shows!("wrong_app_type", &world, world.run(&["refresh"]));
    shows!("wrong_app_type_check", &world, world.run(&["app", "check"]));
    let suspended = World::signed_in();
    suspended.x.suspend_app(&suspended.x.public_app().client_id);
    shows!("suspended_app", &suspended, suspended.run(&["refresh"]));
}

#[test]
fn x_refuses_the_login() {
    let world = World::signed_in();
    world.x.disconnect_app("ada_example");
    shows!("disconnected", &world, world.run(&["refresh"]));
    let other = World::with_app();
    other.sign_in(&["--scope", "tweet.read users.read"]);
    shows!("no_refresh_token", &other, other.run(&["refresh"]));
}

#[test]
fn x_cannot_be_asked() {
    let mut world = World::signed_in();
    world.x.fault(FaultRule::new(Endpoint::Refresh, outage()).always());
    shows!("outage_refresh", &world, world.run(&["refresh"]));
    world.set("XPKCE_BASE_URL", "http://127.0.0.1:1");
    shows!("unreachable_request", &world, world.run(&["request", "GET", "/2/users/me"]));
    shows!("unreachable_check", &world, world.run(&["app", "check"]));
    shows!("unreachable_logout", &world, world.run(&["logout"]));
}

#[test]
fn x_answers_nonsense_to_a_code() {
    for (name, fault) in [
        ("exchange_html", Fault::HtmlInside200),
        ("exchange_cloudflare", Fault::Cloudflare),
        ("exchange_503", outage()),
        ("exchange_reset", Fault::Reset),
        ("exchange_error_inside_200", Fault::ErrorInside200),
    ] {
        let world = World::with_app();
        let callback = world.approve(&world.start(&[]));
        world.x.fault(FaultRule::new(Endpoint::Exchange, fault));
        shows!(name, &world, world.finish(&callback));
    }
}

#[test]
fn the_callback_is_wrong() {
    let world = World::with_app();
    let url = world.start(&[]);
    shows!("callback_none", &world, world.finish(""));
    shows!("callback_text", &world, world.finish("hello"));
    shows!("callback_consent_page", &world, world.finish(&url));
    shows!("callback_forged", &world, world.finish("code=x&state=y"));
    shows!("callback_stateless_error", &world, world.finish("error=invalid_request"));
    shows!("callback_denied", &world, world.finish(&world.deny(&url)));
}

#[test]
fn the_request_is_wrong() {
    let world = World::signed_in();
    shows!("request_elsewhere", &world, world.run(&["request", "GET", "https://example.com/"]));
    shows!("request_method", &world, world.run(&["request", "G T", "/"]));
    shows!("request_header", &world, world.run(&["request", "GET", "/", "-H", "x"]));
    shows!(
        "request_authorization",
        &world,
        world.run(&["request", "GET", "/", "-H", "Authorization: Bearer x"])
    );
    shows!("import_nonsense", &world, world.run_with(&["import"], "{}"));
}

#[test]
fn with_json_an_error_is_one_object_on_standard_output() {
    let world = World::with_app();
    for (arguments, kind, code) in [
        (&["token"][..], "sign_in", 3),
        (&["login", "--app", "other"], "configure", 2),
        (&["lgoin"], "usage", 2),
        (&["request", "GET"], "usage", 2),
    ] {
        let failed = world.run(&[arguments, &["--json"]].concat()).exited(code);
        assert_eq!(failed.fields(), ["error"]);
        assert_eq!(failed.json()["error"]["kind"], kind);
        assert!(failed.json()["error"]["message"].as_str().unwrap().len() > 5);
        assert!(failed.json()["error"]["hint"].is_string());
    }
}

#[test]
fn a_command_that_is_left_out_is_told_in_json_and_its_help_is_the_hint() {
    let world = World::new();
    for (line, help) in [
        (&["--json"][..], "xpkce --help"),
        (&["app", "--json"], "xpkce app --help"),
        (&["--json", "key"], "xpkce key --help"),
    ] {
        let told = world.run(line).exited(2).json();
        assert_eq!(told["error"]["message"], "a command is missing", "{line:?}");
        assert_eq!(told["error"]["hint"], help, "{line:?}");
    }
}
