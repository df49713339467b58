//! What is promised of a login, tried with real processes, real stores and a real network: killed
//! at every step, in herds, and through every fault. `docs/proofs.md` has the tables.
//!
//! `XPKCE_PROOFS=long` runs the long forms.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]
#![allow(clippy::print_stdout, reason = "the tables are the result")]
#![cfg(all(
    feature = "hyper",
    feature = "loopback",
    feature = "sqlite",
    feature = "postgres",
    feature = "testing"
))]

#[path = "proofs/ahead.rs"]
mod ahead;
#[path = "proofs/crash.rs"]
mod crash;
#[path = "proofs/disks.rs"]
mod disks;
#[path = "proofs/faults.rs"]
mod faults;
#[path = "proofs/herds.rs"]
mod herds;
#[path = "proofs/home.rs"]
mod home;
#[path = "proofs/kills.rs"]
mod kills;
#[path = "proofs/machines.rs"]
mod machines;
#[path = "proofs/outages.rs"]
mod outages;
#[path = "proofs/pauses.rs"]
mod pauses;
#[path = "postgres/pooler.rs"]
mod pooler;
#[path = "postgres/server.rs"]
mod server;
#[path = "silence/silence.rs"]
mod silence;
#[path = "proofs/spend.rs"]
mod spend;
#[path = "proofs/tripwire.rs"]
mod tripwire;
#[path = "way/way.rs"]
mod way;
