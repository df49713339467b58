//! One login and several processes: begun here and finished there, asked for at once, and signed
//! in to at once.

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
