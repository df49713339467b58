//! Flags, then the environment, then what is stored; and which login a command means.

use crate::world::World;

#[test]
fn the_environments_app_never_gets_a_stored_secret_of_another() {
    let mut world = World::new();
    world.add_confidential("harbour");
    world.set("XPKCE_CLIENT_ID", &world.x.public_app().client_id);
    // The public app would be refused with a secret.
    world.sign_in(&[]);
    world.run(&["refresh"]).succeeded();
}

#[test]
fn app_goes_before_the_environment() {
    let mut world = World::with_app();
    world.set("XPKCE_CLIENT_ID", "another");
    let url = world.start(&["--app", "lantern"]);
    assert!(url.contains(&world.x.public_app().client_id));
    assert!(world.start(&[]).contains("client_id=another"));
}

#[test]
fn the_environment_goes_before_what_is_stored_and_flags_before_both() {
    let mut world = World::with_app();
    world.set("XPKCE_SCOPE", "tweet.read users.read dm.read offline.access");
    assert!(world.start(&[]).contains("dm.read"));
    let url = world.start(&["--scope", "tweet.read users.read"]);
    assert!(!url.contains("dm.read") && !url.contains("offline"));
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let mut world = World::with_app();
    for name in ["XPKCE_CLIENT_ID", "XPKCE_SCOPE", "XPKCE_STORE", "XPKCE_KEY", "XPKCE_KEY_FILE"] {
        world.set(name, "");
    }
    world.sign_in(&[]);
}

#[test]
fn one_login_is_used_and_several_are_listed() {
    let world = World::signed_in();
    world.sign_in_as("bo_sample");
    let several = world.run(&["token"]).exited(2);
    assert!(several.stderr.contains("2 logins match"), "{}", several.stderr);
    assert!(several.stderr.contains("--account bo_sample --app lantern"), "{}", several.stderr);
    let bo = world.run(&["token", "--account", "@bo_sample"]).succeeded().stdout;
    let same = world.run(&["token", "--account", "1000000000000000002"]).succeeded().stdout;
    assert_eq!(bo, same);
    world.run(&["logout", "--account", "bo_sample"]).succeeded();
    world.run(&["token"]).succeeded();
}

#[test]
fn a_login_of_another_app_is_found_with_app() {
    let world = World::signed_in();
    world.add_confidential("harbour");
    world.run(&["token"]).succeeded();
    let nobody = world.run(&["token", "--app", "harbour"]).exited(3);
    assert!(nobody.stderr.contains("xpkce login --app harbour"), "{}", nobody.stderr);
}

#[test]
fn the_store_may_be_elsewhere() {
    let mut world = World::with_app();
    let elsewhere = world.folder().join("elsewhere.db");
    world.set("XPKCE_STORE", &format!("sqlite:{}", elsewhere.display()));
    world.sign_in(&[]);
    assert!(elsewhere.exists() && !world.store().exists());
}

#[test]
fn the_key_may_come_from_the_environment_and_a_wrong_one_is_refused() {
    let mut world = World::with_app();
    world.set("XPKCE_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    world.sign_in(&[]);
    assert!(!world.home().join("key").exists());
    world.set("XPKCE_KEY", "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB=");
    world.run(&["token"]).exited(2);
    world.unset("XPKCE_KEY");
    world.run(&["token"]).exited(2);
    assert!(!world.home().join("key").exists(), "no key is made for a store that has one");
}

#[test]
fn an_address_of_postgresql_that_is_no_url_is_not_repeated() {
    let mut world = World::with_app();
    for address in ["host=h password=hunter2", "postgres:/user:hunter2@host/db"] {
        world.set("XPKCE_STORE", address);
        let refused = world.run(&["status"]).exited(2);
        assert!(refused.stderr.contains("and is no URL"), "{}", refused.stderr);
        assert!(!refused.stderr.contains("hunter2"));
    }
}

#[cfg(not(feature = "postgres"))]
#[test]
fn postgres_is_not_in_this_build_and_its_address_is_not_repeated() {
    let mut world = World::with_app();
    world.set("XPKCE_STORE", "postgres://user:hunter2@db.example/x");
    let refused = world.run(&["status"]).exited(2);
    assert!(refused.stderr.contains("PostgreSQL"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("hunter2"));
}

#[test]
fn without_a_home_there_is_a_hint_and_with_one_the_platforms_folder_is_used() {
    let world = World::new();
    let bare = world.shell("env -i PATH=/usr/bin:/bin HOME= $XPKCE status");
    assert!(bare.stderr.contains("nobody is signed in") || bare.code == Some(2), "{}", bare.stderr);
    let id = world.x.public_app().client_id;
    let add = format!("env -u XPKCE_HOME $XPKCE app add lantern --public --client-id {id}");
    world.shell(&add).succeeded();
    assert!(world.folder().join(".local/share/xpkce/apps.toml").exists());
}
