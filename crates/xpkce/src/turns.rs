//! The tasks, sleeps, locks, atomics and random numbers that the keeper uses: those of tokio, the
//! standard library, `arc-swap` and the system, in one place. The schedule tests
//! (`keeper/schedules.rs`) replace them here, so that they decide which task runs next.

#![cfg_attr(
    not(feature = "keeper"),
    allow(unused_imports, reason = "the worker needs few of them")
)]

#[cfg_attr(all(test, feature = "testing", feature = "keeper"), allow(dead_code, unused_imports))]
mod taken;
#[cfg(not(all(test, feature = "testing", feature = "keeper")))]
pub(crate) use taken::*;

#[cfg(all(test, feature = "testing", feature = "keeper"))]
pub(crate) mod given;
#[cfg(all(test, feature = "testing", feature = "keeper"))]
pub(crate) use given::*;
