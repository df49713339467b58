//! The keeper's own tasks in one process, in whatever order they may come: each story here is told
//! again and again, and a scheduler says at every lock, every cell, every task and every step of the
//! store and of X who goes on. The keeper is the real one; its turns are those of [`crate::turns`].
//!
//! A schedule that fails is printed, and can be had again: [`explore`] says how.
//! `XPKCE_PROOFS=long` tells each story a hundred times as often.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod cells;
mod explore;
mod refusals;
mod sign_ins;
mod sign_outs;
mod slow;
mod spends;
#[cfg(feature = "sqlite")]
mod sqlite;
mod troubles;
mod world;
mod x;
