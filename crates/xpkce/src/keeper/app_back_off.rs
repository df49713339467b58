//! The back-off of a whole app whose own authentication X refuses: X is asked less and less often,
//! for all of the app's grants together.

use std::sync::PoisonError;
use std::time::Duration;

use super::Desk;
use crate::token::CHECK_CLIENT;
use crate::{Error, Reason, Result};

/// How often X has refused the app in a row, and until when it is not asked again.
#[derive(Default)]
pub(super) struct AppBackOff {
    failures: u32,
    until: Duration,
}

impl Desk {
    const APP_BACK_OFF: Duration = Duration::from_secs(1);
    const LONGEST_APP_BACK_OFF: Duration = Duration::from_secs(300);

    pub(super) fn refuse_while_app_backs_off(&self) -> Result<()> {
        let now = self.clock.uptime();
        let until = self.app_back_off.lock().unwrap_or_else(PoisonError::into_inner).until;
        if until <= now {
            return Ok(());
        }
        Err(Error::new(
            Reason::WrongSecretOrAppType,
            "X refused this app's credentials a moment ago; it is not asked again yet",
        )
        .with_hint(CHECK_CLIENT)
        .with_retry_after(until - now))
    }

    pub(super) fn app_was_refused(&self) {
        let now = self.clock.uptime();
        let mut back_off = self.app_back_off.lock().unwrap_or_else(PoisonError::into_inner);
        if now < back_off.until {
            // It was sent before X refused the one that counts.
            return;
        }
        let doublings = back_off.failures.min(16);
        back_off.failures = back_off.failures.saturating_add(1);
        let span =
            Self::APP_BACK_OFF.saturating_mul(1 << doublings).min(Self::LONGEST_APP_BACK_OFF);
        back_off.until = now + span;
    }

    pub(super) fn app_was_accepted(&self) {
        *self.app_back_off.lock().unwrap_or_else(PoisonError::into_inner) = AppBackOff::default();
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use super::super::tests::keeper_by;
    use crate::{ManualClock, Timestamp};

    #[test]
    fn the_pauses_of_an_app_double_up_to_five_minutes_however_often_x_refuses_it() {
        let clock = Arc::new(ManualClock::new(Timestamp::from_secs(0)));
        let keeper = keeper_by(clock.clone(), None);
        let refused = || {
            keeper.desk().app_was_refused();
            let why = keeper.desk().refuse_while_app_backs_off().unwrap_err();
            let pause = why.retry_after().unwrap();
            clock.advance(pause);
            keeper.desk().refuse_while_app_backs_off().unwrap();
            pause.as_secs()
        };
        let pauses: Vec<u64> = (0..40).map(|_| refused()).collect();
        assert_eq!(pauses[..10], [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
        assert!(pauses[10..].iter().all(|pause| *pause == 300), "{pauses:?}");
    }
}
