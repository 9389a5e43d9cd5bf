//! The keys that codes are derived under, and the derivation.

use std::fmt;

use thiserror::Error;

use crate::binding::{Binding, Message};
use crate::code::OtpCode;
use crate::format::CodeFormat;
use crate::id::{ChallengeId, KeyId, Nonce};
use crate::mac::HmacKey;

/// One secret key for deriving codes; wiped from memory when dropped, never shown.
#[derive(Clone)]
pub struct DigestKey(HmacKey);

impl DigestKey {
    /// The length of the shortest key, in bytes.
    pub const MIN_LEN: usize = 32;

    /// Takes a key of 32 bytes or more, drawn at random.
    ///
    /// # Errors
    ///
    /// [`KeyTooShort`] below 32 bytes.
    pub fn from_bytes(key: &[u8]) -> Result<Self, KeyTooShort> {
        if key.len() < Self::MIN_LEN { Err(KeyTooShort) } else { Ok(Self(HmacKey::new(key))) }
    }
}

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestKey(..)")
    }
}

/// A key with fewer than 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a key needs at least 32 bytes")]
pub struct KeyTooShort;

/// The current key and the ones before it.
///
/// New challenges use the current key; an open challenge keeps the number of its own, so a rotation
/// breaks none as long as the old key stays in the ring for the life of a code.
///
/// ```
/// use otp_core::{DigestKey, KeyId, KeyRing};
///
/// let ring = KeyRing::new(KeyId::new(2), DigestKey::from_bytes(&[2; 32])?)
///     .with_previous(KeyId::new(1), DigestKey::from_bytes(&[1; 32])?)?;
/// assert_eq!(ring.current_id(), KeyId::new(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct KeyRing {
    current: (KeyId, DigestKey),
    previous: Vec<(KeyId, DigestKey)>,
}

impl KeyRing {
    /// A ring with one key.
    pub fn new(id: KeyId, key: DigestKey) -> Self {
        Self { current: (id, key), previous: Vec::new() }
    }

    /// Adds a key that opens no more challenges but still answers for those it opened.
    ///
    /// # Errors
    ///
    /// [`DuplicateKeyId`] if the ring has a key of this number.
    pub fn with_previous(mut self, id: KeyId, key: DigestKey) -> Result<Self, DuplicateKeyId> {
        if self.find(id).is_some() {
            return Err(DuplicateKeyId(id));
        }
        self.previous.push((id, key));
        Ok(self)
    }

    /// The number of the key for new challenges.
    pub fn current_id(&self) -> KeyId {
        self.current.0
    }

    /// The code of the challenge `id` with `nonce`, under the key `kid`.
    ///
    /// HMAC-SHA-256 over a domain, the binding, the id and the nonce, each with its length before it,
    /// turned into characters without bias: the same arguments always give the same code, every code
    /// is equally likely, and nobody without the key can tell it from a random one.
    ///
    /// # Errors
    ///
    /// [`UnknownKey`] if the ring has no key of that number (any more).
    pub fn derive(
        &self,
        kid: KeyId,
        binding: &Binding<'_>,
        id: ChallengeId,
        nonce: &Nonce,
        format: &CodeFormat,
    ) -> Result<OtpCode, UnknownKey> {
        let key = self.find(kid).ok_or(UnknownKey(kid))?;
        let mut message = Message::new(binding, id, nonce);
        let mut counter = 0;
        loop {
            if let Some(code) = format.draw(&key.0.tag(message.bytes())) {
                return Ok(code);
            }
            counter += 1;
            message.set_counter(counter);
        }
    }

    fn find(&self, kid: KeyId) -> Option<&DigestKey> {
        if self.current.0 == kid {
            return Some(&self.current.1);
        }
        self.previous.iter().find(|(id, _)| *id == kid).map(|(_, key)| key)
    }
}

/// Two keys of one number in a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the key ring already has a key {0}")]
pub struct DuplicateKeyId(pub KeyId);

/// The number of a key that is not in the ring: it was retired while a challenge of its was open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the key ring has no key {0}")]
pub struct UnknownKey(pub KeyId);
