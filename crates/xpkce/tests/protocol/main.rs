//! The protocol core and its faces, as a caller sees them.

#![allow(clippy::unwrap_used, unreachable_pub)]

mod callback;
mod client;
mod judging;
mod linting;
mod records;
mod refusals;
mod secrecy;
#[path = "../silence/silence.rs"]
mod silence;
mod support;
mod users;
mod witness;

#[cfg(feature = "hyper")]
mod auth;
#[cfg(feature = "hyper")]
mod doubts;
#[cfg(feature = "hyper")]
mod exchanges;
#[cfg(feature = "hyper")]
mod faces;
#[cfg(all(feature = "hyper", feature = "loopback"))]
mod flows;
#[cfg(feature = "loopback")]
mod loopback;
#[cfg(feature = "hyper")]
mod network;
#[cfg(feature = "hyper")]
mod proxies;
#[cfg(feature = "hyper")]
mod sharing;
