#![allow(clippy::unwrap_used)]
use std::os::unix::fs::FileExt as _;

use super::foreign::{FOUND_DEAD, may_hold, paths};
use super::*;
use crate::grant::Lease;
use crate::{Clock as _, SystemClock};

fn name() -> PairId {
    PairId::new([7; 16])
}

#[test]
fn a_living_holder_is_not_dead_and_an_ended_one_is() {
    let folder = tempfile::tempdir().unwrap();
    let presence = Presence::enter(folder.path(), &name()).unwrap();
    let liveness = presence.liveness().clone();
    assert!(!is_dead(folder.path(), &liveness));
    presence.spill(b"still here").unwrap();
    drop(presence);
    assert!(is_dead(folder.path(), &liveness));
}

#[test]
fn nobody_judges_a_holder_whose_file_is_another_inode() {
    let folder = tempfile::tempdir().unwrap();
    let presence = Presence::enter(folder.path(), &name()).unwrap();
    let mut liveness = presence.liveness().clone();
    presence.spill(b"still here").unwrap();
    drop(presence);
    liveness.inode += 1;
    assert!(!is_dead(folder.path(), &liveness));
}

#[test]
fn nobody_opens_a_holders_file_outside_of_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("holders");
    let presence = Presence::enter(&inner, &name()).unwrap();
    let own = presence.liveness().clone();
    presence.spill(b"still here").unwrap();
    drop(presence);
    assert!(is_dead(&inner, &own));
    for file in [
        format!("../holders/{}", own.file),
        format!("./{}", own.file),
        inner.join(&own.file).to_str().unwrap().to_owned(),
    ] {
        assert!(!is_dead(&inner, &Liveness { file: file.clone(), ..own.clone() }), "{file}");
    }
}

#[test]
fn a_forked_childs_end_leaves_its_parents_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut childs = Presence::enter(folder.path(), &name()).unwrap();
    childs.process += 1;
    drop(childs);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_long_record_takes_free_slots_in_a_row() {
    let folder = tempfile::tempdir().unwrap();
    let presence = Presence::enter(folder.path(), &name()).unwrap();
    let slots: Vec<_> = (0..4).map(|_| presence.spill(b"short").unwrap()).collect();
    presence.erase(&slots[1]).unwrap();
    let long = vec![b'a'; SLOT * 2];
    let kept = presence.spill(&long).unwrap();
    assert_eq!((kept.first, kept.end()), (4, 7), "one free slot is not enough for it");
    assert_eq!(presence.spill(b"short").unwrap().first, 1);
    presence.erase(&kept).unwrap();
    assert_eq!(presence.spill(&long).unwrap().first, 4);
}

#[test]
fn a_record_that_is_being_written_is_an_error_and_one_that_never_will_be_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let presence = Presence::enter(folder.path(), &name()).unwrap();
    let slot = presence.spill(b"whole").unwrap();
    presence.file().write_all_at(b"other", 12).unwrap();
    let seen = || Foreign::all(folder.path(), None).pop().unwrap();
    assert!(!seen().is_dead());
    seen().records().unwrap_err();
    drop((presence, slot));
    assert!(seen().is_dead());
    assert!(seen().records().unwrap().is_empty());
}

#[test]
fn a_spilled_record_outlives_its_holder_until_it_is_erased() {
    let folder = tempfile::tempdir().unwrap();
    let presence = Presence::enter(folder.path(), &name()).unwrap();
    for at in 0..SLOTS + 2 {
        presence.spill(format!("record {at}").as_bytes()).unwrap();
    }
    drop(presence);
    let foreign = Foreign::all(folder.path(), None).pop().unwrap();
    let records = foreign.records().unwrap();
    assert_eq!(records.len(), SLOTS + 2);
    assert_eq!(records.last().unwrap().1, format!("record {}", SLOTS + 1).as_bytes());
    for (slot, _) in &records {
        foreign.erase(slot).unwrap();
    }
    assert!(foreign.records().unwrap().is_empty());
}

#[test]
fn the_records_of_the_living_and_the_dead_are_read_and_of_no_other_file() {
    let folder = tempfile::tempdir().unwrap();
    let presence = Presence::enter(folder.path(), &name()).unwrap();
    presence.spill(b"the living").unwrap();
    let ended = Presence::enter(folder.path(), &PairId::new([8; 16])).unwrap();
    ended.spill(b"the dead").unwrap();
    drop(ended);
    let dead = folder.path().join(format!("{}.holder", PairId::new([8; 16]).as_str()));
    std::fs::copy(dead, folder.path().join("a copy")).unwrap();
    // Its holder ends well between the look at the folder and the look at the file.
    let link = |to: &str, digit: &str| {
        let path = folder.path().join(format!("{}.holder", digit.repeat(32)));
        std::os::unix::fs::symlink(to, path).unwrap();
    };
    link("nowhere", "0");
    let mut records = Foreign::all_records(folder.path()).unwrap();
    records.sort();
    assert_eq!(records, [b"the dead".to_vec(), b"the living".to_vec()]);
    // What is in this one nobody can tell.
    link(&format!("{}.holder", "1".repeat(32)), "1");
    Foreign::all_records(folder.path()).unwrap_err();
}

#[test]
fn there_is_nothing_in_a_folder_that_is_not_there_and_maybe_in_one_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("holders");
    assert!(Foreign::all_records(&path).unwrap().is_empty());
    std::fs::write(&path, "no folder").unwrap();
    Foreign::all_records(&path).unwrap_err();
}

#[test]
fn a_record_of_the_longest_size_is_spilled_and_a_longer_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let presence = Presence::enter(folder.path(), &name()).unwrap();
    presence.spill(&vec![b'a'; LONGEST + 1]).unwrap_err();
    presence.spill(&vec![b'a'; LONGEST]).unwrap();
    let foreign = Foreign::all(folder.path(), None).pop().unwrap();
    assert_eq!(foreign.records().unwrap()[0].1.len(), LONGEST);
}

#[test]
fn what_lies_in_a_file_that_somebody_removed_is_not_called_durable() {
    let folder = tempfile::tempdir().unwrap();
    let presence = Presence::enter(folder.path(), &name()).unwrap();
    presence.spill(b"a pair").unwrap();
    presence.sync().unwrap();
    std::fs::remove_file(&presence.path).unwrap();
    presence.sync().unwrap_err();
}

#[test]
fn the_file_that_a_lease_names_is_looked_into_unless_it_is_ones_own() {
    let folder = tempfile::tempdir().unwrap();
    let own = Presence::enter(folder.path(), &name()).unwrap();
    let other = Presence::enter(folder.path(), &PairId::new([8; 16])).unwrap();
    other.spill(b"a pair").unwrap();
    own.spill(b"a pair").unwrap();
    let look =
        |holder: &Liveness| Foreign::of(folder.path(), holder, Some(&own)).unwrap().is_some();
    assert!(look(&other.liveness));
    assert!(!look(&own.liveness));
    std::fs::rename(&other.path, folder.path().join("another name")).unwrap();
    assert!(!look(&Liveness { file: "another name".to_owned(), ..other.liveness.clone() }));
}

#[test]
fn a_living_holders_record_is_erased_by_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let presence = Presence::enter(folder.path(), &name()).unwrap();
    let slot = presence.spill(b"still being saved").unwrap();
    let foreign = Foreign::all(folder.path(), None).pop().unwrap();
    foreign.erase(&slot).unwrap();
    assert_eq!(foreign.records().unwrap().len(), 1);
}

#[test]
fn a_holder_is_known_by_its_device_and_its_inode() {
    let folder = tempfile::tempdir().unwrap();
    let presence = Presence::enter(folder.path(), &name()).unwrap();
    let own = presence.liveness().clone();
    assert_eq!(is_alive(folder.path(), &own), Some(true));
    let (device, inode) = (own.device + 1, own.inode + 1);
    for other in [Liveness { device, ..own.clone() }, Liveness { inode, ..own }] {
        assert_eq!(is_alive(folder.path(), &other), None, "{other:?}");
    }
}

#[test]
fn a_holders_name_is_32_hexadecimal_digits_and_nothing_else() {
    let digits = "0123456789abcdef0123456789abcdef";
    assert!(is_holders_name(&format!("{digits}.holder")));
    for other in
        [&digits[1..], "0123456789abcdef0123456789abcdeg", "../456789abcdef0123456789abcdef"]
    {
        assert!(!is_holders_name(&format!("{other}.holder")), "{other}");
    }
    assert!(!is_holders_name(&format!("{digits}.new")));
}

#[test]
fn ones_own_file_is_not_among_those_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let own = Presence::enter(folder.path(), &name()).unwrap();
    let other = Presence::enter(folder.path(), &PairId::new([8; 16])).unwrap();
    let others = Foreign::all(folder.path(), Some(&own));
    let paths: Vec<_> = others.iter().map(|foreign| &foreign.path).collect();
    assert_eq!(paths, [&other.path]);
}

#[test]
fn a_child_knows_of_every_file_that_its_parent_has_and_of_none_that_it_had() {
    let folder = tempfile::tempdir().unwrap();
    let is_known = |file: &Weak<Mutex<File>>| {
        OWN.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|own| own.ptr_eq(file))
    };
    let enter = |digit: u8| Presence::enter(folder.path(), &PairId::new([digit; 16])).unwrap();
    let (first, second) = (enter(1), enter(2));
    let (a, b) = (Arc::downgrade(&first.file), Arc::downgrade(&second.file));
    assert!(is_known(&a) && is_known(&b));
    drop(first);
    let _third = enter(3);
    assert!(!is_known(&a) && is_known(&b));
}

#[test]
fn the_file_of_a_living_holder_or_with_a_pair_in_it_is_not_cleared() {
    let folder = tempfile::tempdir().unwrap();
    let presence = Presence::enter(folder.path(), &name()).unwrap();
    let clear = || {
        let later = SystemClock.now() + Lease::SPAN * 3;
        Foreign::all(folder.path(), None).pop().unwrap().clear(later);
    };
    let length = std::fs::metadata(&presence.path).unwrap().len();
    clear();
    clear();
    assert_eq!(std::fs::metadata(&presence.path).unwrap().len(), length, "it lives");
    presence.spill(b"the only copy").unwrap();
    drop(presence);
    clear();
    clear();
    let records = Foreign::all(folder.path(), None).pop().unwrap().records().unwrap();
    assert_eq!(records[0].1, b"the only copy");
}

#[test]
fn a_dead_holders_file_that_cannot_be_read_is_not_cleared() {
    let folder = tempfile::tempdir().unwrap();
    let presence = Presence::enter(folder.path(), &name()).unwrap();
    presence.spill(b"the only copy").unwrap();
    let path = presence.path.clone();
    drop(presence);
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    Foreign { file, path, is_dead: true }.clear(SystemClock.now());
    let records = Foreign::all(folder.path(), None).pop().unwrap().records().unwrap();
    assert_eq!(records[0].1, b"the only copy");
}

/// A folder with the file of a holder that has ended, in which nothing is left.
fn left_by_a_dead_holder() -> (tempfile::TempDir, Liveness, File) {
    let folder = tempfile::tempdir().unwrap();
    let presence = Presence::enter(folder.path(), &name()).unwrap();
    let liveness = presence.liveness().clone();
    let slot = presence.spill(b"keeps the file").unwrap();
    let file = presence.file().try_clone().unwrap();
    drop(presence);
    room::erase(&file, &slot).unwrap();
    (folder, liveness, file)
}

#[test]
fn a_holder_that_lived_for_long_is_shown_to_be_dead_for_as_long_as_any() {
    let (folder, liveness, file) = left_by_a_dead_holder();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    drop(file);
    let clear = |now| Foreign::all(folder.path(), None).pop().unwrap().clear(now);
    clear(SystemClock.now());
    assert!(is_dead(folder.path(), &liveness));
    clear(SystemClock.now());
    assert!(is_dead(folder.path(), &liveness), "it is dated by when it was found dead");
}

#[test]
fn a_dead_holder_is_shown_to_be_dead_until_its_lease_must_have_ended() {
    let (folder, liveness, _) = left_by_a_dead_holder();
    let clear = |now| Foreign::all(folder.path(), None).pop().unwrap().clear(now);
    let now = SystemClock.now();
    clear(now);
    clear(now + Lease::SPAN);
    assert!(is_dead(folder.path(), &liveness));
    clear(now + Lease::SPAN * 3);
    assert!(Foreign::all(folder.path(), None).is_empty());
}

#[test]
fn an_empty_file_goes_with_its_holder() {
    let folder = tempfile::tempdir().unwrap();
    let presence = Presence::enter(folder.path(), &name()).unwrap();
    let slot = presence.spill(b"saved after all").unwrap();
    presence.erase(&slot).unwrap();
    drop(presence);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_file_that_cannot_be_made_takes_no_room() {
    let folder = tempfile::tempdir().unwrap();
    // In the way of its name.
    let path = folder.path().join(format!("{}.{SUFFIX}", name().as_str()));
    std::fs::create_dir(&path).unwrap();
    Presence::enter(folder.path(), &name()).unwrap_err();
    std::fs::remove_dir(&path).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_file_whose_process_was_ended_before_it_had_its_name_is_removed_in_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let [unnamed, other] = [UNNAMED, "other"].map(|suffix| {
        let path = folder.path().join(format!("{}.{suffix}", name().as_str()));
        std::fs::write(&path, "").unwrap();
        path
    });
    let presence = Presence::enter(folder.path(), &PairId::new([8; 16])).unwrap();
    let now = SystemClock.now();
    clear_unnamed(folder.path(), now + Lease::SPAN);
    assert!(unnamed.exists(), "it may be being made");
    clear_unnamed(folder.path(), now + Lease::SPAN * 3);
    assert!(!unnamed.exists());
    assert!(other.exists() && presence.path.exists());
}

#[test]
fn room_is_kept_though_every_slot_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let presence = Presence::enter(folder.path(), &name()).unwrap();
    let size = || presence.file().metadata().unwrap().len();
    let before = size();
    presence.keep_room().unwrap();
    assert_eq!(size(), before, "there is room");
    let slots: Vec<_> = (0..SLOTS).map(|_| presence.spill(b"pair").unwrap()).collect();
    presence.keep_room().unwrap();
    assert_eq!(size(), ((SLOTS + 1) * SLOT) as u64);
    assert_eq!(presence.spill(b"one more").unwrap().first, slots.len());
}

#[test]
fn the_room_is_on_the_disk_before_anything_lies_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let presence = Presence::enter(folder.path(), &name()).unwrap();
    let on_disk = || presence.file().metadata().unwrap().blocks() * 512;
    assert!(on_disk() >= (SLOT * SLOTS) as u64, "{} bytes", on_disk());
    for _ in 0..SLOTS {
        presence.spill(b"pair").unwrap();
    }
    presence.keep_room().unwrap();
    assert!(on_disk() >= (SLOT * (SLOTS + 1)) as u64, "{} bytes", on_disk());
}

mod marked;
