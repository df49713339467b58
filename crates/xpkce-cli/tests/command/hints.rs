//! Every hint with a command is pasted where it was printed, and works there: with several apps,
//! with several logins, and with the environment alone.

use crate::browser::free_port;
use crate::pasted::paste;
use crate::world::{Done, World};

mod apps;
mod sign_ins;

const NO_ANSWERS: &[(&str, &str)] = &[];

/// Two apps, `harbour` and `lantern`, each with a callback port of its own.
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
fn with_several_logins_the_hint_is_the_same_command_with_one_of_them() {
    let world = three_logins();
    for command in [
        &["token"][..],
        &["token", "--account", "ada_example"],
        &["token", "--account=ada_example", "--json"],
        &["token", "--app", "lantern"],
        &["refresh"],
        &["request", "GET", "/2/users/me?user.fields=name"],
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
fn a_header_is_not_repeated_in_a_hint() {
    let world = three_logins();
    let command = ["request", "GET", "/2/users/me", "-H", "x-secret: fake-secret"];
    let refused = world.run(&command).exited(2);
    assert!(!refused.stderr.contains("fake-secret"), "{}", refused.stderr);
    let (_, flags) = refused.stderr.split_once("hint: run it again with ").unwrap();
    let flags: Vec<_> = flags.split_whitespace().collect();
    world.run(&[&command[..], &flags].concat()).succeeded();
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
