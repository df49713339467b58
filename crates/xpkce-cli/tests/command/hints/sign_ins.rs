//! Hints that sign in, and hints about a sign-in that failed.

use xpkce_emulator::{Endpoint, Fault, FaultRule, Problem};

use super::{NO_ANSWERS, dead, follow, sign_in, three_logins, two_apps};
use crate::pasted::paste;
use crate::screen::Screen;

#[test]
fn with_two_apps_and_nobody_signed_in_the_hint_signs_in() {
    for command in
        [&["token"][..], &["refresh"], &["logout", "--yes"], &["request", "GET", "/2/users/me"]]
    {
        let world = two_apps();
        let shown = follow(&world, &world.run(command).exited(3));
        assert!(shown.contains("Signed in as @ada_example"), "{shown}");
        world.run(command).succeeded();
    }
    let world = two_apps();
    let told = world.run(&["status"]).succeeded().stderr;
    let next = told.lines().find_map(|line| line.strip_prefix("Next: ")).unwrap();
    paste(&world, next, NO_ANSWERS).succeeded();
}

#[test]
fn where_everybody_has_signed_out_somebody_must_sign_in_and_the_hint_does() {
    for command in [&["token"][..], &["refresh"], &["request", "GET", "/2/users/me"]] {
        let world = two_apps();
        for app in ["lantern", "harbour"] {
            sign_in(&world, app, "ada_example");
            world.run(&["logout", "--yes", "--app", app]).succeeded();
        }
        follow(&world, &world.run(command).exited(3));
        world.run(command).succeeded();
    }
}

#[test]
fn a_login_that_x_has_ended_is_begun_again_by_its_hint() {
    let world = three_logins();
    world.x.disconnect_app("bo_sample");
    let ended = dead(&world, &["refresh", "--account", "bo_sample"]);
    assert_eq!(ended.advised(), "xpkce login --app lantern");
    let table = world.run(&["status", "--account", "bo_sample"]).succeeded().stdout;
    assert!(table.trim_end().ends_with(ended.advised()), "{table}");
    let shown = follow(&world, &ended);
    // The browser that plays the user is Ada's: hers is another login of the same app.
    assert!(shown.contains("Signed in as @ada_example"), "{shown}");
}

#[test]
fn a_sign_in_that_fails_is_begun_again_with_its_own_flags() {
    let world = two_apps();
    let scope = "tweet.read users.read offline.access";
    let login = ["login", "--headless", "--app", "lantern", "--scope", scope];
    let ended = world.run(&login).exited(3);
    let again = format!("xpkce login --headless --app lantern --scope '{scope}'");
    assert_eq!(ended.advised(), again);
    follow(&world, &ended);
    let denied = world.finish(&world.deny(&world.start(&["--app", "harbour"]))).exited(3);
    assert_eq!(denied.advised(), "xpkce login --app harbour");
    follow(&world, &denied);
    follow(&world, &world.finish("code=x&state=forged").exited(3));
    let url = world.start(&["--app", "harbour", "--yes"]);
    let none = world.finish("").exited(3);
    assert_eq!(none.advised(), "xpkce login finish");
    paste(&world, none.advised(), &[("Callback URL: ", &world.approve(&url))]).succeeded();
}

#[test]
fn a_busy_port_is_gone_round_by_its_hint() {
    let world = two_apps();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://127.0.0.1:{}/callback", taken.local_addr().unwrap().port());
    world.x.register_redirect(&world.x.public_app().client_id, &uri);
    let login = ["login", "--no-browser", "--app", "lantern", "--redirect-uri", &uri];
    follow(&world, &world.run(&login).exited(2));
}

#[test]
fn the_other_way_to_sign_in_is_told_with_the_flags_of_this_one() {
    let world = two_apps();
    let headless = world.run(&["login", "--headless", "--app", "lantern"]).exited(3);
    let line = headless.stderr.lines().find(|line| line.contains("ssh -L")).unwrap();
    let listening = line.split("and here: ").nth(1).unwrap();
    paste(&world, listening, NO_ANSWERS).succeeded();

    let mut screen = Screen::open(&world, "exec $XPKCE login --yes --app lantern");
    let shown = screen.type_when_told("Waiting for X to call back", "\u{3}");
    screen.rest();
    let by_hand = shown.lines().find_map(|line| line.split("machine use: ").nth(1)).unwrap();
    paste(&world, by_hand.trim(), NO_ANSWERS).succeeded();
}

#[test]
fn a_login_without_a_name_is_named_by_its_hint() {
    let world = two_apps();
    let down = Fault::Problem { problem: Problem::ServiceUnavailable };
    world.x.fault(FaultRule::new(Endpoint::Whoami, down).always());
    let url = world.start(&["--app", "lantern"]);
    let unnamed = world.finish(&world.approve(&url)).succeeded();
    world.x.clear_faults();
    follow(&world, &unnamed);
    let status = world.run(&["status", "--json"]).succeeded().json();
    assert_eq!(status["logins"][0]["username"], "ada_example");
}

#[test]
fn what_a_sign_in_says_to_do_next_works() {
    let world = two_apps();
    for user in ["ada_example", "bo_sample"] {
        let url = world.start(&["--app", "harbour", "--yes"]);
        let told = world.finish(&world.approve_as(&url, user)).succeeded().stderr;
        let next = told.lines().find_map(|line| line.strip_prefix("Next: ")).unwrap();
        for command in next.split(", ") {
            paste(&world, command.trim_start_matches("or "), NO_ANSWERS).succeeded();
        }
    }
}

#[test]
fn a_stranger_who_signed_in_is_signed_out_by_the_hint() {
    let world = two_apps();
    let url = world.start(&["--app", "lantern"]);
    let callback = world.approve_as(&url, "bo_sample");
    let stranger = world.run_with(&["login", "finish", "--expect", "@ada"], &callback).exited(3);
    follow(&world, &stranger);
    world.run(&["token"]).exited(3);
}
