//! Calls into other people's code: a log's subscriber, or a recorder of metrics. Such code may
//! panic, for example when it writes to a standard error that was closed. That must not stop what
//! it is told of, such as saving a pair.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls `tell`, and ignores a panic of it.
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
