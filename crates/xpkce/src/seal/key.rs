//! One sealing key, and its name.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::digits::{Digits, NoDigits};
use crate::{Error, Reason, Result};

/// The name of a sealing key: 16 hexadecimal digits that follow from the key, so that one key has
/// one name wherever it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Digits<16>);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl FromStr for KeyId {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let digits = name.parse().map_err(|NoDigits| {
            Error::new(Reason::Key, "a key's name is not 16 hexadecimal digits")
        })?;
        Ok(Self(digits))
    }
}

/// 32 random bytes; wiped when dropped.
#[derive(Clone)]
pub(super) struct SealingKey {
    id: KeyId,
    bytes: Zeroizing<[u8; Self::LENGTH]>,
}

impl SealingKey {
    pub(super) const LENGTH: usize = 32;

    pub(super) fn generate() -> Result<Self> {
        let mut bytes = Zeroizing::new([0; Self::LENGTH]);
        getrandom::fill(bytes.as_mut_slice()).map_err(|_| {
            Error::new(Reason::Internal, "the system has no randomness to make a key of")
        })?;
        Ok(Self::from_bytes(bytes))
    }

    /// Reads 32 bytes in base64, of either alphabet, with padding or without.
    pub(super) fn from_text(text: &str) -> Result<Self> {
        let malformed = || {
            Error::new(Reason::Key, "a sealing key is 32 bytes in base64, and this one is not")
                .with_hint("give the key that the store was made with; for a new store: head -c 32 /dev/urandom | base64")
        };
        let decoded = decode(text).ok_or_else(malformed)?;
        let mut bytes = Zeroizing::new([0; Self::LENGTH]);
        if decoded.len() != Self::LENGTH {
            return Err(malformed());
        }
        bytes.copy_from_slice(&decoded);
        Ok(Self::from_bytes(bytes))
    }

    fn from_bytes(bytes: Zeroizing<[u8; Self::LENGTH]>) -> Self {
        let digest = Sha256::new().chain_update(b"xpkce key id\0").chain_update(*bytes).finalize();
        Self { id: KeyId(Digits::of(&digest)), bytes }
    }

    pub(super) fn id(&self) -> &KeyId {
        &self.id
    }

    pub(super) fn bytes(&self) -> &[u8; Self::LENGTH] {
        &self.bytes
    }

    pub(super) fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(*self.bytes))
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({} [redacted])", self.id)
    }
}

fn decode(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let lenient =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    [alphabet::STANDARD, alphabet::URL_SAFE]
        .iter()
        .find_map(|alphabet| GeneralPurpose::new(alphabet, lenient).decode(text).ok())
        .map(Zeroizing::new)
}
