//! What happens between two steps, for tests.

#![allow(clippy::unwrap_used)]
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use crate::{Clock, ManualClock, Timestamp};

/// A clock that lets something happen when it is next asked for the wall clock's time.
pub(super) struct Meanwhile {
    clock: ManualClock,
    happens: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Meanwhile {
    pub(super) fn new() -> Self {
        Self { clock: ManualClock::new(Timestamp::from_secs(0)), happens: Mutex::default() }
    }

    pub(super) fn let_happen(&self, it: impl FnOnce() + Send + 'static) {
        *self.happens.lock().unwrap() = Some(Box::new(it));
    }

    pub(super) fn has_happened(&self) -> bool {
        self.happens.lock().unwrap().is_none()
    }
}

impl fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meanwhile")
    }
}

impl Clock for Meanwhile {
    fn now(&self) -> Timestamp {
        let happens = self.happens.lock().unwrap().take();
        happens.into_iter().for_each(|it| it());
        self.clock.now()
    }

    fn uptime(&self) -> Duration {
        self.clock.uptime()
    }
}
