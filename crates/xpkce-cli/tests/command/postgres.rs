//! The same command on the store of many machines.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use xpkce_emulator::{Endpoint, FaultRule};

use crate::keep::Keeping;
use crate::secrets::assert_keeps_no_secret;
use crate::world::{World, until};

#[path = "../../../xpkce/tests/postgres/server.rs"]
#[allow(unreachable_pub, reason = "the library's tests share it")]
pub(crate) mod server;

pub(crate) fn on_postgres(server: &server::Server) -> World {
    let mut world = World::with_app();
    world.set("XPKCE_STORE", server.address("127.0.0.1", "sslmode=disable").expose());
    world
}

/// Goes on as another machine does that has the same app: with a home of its own.
fn move_to_another_machine(world: &mut World) {
    let home = world.folder().join("another machine");
    world.set("XPKCE_HOME", home.to_str().unwrap());
    let id = world.x.public_app().client_id;
    world.run(&["app", "add", "lantern", "--public", "--client-id", &id]).succeeded();
}

/// Where the other machine has its key.
fn key_of_another_machine(world: &World) -> PathBuf {
    world.folder().join("another machine/key")
}

fn copy_the_key(world: &World) {
    std::fs::copy(world.home().join("key"), key_of_another_machine(world)).unwrap();
}

fn move_back(world: &mut World) {
    world.unset("XPKCE_HOME");
}

/// Asks the server something behind the command's back.
fn psql(server: &server::Server, query: &str) -> String {
    let port = server.port.to_string();
    let mut command = Command::new("psql");
    command.args(["-X", "-h", "127.0.0.1", "-p", &port, "-U", "xpkce", "postgres", "-Atc", query]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Makes every login one that is in use and whose token has ended.
fn make_due(server: &server::Server) {
    psql(
        server,
        "UPDATE xpkce_grants SET due = 0, record = (record::jsonb ||
         jsonb_build_object('used_at', (extract(epoch FROM now()) * 1000)::bigint) ||
         jsonb_build_object('access', record::jsonb -> 'access' || '{\"expires_at\": 1000000}'))::text",
    );
}

#[test]
fn an_address_that_cannot_be_used_is_told_with_the_variable_that_holds_it() {
    let mut world = World::with_app();
    for rest in ["localhost/x?sslmode=prefer", "localhost/x?port=x", "/x"] {
        world.set("XPKCE_STORE", &format!("postgres://{rest}"));
        let refused = world.run(&["status"]).exited(2);
        assert!(refused.stderr.contains("set XPKCE_STORE to postgres://"), "{}", refused.stderr);
    }
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
fn no_secret_is_in_a_row_in_the_clear() {
    let server = server::Server::own();
    let mut world = World::new();
    world.set("XPKCE_STORE", server.address("127.0.0.1", "sslmode=disable").expose());
    let rows = || psql(&server, "SELECT schema_to_xml('public', true, false, '')");
    assert_keeps_no_secret(&world, || {
        let rows = ("every table".into(), rows().into_bytes());
        world.files().into_iter().chain([rows]).collect()
    });
    assert!(!world.store().exists(), "a file was made beside the server");
}

#[test]
fn what_a_script_asks_for_is_in_use_on_postgres_too() {
    let server = server::Server::own();
    let world = on_postgres(&server);
    world.sign_in(&[]);
    let is_kept_fresh = "SELECT due * 60000 < expires_at FROM xpkce_grants";
    assert_eq!(psql(&server, is_kept_fresh), "f");
    world.run(&["token"]).succeeded();
    assert_eq!(psql(&server, is_kept_fresh), "t");
}

#[test]
fn keepers_of_two_machines_rotate_each_login_once() {
    let server = server::Server::own();
    let mut world = on_postgres(&server);
    world.sign_in(&[]);
    make_due(&server);
    move_to_another_machine(&mut world);
    copy_the_key(&world);
    world.x.fault(FaultRule::delay(Endpoint::Refresh, Duration::from_secs(2)));
    let asked = world.x.token_requests();
    let mut keeping = Keeping::start(&world, &[]);
    keeping.event("started");
    until("a refresh", || (world.x.token_requests() > asked).then_some(()));
    move_back(&mut world);
    world.run(&["keep", "--once"]).succeeded();
    world.run(&["token"]).succeeded();
    keeping.signal("TERM");
    let (status, _, talk) = keeping.end();
    assert_eq!(status.code(), Some(0), "{talk}");
    assert_eq!((world.x.refreshes(), world.x.replays()), (1, 0));
    let login = &world.run(&["status", "--json"]).succeeded().json()["logins"][0];
    assert_eq!((&login["state"], &login["generation"]), (&"ready".into(), &2.into()));
}

#[test]
fn a_server_that_is_down_is_told_and_nothing_is_spent() {
    let server = server::Server::own();
    let world = on_postgres(&server);
    world.sign_in(&[]);
    make_due(&server);
    let asked = world.x.token_requests();
    server.stop();
    for command in [&["keep", "--once"][..], &["keep"], &["refresh"], &["token"]] {
        let refused = world.run(command).exited(6);
        assert!(refused.hint().contains("the server that XPKCE_STORE names"), "{}", refused.stderr);
    }
    assert_eq!(world.x.token_requests(), asked);
    server.restart();
    world.run(&["keep", "--once"]).succeeded();
    assert_eq!(world.x.refreshes(), 1);
}

#[test]
fn a_sign_in_that_one_machine_began_is_finished_on_another() {
    let server = server::Server::own();
    let mut world = on_postgres(&server);
    let callback = world.approve(&world.start(&[]));
    move_to_another_machine(&mut world);
    let refused = world.finish(&callback).exited(2);
    assert!(refused.stderr.contains("key"), "{}", refused.stderr);
    assert!(!key_of_another_machine(&world).exists(), "a key is made for a store that has one");
    copy_the_key(&world);
    world.finish(&callback).succeeded();
    let token = world.run(&["token"]).succeeded().stdout;
    world.finish(&callback).exited(3);

    move_back(&mut world);
    assert_eq!(world.run(&["token"]).succeeded().stdout, token);
    world.finish(&callback).exited(3);
    assert_eq!((world.x.exchanges(), world.x.double_redeems()), (1, 0));
}
