//! The emulator as a command.

use std::io::{BufRead as _, BufReader};
use std::process::Command;

use crate::world::World;

#[test]
fn the_first_line_says_where_it_is_and_sigterm_ends_it() {
    let world = World::new();
    let mut child = world.spawn(&["emulator", "--json", "--auto-approve", "bo_sample"]);
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let summary: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert!(summary["base_url"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    assert!(summary["authorization_base_url"].as_str().unwrap().ends_with("/i"));
    assert!(summary["control_url"].is_string());
    assert!(summary["apps"][0]["client_secret"].is_null());
    assert!(summary["apps"][1]["client_secret"].is_string());
    assert!(summary["apps"][0]["redirect_uris"].is_array());
    assert_eq!(summary["auto_approve"], "bo_sample");
    assert_eq!(summary["users"].as_array().unwrap().len(), 3);
    Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_user_that_is_not_there_and_a_taken_port_are_told() {
    let world = World::new();
    let unknown = world.run(&["emulator", "--auto-approve", "nobody"]).exited(2);
    assert!(unknown.stderr.contains("hint:"), "{}", unknown.stderr);
    let port = world.x.base_url().rsplit(':').next().unwrap().to_owned();
    let taken = world.run(&["emulator", "--port", &port]).exited(2);
    assert!(taken.stderr.contains(&format!("port {port} is taken")), "{}", taken.stderr);
}
