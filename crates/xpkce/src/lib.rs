//! OAuth 2.0 sign-in with PKCE for the X API, and the safekeeping of what comes out of it: sign in
//! once, never lose the login.
//!
//! X's refresh tokens work once, and X keeps one live grant for each app and user. A program that
//! refreshes in two places, or dies between the answer and the save, has lost its user's login.
//!
//! - [`Keeper`] is for programs that go on: it signs in, saves, and hands out an access token that
//!   it refreshes before it ends, in any number of tasks, threads and processes on one store.
//! - [`OAuth2PkceAuth`] is X's own class, for code that keeps its token itself; [`blocking`] has it
//!   without an async runtime.
//! - [`Login`], [`Approval`] and [`Client`] are what both are made of. Without default features
//!   they are I/O-free: requests are built and answers judged by pure functions, and
//!   [`http::HttpClient`] is yours.
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
//! let token = keeper.token_source(&user).access_token().await?; // for ever after
//! # Ok(()) }
//! ```
//!
//! # Features
//!
//! On by default are `hyper` (the client that sends), `keeper` (with the store in memory), `sqlite`
//! (the store of one machine), `loopback` (the callback listener) and `blocking`. `postgres` adds
//! the store for many machines, `metrics` the measuring of [`metrics`], `testing` the clock that is
//! moved by hand and the contract that a store of your own must pass.
//
// What is named above and not compiled in is found among the features.
#![cfg_attr(not(feature = "keeper"), doc = "\n\n[`Keeper`]: #features")]
#![cfg_attr(not(feature = "hyper"), doc = "\n\n[`OAuth2PkceAuth`]: #features")]
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
pub mod store;

/// The README's snippet, compiled with those of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
