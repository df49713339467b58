//! The control verbs over HTTP, and the program.
#![allow(clippy::unwrap_used)]

#[path = "semantics/client.rs"]
mod client;
#[path = "control/program.rs"]
mod program;
#[path = "../../xpkce/tests/silence/said.rs"]
mod said;
#[path = "control/verbs.rs"]
mod verbs;
