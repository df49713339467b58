//! Every hint with a command is pasted where it was printed, and works there: with several apps,
//! with several logins, and with the environment alone.

use xpkce_emulator::{AppSeed, Endpoint, Fault, FaultRule, Problem};

use crate::browser::free_port;
use crate::pasted::{command_in, paste};
use crate::screen::Screen;
use crate::world::{Done, World};

const NO_ANSWERS: &[(&str, &str)] = &[];

/// Two apps, `harbour` and `lantern`, each with a callback port that is free just now.
fn two_apps() -> World {
    let world = World::new();
    for (app, name) in [(world.x.public_app(), "lantern"), (world.x.confidential_app(), "harbour")]
    {
        let uri = format!("http://127.0.0.1:{}/callback", free_port());
        world.x.register_redirect(&app.client_id, &uri);
        let kind = if app.is_confidential() { "--confidential" } else { "--public" };
        let add = ["app", "add", name, kind, "--client-id", &app.client_id, "--redirect-uri", &uri];
        world.run_with(&add, app.client_secret.as_deref().unwrap_or_default()).succeeded();
    }
    world
}

/// Three logins: one user in both apps, another in one of them.
fn three_logins() -> World {
    let world = two_apps();
    for (app, user) in
        [("lantern", "ada_example"), ("lantern", "bo_sample"), ("harbour", "ada_example")]
    {
        sign_in(&world, app, user);
    }
    world
}

fn sign_in(world: &World, app: &str, user: &str) {
    let url = world.start(&["--app", app, "--yes"]);
    world.finish(&world.approve_as(&url, user)).succeeded();
}

/// Pastes the command that a failure advises, and sees it succeed.
#[track_caller]
fn follow(world: &World, failed: &Done) -> String {
    paste(world, failed.advised(), NO_ANSWERS).succeeded().shown
}

/// Runs a command until X has said twice that the login is dead.
#[track_caller]
fn dead(world: &World, command: &[&str]) -> Done {
    world.run(command).exited(5);
    world.forget_when_x_said_no();
    world.run(command).exited(3)
}

#[test]
fn with_two_apps_and_nobody_signed_in_the_hint_signs_in() {
    for command in
        [&["token"][..], &["refresh"], &["logout", "--yes"], &["request", "GET", "/2/users/me"]]
    {
        let world = two_apps();
        let shown = follow(&world, &world.run(command).exited(3));
        assert!(shown.contains("Signed in as @ada_example"), "{shown}");
        world.run(command).succeeded();
    }
    let world = two_apps();
    let told = world.run(&["status"]).succeeded().stderr;
    let next = told.lines().find_map(|line| line.strip_prefix("Next: ")).unwrap();
    paste(&world, next, NO_ANSWERS).succeeded();
}

#[test]
fn with_two_apps_the_hint_is_the_same_command_with_one_of_them() {
    let world = two_apps();
    for command in
        [&["app", "check"][..], &["login"], &["login", "--headless"], &["login", "start"]]
    {
        let refused = world.run(command).exited(2);
        assert!(refused.stderr.contains("several apps: harbour, lantern"), "{}", refused.stderr);
        follow(&world, &refused);
    }
    let token = world.run(&["token", "--json"]).succeeded().stdout;
    let refused = world.run_with(&["import"], &token).exited(2);
    assert_eq!(refused.advised(), "xpkce import --app harbour");
    let nonsense = world.run_with(&["import", "--app", "harbour"], "{}").exited(2);
    assert_eq!(nonsense.advised(), "xpkce import --app harbour < token.json");
    std::fs::write(world.folder().join("token.json"), token).unwrap();
    follow(&world, &nonsense);
}

#[test]
fn with_several_logins_the_hint_is_the_same_command_with_one_of_them() {
    let world = three_logins();
    for command in [
        &["token"][..],
        &["token", "--account", "ada_example"],
        &["token", "--account=ada_example", "--json"],
        &["token", "--app", "lantern"],
        &["refresh"],
        &["request", "GET", "/2/users/me", "-H", "x-odd: it's $HOME"],
        &["logout", "--yes"],
    ] {
        let refused = world.run(command).exited(2);
        let told = format!("{}{}", refused.stdout, refused.stderr);
        assert!(told.contains("logins match"), "{told}");
        let hint = match refused.stdout.is_empty() {
            true => refused.advised().to_owned(),
            false => refused.json()["error"]["hint"].as_str().unwrap().to_owned(),
        };
        paste(&world, &hint, NO_ANSWERS).succeeded();
    }
}

#[test]
fn an_app_with_two_logins_is_removed_by_its_hints() {
    let world = three_logins();
    for _ in 0..2 {
        follow(&world, &world.run(&["app", "remove", "lantern"]).exited(2));
    }
    world.run(&["app", "remove", "lantern"]).succeeded();
}

#[test]
fn a_name_that_is_taken_is_replaced_by_its_hint() {
    let world = two_apps();
    let taken = world.run(&["app", "add", "lantern", "--public", "--client-id", "new"]).exited(2);
    follow(&world, &taken);
    assert!(world.run(&["app", "list"]).stdout.contains("new"));
    // Without an id it is asked for, again.
    let taken = world.run(&["app", "add", "lantern", "--public"]).exited(2);
    let id = world.x.public_app().client_id;
    paste(&world, taken.advised(), &[("Client ID: ", &id)]).succeeded();
    let twin = world.run(&["app", "add", "twin", "--public", "--client-id", &id]).exited(2);
    follow(&world, &twin);
    world.run(&["app", "check", "lantern"]).succeeded();
}

#[test]
fn a_wrong_secret_of_a_stored_app_is_mended_by_its_hints() {
    let world = three_logins();
    let app = world.x.confidential_app();
    let secret = world.x.rotate_secret(&app.client_id);
    let refused = world.run(&["refresh", "--app", "harbour"]).exited(2);
    let checked = paste(&world, refused.advised(), NO_ANSWERS).exited(2);
    let mending = [("public app): ", secret.as_str())];
    paste(&world, command_in(checked.hint()), &mending).succeeded();
    world.run(&["app", "check", "harbour"]).succeeded();
}

#[test]
fn a_wrong_client_id_of_a_stored_app_is_mended_by_its_hint() {
    let world = two_apps();
    let wrong = "bm9ib2R5LW5vYm9keS1ub2JvZHk6MTpjaQ";
    let add = ["app", "add", "lantern", "--replace", "--public", "--client-id", wrong];
    world.run(&add).succeeded();
    let refused = world.run(&["app", "check", "lantern"]).exited(2);
    let answers = [("Client ID: ", &*world.x.public_app().client_id), ("public app): ", "")];
    paste(&world, refused.advised(), &answers).succeeded();
    world.run(&["app", "check", "lantern"]).succeeded();
}

#[test]
fn a_wrong_secret_of_the_environment_alone_is_named_as_the_variable() {
    let app = World::new().x.confidential_app();
    let mut world = World::of_environment(&app);
    world.sign_in(&[]);
    world.set("XPKCE_CLIENT_SECRET", "wrong");
    let refused = world.run(&["refresh"]).exited(2);
    assert_eq!(refused.advised(), "xpkce app check");
    let checked = paste(&world, refused.advised(), NO_ANSWERS).exited(2);
    assert!(checked.hint().contains("set XPKCE_CLIENT_SECRET to it"), "{}", checked.shown);
    world.set("XPKCE_CLIENT_ID", "bm9ib2R5LW5vYm9keS1ub2JvZHk6MTpjaQ");
    let unknown = world.run(&["app", "check"]).exited(2);
    assert!(unknown.hint().contains("set XPKCE_CLIENT_ID to it"), "{}", unknown.stderr);
    world.set("XPKCE_CLIENT_ID", &app.client_id);
    world.set("XPKCE_CLIENT_SECRET", app.client_secret.as_deref().unwrap());
    world.run(&["app", "check"]).succeeded();
    world.run(&["refresh"]).succeeded();
}

#[test]
fn a_wrong_secret_of_the_environment_over_a_stored_app_is_named_as_the_variable() {
    let mut world = World::new();
    world.add_confidential("harbour");
    world.set("XPKCE_CLIENT_ID", &world.x.confidential_app().client_id);
    world.set("XPKCE_CLIENT_SECRET", "wrong");
    let refused = world.run(&["app", "check"]).exited(2);
    assert!(
        refused.hint().contains("XPKCE_CLIENT_SECRET to it, or unset it"),
        "{}",
        refused.stderr
    );
    world.unset("XPKCE_CLIENT_SECRET");
    world.run(&["app", "check"]).succeeded();
}

#[test]
fn with_the_environment_alone_the_hints_need_no_flag() {
    let mut world = World::of_environment(&World::new().x.public_app());
    let uri = format!("http://127.0.0.1:{}/callback", free_port());
    world.x.register_redirect(&world.x.public_app().client_id, &uri);
    world.set("XPKCE_REDIRECT_URI", &uri);
    let nobody = world.run(&["token"]).exited(3);
    assert_eq!(nobody.advised(), "xpkce login");
    follow(&world, &nobody);
    world.x.disconnect_app("ada_example");
    follow(&world, &dead(&world, &["refresh"]));
    world.run(&["token"]).succeeded();
}

#[test]
fn a_stored_app_beside_the_one_of_the_environment_is_named() {
    let mut world = three_logins();
    world.set("XPKCE_CLIENT_ID", &world.x.public_app().client_id);
    world.x.disconnect_app("ada_example");
    let stored = dead(&world, &["refresh", "--app", "harbour"]);
    assert_eq!(stored.advised(), "xpkce login --app harbour");
    let set = dead(&world, &["refresh", "--account", "ada_example"]);
    assert_eq!(set.advised(), "xpkce login");
    world.unset("XPKCE_REDIRECT_URI");
    follow(&world, &stored);
    follow(&world, &set);
}

#[test]
fn with_nothing_set_up_the_hint_sets_an_app_up() {
    let world = World::new();
    let id = world.x.public_app().client_id;
    let answers = [("Client ID: ", id.as_str()), ("public app): ", "")];
    for command in [&["token"][..], &["login"], &["app", "check"], &["login", "--app", "it"]] {
        let world = World::new();
        let refused = world.run(command);
        paste(&world, refused.advised(), &answers).succeeded();
        world.run(&["app", "check"]).succeeded();
    }
}

#[test]
fn a_login_that_x_has_ended_is_begun_again_by_its_hint() {
    let world = three_logins();
    world.x.disconnect_app("bo_sample");
    let ended = dead(&world, &["refresh", "--account", "bo_sample"]);
    assert_eq!(ended.advised(), "xpkce login --app lantern");
    let table = world.run(&["status", "--account", "bo_sample"]).succeeded().stdout;
    assert!(table.trim_end().ends_with(ended.advised()), "{table}");
    let shown = follow(&world, &ended);
    // The browser that plays the user is Ada's: hers is another login of the same app.
    assert!(shown.contains("Signed in as @ada_example"), "{shown}");
}

#[test]
fn a_sign_in_that_fails_is_begun_again_with_its_own_flags() {
    let world = two_apps();
    let scope = "tweet.read users.read offline.access";
    let login = ["login", "--headless", "--app", "lantern", "--scope", scope];
    let ended = world.run(&login).exited(3);
    let again = format!("xpkce login --headless --app lantern --scope '{scope}'");
    assert_eq!(ended.advised(), again);
    follow(&world, &ended);
    let denied = world.finish(&world.deny(&world.start(&["--app", "harbour"]))).exited(3);
    assert_eq!(denied.advised(), "xpkce login --app harbour");
    follow(&world, &denied);
    follow(&world, &world.finish("code=x&state=forged").exited(3));
    let url = world.start(&["--app", "harbour", "--yes"]);
    let none = world.finish("").exited(3);
    assert_eq!(none.advised(), "xpkce login finish");
    paste(&world, none.advised(), &[("Callback URL: ", &world.approve(&url))]).succeeded();
}

#[test]
fn a_busy_port_is_gone_round_by_its_hint() {
    let world = two_apps();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://127.0.0.1:{}/callback", taken.local_addr().unwrap().port());
    world.x.register_redirect(&world.x.public_app().client_id, &uri);
    let login = ["login", "--no-browser", "--app", "lantern", "--redirect-uri", &uri];
    follow(&world, &world.run(&login).exited(2));
}

#[test]
fn the_other_way_to_sign_in_is_told_with_the_flags_of_this_one() {
    let world = two_apps();
    let headless = world.run(&["login", "--headless", "--app", "lantern"]).exited(3);
    let line = headless.stderr.lines().find(|line| line.contains("ssh -L")).unwrap();
    let listening = line.split("and here: ").nth(1).unwrap();
    paste(&world, listening, NO_ANSWERS).succeeded();

    let mut screen = Screen::open(&world, "exec $XPKCE login --yes --app lantern");
    let shown = screen.type_when_told("Waiting for X to call back", "\u{3}");
    screen.rest();
    let by_hand = shown.lines().find_map(|line| line.split("machine use: ").nth(1)).unwrap();
    paste(&world, by_hand.trim(), NO_ANSWERS).succeeded();
}

#[test]
fn a_logout_that_did_not_reach_x_is_ended_by_its_hint() {
    let mut world = three_logins();
    let base = world.x.base_url().to_owned();
    world.set("XPKCE_BASE_URL", "http://127.0.0.1:1");
    let login = ["logout", "--account", "ada_example", "--app", "harbour"];
    let failed = world.run(&login).exited(5);
    world.set("XPKCE_BASE_URL", &base);
    follow(&world, &failed);
    assert!(world.x.revocations() > 0);
}

#[test]
fn a_login_without_a_name_is_named_by_its_hint() {
    let world = two_apps();
    let down = Fault::Problem { problem: Problem::ServiceUnavailable };
    world.x.fault(FaultRule::new(Endpoint::Whoami, down).always());
    let url = world.start(&["--app", "lantern"]);
    let unnamed = world.finish(&world.approve(&url)).succeeded();
    world.x.clear_faults();
    follow(&world, &unnamed);
    let status = world.run(&["status", "--json"]).succeeded().json();
    assert_eq!(status["logins"][0]["username"], "ada_example");
}

#[test]
fn what_a_sign_in_says_to_do_next_works() {
    let world = two_apps();
    for user in ["ada_example", "bo_sample"] {
        let url = world.start(&["--app", "harbour", "--yes"]);
        let told = world.finish(&world.approve_as(&url, user)).succeeded().stderr;
        let next = told.lines().find_map(|line| line.strip_prefix("Next: ")).unwrap();
        for command in next.split(", ") {
            paste(&world, command.trim_start_matches("or "), NO_ANSWERS).succeeded();
        }
    }
}

#[test]
fn a_stranger_who_signed_in_is_signed_out_by_the_hint() {
    let world = two_apps();
    let url = world.start(&["--app", "lantern"]);
    let callback = world.approve_as(&url, "bo_sample");
    let stranger = world.run_with(&["login", "finish", "--expect", "@ada"], &callback).exited(3);
    follow(&world, &stranger);
    world.run(&["token"]).exited(3);
}

#[test]
fn a_login_of_an_app_that_was_removed_is_still_found() {
    let world = three_logins();
    world.run(&["app", "remove", "lantern", "--yes"]).succeeded();
    let several = world.run(&["token", "--account", "ada_example"]).exited(2);
    follow(&world, &several);
    let id = world.x.public_app().client_id;
    let gone = world.run(&["refresh", "--account", "bo_sample"]).exited(2);
    paste(&world, gone.advised(), &[("public app): ", "")]).succeeded();
    world.run(&["refresh", "--account", "bo_sample", "--app", &id]).succeeded();
}

#[test]
fn a_client_id_that_a_shell_would_read_is_quoted() {
    let app = AppSeed::public("Odd")
        .client_id("a b$HOME;'c\"")
        .redirect_uri("http://127.0.0.1:8080/callback");
    let mut world = World::new();
    let x = xpkce_emulator::Emulator::builder().app(app.clone()).start_blocking().unwrap();
    world.set("XPKCE_BASE_URL", x.base_url());
    world.set("XPKCE_AUTHORIZATION_BASE_URL", x.authorization_base_url());
    world.x = x;
    world.set("XPKCE_CLIENT_ID", &app.client_id);
    for user in ["ada_example", "bo_sample"] {
        let url = world.start(&["--yes"]);
        world.finish(&world.approve_as(&url, user)).succeeded();
    }
    follow(&world, &world.run(&["token"]).exited(2));
    world.unset("XPKCE_CLIENT_ID");
    let gone = world.run(&["refresh", "--account", "bo_sample"]).exited(2);
    paste(&world, gone.advised(), &[("public app): ", "")]).succeeded();
}

#[test]
fn keys_are_not_there_before_a_sign_in_which_the_hint_begins() {
    let world = two_apps();
    std::fs::remove_file(world.store()).unwrap();
    follow(&world, &world.run(&["key", "list"]).exited(2));
    world.run(&["key", "list"]).succeeded();
    let none = World::new().run(&["key", "list"]).exited(2);
    assert_eq!(none.advised(), "xpkce app add my-app");
}

#[test]
fn a_file_that_others_can_read_is_closed_by_the_hint() {
    let mut world = World::with_app();
    world.set("XPKCE_HOME", world.folder().join("a home").to_str().unwrap());
    let id = world.x.public_app().client_id;
    world.run(&["app", "add", "lantern", "--public", "--client-id", &id]).succeeded();
    world.sign_in(&[]);
    for file in ["key", "xpkce.db"] {
        world.shell(&format!("chmod 644 'a home/{file}'")).succeeded();
        let refused = world.run(&["token"]);
        paste(&world, refused.hint(), NO_ANSWERS).succeeded();
    }
    world.run(&["token"]).succeeded();
}

#[test]
fn a_wrong_command_line_is_mended_by_its_hint() {
    let world = World::signed_in();
    for command in [
        &["request", "G T", "/2/users/me"][..],
        &["request", "GET", "/2/users/me", "-H", "x"],
        &["app", "remove", "nothing"],
        &["token", "--app", "nothing"],
    ] {
        follow(&world, &world.run(command).exited(2));
    }
    let odd = world.run(&["app", "add", "a b"]).exited(2);
    let answers = [("Client ID: ", "new"), ("public app): ", "")];
    paste(&world, odd.advised(), &answers).succeeded();
}
