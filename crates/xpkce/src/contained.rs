//! What is told to somebody else's code, a log's subscriber or a recorder of measures. One that
//! panics, as what writes to a standard error that is gone, must not take along what it is told of:
//! a pair on its way to the store.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Tells it, and lets it panic by itself.
pub(crate) fn contained(tell: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(tell));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_tells_a_log_that_panics_goes_on() {
        contained(|| panic!("of a test"));
    }
}
