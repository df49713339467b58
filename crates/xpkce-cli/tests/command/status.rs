//! What `status` tells of processes that are at a login, and of those that have ended.

use std::fs;

use serde_json::Value;
use xpkce_emulator::{Endpoint, Fault, FaultRule};

use crate::keys::spill;
use crate::world::{World, until};

fn record(world: &World) -> String {
    let db = rusqlite::Connection::open(world.store()).unwrap();
    db.query_row("SELECT record FROM grants", (), |row| row.get(0)).unwrap()
}

fn login(world: &World) -> Value {
    world.run(&["status", "--json"]).succeeded().json()["logins"][0].clone()
}

#[test]
fn a_login_whose_process_was_killed_says_so_and_is_left_as_it_is() {
    let world = World::signed_in();
    assert!(login(&world)["holder"].is_null());
    // X holds the answer back.
    let gather = Fault::Gather { count: 2, winner: 1 };
    world.x.fault(FaultRule::new(Endpoint::Refresh, gather).times(2));
    let asked = world.x.token_requests();
    let mut refreshing = world.spawn(&["refresh"]);
    until("X is asked", || (world.x.token_requests() > asked).then_some(()));
    let alive = login(&world);
    assert_eq!((&alive["state"], &alive["holder"]["is_gone"]), (&"spending".into(), &false.into()));
    let told = world.run(&["status"]).succeeded().stdout;
    assert!(told.contains("spending") && !told.contains("has ended"), "{told}");

    let holder = format!("process {} on boot ", refreshing.id());
    refreshing.kill().unwrap();
    refreshing.wait().unwrap();
    let before = record(&world);
    let dead = login(&world);
    assert_eq!((&dead["state"], &dead["holder"]["is_gone"]), (&"spending".into(), &true.into()));
    assert!(dead["holder"]["holder"].as_str().unwrap().starts_with(&holder), "{dead}");
    assert!(dead["holder"]["since"].is_i64());
    let told = world.run(&["status"]).succeeded().stdout;
    assert!(told.contains("spending, its process has ended"), "{told}");
    assert_eq!(record(&world), before);
    world.x.clear_faults();
}

#[test]
fn a_pair_that_waits_to_be_saved_is_told_and_left_where_it_is() {
    let world = World::signed_in();
    assert_eq!(
        world.run(&["status", "--json"]).succeeded().json()["waiting"],
        Value::Array(vec![])
    );
    let file = spill(&world, "0123456789abcdef");
    let before = fs::read(&file).unwrap();
    let status = world.run(&["status", "--json"]).succeeded().json();
    let pair = &status["waiting"][0];
    let fields: Vec<_> = pair.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, ["app", "generation", "holder", "received_at", "sign_in", "user"]);
    assert_eq!((&pair["user"], &pair["generation"]), (&"user".into(), &2.into()));
    let told = world.run(&["status"]).succeeded();
    assert!(told.stderr.contains("a rotated pair of user to app"), "{}", told.stderr);
    assert!(told.stderr.contains("is not in the store yet"), "{}", told.stderr);
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn the_last_rotations_are_told_with_who_did_them() {
    let world = World::signed_in();
    world.run(&["refresh"]).succeeded();
    let told = world.run(&["status"]).succeeded().stdout;
    assert!(told.contains("rotated ") && told.contains(" ago"), "{told}");
    let history = world.run(&["status", "--history"]).succeeded().stdout;
    let rows: Vec<_> = history.lines().collect();
    assert!(rows[0].starts_with("WHEN"), "{history}");
    let last = rows.last().unwrap();
    assert!(last.contains("@ada_example") && last.contains("lantern"), "{history}");
    assert!(last.contains("rotated") && last.contains("process "), "{history}");
    let events: Vec<_> = rows[1..].iter().filter(|row| row.contains("signed in")).collect();
    assert_eq!(events.len(), 1, "{history}");
}

#[test]
fn a_login_that_ended_for_want_of_offline_access_is_told_what_the_next_one_needs() {
    let world = World::with_app();
    world.sign_in(&["--scope", "tweet.read users.read"]);
    world.expire_token();
    let refused = world.run(&["token"]).exited(3).stderr;
    assert!(refused.contains("with offline.access among the app's scopes"), "{refused}");
    let told = world.run(&["status"]).succeeded().stdout;
    assert!(told.contains("with offline.access among the scopes: xpkce login"), "{told}");
}
