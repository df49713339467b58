//! What the keeper counts and times. A recorder is one for the whole process, so these have a
//! program of their own and take turns in it.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]
#![allow(
    dead_code,
    reason = "the world is that of the keeper's other tests, and they use all of it"
)]
#![cfg(all(feature = "keeper", feature = "hyper", feature = "metrics"))]

#[path = "silence/silence.rs"]
mod silence;
#[path = "way/way.rs"]
mod way;
#[path = "keeper/world.rs"]
mod world;

#[path = "keeper/measures.rs"]
mod measures;
#[path = "keeper/outcomes.rs"]
mod outcomes;
