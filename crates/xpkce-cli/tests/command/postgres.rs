//! The same command on the store of many machines.

use secrecy::ExposeSecret as _;

use crate::world::World;

#[path = "../../../xpkce/tests/postgres/server.rs"]
#[allow(unreachable_pub, reason = "the library's tests share it")]
mod server;

fn on_postgres(server: &server::Server) -> World {
    let mut world = World::with_app();
    world.set("XPKCE_STORE", server.address("127.0.0.1", "sslmode=disable").expose_secret());
    world
}

#[test]
fn a_login_lives_on_postgres_as_it_does_on_sqlite() {
    let server = server::Server::own();
    let world = on_postgres(&server);
    world.sign_in(&[]);
    assert!(!world.store().exists(), "a file was made beside the server");

    let first = world.run(&["token"]).succeeded().stdout;
    world.run(&["refresh"]).succeeded();
    let second = world.run(&["token"]).succeeded().stdout;
    assert_ne!(first, second);
    let me = world.run(&["request", "GET", "/2/users/me"]).succeeded();
    assert_eq!(me.json()["data"]["username"], "ada_example");

    let login = &world.run(&["--json", "status"]).succeeded().json()["logins"][0];
    assert_eq!((&login["state"], &login["generation"]), (&"ready".into(), &2.into()));
    world.run(&["key", "rotate"]).succeeded();
    let early = world.run(&["key", "prune"]).exited(2);
    assert!(early.stderr.contains("the keys were changed lately"), "{}", early.stderr);
    world.run(&["keep", "--once"]).succeeded();
    assert_eq!(world.run(&["token"]).succeeded().stdout, second);

    world.run(&["logout", "--yes"]).succeeded();
    assert_eq!(world.x.revocations(), 2);
    world.run(&["token"]).exited(3);
}

#[test]
fn a_sign_in_that_one_machine_began_is_finished_on_another() {
    let server = server::Server::own();
    let world = on_postgres(&server);
    let begun = world.run(&["--json", "login", "start"]).succeeded().json();
    let callback = world.approve(begun["url"].as_str().unwrap());
    world.run_with(&["login", "finish"], &callback).succeeded();
    world.run(&["token"]).succeeded();
    world.run_with(&["login", "finish"], &callback).exited(3);
}
