//! Hints about apps: which one is meant, and what is wrong with it.

use xpkce_emulator::AppSeed;

use super::{NO_ANSWERS, dead, follow, sign_in, three_logins, two_apps};
use crate::keep::make_due;
use crate::pasted::{command_in, paste};
use crate::world::World;

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
fn a_wrong_secret_that_a_logout_meets_is_looked_into_by_its_hint() {
    let world = two_apps();
    sign_in(&world, "harbour", "ada_example");
    world.x.rotate_secret(&world.x.confidential_app().client_id);
    let refused = world.run(&["logout", "--yes"]).exited(2);
    let checked = paste(&world, refused.advised(), NO_ANSWERS).exited(2);
    assert!(checked.hint().contains("xpkce app add harbour --replace"), "{}", checked.shown);
}

#[test]
fn what_keeps_a_login_from_being_kept_is_looked_into_by_its_hint() {
    let world = three_logins();
    make_due(&world);
    world.x.rotate_secret(&world.x.confidential_app().client_id);
    let kept = world.run(&["keep", "--once", "--json"]).exited(5);
    let events =
        kept.stdout.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let failed = events.filter(|event| event["outcome"] == "failed");
    // Of those that failed some were not asked about, because X had just refused the app.
    let hints: std::collections::BTreeSet<_> =
        failed.map(|event| event["error"]["hint"].as_str().unwrap().to_owned()).collect();
    let [hint] = &Vec::from_iter(hints)[..] else { panic!("not one hint: {}", kept.stdout) };
    let checked = paste(&world, hint, NO_ANSWERS).exited(2);
    assert!(checked.hint().contains("xpkce app add harbour --replace"), "{}", checked.shown);
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
