//! The room in a holder's file: slots of one size, and records that take one slot or several. A
//! record that was only partly written is recognised. The file's length tells when there is none.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt;

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::{Errno, retry_on_intr};

use crate::steps::step;

/// The room for one pair: two tokens of 4 KiB, sealed and encoded, with slack. A longer record, such
/// as an answer that could not be read, takes as many slots in a row as it needs.
pub(super) const SLOT: usize = 16 * 1024;
/// How many slots there are from the start; more make the file grow.
pub(super) const SLOTS: usize = 16;
/// The most slots of a file that are read.
const MOST_SLOTS: usize = 16 * 1024;
/// A record's length and checksum, at the beginning of its first slot; zeros where there is none.
const HEADER: usize = 4 + SUM;
/// The bytes of a checksum.
const SUM: usize = 8;
/// The longest record: all the room there is from the start.
pub(super) const LONGEST: usize = SLOT * SLOTS - HEADER;
/// What the kernel takes over whole, whoever is killed: no more than a page of any machine.
const PAGE: usize = 4096;
/// How often a record is read that is not whole. Its writer needs a short call or two.
const READS: usize = 16;

/// Where a record lies.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) first: usize,
    count: usize,
}

impl Slot {
    /// Returns the slots from `first` on that a record of this length takes.
    pub(super) fn at(first: usize, length: usize) -> Self {
        Self { first, count: (HEADER + length).div_ceil(SLOT) }
    }

    /// Returns the slot that follows.
    pub(super) fn end(&self) -> usize {
        self.first + self.count
    }

    fn offset(&self) -> u64 {
        (self.first * SLOT) as u64
    }
}

/// What lies in a slot.
#[derive(Debug, PartialEq, Eq)]
enum Content {
    Nothing,
    Record(Vec<u8>),
    /// A record that is not whole: its writer is at it, or was stopped in the middle.
    Torn,
    /// What the disk does not give away: there may be anything.
    Unread,
}

/// What lies in a file.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The records, and where they lie.
    pub(super) records: Vec<(Slot, Vec<u8>)>,
    /// Whether there are others that were not whole however often they were read.
    pub(super) is_torn: bool,
    /// Whether there may be others that could not be read.
    pub(super) is_unread: bool,
}

/// Returns whether a file of this length is marked: it has whole slots and one byte, and no record.
/// The byte takes no room, and the length is to be had without opening the file. The files of earlier
/// versions have no mark.
pub(super) fn is_marked_empty(length: u64) -> bool {
    length % SLOT as u64 == 1
}

/// Marks a file in which there is no record.
pub(super) fn mark_empty(file: &File) -> io::Result<()> {
    let length = length(file)?;
    if !length.is_multiple_of(SLOT as u64) {
        return Ok(());
    }
    step("marking the spill file empty", || file.set_len(length + 1))
}

/// Makes sure that the file has the slot's room and is not marked: before anything is written.
pub(super) fn prepare(file: &File, slot: &Slot) -> io::Result<()> {
    keep(file, slot)?;
    unmark(file)
}

/// Takes the mark off, with no record written yet.
pub(super) fn unmark(file: &File) -> io::Result<()> {
    let length = length(file)?;
    if !is_marked_empty(length) {
        return Ok(());
    }
    step("making the spill file ready", || file.set_len(length - 1))
}

/// Returns a file's length without asking for its times. A kernel that was asked gives the next write
/// a finer time, and from then on no file an older one: the store's log, too, is then written with its
/// inode at each flush.
fn length(mut file: &File) -> io::Result<u64> {
    file.seek(SeekFrom::End(0))
}

/// Writes a record. Its header comes with its first page, in one call, after what is past that: however
/// a write ends, there is no header without the rest.
pub(super) fn write(file: &File, slot: &Slot, record: &[u8]) -> io::Result<()> {
    let whole = [&header_of(record), record].concat();
    let (head, rest) = whole.split_at(whole.len().min(PAGE));
    step("spilling the pair", || {
        file.write_all_at(rest, slot.offset() + PAGE as u64)?;
        file.write_all_at(head, slot.offset())
    })
}

/// Makes sure that the file has the slot's room on the disk.
pub(super) fn keep(file: &File, slot: &Slot) -> io::Result<()> {
    let end = (slot.end() * SLOT) as u64;
    let there = length(file)?;
    if there >= end {
        return Ok(());
    }
    step("lengthening the spill file", || reserve(file, there, end))
}

/// Lengthens the file by empty slots that have their room on the disk, so that a full one is found
/// now. Nothing has to be written or waited for where the file system can promise the room.
pub(super) fn reserve(file: &File, from: u64, to: u64) -> io::Result<()> {
    // The first two are one on Linux.
    const CANNOT: [Errno; 3] = [Errno::OPNOTSUPP, Errno::NOTSUP, Errno::NOSYS];
    match retry_on_intr(|| fallocate(file, FallocateFlags::empty(), from, to - from)) {
        Err(why) if CANNOT.contains(&why) => fill(file, from, to),
        reserved => reserved.map_err(io::Error::from),
    }
}

fn fill(file: &File, from: u64, to: u64) -> io::Result<()> {
    file.write_all_at(&vec![0; (to - from) as usize], from)?;
    file.sync_all()
}

/// Erases a record, what makes it valid first.
pub(super) fn erase(file: &File, slot: &Slot) -> io::Result<()> {
    let (body, nothing) = (slot.offset() + HEADER as u64, vec![0; slot.count * SLOT - HEADER]);
    step("erasing its header", || file.write_all_at(&[0; HEADER], slot.offset()))?;
    step("erasing the spilled pair", || file.write_all_at(&nothing, body))
}

/// Finds the records in a file.
pub(super) fn records(file: &File) -> Found {
    let mut found = Found::default();
    let Ok(met) = file.metadata() else {
        return Found { is_unread: true, ..found };
    };
    let slots = usize::try_from(met.len().div_ceil(SLOT as u64)).unwrap_or(0).min(MOST_SLOTS);
    let mut at = 0;
    while at < slots {
        let mut next = at + 1;
        match whole(|| content(file, at)) {
            Content::Record(record) => {
                let slot = Slot::at(at, record.len());
                next = slot.end();
                found.records.push((slot, record));
            }
            Content::Torn => found.is_torn = true,
            Content::Unread => found.is_unread = true,
            Content::Nothing => {}
        }
        at = next;
    }
    found
}

/// Reads again what is not whole: it is being written, or another record takes its slot.
fn whole(mut read: impl FnMut() -> Content) -> Content {
    for _ in 1..READS {
        match read() {
            Content::Torn => std::thread::yield_now(),
            whole => return whole,
        }
    }
    read()
}

fn content(file: &File, slot: usize) -> Content {
    let at = (slot * SLOT) as u64;
    let mut header = [0; HEADER];
    match file.read_exact_at(&mut header, at) {
        Err(why) if is_cut(&why) => return Content::Nothing,
        Err(_) => return Content::Unread,
        Ok(()) => {}
    }
    let length = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
    // A record is text: what lies inside of a long one is no length that a record may have.
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length == 0 || length > LONGEST {
        return Content::Nothing;
    }
    let mut record = vec![0; length];
    match file.read_exact_at(&mut record, at + HEADER as u64) {
        Ok(()) if header == header_of(&record) => Content::Record(record),
        Err(why) if !is_cut(&why) => Content::Unread,
        _ => Content::Torn,
    }
}

/// Returns whether nothing but the file's end was in the way.
fn is_cut(why: &io::Error) -> bool {
    why.kind() == io::ErrorKind::UnexpectedEof
}

fn header_of(record: &[u8]) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    let length = u32::try_from(record.len()).unwrap_or(u32::MAX);
    header[..4].copy_from_slice(&length.to_le_bytes());
    header[4..].copy_from_slice(&sum_of(record).to_le_bytes());
    header
}

/// Tells records apart that share a slot, eight bytes at a time. It guards against a race, not
/// against anybody who writes on purpose: the seal of what is in a record does that.
fn sum_of(record: &[u8]) -> u64 {
    record.chunks(SUM).fold(record.len() as u64, |sum, chunk| {
        let mut word = [0; SUM];
        word[..chunk.len()].copy_from_slice(chunk);
        (sum ^ u64::from_le_bytes(word)).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    fn room() -> File {
        tempfile::tempfile().unwrap()
    }

    fn bodies(file: &File) -> Vec<Vec<u8>> {
        records(file).records.into_iter().map(|(_, record)| record).collect()
    }

    #[test]
    fn where_room_cannot_be_promised_it_is_filled() {
        let file = tempfile::tempfile().unwrap();
        fill(&file, 0, SLOT as u64).unwrap();
        fill(&file, SLOT as u64, 2 * SLOT as u64).unwrap();
        assert_eq!(file.metadata().unwrap().len(), 2 * SLOT as u64);
        assert!(file.metadata().unwrap().blocks() * 512 >= 2 * SLOT as u64);
    }

    #[test]
    fn a_file_grows_for_a_slot_past_its_end_and_for_none_before() {
        let file = room();
        for (first, slots) in [(0, 1), (0, 1), (1, 2), (0, 2)] {
            keep(&file, &Slot::at(first, 5)).unwrap();
            assert_eq!(file.metadata().unwrap().len(), (slots * SLOT) as u64, "{first}");
        }
    }

    #[test]
    fn a_file_is_marked_at_whole_slots_and_loses_its_mark_with_all_its_room_kept() {
        let (file, to) = (room(), 2 * SLOT as u64);
        reserve(&file, 0, to).unwrap();
        let met = || file.metadata().unwrap();
        let on_disk = met().blocks();
        for _ in 0..2 {
            mark_empty(&file).unwrap();
            assert_eq!((met().len(), met().blocks()), (to + 1, on_disk));
        }
        for _ in 0..2 {
            prepare(&file, &Slot::at(1, 5)).unwrap();
            assert_eq!((met().len(), met().blocks()), (to, on_disk));
        }
        mark_empty(&file).unwrap();
        prepare(&file, &Slot::at(2, 5)).unwrap();
        assert_eq!(met().len(), 3 * SLOT as u64);
    }

    #[test]
    fn no_length_that_a_record_gives_a_file_is_a_mark() {
        for length in [1, SLOT - HEADER, SLOT - HEADER + 1, LONGEST] {
            let (file, slot) = (room(), Slot::at(2, length));
            prepare(&file, &slot).unwrap();
            write(&file, &slot, &vec![b'a'; length]).unwrap();
            assert!(!is_marked_empty(file.metadata().unwrap().len()), "{length}");
        }
    }

    #[test]
    fn a_long_record_takes_several_slots_and_hides_none_behind_it() {
        let file = room();
        let long = vec![b'a'; 3 * SLOT];
        let slot = Slot::at(1, long.len());
        write(&file, &Slot::at(0, 5), b"short").unwrap();
        write(&file, &slot, &long).unwrap();
        write(&file, &Slot::at(slot.end(), 4), b"last").unwrap();
        assert_eq!(bodies(&file), [b"short".to_vec(), long, b"last".to_vec()]);
        erase(&file, &slot).unwrap();
        assert_eq!(bodies(&file), [b"short".to_vec(), b"last".to_vec()]);
    }

    #[test]
    fn a_record_under_anothers_header_is_torn_and_not_a_record() {
        let file = room();
        write(&file, &Slot::at(0, 9), b"the first").unwrap();
        // Its slot is reused, and the new one is not there as a whole yet.
        file.write_all_at(b"a second", HEADER as u64).unwrap();
        let found = records(&file);
        assert!(found.is_torn && found.records.is_empty() && !found.is_unread);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_record_that_could_be_written_in_part_is_nothing() {
        use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
        let file: File = memfd_create("room", MemfdFlags::ALLOW_SEALING).unwrap().into();
        file.set_len(PAGE as u64).unwrap();
        fcntl_add_seals(&file, SealFlags::GROW).unwrap();
        write(&file, &Slot::at(0, PAGE), &[b'a'; PAGE]).unwrap_err();
        assert_eq!(content(&file, 0), Content::Nothing);
    }

    #[test]
    fn a_record_that_ends_with_its_file_is_torn_and_not_one_that_cannot_be_read() {
        let file = room();
        write(&file, &Slot::at(0, SLOT), &vec![b'a'; SLOT]).unwrap();
        file.set_len(SLOT as u64).unwrap();
        let found = records(&file);
        assert!(found.is_torn && found.records.is_empty() && !found.is_unread);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_not_an_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, vec![0; SLOT]).unwrap();
        let is_unread = |file: &File| records(file).is_unread;
        assert!(is_unread(&File::options().write(true).open(&path).unwrap()));
        assert!(!is_unread(&File::open(&path).unwrap()));
    }

    #[test]
    fn a_record_that_an_earlier_version_wrote_is_read() {
        const RECORD: &[u8] = b"eight by eight, and three";
        const WRITTEN: &[u8; HEADER + RECORD.len()] =
            b"\x19\x00\x00\x00Y\x95\x8f%\xf6\xaa\xfb\x89eight by eight, and three";
        let file = room();
        file.write_all_at(WRITTEN, SLOT as u64).unwrap();
        assert_eq!(bodies(&file), [RECORD]);
        write(&file, &Slot::at(0, RECORD.len()), RECORD).unwrap();
        let mut written = [0; WRITTEN.len()];
        file.read_exact_at(&mut written, 0).unwrap();
        assert_eq!(written, *WRITTEN);
    }

    #[test]
    fn a_record_of_any_length_up_to_the_longest_is_found_and_erased_whole() {
        for length in [1, SLOT - HEADER, SLOT - HEADER + 1, LONGEST] {
            let file = room();
            let (record, slot) = (vec![b'a'; length], Slot::at(2, length));
            write(&file, &slot, &record).unwrap();
            assert_eq!(slot.end(), 2 + (HEADER + length).div_ceil(SLOT));
            assert_eq!(bodies(&file), [record]);
            erase(&file, &slot).unwrap();
            let mut left = Vec::new();
            std::io::Read::read_to_end(&mut &file, &mut left).unwrap();
            assert_eq!(left.len(), slot.end() * SLOT);
            assert!(left.iter().all(|byte| *byte == 0), "something is left of {length} bytes");
        }
    }

    #[test]
    fn what_is_torn_is_read_again_until_it_is_whole() {
        let file = room();
        write(&file, &Slot::at(0, 9), b"the first").unwrap();
        let mut reads = 0;
        let found = whole(|| {
            reads += 1;
            match reads {
                1 => file.write_all_at(b"a second!", HEADER as u64).unwrap(),
                2 => file.write_all_at(&header_of(b"a second!"), 0).unwrap(),
                _ => {}
            }
            content(&file, 0)
        });
        assert_eq!((found, reads), (Content::Record(b"a second!".to_vec()), 2));
    }
}
