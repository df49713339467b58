//! Signing in where there is no browser: the URL out, the callback in, over pipes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};

use crate::world::{World, assert_silent};

/// Runs `login --headless`, and answers the URL it prints with what `browse` makes of it.
fn headless(
    world: &World,
    arguments: &[&str],
    browse: impl FnOnce(&str) -> String,
) -> (i32, String) {
    let mut child = world.spawn(&[&["login", "--headless"], arguments].concat());
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut url = String::new();
    stdout.read_line(&mut url).unwrap();
    let callback = browse(url.trim());
    writeln!(child.stdin.take().unwrap(), "{callback}").unwrap();
    let mut talk = String::new();
    child.stderr.take().unwrap().read_to_string(&mut talk).unwrap();
    assert_silent("login --headless", &talk);
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    (child.wait().unwrap().code().unwrap(), format!("{rest}{talk}"))
}

#[test]
fn the_url_goes_out_and_the_callback_url_comes_back() {
    let world = World::with_app();
    let (code, told) = headless(&world, &[], |url| world.approve(url));
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("30 seconds"), "{told}");
    assert!(told.contains("ssh -L 8080:127.0.0.1:8080"), "{told}");
    assert!(told.contains("There is no terminal"), "{told}");
    assert!(told.contains("Signed in as @ada_example to the app lantern."), "{told}");
    assert!(told.contains("(in 2 h)") && told.contains("Next: xpkce token"), "{told}");
}

#[test]
fn the_query_alone_is_enough() {
    let world = World::with_app();
    let (code, told) =
        headless(&world, &[], |url| world.approve(url).split_once('?').unwrap().1.to_owned());
    assert_eq!(code, 0, "{told}");
}

#[test]
fn with_json_both_lines_of_output_are_objects() {
    let world = World::with_app();
    let (code, told) = headless(&world, &["--json"], |line| {
        let begun: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(begun["state"].as_str().unwrap().len() >= 32);
        world.approve(begun["url"].as_str().unwrap())
    });
    assert_eq!(code, 0, "{told}");
    let signed_in: serde_json::Value = serde_json::from_str(told.lines().next().unwrap()).unwrap();
    assert_eq!(signed_in["username"], "ada_example");
    assert_eq!(signed_in["can_refresh"], true);
}

#[test]
fn a_denial_is_called_a_denial() {
    let world = World::with_app();
    let (code, told) = headless(&world, &[], |url| world.deny(url));
    assert_eq!(code, 3, "{told}");
    assert!(told.contains("the user did not approve"), "{told}");
}

#[test]
fn a_code_that_is_too_old_is_named_with_the_thirty_seconds() {
    let world = World::with_app();
    let (code, told) = headless(&world, &[], |url| {
        let callback = world.approve(url);
        world.x.advance(std::time::Duration::from_secs(31));
        callback
    });
    assert_eq!(code, 3, "{told}");
    assert!(told.contains("the code is expired, used or not its own"), "{told}");
}

#[test]
fn the_expected_user_is_checked() {
    let world = World::with_app();
    let expect = ["--expect", "@Bo_Sample"];
    let (code, told) = headless(&world, &expect, |url| world.approve_as(url, "bo_sample"));
    assert_eq!(code, 0, "{told}");
    let (code, told) = headless(&world, &expect, |url| world.approve_as(url, "ada_example"));
    assert_eq!(code, 3, "{told}");
    assert!(told.contains("@ada_example signed in, not @Bo_Sample"), "{told}");
    assert!(told.contains("xpkce logout --account ada_example --app lantern"), "{told}");
    world.run(&["token", "--account", "ada_example"]).succeeded();
}

#[test]
fn a_confidential_app_of_the_environment_needs_nothing_stored() {
    let x = xpkce_emulator::Emulator::start_blocking();
    let world = World::of_environment(&x.confidential_app());
    let (code, told) = headless(&world, &[], |url| world.approve(url));
    assert_eq!(code, 0, "{told}");
    world.run(&["token"]).succeeded();
    world.run(&["refresh"]).succeeded();
    let status = world.run(&["status", "--json"]).succeeded().json();
    assert_eq!(status["logins"][0]["app"], world.x.confidential_app().client_id);
    world.run(&["logout", "--yes"]).succeeded();
    assert!(!world.home().join("apps.toml").exists());
}

#[test]
fn standard_input_that_ends_too_early_is_told() {
    let world = World::with_app();
    let done = world.run(&["login", "--headless"]).exited(3);
    assert!(done.stderr.contains("standard input ended before the callback URL came"));
}

#[test]
fn who_is_expected_and_not_told_of_is_not_taken_for_the_one() {
    use xpkce_emulator::{BodyForm, Endpoint, Fault, FaultRule};
    let world = World::with_app();
    let outage = Fault::Status { status: 503, body: BodyForm::Json };
    world.x.fault(FaultRule::new(Endpoint::Whoami, outage).always());
    let (code, told) = headless(&world, &["--expect", "ada_example"], |url| world.approve(url));
    assert_eq!(code, 3, "{told}");
    assert!(told.contains("it is not known whether @ada_example signed in"), "{told}");
    world.run(&["token"]).succeeded();
}
