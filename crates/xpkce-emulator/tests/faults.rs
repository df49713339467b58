//! Each scripted fault, on either side of the commit.
#![allow(clippy::unwrap_used)]

#[path = "faults/answers.rs"]
mod answers;
#[path = "faults/callback.rs"]
mod callback;
#[path = "semantics/client.rs"]
mod client;
#[path = "faults/connection.rs"]
mod connection;
#[path = "faults/odd.rs"]
mod odd;
#[path = "faults/race.rs"]
mod race;
#[path = "../../xpkce/tests/silence/said.rs"]
mod said;
#[path = "faults/scripting.rs"]
mod scripting;
