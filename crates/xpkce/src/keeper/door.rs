//! The door before a process's first spend: of many that start on one machine and find a login due
//! at once, one goes in, and the others look at the record again in a moment. Without it each of them
//! would make its own file, open those of all and ask the store to write, before the first has begun.
//! Who has its file already goes in without: to make a door costs it more than to ask.
//!
//! Nothing but speed depends on it: the swap of the record alone says who spends. So nobody waits
//! here for long, and where no door can be made all go in.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustix::fs::OFlags;
use sha2::{Digest as _, Sha256};

use super::{Desk, presence};
use crate::grant::{Account, Grant};
use crate::steps::step;
use crate::store::Stored;
use crate::{Result, turns};

/// A door that is shut behind the caller until this is dropped. The lock is the kernel's, so a
/// process that dies inside leaves it open.
#[derive(Debug)]
pub(super) struct Door {
    _locked: File,
    path: PathBuf,
}

impl Door {
    /// Shuts the door of a login behind the caller.
    ///
    /// # Errors
    /// When somebody else has, or there can be no door.
    fn shut_behind(folder: &Path, account: &Account) -> std::result::Result<Self, WhyNot> {
        presence::make_folder(folder).map_err(|_| WhyNot::NoDoor)?;
        let path = folder.join(name_of(account));
        let file = open(&path).map_err(|_| WhyNot::NoDoor)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _locked: file, path }),
            Err(TryLockError::WouldBlock) => Err(WhyNot::IsShut),
            Err(TryLockError::Error(_)) => {
                // Nobody can shut it, and nobody else would take it away.
                let _ = std::fs::remove_file(&path);
                Err(WhyNot::NoDoor)
            }
        }
    }
}

/// Opens a door, or makes it. What stands in its place is not waited for, and not followed.
fn open(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW).bits().cast_signed();
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600).custom_flags(flags);
    step("making the login's door", || options.open(path))
}

impl Drop for Door {
    fn drop(&mut self) {
        // Whoever has opened it by now has a door of its own, which keeps nobody else out.
        let _ = step("removing the login's door", || std::fs::remove_file(&self.path));
    }
}

#[derive(Debug, PartialEq, Eq)]
enum WhyNot {
    IsShut,
    NoDoor,
}

impl Desk {
    /// How often somebody before a shut door looks at the record before it goes in all the same:
    /// about as long as a store takes that is busy with other logins.
    const LOOKS_AT_THE_DOOR: u32 = 4;

    /// Waits while another process of this machine is about to begin what `is_due`. Returns the
    /// record as it is then, and what keeps others out until it is dropped.
    pub(super) async fn go_in(
        &self,
        mut stored: Stored,
        is_due: impl Fn(&Grant) -> bool + Send + Sync,
    ) -> Result<(Option<Door>, Stored)> {
        let Some(folder) = self.folder.as_deref().filter(|_| self.presence.get().is_none()) else {
            return Ok((None, stored));
        };
        let mut pause = Self::FIRST_LOOK;
        for _ in 0..Self::LOOKS_AT_THE_DOOR {
            if !is_due(&stored.grant) || self.is_being_spent(&stored) {
                break;
            }
            match Door::shut_behind(folder, &stored.grant.account) {
                Ok(door) => return Ok((Some(door), stored)),
                Err(WhyNot::NoDoor) => break,
                Err(WhyNot::IsShut) => turns::sleep(self.lengthen(&mut pause)).await,
            }
            stored = self.load(&stored.grant.account).await?;
        }
        Ok((None, stored))
    }
}

/// Names the door of a login; X's ids and the app's are hashed, because they may hold anything.
fn name_of(account: &Account) -> String {
    let app = Sha256::digest(account.app.as_bytes());
    let both = Sha256::new().chain_update(app).chain_update(&account.user).finalize();
    format!("{}.door", URL_SAFE_NO_PAD.encode(both))
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use futures_util::FutureExt as _;
    use tempfile::TempDir;

    use super::super::Keeper;
    use super::super::tests::keeper_in;
    use super::*;
    use crate::grant::State;
    use crate::store::{LeaseEnd, contract};

    fn account(user: &str) -> Account {
        Account::new("app", user)
    }

    /// A keeper that finds the door of a login shut, and who shut it.
    async fn before_a_shut_door(folder: &TempDir) -> (Keeper, Stored, Door) {
        let keeper = keeper_in(Some(folder.path().to_owned()));
        let ready = Grant { state: State::Ready, lease: None, ..contract::grant(account("user")) };
        keeper.desk().store.swap(&ready, None, LeaseEnd::Keep).await.unwrap();
        let stored = keeper.desk().load(&ready.account).await.unwrap();
        let door = Door::shut_behind(folder.path(), &ready.account).unwrap();
        (keeper, stored, door)
    }

    #[test]
    fn a_door_is_shut_for_others_of_its_login_until_who_went_in_is_gone() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("holders");
        let go_in = |user| Door::shut_behind(&folder, &account(user));
        let door = go_in("user").unwrap();
        assert_eq!(go_in("user").unwrap_err(), WhyNot::IsShut);
        drop(go_in("another").unwrap());
        let other_app = Account::new("another", "user");
        drop(Door::shut_behind(&folder, &other_app).unwrap());
        drop(door);
        drop(go_in("user").unwrap());
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn who_waits_at_the_door_finds_that_the_other_has_begun() {
        let folder = tempfile::tempdir().unwrap();
        let (keeper, stored, _door) = before_a_shut_door(&folder).await;
        let mut waits = std::pin::pin!(keeper.desk().go_in(stored.clone(), |_| true));
        assert!(waits.as_mut().now_or_never().is_none(), "it goes in beside the other");
        let begun = contract::grant(account("user"));
        let lease = LeaseEnd::In(Duration::from_secs(60));
        keeper.desk().store.swap(&begun, Some(stored.revision), lease).await.unwrap();
        let (door, now) = waits.await.unwrap();
        assert!(door.is_none() && keeper.desk().is_being_spent(&now), "{now:?}");
        let once_more = keeper.desk().go_in(now, |_| true).now_or_never();
        assert!(once_more.is_some(), "it waits for what has been begun");
    }

    #[tokio::test]
    async fn before_a_shut_door_nobody_makes_a_file_among_the_holders() {
        let folder = tempfile::tempdir().unwrap();
        let (keeper, stored, _door) = before_a_shut_door(&folder).await;
        let slot = keeper.desk().slot(&stored.grant.account);
        let spend = keeper.desk().spend(&slot, Some(stored), |_| true);
        assert!(spend.now_or_never().is_none() && keeper.desk().presence.get().is_none());
    }

    #[tokio::test]
    async fn nobody_waits_long_for_who_stands_still_inside() {
        let folder = tempfile::tempdir().unwrap();
        let (keeper, stored, _door) = before_a_shut_door(&folder).await;
        let waits = keeper.desk().go_in(stored.clone(), |_| true);
        let (door, now) = tokio::time::timeout(Desk::PATIENCE, waits).await.unwrap().unwrap();
        assert!(door.is_none() && now.revision == stored.revision);
    }

    #[test]
    fn what_stands_in_the_place_of_a_door_is_not_waited_for_and_not_followed() {
        use rustix::fs::{CWD, Mode, mkfifoat};
        let folder = tempfile::tempdir().unwrap();
        let [pipe, link] = ["pipe", "link"].map(|user| folder.path().join(name_of(&account(user))));
        mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
        let elsewhere = folder.path().join("elsewhere");
        std::os::unix::fs::symlink(&elsewhere, link).unwrap();
        for user in ["pipe", "link"] {
            let door = Door::shut_behind(folder.path(), &account(user));
            assert_eq!(door.unwrap_err(), WhyNot::NoDoor, "{user}");
        }
        assert!(!elsewhere.exists());
    }

    #[tokio::test]
    async fn where_no_door_can_be_made_all_go_in() {
        let folder = tempfile::tempdir().unwrap();
        let in_the_way = folder.path().join("holders");
        std::fs::write(&in_the_way, "").unwrap();
        let grant = contract::grant(account("user"));
        assert_eq!(Door::shut_behind(&in_the_way, &grant.account).unwrap_err(), WhyNot::NoDoor);
        let folder = tempfile::tempdir().unwrap();
        let (keeper, stored, _door) = before_a_shut_door(&folder).await;
        let path = folder.path().join(name_of(&grant.account));
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        let (door, _) = keeper.desk().go_in(stored, |_| true).now_or_never().unwrap().unwrap();
        assert!(door.is_none());
    }

    #[tokio::test]
    async fn who_has_its_file_among_the_holders_needs_no_door() {
        let folder = tempfile::tempdir().unwrap();
        let (keeper, stored, _door) = before_a_shut_door(&folder).await;
        let go_in = || keeper.desk().go_in(stored.clone(), |_| true).now_or_never();
        assert!(go_in().is_none(), "it has none yet");
        keeper.desk().presence().unwrap();
        assert!(go_in().unwrap().unwrap().0.is_none());
    }
}
