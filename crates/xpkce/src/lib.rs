//! OAuth 2.0 sign-in with PKCE for the X API, and the safekeeping of what comes out of it.

mod clock;
#[cfg(feature = "testing")]
pub use clock::ManualClock;
pub use clock::{Clock, SystemClock, Timestamp};

mod error;
pub use error::{Error, ErrorKind, Reason, Result};

mod secret;
pub use secret::{AccessToken, AuthorizationCode, ClientSecret, CodeVerifier, RefreshToken, State};

mod scope;
pub use scope::Scopes;

pub mod http;

#[cfg(feature = "keeper")]
pub mod grant;
#[cfg(feature = "keeper")]
pub mod seal;
#[cfg(feature = "keeper")]
pub mod store;
