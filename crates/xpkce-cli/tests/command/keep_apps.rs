//! Apps that are added, changed and removed while the keeper runs.

use std::fs;

use serde_json::Value;

use crate::keep::{Keeping, fields, is_rotated_once, make_due, refreshing};
use crate::world::World;

/// Both apps have a login that is due, and lantern alone is set up.
fn with_a_login_of_no_app() -> World {
    let world = World::signed_in();
    world.add_confidential("harbour");
    world.sign_in(&["--app", "harbour"]);
    world.run(&["app", "remove", "harbour", "--yes"]).succeeded();
    make_due(&world);
    world
}

/// Starts with a round that rotates lantern's login.
fn keep_lantern(world: &World) -> Keeping {
    let mut keeping = Keeping::start(world, &[]);
    assert_eq!(apps(&keeping.event("started")), ["lantern"]);
    is_rotated(&mut keeping, "lantern");
    keeping
}

fn is_rotated(keeping: &mut Keeping, app: &str) {
    let login = keeping.event("login");
    assert_eq!((&login["app"], &login["outcome"]), (&app.into(), &"rotated".into()), "{login}");
    keeping.event("round");
}

fn apps(event: &Value) -> Vec<&str> {
    event["apps"].as_array().unwrap().iter().map(|app| app.as_str().unwrap()).collect()
}

fn stop(mut keeping: Keeping) {
    keeping.signal("TERM");
    keeping.event("stopped");
    assert_eq!(keeping.end().0.code(), Some(0));
}

#[test]
fn one_that_is_added_is_kept_at_once() {
    let world = with_a_login_of_no_app();
    let mut keeping = keep_lantern(&world);
    world.add_confidential("harbour");
    let found = keeping.event("apps");
    assert_eq!(fields(&found), ["apps", "at", "error", "event"]);
    assert_eq!((apps(&found), &found["error"]), (vec!["harbour", "lantern"], &Value::Null));
    is_rotated(&mut keeping, "harbour");
    stop(keeping);
}

#[test]
fn one_that_is_removed_is_kept_no_longer_and_may_come_again() {
    let world = World::signed_in();
    let id = world.x.public_app().client_id;
    for named in [&[][..], &["--app", "lantern"]] {
        let mut keeping = Keeping::start(&world, named);
        keeping.event("started");
        world.run(&["app", "remove", "lantern", "--yes"]).succeeded();
        let found = keeping.event("apps");
        assert_eq!((apps(&found), &found["error"]), (vec![], &Value::Null));
        make_due(&world);
        world.run(&["app", "add", "lantern", "--public", "--client-id", &id]).succeeded();
        assert_eq!(apps(&keeping.event("apps")), ["lantern"]);
        is_rotated(&mut keeping, "lantern");
        stop(keeping);
    }
}

#[test]
fn one_that_is_named_is_kept_alone_whatever_is_added() {
    let world = with_a_login_of_no_app();
    let mut keeping = Keeping::start(&world, &["--app", "lantern"]);
    keeping.event("started");
    is_rotated(&mut keeping, "lantern");
    world.add_confidential("harbour");
    world.run(&["app", "remove", "lantern", "--yes"]).succeeded();
    assert_eq!(apps(&keeping.event("apps")), [""; 0]);
    stop(keeping);
}

#[test]
fn a_secret_that_is_mended_is_used() {
    let world = with_a_login_of_no_app();
    let id = world.x.confidential_app().client_id;
    let add = ["app", "add", "harbour", "--confidential", "--client-id", &id];
    world.run_with(&add, "wrong").succeeded();
    let mut keeping = Keeping::start(&world, &["--app", "harbour"]);
    keeping.event("started");
    let login = keeping.event("login");
    assert_eq!(login["error"]["kind"], "configure", "{login}");
    keeping.event("round");
    let secret = world.x.confidential_app().client_secret.unwrap();
    world.run_with(&[&add[..], &["--replace"]].concat(), &secret).succeeded();
    assert_eq!(apps(&keeping.event("apps")), ["harbour"]);
    is_rotated(&mut keeping, "harbour");
    stop(keeping);
}

#[test]
fn a_secret_that_is_sealed_with_a_new_key_is_opened() {
    let world = with_a_login_of_no_app();
    let mut keeping = keep_lantern(&world);
    world.run(&["key", "rotate"]).succeeded();
    world.add_confidential("harbour");
    let found = keeping.event("apps");
    assert_eq!((apps(&found), &found["error"]), (vec!["harbour", "lantern"], &Value::Null));
    is_rotated(&mut keeping, "harbour");
    stop(keeping);
}

#[test]
fn apps_that_cannot_be_read_are_kept_as_they_were_and_that_is_told_once() {
    let world = World::signed_in();
    let mut keeping = Keeping::start(&world, &[]);
    keeping.event("started");
    let file = world.home().join("apps.toml");
    let sound = fs::read(&file).unwrap();
    fs::write(&file, "version = 1\n[apps.lantern\n").unwrap();
    let found = keeping.event("apps");
    assert_eq!((apps(&found), &found["error"]["kind"]), (vec!["lantern"], &"store".into()));
    make_due(&world);
    // The next round is many looks away.
    is_rotated(&mut keeping, "lantern");
    fs::write(&file, sound).unwrap();
    let found = keeping.event("apps");
    assert_eq!((apps(&found), &found["error"]), (vec!["lantern"], &Value::Null));
    stop(keeping);
}

#[test]
fn what_was_sent_for_one_that_is_removed_is_saved() {
    let (world, mut keeping) = refreshing();
    world.run(&["app", "remove", "lantern", "--yes"]).succeeded();
    assert_eq!(apps(&keeping.event("apps")), [""; 0]);
    let id = world.x.public_app().client_id;
    world.run(&["app", "add", "beacon", "--public", "--client-id", &id]).succeeded();
    assert_eq!(apps(&keeping.event("apps")), ["beacon"]);
    world.run(&["app", "check"]).succeeded();
    stop(keeping);
    is_rotated_once(&world);
}
