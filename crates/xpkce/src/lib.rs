//! OAuth 2.0 sign-in with PKCE for the X API, and safe storage for the tokens it brings: sign in
//! once, never lose the login.
//!
//! A refresh token of X works once, and X keeps only one live grant for each app and user. A
//! program that refreshes in two places, or dies between the answer and the save, loses its user's
//! login.
//!
//! - [`Keeper`] is for programs that need tokens for longer than one run. It signs users in, saves
//!   their tokens, and hands out access tokens that it refreshes before they expire. Any number of
//!   tasks, threads and processes may share one store.
//! - [`OAuth2PkceAuth`] has the interface of X's own Python class, for programs that store the
//!   token themselves; [`blocking`] offers it without an async runtime.
//! - [`Login`], [`Approval`] and [`Client`] are the parts that both are built from. Without default
//!   features they do no I/O: pure functions build the requests and judge the answers, and you
//!   supply the [`http::HttpClient`].
//!
//! ```no_run
//! # async fn run(callback: &str) -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use xpkce::seal::{KeySource, unlock};
//! use xpkce::store::SqliteStore;
//! use xpkce::{App, Client, Keeper, Scopes};
//!
//! let app = App::public("your client id").with_scopes(Scopes::parse(Scopes::DEFAULT));
//! let store = SqliteStore::open("logins.db").await?;
//! let keys = unlock(&store, &KeySource::File("key".into())).await?;
//! let keeper = Keeper::new(Client::with_hyper(app), Arc::new(store), Arc::new(keys), None)?;
//!
//! let login = keeper.begin_login()?; // send the user to login.url()
//! let user = keeper.sign_in(login.approve(callback)?).await?.account.user;
//!
//! let token = keeper.token_source(&user).access_token().await?; // from now on, whenever needed
//! # Ok(()) }
//! ```
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `hyper` | yes | [`http::HyperClient`], which sends the requests, and [`OAuth2PkceAuth`] |
//! | `keeper` | yes | [`Keeper`], encryption at rest, and the store in memory |
//! | `sqlite` | yes | the store for one machine |
//! | `loopback` | yes | the listener that receives the callback |
//! | `blocking` | yes | [`blocking`] |
//! | `postgres` | | the store for many machines |
//! | `metrics` | | recording of what [`metrics`] lists |
//! | `testing` | | a clock that tests move by hand, and the contract that a store of your own must pass |
//!
//! The minimum supported Rust version is 1.95.
//
// A name above whose feature is off links to the list of features.
#![cfg_attr(not(feature = "keeper"), doc = "\n\n[`Keeper`]: #features")]
#![cfg_attr(not(feature = "hyper"), doc = "\n\n[`OAuth2PkceAuth`]: #features")]
#![cfg_attr(not(feature = "hyper"), doc = "\n\n[`http::HyperClient`]: #features")]
#![cfg_attr(not(feature = "blocking"), doc = "\n\n[`blocking`]: #features")]
#![cfg_attr(not(feature = "keeper"), doc = "\n\n[`metrics`]: #features")]

mod clock;
#[cfg(feature = "testing")]
pub use clock::ManualClock;
pub use clock::{Clock, SystemClock, Timestamp};

mod error;
pub use error::{Error, ErrorKind, Reason, Result};

mod wiped;

mod contained;
use contained::contained;

mod secret;
pub use secret::{AccessToken, AuthorizationCode, ClientSecret, CodeVerifier, RefreshToken, State};

#[cfg(test)]
mod silence;

mod pkce;
pub use pkce::Pkce;

mod scope;
pub use scope::Scopes;

mod app;
pub use app::{App, DEFAULT_AUTHORIZATION_BASE_URL, DEFAULT_BASE_URL, DEFAULT_REDIRECT_URI};

mod lint;
pub use lint::{Lint, MAX_STATE, Severity, lint};

mod login;
pub use login::{Approval, Login, callback_state};

pub mod token;
pub use token::{Issued, RefreshAnswer, Revocable, Rotated, Token, Unreadable};

mod user;
pub use user::{User, judge_user};

pub mod http;

mod client;
pub use client::{Client, Probe};

#[cfg(feature = "hyper")]
mod auth;
#[cfg(feature = "hyper")]
pub use auth::{OAuth2PkceAuth, OAuth2PkceAuthBuilder};

#[cfg(feature = "blocking")]
pub mod blocking;

#[cfg(feature = "loopback")]
pub mod loopback;

#[cfg(any(feature = "hyper", feature = "keeper"))]
pub mod fork;

#[cfg(any(feature = "hyper", feature = "keeper"))]
#[cfg_attr(not(feature = "blocking"), allow(dead_code, reason = "not every face waits"))]
mod worker;

#[cfg(any(feature = "hyper", feature = "keeper"))]
mod turns;

#[cfg(feature = "keeper")]
mod digits;
#[cfg(feature = "keeper")]
pub mod grant;
#[cfg(feature = "keeper")]
pub mod keeper;
#[cfg(feature = "keeper")]
pub use keeper::{Keeper, LoginStatus, SignedIn, TokenGuard, TokenSource};
#[cfg(feature = "keeper")]
pub mod metrics;
#[cfg(feature = "keeper")]
pub mod seal;
#[cfg(feature = "keeper")]
mod steps;
#[cfg(all(feature = "keeper", feature = "testing"))]
pub use steps::watch_steps;
#[cfg(feature = "keeper")]
pub mod store;

/// The README's snippet, compiled with those of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
