//! What X does, row by row, over real HTTP.
#![allow(clippy::unwrap_used)]

#[path = "semantics/client.rs"]
mod client;
#[path = "semantics/flow.rs"]
mod flow;
