//! The lease-and-spend protocol, checked exhaustively at small size: the real transition functions
//! of `xpkce::grant::transition`, driven by holders that pause, crash and lose answers.
//!
//! Each promise is a property in `model/promises.rs`; each mutation that must break one is a test
//! that finds the counterexample. `XPKCE_PROOFS=long` searches the larger worlds of `docs/proofs.md` too.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]
#![allow(clippy::print_stdout, reason = "how large the searched worlds are is the result")]
#![cfg(feature = "keeper")]

#[path = "model/check.rs"]
mod check;
#[path = "model/grants.rs"]
mod grants;
#[path = "model/holder.rs"]
mod holder;
#[path = "model/promises.rs"]
mod promises;
#[path = "model/sign_in.rs"]
mod sign_in;
#[path = "model/sign_out.rs"]
mod sign_out;
#[path = "model/spend.rs"]
mod spend;
#[path = "model/step.rs"]
mod step;
#[path = "model/world.rs"]
mod world;
#[path = "model/x.rs"]
mod x;
