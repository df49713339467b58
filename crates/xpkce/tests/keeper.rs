//! The keeper against the emulator: what is promised, tried.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]
#![cfg(all(feature = "keeper", feature = "hyper", feature = "sqlite"))]

#[path = "silence/silence.rs"]
mod silence;
#[path = "way/way.rs"]
mod way;
#[path = "keeper/world.rs"]
mod world;

#[path = "keeper/picky.rs"]
mod picky;

#[path = "keeper/clocks.rs"]
mod clocks;
#[path = "keeper/doubts.rs"]
mod doubts;
#[path = "keeper/feedback.rs"]
mod feedback;
#[path = "keeper/herds.rs"]
mod herds;
#[path = "keeper/keys.rs"]
mod keys;
#[path = "keeper/labels.rs"]
mod labels;
#[path = "keeper/late.rs"]
mod late;
#[path = "keeper/leases.rs"]
mod leases;
#[path = "keeper/looks.rs"]
mod looks;
#[path = "keeper/memory_alone.rs"]
mod memory_alone;
#[path = "keeper/outages.rs"]
mod outages;
#[path = "keeper/queue.rs"]
mod queue;
#[path = "keeper/recalls.rs"]
mod recalls;
#[path = "keeper/saves.rs"]
mod saves;
#[path = "keeper/sign_ins.rs"]
mod sign_ins;
#[path = "keeper/sign_outs.rs"]
mod sign_outs;
#[path = "keeper/spills.rs"]
mod spills;
#[path = "keeper/told.rs"]
mod told;
#[path = "keeper/unread.rs"]
mod unread;
#[path = "keeper/unsent.rs"]
mod unsent;
#[path = "keeper/uses.rs"]
mod uses;
#[path = "keeper/verdicts.rs"]
mod verdicts;
