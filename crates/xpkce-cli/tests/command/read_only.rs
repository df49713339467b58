//! A home that nothing can be written to: what only reads goes on, and what writes says why it cannot.

use std::fs;
use std::process::Stdio;

use crate::world::{Done, PROGRAM, World};

/// Mounts the home read-only over itself, for one process.
const READ_ONLY: &str =
    r#"mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@""#;

/// Runs the command where its home is mounted read-only, which binds root too.
fn run(world: &World, arguments: &[&str]) -> Done {
    let mut command = world.command("unshare");
    let is_root = rustix::process::geteuid().is_root();
    command.args(if is_root { ["-m"].as_slice() } else { &["-U", "-r", "-m"] });
    command.args(["sh", "-c", READ_ONLY, "sh"]).arg(world.home()).arg(PROGRAM).args(arguments);
    let done = Done::of(command.stdin(Stdio::null()).output().unwrap());
    world.hears_no_secret(&arguments.join(" "), done)
}

/// Makes the stored access token one of two hours that ends in a minute.
fn ends_in_a_minute(world: &World) {
    world.edit(
        "UPDATE grants SET record = json_set(record, \
         '$.access.issued_at', (CAST(strftime('%s', 'now') AS INTEGER) - 7140) * 1000, \
         '$.access.expires_at', (CAST(strftime('%s', 'now') AS INTEGER) + 60) * 1000)",
    );
}

#[test]
fn a_fresh_token_is_printed() {
    let world = World::signed_in();
    let token = world.run(&["token"]).succeeded().stdout;
    for arguments in [&["token"][..], &["token", "--account", "ada_example"]] {
        assert_eq!(run(&world, arguments).succeeded().stdout, token);
    }
    let status = run(&world, &["status", "--json"]).succeeded().json();
    assert_eq!(status["logins"][0]["username"], "ada_example");
    let answer = run(&world, &["request", "GET", "/2/users/me"]).succeeded();
    assert!(answer.stdout.contains("ada_example"), "{}", answer.stdout);
}

#[test]
fn a_token_that_should_be_refreshed_is_served_while_it_lives() {
    let world = World::signed_in();
    let token = world.run(&["token"]).succeeded().stdout;
    ends_in_a_minute(&world);
    let before = world.x.token_requests();
    assert_eq!(run(&world, &["token"]).succeeded().stdout, token);
    assert_eq!(world.x.token_requests(), before);
}

#[test]
fn what_must_be_written_is_refused_before_anything_is_sent() {
    let world = World::signed_in();
    let callback = world.approve(&world.start(&["--yes"]));
    world.expire_token();
    let before = world.x.token_requests();
    for arguments in [&["token"][..], &["refresh"], &["login", "start"], &["logout", "--yes"]] {
        let refused = run(&world, arguments).exited(6);
        assert!(refused.stderr.contains("read-only"), "{arguments:?}: {}", refused.stderr);
        assert!(refused.stderr.contains("hint: let this user write"), "{}", refused.stderr);
    }
    assert_eq!(world.x.token_requests(), before);
    world.finish(&callback).succeeded();
}

#[test]
fn what_a_killed_process_left_in_the_log_is_read() {
    let world = World::signed_in();
    let writer = rusqlite::Connection::open(world.store()).unwrap();
    let rename = "UPDATE grants SET record = json_set(record, '$.username', 'renamed')";
    writer.execute_batch(rename).unwrap();
    let told = run(&world, &["token", "--json"]).succeeded().json();
    assert_eq!(told["username"], "renamed");
}

#[test]
fn a_log_that_cannot_be_read_is_not_passed_over() {
    let world = World::signed_in();
    let writer = rusqlite::Connection::open(world.store()).unwrap();
    let rename = "UPDATE grants SET record = json_set(record, '$.username', 'renamed')";
    writer.execute_batch(rename).unwrap();
    // As in a copy that was made while the store was open: the log, and not what is shared of it.
    fs::remove_file(world.home().join("xpkce.db-shm")).unwrap();
    let refused = run(&world, &["token"]).exited(6);
    assert_eq!(refused.stdout, "");
    assert!(refused.stderr.contains("read-only"), "{}", refused.stderr);
}
