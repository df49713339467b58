//! One login and several processes: begun here and finished there, asked for at once, and signed
//! in to at once.

use xpkce_emulator::{Endpoint, Fault, FaultRule};

use crate::world::World;

#[test]
fn what_one_process_begins_another_finishes_once() {
    let world = World::with_app();
    let started = world.run(&["login", "start"]).succeeded();
    assert_eq!(started.fields(), ["state", "url"]);
    let callback = world.approve(started.json()["url"].as_str().unwrap());
    world.finish(&callback).succeeded();
    let again = world.finish(&callback).exited(3);
    assert!(again.stderr.contains("no sign-in waits for this callback"), "{}", again.stderr);
    assert_eq!((world.x.exchanges(), world.x.double_redeems()), (1, 0));
}

#[test]
fn the_callback_finds_its_sign_in_and_its_app() {
    let world = World::with_app();
    world.add_confidential("harbour");
    let (one, other) = (world.start(&["--app", "lantern"]), world.start(&["--app", "harbour"]));
    let harbour = world.finish(&world.approve(&other)).succeeded();
    assert!(harbour.stderr.contains("to the app harbour"), "{}", harbour.stderr);
    let lantern = world.finish(&world.approve(&one)).succeeded();
    assert!(lantern.stderr.contains("to the app lantern"), "{}", lantern.stderr);
}

#[test]
fn a_sign_in_is_not_finished_at_another_server_and_waits_for_its_own() {
    for name in ["XPKCE_BASE_URL", "XPKCE_AUTHORIZATION_BASE_URL"] {
        let (mut world, other) = (World::with_app(), World::new());
        let callback = world.approve(&world.start(&[]));
        let own = world.variable(name);
        world.set(name, &other.variable(name));
        let refused = world.finish(&callback).exited(2);
        let said = format!("base URL {own}, not with {}", other.variable(name));
        assert!(refused.stderr.contains(&said), "{}", refused.stderr);
        assert!(refused.stderr.contains("hint: finish it with the settings that it began with"));
        assert_eq!((world.x.token_requests(), other.x.token_requests()), (0, 0));
        world.set(name, &own);
        world.finish(&callback).succeeded();
    }
}

#[test]
fn a_sign_in_whose_app_was_removed_waits_until_it_is_there_again() {
    let world = World::with_app();
    let id = world.x.public_app().client_id;
    let callback = world.approve(&world.start(&[]));
    world.run(&["app", "remove", "lantern", "--yes"]).succeeded();
    let refused = world.finish(&callback).exited(2);
    assert!(refused.stderr.contains("which is no app here"), "{}", refused.stderr);
    world.run(&["app", "add", "lantern", "--public", "--client-id", &id]).succeeded();
    world.finish(&callback).succeeded();
}

#[test]
fn a_callback_that_was_copied_in_part_can_still_come_whole() {
    let world = World::with_app();
    let callback = world.approve(&world.start(&[]));
    let part = callback.split("&code=").next().unwrap();
    let refused = world.finish(part).exited(3);
    assert!(refused.stderr.contains("give the whole address"), "{}", refused.stderr);
    world.finish(&callback).succeeded();
}

#[test]
fn a_sign_in_that_x_asks_to_wait_with_is_finished_after_the_wait() {
    let world = World::with_app();
    let callback = world.approve(&world.start(&[]));
    let wait = Fault::RateLimited { reset_in: None, retry_after: Some(5) };
    world.x.fault(FaultRule::new(Endpoint::Exchange, wait));
    let refused = world.finish(&callback).exited(5);
    assert!(refused.stderr.contains("hint: wait 5 s, then run it again"), "{}", refused.stderr);
    world.finish(&callback).succeeded();
}

#[test]
fn a_sign_in_whose_code_does_not_outlive_the_wait_is_begun_again() {
    let world = World::with_app();
    let callback = world.approve(&world.start(&[]));
    let wait = Fault::RateLimited { reset_in: None, retry_after: Some(31) };
    world.x.fault(FaultRule::new(Endpoint::Exchange, wait));
    let refused = world.finish(&callback).exited(5);
    assert!(refused.stderr.contains("hint: xpkce login"), "{}", refused.stderr);
}

#[test]
fn a_sign_in_whose_code_was_not_sent_is_not_begun_again() {
    let mut world = World::with_app();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    world.set("XPKCE_BASE_URL", &format!("http://{free}"));
    let state = world.run(&["login", "start"]).succeeded().json()["state"].clone();
    let callback = format!("?code=a-code&state={}", state.as_str().unwrap());
    for _ in 0..2 {
        let refused = world.finish(&callback).exited(5);
        assert!(refused.stderr.contains("hint: check the network"), "{}", refused.stderr);
    }
}

#[test]
fn a_sign_in_whose_secret_was_wrong_is_finished_with_the_right_one() {
    let world = World::with_app();
    let callback = world.approve(&world.start(&[]));
    let refused = Fault::OauthError {
        status: 401,
        error: "unauthorized_client".to_owned(),
        description: "Missing valid authorization header".to_owned(),
    };
    world.x.fault(FaultRule::new(Endpoint::Exchange, refused));
    world.finish(&callback).exited(2);
    world.finish(&callback).succeeded();
}

#[test]
fn two_logins_at_once_both_end_well() {
    let world = World::with_app();
    let (one, other) = (world.start(&[]), world.start(&[]));
    let (one, other) = (world.approve(&one), world.approve(&other));
    std::thread::scope(|scope| {
        let first = scope.spawn(|| world.finish(&one));
        let second = scope.spawn(|| world.finish(&other));
        first.join().unwrap().succeeded();
        second.join().unwrap().succeeded();
    });
    // X ends the earlier one, perhaps before it has said whose it is.
    world.run(&["token", "--account", "ada_example"]).succeeded();
}

#[test]
fn processes_that_ask_at_once_spend_one_refresh_token() {
    const ASKERS: usize = 8;
    let world = World::signed_in();
    world.expire_token();
    let tokens: Vec<String> = std::thread::scope(|scope| {
        let asking: Vec<_> =
            (0..ASKERS).map(|_| scope.spawn(|| world.run(&["token"]).succeeded().stdout)).collect();
        asking.into_iter().map(|asker| asker.join().unwrap()).collect()
    });
    assert!(tokens.iter().all(|token| *token == tokens[0]), "{tokens:?}");
    assert_eq!((world.x.refreshes(), world.x.replays()), (1, 0));
}

#[test]
fn apps_that_are_added_at_once_are_all_there() {
    let world = World::new();
    std::thread::scope(|scope| {
        for name in ["one", "two", "three", "four"] {
            let world = &world;
            scope.spawn(move || {
                world.run(&["app", "add", name, "--public", "--client-id", name]).succeeded();
            });
        }
    });
    let list = world.run(&["app", "list", "--json"]).succeeded().json();
    assert_eq!(list["apps"].as_array().unwrap().len(), 4);
}
