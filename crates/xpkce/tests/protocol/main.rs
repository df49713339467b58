//! The protocol core and its faces, as a caller sees them.

#![allow(clippy::unwrap_used, unreachable_pub)]

mod callback;
mod judging;
mod linting;
mod support;
mod witness;

#[cfg(feature = "reqwest")]
mod auth;
#[cfg(feature = "tokio")]
mod client;
#[cfg(feature = "reqwest")]
mod faces;
#[cfg(all(feature = "reqwest", feature = "loopback"))]
mod flows;
#[cfg(feature = "loopback")]
mod loopback;
#[cfg(feature = "reqwest")]
mod network;
#[cfg(feature = "tokio")]
mod secrecy;
#[cfg(feature = "reqwest")]
mod sharing;
