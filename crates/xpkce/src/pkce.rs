//! Proof Key for Code Exchange: a verifier that stays here, and the challenge that goes out.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::{CodeVerifier, Error, Reason, Result, State};

/// A code verifier and its `S256` challenge. RFC 7636 section 4.
pub struct Pkce {
    verifier: CodeVerifier,
    challenge: String,
}

impl Pkce {
    /// The fewest characters of a verifier that RFC 7636 section 4.1 allows.
    pub const MIN_VERIFIER: usize = 43;
    /// The most characters of a verifier that RFC 7636 section 4.1 allows.
    pub const MAX_VERIFIER: usize = 128;

    /// Makes a pair of 32 bytes of the operating system's randomness: 43 characters.
    ///
    /// # Errors
    ///
    /// [`Protocol`](crate::ErrorKind::Protocol) when the operating system has no randomness.
    pub fn random() -> Result<Self> {
        Ok(Self::from_random(random_bytes::<32>()?))
    }

    /// Makes a pair of 32 random bytes.
    pub fn from_random(random: [u8; 32]) -> Self {
        let verifier = URL_SAFE_NO_PAD.encode(random);
        let challenge = s256(&verifier);
        Self { verifier: CodeVerifier::new(verifier), challenge }
    }

    /// Takes a verifier over and derives its challenge.
    ///
    /// # Errors
    ///
    /// [`Configure`](crate::ErrorKind::Configure) when it does not have 43 to 128 unreserved
    /// characters (RFC 7636 section 4.1).
    pub fn from_verifier(verifier: impl Into<String>) -> Result<Self> {
        let verifier = verifier.into();
        if verifier.len() < Self::MIN_VERIFIER || !is_unreserved(&verifier) {
            return Err(malformed(Self::MIN_VERIFIER));
        }
        Self::from_parts(verifier, None)
    }

    /// Takes a pair over as X's Python class does: as short as one character, and with whatever
    /// challenge the caller says, since X decides whether they match.
    ///
    /// # Errors
    ///
    /// [`Configure`](crate::ErrorKind::Configure) when either is empty, over 128 characters, or has
    /// a character that is not unreserved.
    pub fn from_parts(verifier: impl Into<String>, challenge: Option<String>) -> Result<Self> {
        let verifier = verifier.into();
        let challenge = challenge.unwrap_or_else(|| s256(&verifier));
        if !is_unreserved(&verifier) || !is_unreserved(&challenge) {
            return Err(malformed(1));
        }
        Ok(Self { verifier: CodeVerifier::new(verifier), challenge })
    }

    /// Returns the verifier, which only the token request may carry.
    pub fn verifier(&self) -> &CodeVerifier {
        &self.verifier
    }

    /// Returns the challenge: unpadded base64url of the verifier's SHA-256.
    pub fn challenge(&self) -> &str {
        &self.challenge
    }

    /// The same pair once more.
    #[cfg(feature = "hyper")]
    pub(crate) fn twin(&self) -> Self {
        let verifier = CodeVerifier::new(self.verifier.expose());
        Self { verifier, challenge: self.challenge.clone() }
    }

    pub(crate) fn into_parts(self) -> (CodeVerifier, String) {
        (self.verifier, self.challenge)
    }
}

impl fmt::Debug for Pkce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pkce").field("challenge", &self.challenge).finish_non_exhaustive()
    }
}

/// Makes a state and a pair with one call to the operating system.
pub(crate) fn random_state_and_pkce() -> Result<(State, Pkce)> {
    let random = random_bytes::<64>()?;
    let (state, verifier) = random.split_at(32);
    let mut bytes = [0; 32];
    bytes.copy_from_slice(verifier);
    Ok((State::new(URL_SAFE_NO_PAD.encode(state)), Pkce::from_random(bytes)))
}

/// Makes a state of 32 random bytes: 43 characters that X returns as they are.
pub(crate) fn random_state() -> Result<State> {
    Ok(State::new(URL_SAFE_NO_PAD.encode(random_bytes::<32>()?)))
}

fn random_bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|why| {
        Error::new(Reason::Internal, "the operating system has no randomness").with_source(why)
    })?;
    Ok(bytes)
}

fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

fn is_unreserved(text: &str) -> bool {
    (1..=Pkce::MAX_VERIFIER).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
}

fn malformed(least: usize) -> Error {
    let most = Pkce::MAX_VERIFIER;
    Error::new(
        Reason::InvalidSetting,
        format!(
            "the code verifier or challenge is not {least} to {most} characters of \
             A-Z a-z 0-9 - . _ ~"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rfcs_verifier_gives_the_rfcs_challenge() {
        // RFC 7636 appendix B.
        let octets = [
            116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22, 212,
            37, 77, 105, 214, 191, 240, 91, 88, 5, 88, 83, 132, 141, 121,
        ];
        let pkce = Pkce::from_random(octets);
        assert_eq!(pkce.verifier().expose(), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(pkce.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn no_two_pairs_are_alike() {
        let (one, other) = (Pkce::random().unwrap(), Pkce::random().unwrap());
        assert!(!one.verifier().matches(other.verifier().expose()));
        assert_eq!(one.verifier().expose().len(), Pkce::MIN_VERIFIER);
    }

    #[test]
    fn a_given_verifier_has_43_to_128_unreserved_characters() {
        assert!(Pkce::from_verifier("a".repeat(42)).is_err());
        assert!(Pkce::from_verifier("a".repeat(43)).is_ok());
        assert!(Pkce::from_verifier("~".repeat(128)).is_ok());
        assert!(Pkce::from_verifier("a".repeat(129)).is_err());
        assert!(Pkce::from_verifier("+".repeat(43)).is_err());
    }

    #[test]
    fn a_refusal_says_how_long_a_verifier_may_be() {
        for (refused, said) in [
            (Pkce::from_verifier("a".repeat(42)), "43 to 128"),
            (Pkce::from_verifier("a".repeat(129)), "43 to 128"),
            (Pkce::from_parts("", None), "1 to 128"),
            (Pkce::from_parts("a", Some("b c".into())), "1 to 128"),
        ] {
            let error = refused.unwrap_err().to_string();
            assert!(error.contains(&format!("not {said} characters")), "{error}");
        }
    }

    #[test]
    fn debug_shows_no_verifier() {
        let pkce = Pkce::from_random([7; 32]);
        let shown = format!("{pkce:?}");
        assert!(shown.contains(pkce.challenge()) && !shown.contains(pkce.verifier().expose()));
    }
}
