//! What a file's length tells to those who search.

use super::*;

/// The records that a search finds which leaves out the files that are marked.
fn found(folder: &Path) -> Vec<Vec<u8>> {
    let records = |foreign: &Foreign| foreign.records().unwrap().into_iter().map(|it| it.1);
    Foreign::with_records(folder, None).unwrap().iter().flat_map(records).collect()
}

#[test]
fn only_a_file_with_a_record_in_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let presence = Presence::enter(folder.path(), &name()).unwrap();
    let is_opened = || {
        let named = Foreign::of(folder.path(), presence.liveness(), None).unwrap().is_some();
        [Foreign::with_records(folder.path(), None).unwrap().len() == 1, named]
    };
    assert_eq!(is_opened(), [false; 2], "there was never any");
    let slots = [b"first", b"other"].map(|record| presence.spill(record).unwrap());
    assert_eq!(is_opened(), [true; 2]);
    presence.erase(&slots[0]).unwrap();
    presence.mark();
    assert_eq!((is_opened(), found(folder.path())), ([true; 2], vec![b"other".to_vec()]));
    presence.keep_room().unwrap();
    assert_eq!(is_opened(), [true; 2]);
    presence.erase(&slots[1]).unwrap();
    presence.mark();
    assert_eq!(is_opened(), [false; 2], "there is none any more");
    presence.spill(b"third").unwrap();
    assert_eq!((is_opened(), found(folder.path())), ([true; 2], vec![b"third".to_vec()]));
}

#[test]
fn a_file_whose_room_was_looked_after_is_marked_again() {
    let folder = tempfile::tempdir().unwrap();
    let presence = Presence::enter(folder.path(), &name()).unwrap();
    let slot = presence.take_slots(0);
    let kept = presence.spill(b"a pair").unwrap();
    presence.erase(&kept).unwrap();
    presence.free(&slot);
    assert_eq!(Foreign::with_records(folder.path(), None).unwrap().len(), 1);
    presence.keep_room().unwrap();
    assert_eq!(Foreign::with_records(folder.path(), None).unwrap().len(), 0);
}

#[test]
fn a_record_in_any_slot_is_found_with_nothing_before_it() {
    for at in 0..SLOTS + 2 {
        let folder = tempfile::tempdir().unwrap();
        let presence = Presence::enter(folder.path(), &name()).unwrap();
        *presence.slots() = vec![true; at];
        let slot = presence.spill(b"a pair").unwrap();
        assert_eq!((slot.first, found(folder.path())), (at, vec![b"a pair".to_vec()]));
    }
}

#[test]
fn a_file_that_an_earlier_version_has_made_is_looked_into() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("{}.{SUFFIX}", name().as_str()));
    std::fs::write(path, vec![0; SLOT * SLOTS]).unwrap();
    let foreign = Foreign::with_records(folder.path(), None).unwrap().pop().unwrap();
    assert!(foreign.records().unwrap().is_empty());
    room::write(&foreign.file, &Slot::at(3, 6), b"a pair").unwrap();
    drop(foreign);
    assert_eq!(found(folder.path()), [b"a pair"]);
}

#[test]
fn a_file_that_cannot_be_looked_at_may_hold_a_record_and_one_that_is_gone_holds_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("itself");
    assert!(!may_hold(&path));
    std::os::unix::fs::symlink("itself", &path).unwrap();
    assert!(may_hold(&path));
}

#[test]
fn who_can_open_nothing_more_does_not_take_a_folder_for_an_empty_one() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    const ALONE: &str = "XPKCE_TEST_ALONE";
    if std::env::var_os(ALONE).is_none() {
        // The limit is the whole process's.
        let (_, this) = module_path!().split_once("::").unwrap();
        let this =
            format!("{this}::who_can_open_nothing_more_does_not_take_a_folder_for_an_empty_one");
        let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
        let ended = alone.args(["--exact", &this]).env(ALONE, "1").output().unwrap();
        let told = String::from_utf8_lossy(&ended.stdout);
        assert!(ended.status.success() && told.contains("1 passed"), "{told}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let presence = Presence::enter(folder.path(), &name()).unwrap();
    presence.spill(b"a pair").unwrap();
    let paths: Vec<_> = paths(folder.path(), None).unwrap().collect();
    let before = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(0), ..before }).unwrap();
    let folders = Foreign::with_records(folder.path(), None);
    let files = Foreign::open_if_any(paths[0].clone());
    let named = Foreign::of(folder.path(), presence.liveness(), None);
    setrlimit(Resource::Nofile, before).unwrap();
    assert_eq!([folders.is_err(), files.is_err(), named.is_err()], [true; 3]);
}

#[test]
fn a_file_in_which_a_dead_holder_left_nothing_is_dated_and_then_removed() {
    let folder = tempfile::tempdir().unwrap();
    let presence = Presence::enter(folder.path(), &name()).unwrap();
    let path = presence.path.clone();
    presence.file().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    // It ends in the middle of something.
    presence.take_slots(0);
    drop(presence);
    let clear = |now| Foreign::all(folder.path(), None).pop().unwrap().clear(now);
    let now = SystemClock.now();
    clear(now);
    assert_eq!(std::fs::metadata(&path).unwrap().len(), FOUND_DEAD);
    assert!(
        Foreign::with_records(folder.path(), None).unwrap().is_empty(),
        "there is nothing in it"
    );
    clear(now + Lease::SPAN);
    assert!(path.exists());
    clear(now + Lease::SPAN * 3);
    assert!(!path.exists());
}
