//! Tasks, pauses, locks, cells and chance, as the keeper takes them: tokio's, the standard
//! library's, `arc-swap`'s and the system's, under one roof.

#![cfg_attr(
    not(feature = "keeper"),
    allow(unused_imports, reason = "the worker needs few of them")
)]

mod taken;
pub(crate) use taken::*;
