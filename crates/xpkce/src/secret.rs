//! The secrets, one type each: redacted in the type itself, wiped when dropped.
//!
//! Call `expose()` only to send a secret or to store it. None of the types has `Display`,
//! `Serialize` or `PartialEq`, and those whose secret works once have no `Clone`.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name(SecretString);

        impl $name {
            /// Wraps a secret.
            pub fn new(secret: impl Into<String>) -> Self {
                let secret = secret.into();
                #[cfg(test)]
                crate::silence::learn(&secret);
                Self(SecretString::from(secret))
            }

            /// Returns the secret itself.
            pub fn expose(&self) -> &str {
                self.0.expose_secret()
            }

            /// Compares in constant time, but for the lengths.
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
    /// Authorizes requests; valid for two hours at X. RFC 6749 section 1.4.
    AccessToken
}
secret! {
    /// Brings the next pair of tokens. Single use: X returns a new one with every refresh. RFC 6749
    /// section 1.5.
    RefreshToken
}
secret! {
    /// Authenticates a confidential client. RFC 6749 section 2.3.1.
    ClientSecret
}
secret! {
    /// Proves that a sign-in is finished by the program that began it. RFC 7636 section 4.1.
    CodeVerifier
}
secret! {
    /// Ties a callback to the sign-in that asked for it. RFC 6749 section 10.12.
    State
}
secret! {
    /// Is exchanged for tokens. Single use, and valid for 30 seconds at X. RFC 6749 section 1.3.1.
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
