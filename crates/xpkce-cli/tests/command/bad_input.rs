//! What can go wrong on this machine: nothing is lost, and nothing is overwritten.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use crate::world::{Done, PROGRAM, World, until};

#[test]
fn a_store_of_a_newer_version_is_refused_and_left_alone() {
    let world = World::signed_in();
    world.edit("PRAGMA user_version = 99");
    let before = fs::read(world.store()).unwrap();
    for arguments in [&["token"][..], &["status"], &["login", "start"], &["logout"]] {
        let refused = world.run(arguments).exited(6);
        assert!(refused.stderr.contains("install the newer xpkce"), "{}", refused.stderr);
    }
    assert_eq!(fs::read(world.store()).unwrap(), before);
}

#[test]
fn a_damaged_store_is_refused_and_left_alone() {
    let world = World::signed_in();
    let damaged = vec![b'x'; 8192];
    fs::write(world.store(), &damaged).unwrap();
    for arguments in [&["token"][..], &["status"], &["login", "start"]] {
        let refused = world.run(arguments).exited(6);
        assert!(refused.stderr.contains("left as it is"), "{}", refused.stderr);
    }
    assert_eq!(fs::read(world.store()).unwrap(), damaged);
}

#[test]
fn a_damaged_apps_file_is_refused_and_left_alone() {
    let world = World::signed_in();
    let file = world.home().join("apps.toml");
    fs::write(&file, "version = 1\n[apps.lantern\n").unwrap();
    for arguments in
        [&["token"][..], &["app", "list"], &["app", "add", "x", "--public", "--client-id", "y"]]
    {
        let refused = world.run(arguments).exited(6);
        assert!(refused.stderr.contains("left as it is"), "{}", refused.stderr);
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "version = 1\n[apps.lantern\n");
}

#[test]
fn a_disk_that_takes_no_more_is_found_before_anything_is_spent() {
    let world = World::signed_in();
    let before = world.x.token_requests();
    let full = "ulimit -f 8; exec $XPKCE";
    let refused = world.shell(&format!("{full} refresh")).exited(6);
    assert!(
        refused.stderr.contains("hint:") || refused.stderr.contains("why:"),
        "{}",
        refused.stderr
    );
    world.shell(&format!("{full} login start")).exited(6);
    assert_eq!(world.x.token_requests(), before);
    world.run(&["token"]).succeeded();
}

#[test]
fn a_home_that_cannot_be_made_is_found_before_a_browser_opens() {
    let mut world = World::of_environment(&World::new().x.public_app());
    fs::write(world.folder().join("file"), "").unwrap();
    world.set("XPKCE_HOME", world.folder().join("file/home").to_str().unwrap());
    let refused = world.run(&["login", "start"]).exited(6);
    assert_eq!(refused.stdout, "");
    world.run(&["app", "add", "x", "--public", "--client-id", "y"]).exited(6);
}

#[test]
fn a_home_that_is_a_file_and_a_store_that_is_a_folder_are_named() {
    let mut world = World::with_app();
    let place = |name: &str| world.folder().join(name).to_str().unwrap().to_owned();
    let (file, folder) = (place("file"), place("folder"));
    fs::write(&file, "").unwrap();
    fs::create_dir(&folder).unwrap();
    for (name, value, code, said) in [
        ("XPKCE_HOME", &*file, 6, format!("{file} is not a folder")),
        ("XPKCE_STORE", &*folder, 6, format!("hint: name a file in it: {folder}/xpkce.db")),
        ("XPKCE_STORE", "sqlite:", 2, "XPKCE_STORE names no file".to_owned()),
    ] {
        world.set(name, value);
        for command in [&["token"][..], &["status"], &["login", "start", "--app", "lantern"]] {
            let refused = world.run(command).exited(code);
            assert!(refused.stderr.contains(&said), "{command:?}: {}", refused.stderr);
        }
        world.set("XPKCE_HOME", world.home().to_str().unwrap());
    }
}

#[test]
fn a_name_that_is_empty_names_nothing() {
    let world = World::signed_in();
    for command in [
        &["token", "--account", ""][..],
        &["token", "--app", " "],
        &["login", "--app", ""],
        &["login", "finish", "--expect", ""],
        &["keep", "--app", ""],
    ] {
        let refused = world.run(command).exited(2);
        assert!(refused.stderr.contains("it names nothing"), "{}", refused.stderr);
    }
}

#[test]
fn others_who_can_read_the_key_or_the_store_are_told_of() {
    let world = World::signed_in();
    for (file, code) in [("key", 2), ("xpkce.db", 6)] {
        let path = world.home().join(file);
        let chmod =
            |mode: &str| world.shell(&format!("chmod {mode} {}", path.display())).succeeded();
        chmod("644");
        let refused = world.run(&["token"]).exited(code);
        assert!(refused.stderr.contains(&format!("hint: chmod 600 {}", path.display())));
        chmod("600");
    }
    world.run(&["token"]).succeeded();
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let world = World::signed_in();
    for line in [
        "status | true",
        "status --json | head -c 1",
        "--help | true",
        "token | true",
        "completions bash | head -1",
        "app list | true",
    ] {
        let done = world.shell(&format!("set -e; $XPKCE {line}")).succeeded();
        assert!(
            !done.stderr.contains("panic") && !done.stderr.contains("error"),
            "{}",
            done.stderr
        );
    }
    let mut child = world.command(PROGRAM);
    let mut child = child.args(["completions", "bash"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn an_output_that_cannot_be_written_is_a_failure() {
    let world = World::signed_in();
    let failed = world.shell("$XPKCE token > /dev/full").exited(1);
    assert!(failed.stderr.contains("cannot write to standard output"), "{}", failed.stderr);
}

#[test]
fn a_failure_that_cannot_be_told_as_json_is_told_as_talk() {
    let world = World::signed_in();
    let failed = world.shell("$XPKCE status --json > /dev/full").exited(1);
    assert!(failed.stderr.contains("cannot write to standard output"), "{}", failed.stderr);
}

#[test]
fn too_few_files_are_told_as_what_they_are() {
    let world = World::signed_in();
    let failed = world.shell("ulimit -n 4; $XPKCE status").exited(5);
    assert!(failed.stderr.contains("hint: see how many files it may open"), "{}", failed.stderr);
}

#[test]
fn closed_standard_streams_do_not_crash_it() {
    let world = World::signed_in();
    world.shell("$XPKCE token <&-").succeeded();
    world.shell("$XPKCE status 2>&-").succeeded();
    let ended = world.shell("$XPKCE login --headless <&-").exited(3);
    assert!(ended.stderr.contains("standard input ended"), "{}", ended.stderr);
}

#[test]
fn input_in_another_encoding_is_told() {
    let world = World::with_app();
    world.start(&[]);
    // As Windows' tools write it.
    let refused = world.shell(r"printf '\377\376h\0t\0' | $XPKCE login finish").exited(2);
    assert!(refused.stderr.contains("hint: give it text in UTF-8"), "{}", refused.stderr);
}

#[test]
fn input_that_is_too_long_is_refused_and_not_cut() {
    let world = World::signed_in();
    for (megabytes, command) in [(1, "login finish"), (16, "request POST /2/tweets")] {
        let line =
            format!("head -c $(({megabytes} * 1024 * 1024 + 1)) /dev/zero | $XPKCE {command}");
        let refused = world.shell(&line).exited(2);
        let said = format!("standard input is longer than {megabytes} MiB");
        assert!(refused.stderr.contains(&said), "{}", refused.stderr);
    }
}

#[test]
fn a_body_need_not_be_text() {
    let world = World::signed_in();
    let answered = world.shell(r"printf '\377' | $XPKCE request POST /2/tweets").exited(1);
    assert!(answered.stderr.contains("X answered 4"), "{}", answered.stderr);
}

#[test]
fn a_callback_that_is_none_is_told_and_spends_nothing() {
    let world = World::with_app();
    let url = world.start(&[]);
    let callback = world.approve(&url);
    for (wrong, said) in [
        ("hello", "the callback has no state"),
        (&url[..], "the address of X's consent page"),
        ("http://127.0.0.1:8080/callback?state=forged&code=x", "no sign-in waits"),
        (&format!("{callback}&code=twice"), "parameter twice"),
    ] {
        let refused = world.finish(wrong).exited(3);
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }
    world.finish(&callback).succeeded();
}

#[test]
fn a_token_endpoint_that_answers_nonsense_is_told_by_kind() {
    use xpkce_emulator::{Endpoint, Fault, FaultRule};
    let world = World::signed_in();
    world.x.fault(FaultRule::new(Endpoint::Refresh, Fault::Cloudflare).always());
    let doubt = world.run(&["refresh"]).exited(4);
    assert!(doubt.stderr.contains("hint: "), "{}", doubt.stderr);
    let status = world.run(&["status", "--json"]).succeeded().json();
    assert_eq!(status["logins"][0]["state"], "in_doubt");
    assert_eq!(status["logins"][0]["action"], "wait");
    // The token in hand lives on.
    world.run(&["token"]).succeeded();
}

#[test]
fn sigterm_while_a_refresh_is_sent_loses_nothing() {
    use std::time::Duration;
    use xpkce_emulator::{Endpoint, FaultRule};
    let world = World::signed_in();
    let slow = FaultRule::delay(Endpoint::Refresh, Duration::from_secs(2));
    world.x.fault(slow.after_commit());
    let child = world.spawn(&["refresh"]);
    until("X rotates", || (world.x.refreshes() > 0).then_some(()));
    world.shell(&format!("kill {}", child.id())).succeeded();
    let done = Done::of(child.wait_with_output().unwrap());
    world.hears_no_secret("refresh", done).exited(130);
    let status = world.run(&["status", "--json"]).succeeded().json();
    assert_eq!(status["logins"][0]["state"], "ready");
    assert_eq!(status["logins"][0]["generation"], 2);
    world.x.clear_faults();
    world.run(&["refresh"]).succeeded();
}

#[test]
fn a_request_whose_body_is_piped_sends_it() {
    let world = World::with_app();
    world.sign_in(&["--scope", "tweet.read tweet.write users.read offline.access"]);
    let mut child = world.spawn(&["request", "POST", "/2/tweets"]);
    child.stdin.take().unwrap().write_all(b"{\"text\":\"Hello\"}").unwrap();
    let done = Done::of(child.wait_with_output().unwrap());
    let done = world.hears_no_secret("request", done).succeeded();
    assert!(done.stdout.contains("Hello"), "{}", done.stdout);
    let flag =
        world.run(&["request", "POST", "/2/tweets", "-d", "{\"text\":\"Again\"}"]).succeeded();
    assert!(flag.stdout.contains("Again"));
}
