//! The key file is private, whole and never lost; a store is opened with its own key alone.
#![allow(clippy::unwrap_used, reason = "a test that fails here has failed")]
#![allow(unreachable_pub, reason = "shared by several tests")]

#[path = "silence/silence.rs"]
mod silence;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;

use tempfile::TempDir;
use xpkce::grant::Account;
use xpkce::seal::{KeySource, KeyText, Place, Sealer, keys_in_use, unlock};
use xpkce::store::contract::grant;
use xpkce::store::{LeaseEnd, MemoryStore, PendingLogin, Store};
use xpkce::{Clock as _, Error, Reason, Result, SystemClock, Timestamp};

use self::silence::Silence;

struct Folder {
    folder: TempDir,
    silence: Silence,
}

impl Folder {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), silence: Silence::listen() }
    }

    fn key_file(&self) -> PathBuf {
        self.folder.path().join("made").join("xpkce.key")
    }

    fn source(&self) -> KeySource {
        KeySource::File(self.key_file())
    }

    /// Takes what a call has failed with, which must not tell a key.
    fn refused<T>(&self, called: Result<T>) -> Error {
        let Err(why) = called else { panic!("it was not refused") };
        self.silence.hear(&why);
        self.learn();
        why
    }

    /// The keys in the file are secrets.
    fn learn(&self) {
        let file = fs::read_to_string(self.key_file()).unwrap_or_default();
        for key in file.lines().filter_map(|line| line.split(' ').nth(1)) {
            // It may be one that was cut.
            if key.len() > 40 {
                self.silence.learn(key);
            }
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.learn();
    }
}

fn later() -> Timestamp {
    SystemClock.now() + Sealer::SETTLE * 2
}

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

#[test]
fn a_key_file_is_private_and_read_again() {
    let folder = Folder::new();
    let made = Sealer::generate_key_file(folder.key_file()).unwrap();
    assert_eq!(mode(&folder.key_file()), 0o600);
    assert_eq!(mode(folder.key_file().parent().unwrap()), 0o700);
    assert_eq!(Sealer::from_key_file(folder.key_file()).unwrap().keys(), made.keys());
    assert_eq!(fs::read_dir(folder.key_file().parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn a_key_file_is_never_overwritten() {
    let folder = Folder::new();
    let made = Sealer::generate_key_file(folder.key_file()).unwrap();
    let again = folder.refused(Sealer::generate_key_file(folder.key_file()));
    assert_eq!(again.reason(), Reason::Key);
    assert_eq!(Sealer::from_key_file(folder.key_file()).unwrap().keys(), made.keys());
    assert_eq!(fs::read_dir(folder.key_file().parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn a_key_file_that_others_can_read_is_refused() {
    let folder = Folder::new();
    Sealer::generate_key_file(folder.key_file()).unwrap();
    for open in [0o640, 0o604, 0o620] {
        fs::set_permissions(folder.key_file(), fs::Permissions::from_mode(open)).unwrap();
        let why = folder.refused(Sealer::from_key_file(folder.key_file()));
        assert_eq!(why.reason(), Reason::Key);
        assert!(why.hint().unwrap().starts_with("chmod 600"));
    }
}

#[test]
fn a_file_that_others_can_read_and_that_holds_no_key_is_not_to_be_closed_to_them() {
    let folder = Folder::new();
    Sealer::generate_key_file(folder.key_file()).unwrap();
    fs::write(folder.key_file(), "127.0.0.1 localhost").unwrap();
    fs::set_permissions(folder.key_file(), fs::Permissions::from_mode(0o644)).unwrap();
    let why = folder.refused(Sealer::from_key_file(folder.key_file()));
    assert!(why.to_string().ends_with("is malformed"), "{why}");
    assert_eq!(why.hint(), None);
}

#[test]
fn a_key_file_that_was_cut_or_mixed_up_is_refused() {
    let folder = Folder::new();
    Sealer::generate_key_file(folder.key_file()).unwrap();
    Sealer::rotate_key_file(folder.key_file()).unwrap();
    let text = fs::read_to_string(folder.key_file()).unwrap();
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let (first, second) = (lines[0].split_once(' ').unwrap(), lines[1].split_once(' ').unwrap());
    let mixed = format!("{} {}", first.0, second.1);
    for wrong in ["", "# no key", &text[..text.len() - 9], &mixed, first.0] {
        fs::write(folder.key_file(), wrong).unwrap();
        let why = folder.refused(Sealer::from_key_file(folder.key_file()));
        assert_eq!(why.reason(), Reason::Key);
        assert!(!format!("{why:?}").contains(second.1));
    }
}

#[test]
fn a_rotated_key_seals_and_the_old_one_opens() {
    let folder = Folder::new();
    let old = Sealer::generate_key_file(folder.key_file()).unwrap();
    let before = old.seal(Place::KeyCheck, b"secret").unwrap();
    let new = Sealer::rotate_key_file(folder.key_file()).unwrap();
    assert_ne!(new.current(), old.current());
    assert_eq!(mode(&folder.key_file()), 0o600);
    let read = Sealer::from_key_file(folder.key_file()).unwrap();
    assert_eq!(read.current(), new.current());
    assert_eq!(read.open(Place::KeyCheck, &before).unwrap().as_slice(), b"secret");
}

#[test]
fn a_sealer_that_runs_opens_what_a_newer_key_sealed() {
    let folder = Folder::new();
    let running = Sealer::generate_key_file(folder.key_file()).unwrap();
    let rotated = Sealer::rotate_key_file(folder.key_file()).unwrap();
    let sealed = rotated.seal(Place::KeyCheck, b"secret").unwrap();
    assert_eq!(running.open(Place::KeyCheck, &sealed).unwrap().as_slice(), b"secret");
}

#[test]
fn a_refreshed_sealer_seals_with_the_new_key_and_forgets_none() {
    let folder = Folder::new();
    let running = Sealer::generate_key_file(folder.key_file()).unwrap();
    let before = running.seal(Place::KeyCheck, b"secret").unwrap();
    let rotated = Sealer::rotate_key_file(folder.key_file()).unwrap();
    Sealer::prune_key_file(folder.key_file(), &BTreeSet::new(), later()).unwrap();
    running.refresh().unwrap();
    assert_eq!(running.current(), rotated.current());
    assert!(running.open(Place::KeyCheck, &before).is_ok());
}

#[test]
fn a_sealer_whose_file_is_gone_says_so_before_it_is_needed() {
    let folder = Folder::new();
    let running = Sealer::generate_key_file(folder.key_file()).unwrap();
    fs::remove_file(folder.key_file()).unwrap();
    assert_eq!(folder.refused(running.refresh()).reason(), Reason::Key);
}

#[test]
fn rotations_at_once_lose_no_key() {
    let folder = Folder::new();
    Sealer::generate_key_file(folder.key_file()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| Sealer::rotate_key_file(folder.key_file()).unwrap());
        }
    });
    assert_eq!(Sealer::from_key_file(folder.key_file()).unwrap().keys().len(), 9);
}

#[test]
fn keys_in_use_are_not_dropped() {
    let folder = Folder::new();
    let first = Sealer::generate_key_file(folder.key_file()).unwrap().current();
    let second = Sealer::rotate_key_file(folder.key_file()).unwrap().current();
    let third = Sealer::rotate_key_file(folder.key_file()).unwrap().current();
    let in_use = BTreeSet::from([first]);
    let dropped = Sealer::prune_key_file(folder.key_file(), &in_use, later()).unwrap();
    assert_eq!(dropped, [second]);
    assert_eq!(Sealer::from_key_file(folder.key_file()).unwrap().keys(), [first, third]);
}

#[test]
fn no_key_is_dropped_soon_after_a_rotation() {
    let folder = Folder::new();
    Sealer::generate_key_file(folder.key_file()).unwrap();
    Sealer::rotate_key_file(folder.key_file()).unwrap();
    let now = SystemClock.now();
    let why = folder.refused(Sealer::prune_key_file(folder.key_file(), &BTreeSet::new(), now));
    assert_eq!(why.reason(), Reason::Key);
    assert_eq!(Sealer::from_key_file(folder.key_file()).unwrap().keys().len(), 2);
}

#[tokio::test]
async fn a_new_store_gets_a_key_and_keeps_it() {
    let (folder, store) = (Folder::new(), MemoryStore::default());
    let made = unlock(&store, &folder.source()).await.unwrap();
    assert_eq!(unlock(&store, &folder.source()).await.unwrap().keys(), made.keys());
}

#[tokio::test]
async fn no_key_is_made_for_a_store_that_has_one() {
    let (folder, store) = (Folder::new(), MemoryStore::default());
    unlock(&store, &folder.source()).await.unwrap();
    fs::remove_file(folder.key_file()).unwrap();
    let why = folder.refused(unlock(&store, &folder.source()).await);
    assert_eq!(why.reason(), Reason::Key);
    assert!(!folder.key_file().exists());
}

#[tokio::test]
async fn no_key_is_made_for_a_store_that_has_records() {
    let (folder, store) = (Folder::new(), MemoryStore::default());
    store.swap(&grant(Account::new("app", "user")), None, LeaseEnd::Keep).await.unwrap();
    assert_eq!(folder.refused(unlock(&store, &folder.source()).await).reason(), Reason::Key);
    assert!(!folder.key_file().exists());
}

#[tokio::test]
async fn another_stores_key_is_refused() {
    let (folder, store) = (Folder::new(), MemoryStore::default());
    unlock(&store, &folder.source()).await.unwrap();
    let other = Folder::new();
    Sealer::generate_key_file(other.key_file()).unwrap();
    let why = folder.refused(unlock(&store, &other.source()).await);
    assert_eq!(why.reason(), Reason::Key);
    assert!(why.hint().is_some());
}

#[tokio::test]
async fn a_key_from_the_environment_unlocks_its_store() {
    let text = |byte: &str| KeySource::Text(KeyText::new(byte.repeat(43) + "="));
    let (folder, store) = (Folder::new(), MemoryStore::default());
    unlock(&store, &text("A")).await.unwrap();
    unlock(&store, &text("A")).await.unwrap();
    let why = folder.refused(unlock(&store, &text("E")).await);
    assert_eq!(why.reason(), Reason::Key);
}

#[tokio::test]
async fn keys_in_use_are_those_of_records_and_logins() {
    let (folder, store) = (Folder::new(), MemoryStore::default());
    let first = unlock(&store, &folder.source()).await.unwrap();
    let login = first.seal(Place::Login("state"), b"login").unwrap();
    let expires_at = later();
    let waiting = PendingLogin { key: "state".to_owned(), login, expires_at };
    store.put_login(&waiting, SystemClock.now()).await.unwrap();

    let second = Sealer::rotate_key_file(folder.key_file()).unwrap();
    let refresh = second.seal(Place::KeyCheck, b"refresh").unwrap();
    let bare = xpkce::grant::Grant {
        refresh: Some(refresh),
        access: None,
        unread: None,
        candidates: Vec::new(),
        ..grant(Account::new("app", "user"))
    };
    store.swap(&bare, None, LeaseEnd::Keep).await.unwrap();

    let third = Sealer::rotate_key_file(folder.key_file()).unwrap();
    let named = keys_in_use(&store, &third).await.unwrap();
    assert_eq!(named, [first, second, third].iter().map(Sealer::current).collect());

    store.take_login("state", SystemClock.now()).await.unwrap();
    let third = Sealer::from_key_file(folder.key_file()).unwrap();
    assert_eq!(keys_in_use(&store, &third).await.unwrap().len(), 2);
}

#[test]
fn a_key_that_came_since_a_credential_was_read_is_had_by_a_new_start() {
    let folder = Folder::new();
    Sealer::generate_key_file(folder.key_file()).unwrap();
    let service = Sealer::from_credential(folder.key_file()).unwrap();
    let newer = Sealer::rotate_key_file(folder.key_file()).unwrap();
    let hint = |place| {
        let why = folder.refused(service.open(place, &newer.seal(place, b"it").unwrap()));
        why.hint().unwrap().to_owned()
    };
    assert!(hint(Place::Login("state")).contains("start it again"));
    // It is found at the start itself, where another start mends nothing.
    assert!(!hint(Place::KeyCheck).contains("start it again"));
}
