//! The secret that a server and an authenticator app share.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use thiserror::Error;
use zeroize::Zeroizing;

use super::base32;
use crate::code::{Chars, OtpCode};

/// The hash of the HMAC. Most authenticator apps support only SHA-1, which is secure for this use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC-SHA-1, the default of both RFCs.
    #[default]
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

impl Algorithm {
    /// Returns the name in an `otpauth:` URI.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    /// Returns the recommended length of a secret for this hash, in bytes: that of the hash.
    pub const fn secret_len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        [Self::Sha1, Self::Sha256, Self::Sha512]
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }
}

/// A secret shared with an authenticator app. Wiped from memory when dropped, never shown.
#[derive(Clone)]
pub struct OathSecret(pub(super) Zeroizing<Vec<u8>>);

impl OathSecret {
    /// Length of the shortest secret, in bytes (RFC 4226, R6: at least 128 bits).
    pub const MIN_LEN: usize = 16;
    /// Length of the longest secret, in bytes.
    pub const MAX_LEN: usize = 128;

    /// Takes a secret of 16 to 128 bytes, generated at random.
    ///
    /// # Errors
    ///
    /// [`InvalidSecret`] for another length.
    pub fn from_bytes(secret: &[u8]) -> Result<Self, InvalidSecret> {
        if (Self::MIN_LEN..=Self::MAX_LEN).contains(&secret.len()) {
            Ok(Self(Zeroizing::new(secret.to_vec())))
        } else {
            Err(InvalidSecret)
        }
    }

    /// Reads a secret in base 32, in either case, with or without padding, spaces and hyphens.
    ///
    /// # Errors
    ///
    /// [`InvalidSecret`] for another character or another length.
    pub fn from_base32(text: &str) -> Result<Self, InvalidSecret> {
        Self::from_bytes(&base32::decode(text).ok_or(InvalidSecret)?)
    }

    /// Returns the secret in base 32, for a person who types it into an app.
    pub fn expose_base32(&self) -> Zeroizing<String> {
        base32::encode(&self.0)
    }

    /// Returns the bytes. Store them encrypted.
    pub fn expose_secret(&self) -> &[u8] {
        &self.0
    }

    /// Computes HOTP(K, C) of RFC 4226, 5.3: the HMAC over the counter, truncated, in decimal.
    pub(super) fn code(&self, algorithm: Algorithm, counter: u64, digits: u8) -> Option<OtpCode> {
        let message = counter.to_be_bytes();
        // The states of the hashes and the tags are wiped when dropped (feature `zeroize` of their
        // crates). Not wiped: `hmac` leaves its padded copy of the key on the stack.
        let mut number = match algorithm {
            Algorithm::Sha1 => {
                let mac = Hmac::<Sha1>::new_from_slice(&self.0).ok()?;
                truncate(mac.chain_update(message).finalize().as_bytes())
            }
            Algorithm::Sha256 => {
                let mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
                truncate(mac.chain_update(message).finalize().as_bytes())
            }
            Algorithm::Sha512 => {
                let mac = Hmac::<Sha512>::new_from_slice(&self.0).ok()?;
                truncate(mac.chain_update(message).finalize().as_bytes())
            }
        };
        let mut text = Zeroizing::new([0; Chars::MAX_LEN]);
        let text = text.get_mut(..digits.into())?;
        for place in text.iter_mut().rev() {
            *place = b'0' + u8::try_from(number % 10).ok()?;
            number /= 10;
        }
        Chars::new(text).map(OtpCode::new)
    }
}

impl fmt::Debug for OathSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OathSecret(..)")
    }
}

/// The error of reading a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a shared secret of 16 to 128 bytes")]
pub struct InvalidSecret;

/// Dynamic truncation: the low four bits of the last byte say which 31 bits to take.
fn truncate(tag: &[u8]) -> u32 {
    let at = tag.last().map_or(0, |last| usize::from(last & 0xf));
    let word = tag.get(at..).and_then(<[u8]>::first_chunk::<4>).copied().unwrap_or_default();
    u32::from_be_bytes(word) & 0x7fff_ffff
}
