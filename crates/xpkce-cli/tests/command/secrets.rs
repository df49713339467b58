//! No secret where it does not belong: not in files in the clear, not in talk, not in errors.

use std::path::PathBuf;

use crate::world::World;

fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}

#[test]
fn no_secret_is_in_a_file_in_the_clear() {
    let world = World::new();
    assert_keeps_no_secret(&world, || world.files());
}

/// Signs in and refreshes, and fails on anything in the clear that must not be seen in what is kept
/// meanwhile: tokens, the code, the state, the client secret.
pub(crate) fn assert_keeps_no_secret(world: &World, kept: impl Fn() -> Vec<(PathBuf, Vec<u8>)>) {
    world.add_confidential("harbour");
    let url = world.start(&[]);
    let callback = world.approve(&url);
    let code = callback.rsplit("code=").next().unwrap().split('&').next().unwrap().to_owned();
    let state = url.split("state=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    let parked = kept();
    world.finish(&callback).succeeded();
    let first = world.run(&["token"]).succeeded().stdout.trim().to_owned();
    world.run(&["refresh"]).succeeded();
    let second = world.run(&["token"]).succeeded().stdout.trim().to_owned();
    let secret = world.x.confidential_app().client_secret.unwrap();
    let signed_in = kept();
    let is_there = |user| signed_in.iter().any(|(_, content)| contains(content, user));
    assert!(is_there("ada_example"), "the login is kept somewhere else");
    for (path, content) in parked.into_iter().chain(signed_in) {
        for needle in [&code, &state, &first, &second, &secret] {
            assert!(!contains(&content, needle), "{}", path.display());
        }
        // X's tokens end alike: access, refresh and code.
        for kind in ["OmF0OjE", "OnJ0OjE", "OmFjOjE"] {
            assert!(!contains(&content, kind), "{} has a token", path.display());
        }
    }
}

#[test]
fn no_secret_is_logged_even_at_the_loudest() {
    let world = World::new();
    let secret = world.x.confidential_app().client_secret.unwrap();
    let id = world.x.confidential_app().client_id;
    let add = ["app", "add", "harbour", "--confidential", "--client-id", &id, "-vv"];
    let mut talk = world.run_with(&add, &secret).succeeded().stderr;
    let mut world = world;
    world.set("XPKCE_LOG", "trace");
    let url = world.start(&[]);
    let callback = world.approve(&url);
    let code = callback.rsplit("code=").next().unwrap().split('&').next().unwrap().to_owned();
    talk += &world.finish(&callback).succeeded().stderr;
    let first = world.run(&["token", "-vv"]).succeeded();
    talk += &first.stderr;
    talk += &world.run(&["refresh", "-vv"]).succeeded().stderr;
    let second = world.run(&["token"]).succeeded();
    talk += &second.stderr;
    talk += &world.run(&["request", "GET", "/2/users/me"]).succeeded().stderr;
    talk += &world.run(&["status", "--json"]).succeeded().stdout;
    talk += &world.run(&["logout"]).succeeded().stderr;
    for needle in [&secret, &code, first.stdout.trim(), second.stdout.trim()] {
        assert!(!talk.contains(needle), "{talk}");
    }
    for kind in ["OmF0OjE", "OnJ0OjE", "OmFjOjE"] {
        assert!(!talk.contains(kind), "{talk}");
    }
    assert!(talk.contains("DEBUG") && !talk.contains('\u{1b}'), "logs have no colour on a pipe");
}

#[test]
fn what_a_server_says_cannot_steer_the_terminal() {
    let mut world = World::with_app();
    let evil = "http://127.0.0.1:8080/callback?error=%1b%5b31maccess&state=%1b%5d0;x%07";
    let refused = world.run_with(&["login", "finish"], evil).exited(3);
    assert!(!refused.stderr.contains('\u{1b}'));
    world.set("XPKCE_CLIENT_ID", "\u{1b}[31mid");
    let refused = world.run(&["login", "start"]).exited(2);
    assert!(!refused.stderr.contains('\u{1b}'), "{}", refused.stderr);
}

#[test]
fn what_a_server_says_cannot_steer_the_terminal_as_json_either() {
    let world = World::with_app();
    world.sign_in(&["--scope", "tweet.read tweet.write users.read"]);
    let post = r#"{"text":"a\u009b2J\u202eb"}"#;
    let told = world.run(&["request", "POST", "/2/tweets", "-d", post, "--json"]).succeeded();
    assert!(!told.stdout.contains(['\u{9b}', '\u{202e}']), "{:?}", told.stdout);
    assert_eq!(told.json()["body"]["data"]["text"], "a\u{9b}2J\u{202e}b");
}

#[test]
fn the_example_of_a_token_shows_it_to_nobody_who_lists_processes() {
    let world = World::signed_in();
    let token = world.run(&["token"]).succeeded().stdout;
    let help = world.run(&["token", "--help"]).succeeded().stdout;
    let example = help.split("Example:\n").nth(1).unwrap().trim();
    assert!(include_str!("../../README.md").contains(example), "{example}");
    let shell = r#"curl() { echo "arguments: $*"; cat; }; xpkce() { "$XPKCE" "$@"; }; "#;
    let told = world.shell(&format!("{shell}{example}")).succeeded().stdout;
    let (arguments, given) = told.split_once('\n').unwrap();
    assert!(arguments.starts_with("arguments: ") && !arguments.contains(token.trim()), "{told}");
    assert_eq!(given, format!("Authorization: Bearer {}", token.trim()));
}

#[cfg(target_os = "linux")]
#[test]
fn a_process_that_is_ended_by_force_leaves_no_image_of_its_memory() {
    use std::io::{BufRead as _, BufReader};
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::{Command, Stdio};

    let world = World::with_app();
    let mut command = world.command("/bin/sh");
    let line = r#"ulimit -c unlimited; exec "$XPKCE" login --headless"#;
    command.args(["-c", line]).env("XPKCE", crate::world::PROGRAM);
    let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut waiting = streams.spawn().unwrap();
    let mut url = String::new();
    BufReader::new(waiting.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let pid = waiting.id().to_string();
    assert!(Command::new("kill").args(["-QUIT", &pid]).status().unwrap().success());
    let ended = waiting.wait().unwrap();
    assert!(ended.signal().is_some() && !ended.core_dumped(), "{ended}");
}
