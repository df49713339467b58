//! The library and the command measured beside their peers, in one run.
//!
//! Peers take turns within a run, so that what else the machine does falls on all of them alike; a
//! figure is the median of the turns. `./bench` runs it all and writes `docs/performance.md`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::missing_errors_doc,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a program that measures: it prints, reads the clock, and ends where it cannot go on"
)]

pub mod answer;
pub mod commits;
pub mod contest;
pub mod cost;
pub mod crowd;
pub mod endpoint;
pub mod flow;
pub mod herd;
pub mod hot;
pub mod instructions;
pub mod million;
pub mod postgres;
pub mod process;
pub mod python;
pub mod report;
pub mod runs;
pub mod ungrouped;
pub mod wire;
