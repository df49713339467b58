//! Makes this process's own file in the holders' folder: when it is first needed, and again later
//! if that failed.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::presence::Presence;
use super::{Desk, random};
use crate::grant::PairId;
use crate::{Error, Reason, Result};

impl Desk {
    /// How long after a failure the file is tried again.
    const ENTER_AGAIN: Duration = Duration::from_secs(60);

    /// Returns this process's file.
    pub(super) fn presence(&self) -> Option<&Presence> {
        let folder = self.folder.as_deref()?;
        let may_enter = || self.entered_at.may_be_again(self.clock.uptime(), Self::ENTER_AGAIN);
        if self.presence.get().is_none()
            && may_enter()
            && let Err(why) = self.enter(folder)
        {
            crate::contained(
                || tracing::warn!(error = %why, "no holder file: a crash is noticed late, and nothing can be spilled"),
            );
        }
        self.presence.get()
    }

    /// Makes sure, before a code is exchanged, that there is room for its pair beside the store. A
    /// folder that cannot be used for another reason than its disk is no reason to sign nobody in.
    ///
    /// # Errors
    /// [`Reason::Store`] when the disk is full.
    pub(super) fn keep_room_for_pair(&self) -> Result<()> {
        let Some(folder) = self.folder.as_deref() else {
            return Ok(());
        };
        let kept = match self.presence.get() {
            Some(presence) => presence.keep_room(),
            None => self.enter(folder),
        };
        match kept {
            Err(why) if is_full(&why) => {
                let message = "no room can be kept for the tokens, so X was not asked for them: the disk is full";
                let hint = format!("make room on the disk that {} is on", folder.display());
                Err(Error::new(Reason::Store, message).with_source(why).with_hint(hint))
            }
            _ => Ok(()),
        }
    }

    fn enter(&self, folder: &Path) -> io::Result<()> {
        let name = PairId::new(random().map_err(io::Error::other)?);
        // One that comes second is let go.
        let _ = self.presence.set(Presence::enter(folder, &name)?);
        Ok(())
    }
}

fn is_full(why: &io::Error) -> bool {
    matches!(why.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use super::super::tests::keeper_by;
    use super::*;
    use crate::{ManualClock, Timestamp};

    #[test]
    fn a_file_that_could_not_be_made_is_tried_again_after_a_minute_and_not_before() {
        let folder = tempfile::tempdir().unwrap();
        let holders = folder.path().join("holders");
        std::fs::write(&holders, "in the way").unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp::from_secs(0)));
        let keeper = keeper_by(clock.clone(), Some(holders.clone()));
        assert!(keeper.desk().presence().is_none());
        std::fs::remove_file(&holders).unwrap();
        clock.advance(Desk::ENTER_AGAIN - Duration::from_millis(1));
        assert!(keeper.desk().presence().is_none(), "it is tried each time");
        clock.advance(Duration::from_millis(1));
        assert!(keeper.desk().presence().is_some());
    }
}
