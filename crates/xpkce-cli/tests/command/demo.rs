//! The demonstration, as a new user runs it.

use std::process::{Command, Stdio};

use crate::browser::get;
use crate::screen::Screen;
use crate::world::{PROGRAM, World, assert_silent, snapshot};

#[test]
fn it_needs_nothing_shows_the_whole_life_and_leaves_nothing_behind() {
    let world = World::new();
    let temp = world.folder().join("temp");
    std::fs::create_dir(&temp).unwrap();
    let output = Command::new(PROGRAM)
        .arg("demo")
        .env_clear()
        .env("TMPDIR", &temp)
        .current_dir(world.folder())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (told, talk) = (String::from_utf8(output.stdout).unwrap(), output.stderr);
    let talk = String::from_utf8(talk).unwrap();
    assert!(output.status.success(), "{told}{talk}");
    assert_silent("demo", &format!("{told}{talk}"));
    assert!(std::fs::read_dir(&temp).unwrap().next().is_none());
    snapshot(&world, || {
        insta::with_settings!({filters => vec![
            (r"state=[\w-]+", "state=[STATE]"),
            (r"code_challenge=[\w-]+", "code_challenge=[CHALLENGE]"),
            (r"127\.0\.0\.1%3A\d+", "127.0.0.1%3A[PORT]"),
            (r"scopes   .*", "scopes   [SCOPES]"),
            (r"Done in [\d.]+ s", "Done in [TIME]"),
            (r"127\.0\.0\.1:\d+", "127.0.0.1:[PORT]"),
        ]}, { insta::assert_snapshot!(told) });
    });
}

#[test]
fn an_interrupted_demonstration_leaves_nothing_behind() {
    let world = World::new();
    let temp = world.folder().join("temp");
    std::fs::create_dir(&temp).unwrap();
    // A browser that never approves keeps it waiting; a pseudo terminal makes it open one.
    let line = format!("TMPDIR={} BROWSER=/bin/true exec $XPKCE demo", temp.display());
    let mut screen = Screen::open(&world, &line);
    screen.type_when_told("Press Allow", "\u{3}");
    assert_eq!(screen.rest().0, Some(130));
    assert!(std::fs::read_dir(&temp).unwrap().next().is_none());
}

#[test]
fn a_denial_of_the_demonstration_is_told_in_the_browser() {
    let world = World::new();
    let mut screen = Screen::open(&world, "BROWSER=/bin/true exec $XPKCE demo");
    screen.type_when_told("Press Allow", "");
    let shown = screen.shown();
    let parameter = |name: &str| {
        let (_, rest) = shown.split_once(name).unwrap();
        rest.split(['&', '\r', '\n']).next().unwrap().replace("%3A", ":").replace("%2F", "/")
    };
    let (uri, state) = (parameter("&redirect_uri="), parameter("&state="));
    let page = get(&format!("{uri}?error=access_denied&state={state}"));
    assert!(page.contains("You did not approve"), "{page}");
    assert_eq!(screen.rest().0, Some(3));
}
