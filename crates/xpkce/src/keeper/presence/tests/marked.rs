//! What a file's length tells to those who search.

use super::*;

/// The records that a search finds which leaves out the files that are marked.
fn found(folder: &Path) -> Vec<Vec<u8>> {
    let records = |foreign: &Foreign| foreign.records().unwrap().into_iter().map(|it| it.1);
    Foreign::with_records(folder, None).iter().flat_map(records).collect()
}

#[test]
fn only_a_file_with_a_record_in_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let presence = Presence::enter(folder.path(), &name()).unwrap();
    let is_opened = || {
        let named = Foreign::of(folder.path(), presence.liveness(), None).is_some();
        [Foreign::with_records(folder.path(), None).len() == 1, named]
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
    assert_eq!(Foreign::with_records(folder.path(), None).len(), 1);
    presence.keep_room().unwrap();
    assert_eq!(Foreign::with_records(folder.path(), None).len(), 0);
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
    let foreign = Foreign::with_records(folder.path(), None).pop().unwrap();
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
    assert!(Foreign::with_records(folder.path(), None).is_empty(), "there is nothing in it");
    clear(now + Lease::SPAN);
    assert!(path.exists());
    clear(now + Lease::SPAN * 3);
    assert!(!path.exists());
}
