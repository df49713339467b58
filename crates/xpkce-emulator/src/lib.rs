//! A strict local emulator of X's authorization server.
//!
//! It follows what X is known to do, down to the words of its errors, and is hostile on purpose:
//! faults can be scripted before or after the server's commit, time can be moved forward, and a log
//! keeps the evidence. Everything is in memory and on loopback. It shares no code with the library
//! that it tests.
//!
//! ```
//! use xpkce_emulator::Emulator;
//!
//! let x = Emulator::start_blocking();
//! assert!(x.base_url().starts_with("http://127.0.0.1:"));
//! assert_eq!(x.refreshes(), 0);
//! ```

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod approval;
mod call;
mod clock;
mod endpoint;
mod errand;
mod fields;
mod front;
mod gather;
mod grant;
mod http_date;
mod oauth_error;
mod page;
mod params;
mod post;
mod rate;
mod redirect_uri;
mod reply;
mod scope;
mod server;
mod shared;
mod wire;

mod builder;
mod emulator;
mod event;
mod fault;
mod mint;
mod problem;
mod quirks;
mod seed;
mod summary;
mod world;

pub use builder::EmulatorBuilder;
pub use emulator::{AuthorizeRefused, Emulator};
pub use event::{Counters, Event, EventKind};
pub use fault::{BodyForm, CallbackFault, Cut, Endpoint, Fault, FaultRule, Moment, OddAnswer};
pub use mint::TokenKind;
pub use problem::Problem;
pub use quirks::{Lifetimes, Quirks, RevokeReach};
pub use seed::{AppSeed, DEFAULT_REDIRECT_URIS, UserSeed};
pub use summary::{AppSummary, Summary, UserSummary};
pub use world::OperateError;
