//! The sealing keys: listed, rotated, pruned, and where they come from.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use xpkce::seal::Sealer;

use crate::world::World;

fn key_file(world: &World) -> PathBuf {
    world.home().join("key")
}

/// Dates the key file back: no program seals with an old key an hour after a rotation.
pub(crate) fn an_hour_passes(world: &World) {
    let touched = Command::new("touch").args(["-d", "2 hours ago"]).arg(key_file(world)).status();
    assert!(touched.unwrap().success());
}

fn keys(world: &World) -> Vec<Value> {
    let listed = world.run(&["key", "list", "--json"]).succeeded().json();
    listed["keys"].as_array().unwrap().clone()
}

fn record(world: &World) -> String {
    let db = rusqlite::Connection::open(world.store()).unwrap();
    db.query_row("SELECT record FROM grants", (), |row| row.get(0)).unwrap()
}

#[test]
fn the_keys_are_listed_without_what_they_are() {
    let world = World::signed_in();
    world.add_confidential("harbour");
    world.start(&["--app", "lantern"]);
    let listed = world.run(&["key", "list", "--json"]).succeeded();
    let key = &listed.json()["keys"][0];
    let fields: Vec<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = ["apps", "check", "key", "known", "logins", "seals", "spilled", "waiting"];
    assert_eq!(fields, expected);
    assert_eq!(
        (&key["logins"], &key["waiting"], &key["seals"]),
        (&1.into(), &1.into(), &true.into())
    );
    assert_eq!(key["apps"], json!(["harbour"]));
    let text = fs::read_to_string(key_file(&world)).unwrap();
    let secret = text.lines().last().unwrap().split_once(' ').unwrap().1;
    let table = world.run(&["key", "list"]).succeeded();
    for shown in [&listed.stdout, &table.stdout, &table.stderr] {
        assert!(!shown.contains(secret), "the key is shown");
    }
}

#[test]
fn a_rotated_key_seals_everything_and_what_runs_goes_on() {
    let world = World::signed_in();
    world.add_confidential("harbour");
    let token = world.run(&["token"]).succeeded().stdout;
    let before = keys(&world)[0]["key"].clone();
    let rotated = world.run(&["key", "rotate", "--json"]).succeeded().json();
    assert_eq!((&rotated["logins"], &rotated["apps"]), (&1.into(), &1.into()));
    let listed = keys(&world);
    assert_eq!(listed.len(), 2);
    assert_eq!(
        (&listed[0]["key"], &listed[0]["logins"], &listed[0]["check"]),
        (&before, &0.into(), &false.into())
    );
    assert_eq!((&listed[1]["key"], &listed[1]["seals"]), (&rotated["key"], &true.into()));
    assert!(!record(&world).contains(before.as_str().unwrap()));
    assert_eq!(world.run(&["token"]).succeeded().stdout, token);
    world.run(&["refresh"]).succeeded();
    world.run(&["app", "check", "harbour"]).succeeded();
}

#[test]
fn a_key_that_was_only_added_seals_nothing_until_it_is_asked_to() {
    let world = World::signed_in();
    world.add_confidential("harbour");
    let before = keys(&world)[0]["key"].clone();
    let added = world.run(&["key", "rotate", "--add-only", "--json"]).succeeded().json();
    let listed = keys(&world);
    // A machine that has not got the new key goes on with the old one.
    assert_eq!(
        (&listed[0]["key"], &listed[0]["logins"], &listed[0]["apps"], &listed[0]["check"]),
        (&before, &1.into(), &json!(["harbour"]), &true.into())
    );
    assert_eq!((&listed[1]["key"], &listed[1]["seals"]), (&added["key"], &true.into()));
    let sealed = world.run(&["key", "seal", "--json"]).succeeded().json();
    assert_eq!((&sealed["logins"], &sealed["apps"]), (&1.into(), &1.into()));
    assert_eq!(sealed["key"], added["key"]);
    let told = world.run(&["key", "rotate", "--add-only"]).succeeded();
    assert!(told.stderr.contains("then xpkce key seal"), "{}", told.stderr);
}

#[test]
fn an_old_key_is_dropped_once_nothing_names_it_and_an_hour_has_passed() {
    let world = World::signed_in();
    let old = keys(&world)[0]["key"].as_str().unwrap().to_owned();
    world.run(&["key", "rotate"]).succeeded();
    let early = world.run(&["key", "prune"]).exited(2);
    assert!(early.stderr.contains("wait an hour"), "{}", early.stderr);
    assert_eq!(keys(&world).len(), 2);
    an_hour_passes(&world);
    let pruned = world.run(&["key", "prune", "--json"]).succeeded().json();
    assert_eq!(pruned["dropped"], json!([old]));
    assert_eq!(keys(&world).len(), 1);
    world.run(&["token"]).succeeded();
    an_hour_passes(&world);
    let again = world.run(&["key", "prune"]).succeeded();
    assert!(again.stderr.contains("there is no old key"), "{}", again.stderr);
}

/// Tries to prune, and sees that it is refused for want of nothing but `what`.
#[track_caller]
fn assert_not_pruned(world: &World, what: &str) {
    an_hour_passes(world);
    let before = fs::read(key_file(world)).unwrap();
    let refused = world.run(&["key", "prune"]).exited(2);
    assert!(
        refused.stderr.contains("something is still sealed with"),
        "{what}: {}",
        refused.stderr
    );
    assert!(refused.stderr.contains("xpkce key seal"), "{}", refused.stderr);
    assert_eq!(fs::read(key_file(world)).unwrap(), before, "{what}");
}

#[test]
fn a_key_that_a_login_names_is_not_dropped() {
    let world = World::signed_in();
    // A rotation that was cut short.
    Sealer::rotate_key_file(key_file(&world)).unwrap();
    assert_not_pruned(&world, "a login");
    world.run(&["key", "seal"]).succeeded();
    an_hour_passes(&world);
    world.run(&["key", "prune"]).succeeded();
    assert_eq!(keys(&world).len(), 1);
    world.run(&["refresh"]).succeeded();
}

#[test]
fn a_key_that_a_client_secret_names_is_not_dropped() {
    let world = World::new();
    world.add_confidential("harbour");
    Sealer::rotate_key_file(key_file(&world)).unwrap();
    assert_not_pruned(&world, "a client secret");
    let sealed = world.run(&["key", "seal", "--json"]).succeeded().json();
    assert_eq!((&sealed["logins"], &sealed["apps"]), (&0.into(), &1.into()));
    an_hour_passes(&world);
    world.run(&["key", "prune"]).succeeded();
    world.run(&["app", "check", "harbour"]).succeeded();
}

#[test]
fn a_key_that_a_waiting_sign_in_names_is_not_dropped() {
    let world = World::with_app();
    let url = world.start(&[]);
    world.run(&["key", "rotate"]).succeeded();
    assert_not_pruned(&world, "a waiting sign-in");
    world.finish(&world.approve(&url)).succeeded();
    an_hour_passes(&world);
    world.run(&["key", "prune"]).succeeded();
    world.run(&["token"]).succeeded();
}

#[test]
fn a_key_that_a_spilled_pair_names_is_not_dropped() {
    let world = World::signed_in();
    let old = keys(&world)[0]["key"].as_str().unwrap().to_owned();
    world.run(&["key", "rotate"]).succeeded();
    let file = spill(&world, &old);
    assert_eq!(keys(&world)[0]["spilled"], true);
    assert_not_pruned(&world, "a spilled pair");
    fs::remove_file(file).unwrap();
    world.run(&["key", "prune"]).succeeded();
}

#[test]
fn a_key_that_is_named_and_not_there_is_listed_as_missing() {
    let world = World::signed_in();
    spill(&world, "0123456789abcdef");
    let is_known = |key: &Value| (key["key"] != "0123456789abcdef", key["known"] == true);
    let listed: Vec<_> = keys(&world).iter().map(is_known).collect();
    assert_eq!((listed.len(), listed.iter().all(|(is, told)| is == told)), (2, true));
    assert!(world.run(&["key", "list"]).succeeded().stdout.contains("missing"));
}

/// Leaves a pair behind as a process does that dies before the store has taken it.
pub(crate) fn spill(world: &World, key: &str) -> PathBuf {
    let id = "0".repeat(32);
    let record = json!({
        "account": {"app": "app", "user": "user"}, "grant_id": id, "generation": 1,
        "spent_pair": id, "pair": id, "attempt": id, "received_at": 0,
        "holder": {"boot_id": "", "pid": 1, "liveness": null},
        "secrets": format!("{key}.AAAA"),
    });
    let record = record.to_string();
    let mut slot = u32::try_from(record.len()).unwrap().to_le_bytes().to_vec();
    slot.extend(sum_of(record.as_bytes()).to_le_bytes());
    slot.extend_from_slice(record.as_bytes());
    let path = world.home().join("holders").join(format!("{}.holder", "0".repeat(32)));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, slot).unwrap();
    path
}

/// The sum that stands before a record, as the holders' files have it.
fn sum_of(record: &[u8]) -> u64 {
    record.chunks(8).fold(record.len() as u64, |sum, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        (sum ^ u64::from_le_bytes(word)).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23)
    })
}

#[test]
fn what_does_not_open_is_left_as_it_is_and_told() {
    for change in [
        // Truncated, flipped, and in the other's place.
        "record = json_set(record, '$.refresh', substr(json_extract(record, '$.refresh'), 1, 40))",
        "record = replace(record, '\"refresh\":\"', '\"refresh\":\"0123456789abcdef.AA')",
        "record = json_set(record, '$.access.token', json_extract(record, '$.refresh'))",
        "record = json_set(record, '$.generation', 7), generation = 7",
    ] {
        let world = World::signed_in();
        world.edit(&format!("UPDATE grants SET {change}"));
        let before = record(&world);
        let told = world.run(&["key", "rotate"]).exited(6);
        assert!(told.stderr.contains("a login does not open"), "{change}: {}", told.stderr);
        assert_eq!(record(&world), before, "{change}");
        an_hour_passes(&world);
        world.run(&["key", "prune"]).exited(2);
    }
}

#[test]
fn another_stores_key_changes_nothing() {
    let world = World::signed_in();
    let other = World::signed_in();
    fs::copy(key_file(&other), key_file(&world)).unwrap();
    let before = (record(&world), fs::read(key_file(&world)).unwrap());
    for command in ["list", "rotate", "seal", "prune"] {
        world.run(&["key", command]).exited(2);
    }
    assert_eq!((record(&world), fs::read(key_file(&world)).unwrap()), before);
}

#[test]
fn there_is_no_key_before_there_is_a_store() {
    let world = World::with_app();
    for command in ["list", "rotate", "seal", "prune"] {
        world.run(&["key", command]).exited(2);
    }
    assert!(!world.store().exists() && !key_file(&world).exists());
}

/// Moves the key to where a service manager would put it.
fn as_credential(world: &mut World) -> PathBuf {
    let folder = world.folder().join("credentials");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("xpkce.key");
    if key_file(world).exists() {
        fs::rename(key_file(world), &path).unwrap();
        // As with an access list for the service's user.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o440)).unwrap();
    }
    world.set("CREDENTIALS_DIRECTORY", folder.to_str().unwrap());
    path
}

#[test]
fn a_service_managers_credential_unlocks_the_store_and_is_never_changed() {
    let mut world = World::signed_in();
    let path = as_credential(&mut world);
    world.run(&["token"]).succeeded();
    world.run(&["refresh"]).succeeded();
    let before = fs::read(&path).unwrap();
    for command in ["rotate", "prune"] {
        let refused = world.run(&["key", command]).exited(2);
        assert!(
            refused.stderr.contains("a credential of the service manager"),
            "{}",
            refused.stderr
        );
    }
    assert_eq!(fs::read(&path).unwrap(), before);
    assert!(!key_file(&world).exists());
}

#[test]
fn a_credential_may_be_the_bare_key() {
    let mut world = World::signed_in();
    let path = as_credential(&mut world);
    let text = fs::read_to_string(&path).unwrap();
    let bare = text.lines().last().unwrap().split_once(' ').unwrap().1.to_owned();
    fs::remove_file(&path).unwrap();
    fs::write(&path, bare + "\n").unwrap();
    world.run(&["token"]).succeeded();
    fs::write(&path, "no key").unwrap();
    let refused = world.run(&["token"]).exited(2);
    assert!(refused.stderr.contains("is malformed"), "{}", refused.stderr);
}

#[test]
fn no_key_is_made_among_a_services_credentials() {
    let mut world = World::with_app();
    let path = as_credential(&mut world);
    world.sign_in(&[]);
    assert!(key_file(&world).exists());
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
}

#[test]
fn a_key_file_that_is_named_goes_before_a_credential() {
    let mut world = World::signed_in();
    let copy = world.folder().join("named");
    fs::copy(key_file(&world), &copy).unwrap();
    let credential = as_credential(&mut world);
    fs::remove_file(&credential).unwrap();
    fs::write(&credential, "another").unwrap();
    world.run(&["token"]).exited(2);
    world.set("XPKCE_KEY_FILE", path_text(&copy));
    world.run(&["token"]).succeeded();
}

fn path_text(path: &Path) -> &str {
    path.to_str().unwrap()
}
