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
