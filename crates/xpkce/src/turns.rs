//! Tasks, pauses, locks, cells and chance, as the keeper takes them: tokio's, the standard
//! library's, `arc-swap`'s and the system's, under one roof. Whatever decides who is next goes
//! through here, so that the schedule tests (`keeper/schedules.rs`) can give out the turns.

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
