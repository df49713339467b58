//! What X's credentials look like, and how they are made.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::clock::Timestamp;

/// The 64 characters of base64url: every byte maps to one without bias.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Which credential a token-shaped string is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TokenKind {
    /// Sent to the resource API as a bearer.
    Access,
    /// Spent once at the token endpoint.
    Refresh,
}

impl TokenKind {
    fn tag(self) -> &'static str {
        match self {
            Self::Access => "at",
            Self::Refresh => "rt",
        }
    }
}

/// A digest that stands for a credential in tables, so that credentials are not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TokenKey([u8; 16]);

impl TokenKey {
    pub(crate) fn of(token: &str) -> Self {
        let digest = Sha256::digest(token.as_bytes());
        let mut key = [0; 16];
        key.copy_from_slice(&digest[..16]);
        Self(key)
    }

    /// Returns eight hex digits: enough to tell tokens apart in a log, useless to spend.
    pub(crate) fn fingerprint(self) -> String {
        hex(&self.0[..4])
    }
}

/// Returns a new access or refresh token: 91 characters of base64url.
pub(crate) fn token(kind: TokenKind, issued: Timestamp) -> String {
    shaped(kind.tag(), issued)
}

/// Returns a new authorization code: shaped like a token, kind `ac`.
pub(crate) fn code(issued: Timestamp) -> String {
    shaped("ac", issued)
}

fn shaped(tag: &str, issued: Timestamp) -> String {
    let text = format!("{}:{:013}:1:0:{tag}:1", random_text(45), issued.millis());
    URL_SAFE_NO_PAD.encode(text)
}

/// Returns an app-only bearer, percent-encoded as X hands it out.
pub(crate) fn app_bearer() -> String {
    format!("AAAAAAAAAAAAAAAAAAAAAFAKE%2F{}%3D{}", random_text(24), random_text(40))
}

/// Returns a client secret of 50 characters.
pub(crate) fn client_secret() -> String {
    format!("fake-secret-{}", random_text(38))
}

/// Returns a client id of 34 characters that follows from `name` alone.
pub(crate) fn client_id_of(name: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("fake{}:1:ci", derived_text("client id", name, 16)))
}

/// Returns a client secret of 50 characters that follows from `name` alone.
pub(crate) fn client_secret_of(name: &str) -> String {
    format!("fake-secret-{}", derived_text("client secret", name, 38))
}

/// Returns `length` characters (at most 43) that follow from `purpose` and `name`.
pub(crate) fn derived_text(purpose: &str, name: &str, length: usize) -> String {
    let digest = Sha256::digest(format!("{purpose} of {name}"));
    let mut text = URL_SAFE_NO_PAD.encode(digest);
    text.truncate(length);
    text
}

/// Returns the S256 challenge of `verifier` (RFC 7636 section 4.2).
pub(crate) fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

/// Returns `length` random characters of base64url.
pub(crate) fn random_text(length: usize) -> String {
    let mut bytes = vec![0; length];
    fill(&mut bytes);
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 63)])).collect()
}

/// Returns 16 random hex digits, the form of `x-transaction-id`.
pub(crate) fn transaction_id() -> String {
    let mut bytes = [0; 8];
    fill(&mut bytes);
    hex(&bytes)
}

/// Shuffles `items` in place.
pub(crate) fn shuffle<T>(items: &mut [T]) {
    for last in (1..items.len()).rev() {
        let mut bytes = [0; 8];
        fill(&mut bytes);
        let random = usize::from_le_bytes(bytes);
        items.swap(last, random % (last + 1));
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the operating system gives random bytes");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn tokens_and_codes_have_the_shape_of_x() {
        let now = Clock::running().now();
        for (made, suffix) in [
            (token(TokenKind::Access, now), "OmF0OjE"),
            (token(TokenKind::Refresh, now), "OnJ0OjE"),
            (code(now), "OmFjOjE"),
        ] {
            assert_eq!(made.len(), 91);
            assert!(made.ends_with(suffix), "{suffix}");
        }
    }

    #[test]
    fn client_ids_and_secrets_have_the_shape_of_x_and_follow_from_the_name() {
        assert_eq!(client_id_of("An app").len(), 34);
        assert!(client_id_of("An app").ends_with("6MTpjaQ"));
        assert_eq!(client_id_of("An app"), client_id_of("An app"));
        assert_ne!(client_id_of("An app"), client_id_of("Another"));
        assert_eq!(client_secret_of("An app").len(), 50);
        assert_eq!(client_secret().len(), 50);
    }

    #[test]
    fn s256_agrees_with_the_example_of_rfc_7636() {
        assert_eq!(
            s256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }
}
