//! OAuth 2.0 sign-in with PKCE for the X API, and the safekeeping of what comes out of it.

mod clock;
#[cfg(feature = "testing")]
pub use clock::ManualClock;
pub use clock::{Clock, SystemClock, Timestamp};

mod error;
pub use error::{Error, ErrorKind, Reason, Result};

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

#[cfg(feature = "reqwest")]
mod auth;
#[cfg(feature = "reqwest")]
pub use auth::{OAuth2PkceAuth, OAuth2PkceAuthBuilder};

#[cfg(feature = "blocking")]
pub mod blocking;

#[cfg(feature = "loopback")]
pub mod loopback;

#[cfg(any(feature = "reqwest", feature = "keeper"))]
#[cfg_attr(not(feature = "blocking"), allow(dead_code, reason = "not every face waits"))]
mod worker;

#[cfg(feature = "keeper")]
pub mod grant;
#[cfg(feature = "keeper")]
pub mod keeper;
#[cfg(feature = "keeper")]
pub use keeper::{Keeper, LoginStatus, SignedIn, TokenGuard, TokenSource};
#[cfg(feature = "keeper")]
pub mod seal;
#[cfg(feature = "keeper")]
pub mod store;
