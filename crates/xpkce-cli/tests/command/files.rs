//! The files of a home, where they are locked, no files, or another user's.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use xpkce::{Clock as _, SystemClock};

use crate::world::{Done, World};

const ADD: [&str; 6] = ["app", "add", "other", "--public", "--client-id", "fake-client"];

fn fifo(path: &Path) {
    let _ = fs::remove_file(path);
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Runs a command that looks again for about five seconds, and may take longer on a busy machine.
fn waits_and_is_refused(world: &World, command: &[&str]) -> Done {
    let begun = SystemClock.uptime();
    let refused = world.run(command).exited(5);
    let waited = SystemClock.uptime() - begun;
    assert!(waited > Duration::from_secs(4), "it waited for {waited:?}");
    refused
}

#[test]
fn who_changes_the_apps_waits_a_while_and_says_what_for() {
    let world = World::with_app();
    let lock = File::options().write(true).open(world.home().join("apps.lock")).unwrap();
    lock.lock().unwrap();
    let refused = waits_and_is_refused(&world, &ADD);
    assert!(refused.stderr.contains("another program is changing the apps"), "{}", refused.stderr);
    drop(lock);
    world.run(&ADD).succeeded();
}

#[test]
fn who_changes_the_keys_waits_a_while_and_says_what_for() {
    let world = World::signed_in();
    let folder = File::open(world.home()).unwrap();
    folder.lock().unwrap();
    let refused = waits_and_is_refused(&world, &["key", "rotate"]);
    assert!(refused.stderr.contains("another program is changing the keys"), "{}", refused.stderr);
    drop(folder);
    world.run(&["key", "rotate"]).succeeded();
}

#[test]
fn a_pipe_in_the_place_of_a_file_holds_up_nobody() {
    for (name, command, code) in
        [("key", &["status"][..], 2), ("apps.toml", &["status"], 6), ("apps.lock", &ADD, 6)]
    {
        let world = World::signed_in();
        fifo(&world.home().join(name));
        let refused = world.run(command).exited(code);
        assert!(refused.stderr.contains(name), "{name}: {}", refused.stderr);
    }
}

/// The administrator, who works in a service's home, is not led out of it.
#[test]
fn a_link_in_the_place_of_the_lock_is_not_followed() {
    let world = World::with_app();
    let [theirs, lock] = ["theirs", "home/apps.lock"].map(|name| world.folder().join(name));
    fs::remove_file(&lock).unwrap();
    std::os::unix::fs::symlink(&theirs, &lock).unwrap();
    world.run(&ADD).exited(6);
    assert!(!theirs.exists());
}

#[test]
fn a_device_is_no_key_file_and_nobody_is_told_to_close_it() {
    let mut world = World::signed_in();
    world.set("XPKCE_KEY_FILE", "/dev/zero");
    let refused = world.run(&["status"]).exited(2);
    assert!(refused.stderr.contains("it is not a file"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("chmod"), "{}", refused.stderr);
}

#[test]
fn apps_in_another_encoding_are_left_as_they_are() {
    let world = World::with_app();
    let path = world.home().join("apps.toml");
    fs::write(&path, b"\xff\xfe").unwrap();
    let refused = world.run(&ADD).exited(6);
    assert!(refused.stderr.contains("hint: mend the file"), "{}", refused.stderr);
    assert_eq!(fs::read(&path).unwrap(), b"\xff\xfe");
}

/// The administrator works on a service's home. Anybody else owns what he makes, and the home.
#[test]
fn what_is_made_belongs_to_the_owner_of_the_home() {
    let world = World::signed_in();
    if rustix::process::geteuid().is_root() {
        let chown = Command::new("chown").args(["-R", "65534:65534"]).arg(world.home()).status();
        assert!(chown.unwrap().success());
    }
    fs::remove_file(world.home().join("apps.lock")).unwrap();
    world.run(&ADD).succeeded();
    world.run(&["key", "rotate"]).succeeded();
    let owner = fs::metadata(world.home()).unwrap().uid();
    for entry in fs::read_dir(world.home()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().uid(), owner, "{:?}", entry.file_name());
    }
}
