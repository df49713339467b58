//! Encryption at rest, between a grant and every back end: XChaCha20-Poly1305, with the place a
//! secret belongs to bound in, so that a record that was moved or mixed does not open.
//!
//! Where the keys come from is in `file.rs` and `unlock.rs`; what is sealed, and when, is the
//! keeper's affair.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::AeadInOut as _;
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::{Error, Reason, Result};

mod file;

mod key;
pub use key::KeyId;
use key::SealingKey;

mod ring;
use ring::Ring;

mod place;
pub use place::Place;

#[doc(hidden)]
pub mod private;
pub(crate) use private::{closing, open as open_file};

mod unlock;
pub use crate::secret::KeyText;
pub use unlock::{KeySource, open_check, unlock};

mod uses;
pub use uses::{KeyUses, key_uses, keys_in_use};

/// The bytes of a nonce.
const NONCE: usize = 24;

/// The bytes of an authentication tag.
const TAG: usize = 16;

/// A secret as a store sees it: serialised as one string, `KEY.TEXT`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Sealed {
    /// Names the key that sealed it.
    pub(crate) key: KeyId,
    /// The nonce and the ciphertext, base64url without padding.
    pub(crate) text: String,
}

impl Sealed {
    /// Returns the name of the key that sealed it.
    pub fn key(&self) -> &KeyId {
        &self.key
    }
}

impl Serialize for Sealed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}.{}", self.key, self.text))
    }
}

impl From<Sealed> for String {
    fn from(sealed: Sealed) -> Self {
        format!("{}.{}", sealed.key, sealed.text)
    }
}

impl TryFrom<String> for Sealed {
    type Error = Error;

    fn try_from(written: String) -> Result<Self> {
        let (key, text) = written.split_once('.').ok_or_else(|| {
            Error::new(Reason::StoreDamaged, "a sealed secret does not name its key")
        })?;
        Ok(Self { key: key.parse()?, text: text.to_owned() })
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed(key {})", self.key)
    }
}

/// What to do where a key is missing that may have come since this program began.
const AS_IT_BEGAN: &str =
    "give it all keys of this store and start it again: it has those that it began with";

/// Seals and opens with a ring of keys, of which the last one added seals.
pub struct Sealer {
    ring: ArcSwap<Ring>,
    file: Option<PathBuf>,
}

impl Sealer {
    /// Reads one key, or several between white space of which the last one seals: 32 bytes each, in
    /// base64. The form of the environment variable `XPKCE_KEY`.
    ///
    /// # Errors
    /// [`Reason::Key`] when there is none, or one is not 32 bytes in base64.
    pub fn from_text(text: &str) -> Result<Self> {
        let keys = text.split_whitespace().map(SealingKey::from_text).collect::<Result<_>>()?;
        Ok(Self { ring: ArcSwap::from_pointee(Ring::new(keys)?), file: None })
    }

    /// Returns the name of the key that seals.
    pub fn current(&self) -> KeyId {
        *self.ring.load().current().id()
    }

    /// Returns the names of the keys, the oldest first.
    pub fn keys(&self) -> Vec<KeyId> {
        self.ring.load().keys().iter().map(|key| *key.id()).collect()
    }

    /// Seals `secret` so that it opens in `place` alone.
    ///
    /// # Errors
    /// [`Reason::Internal`] when the system has no randomness, or the secret is over 64 GiB.
    pub fn seal(&self, place: Place<'_>, secret: &[u8]) -> Result<Sealed> {
        let ring = self.ring.load();
        let key = ring.current();
        let mut bytes = Vec::with_capacity(NONCE + secret.len() + TAG);
        bytes.resize(NONCE, 0);
        getrandom::fill(&mut bytes).map_err(|_| {
            Error::new(Reason::Internal, "the system has no randomness to seal a secret with")
        })?;
        let nonce = nonce(&bytes)?;
        bytes.extend_from_slice(secret);
        let tag = cipher(key)
            .encrypt_inout_detached(&nonce, &place.bound_to(key.id()), (&mut bytes[NONCE..]).into())
            .map_err(|_| Error::new(Reason::Internal, "the secret is too long to be sealed"))?;
        bytes.extend_from_slice(&tag);
        Ok(Sealed { key: *key.id(), text: URL_SAFE_NO_PAD.encode(bytes) })
    }

    /// Opens what was sealed in `place`.
    ///
    /// # Errors
    /// [`Reason::Key`] when the key is not in the ring, or the secret was altered, cut short or
    /// moved from another place.
    pub fn open(&self, place: Place<'_>, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>> {
        let ring = self.ring_with(&sealed.key)?;
        let key = ring.key(&sealed.key).map_err(|why| match place {
            // The store's own check did not open either: it is the wrong key altogether.
            Place::KeyCheck => why,
            _ if self.file.is_some() => why,
            _ => why.with_hint(AS_IT_BEGAN),
        })?;
        let mut bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(&sealed.text).map_err(|_| {
            Error::new(Reason::Key, format!("{place} is not in base64: it was altered"))
        })?);
        let Some(end) = bytes.len().checked_sub(TAG).filter(|end| *end >= NONCE) else {
            return Err(Error::new(Reason::Key, format!("{place} is too short: it was cut")));
        };
        let nonce = nonce(&bytes)?;
        let tag = <[u8; TAG]>::try_from(&bytes[end..])
            .map_err(|_| Error::new(Reason::Internal, "a tag has another length"))?;
        cipher(key)
            .decrypt_inout_detached(
                &nonce,
                &place.bound_to(key.id()),
                (&mut bytes[NONCE..end]).into(),
                &tag.into(),
            )
            .map_err(|_| {
                Error::new(
                    Reason::Key,
                    format!("{place} does not open: it was altered, or sealed for another place"),
                )
            })?;
        Ok(Zeroizing::new(bytes[NONCE..end].to_vec()))
    }

    /// Returns a ring with the key where there is one: another process may have added it since.
    fn ring_with(&self, key: &KeyId) -> Result<Arc<Ring>> {
        if self.ring.load().key(key).is_err() {
            self.refresh()?;
        }
        Ok(self.ring.load_full())
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ring.load().keys()).finish()
    }
}

fn cipher(key: &SealingKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.bytes().into())
}

fn nonce(bytes: &[u8]) -> Result<XNonce> {
    XNonce::try_from(&bytes[..NONCE])
        .map_err(|_| Error::new(Reason::Internal, "a nonce has another length"))
}
