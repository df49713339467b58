//! The secrets, one type each: redacted in the type itself, wiped when dropped.
//!
//! `expose()` is for the wire and for the store, nowhere else. None of them has `Display`,
//! `Serialize` or `PartialEq`; those that work once have no `Clone`.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name(SecretString);

        impl $name {
            /// Takes the secret over.
            pub fn new(secret: impl Into<String>) -> Self {
                Self(SecretString::from(secret.into()))
            }

            /// Returns the secret itself.
            pub fn expose(&self) -> &str {
                self.0.expose_secret()
            }

            /// Compares in a time that depends on the lengths alone.
            pub fn matches(&self, other: &str) -> bool {
                self.expose().as_bytes().ct_eq(other.as_bytes()).into()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }
    };
}

secret! {
    /// Authorizes requests; lives 7,200 seconds at X. RFC 6749 section 1.4.
    AccessToken
}
secret! {
    /// Single use: X answers every refresh with a new one. RFC 6749 section 1.5.
    RefreshToken
}
secret! {
    /// What a confidential client proves itself with. RFC 6749 section 2.3.1.
    ClientSecret
}
secret! {
    /// Proves that who began a sign-in is who finishes it. RFC 7636 section 4.1.
    CodeVerifier
}
secret! {
    /// Ties a callback to the sign-in that asked for it. RFC 6749 section 10.12.
    State
}
secret! {
    /// What the callback brings: single use, 30 seconds at X. RFC 6749 section 1.3.1.
    AuthorizationCode
}
#[cfg(feature = "keeper")]
secret! {
    /// Sealing keys as text: 32 bytes each in base64, between white space; the last one seals.
    KeyText
}
#[cfg(feature = "keeper")]
secret! {
    /// A `postgres://` connection URI, with the password that may be in it.
    PostgresUri
}

impl Clone for AccessToken {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl Clone for ClientSecret {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

#[cfg(feature = "keeper")]
impl Clone for KeyText {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
