//! The keeper against the emulator: what is promised, tried.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]
#![cfg(all(feature = "keeper", feature = "reqwest"))]

#[path = "keeper/world.rs"]
mod world;

#[path = "keeper/doubts.rs"]
mod doubts;
#[path = "keeper/feedback.rs"]
mod feedback;
#[path = "keeper/herds.rs"]
mod herds;
#[cfg(feature = "metrics")]
#[path = "keeper/measures.rs"]
mod measures;
#[path = "keeper/queue.rs"]
mod queue;
#[path = "keeper/saves.rs"]
mod saves;
#[path = "keeper/sign_ins.rs"]
mod sign_ins;
#[path = "keeper/sign_outs.rs"]
mod sign_outs;
#[path = "keeper/verdicts.rs"]
mod verdicts;
