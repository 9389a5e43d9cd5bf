//! The secrets that cookies carry. Only their digests are ever stored.

use std::{fmt, marker::PhantomData};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use mfa_plugin_api::{Randomness, RandomnessUnavailable};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

/// The token of a [`PendingLogin`](crate::PendingLogin): a login that lacks factors. Opens nothing.
pub type PendingToken = Token<Pending>;

/// The token of a [`Session`](crate::Session).
pub type SessionToken = Token<Full>;

/// A 256-bit secret that names a login of the kind `K`.
///
/// `Debug` is redacted, and the bytes are wiped on drop. A token of one kind is never accepted as the
/// other: the kind is part of the digest.
///
/// ```compile_fail
/// fn needs_session(_: &auth_module::SessionToken) {}
/// needs_session(&auth_module::PendingToken::from_bytes([7; 32]));
/// ```
pub struct Token<K> {
    bytes: [u8; 32],
    kind: PhantomData<K>,
}

/// Marks a login that lacks factors.
#[derive(Debug)]
pub enum Pending {}

/// Marks a session.
#[derive(Debug)]
pub enum Full {}

/// The two kinds of tokens; sealed.
pub trait TokenKind: sealed::Sealed {
    #[doc(hidden)]
    const DOMAIN: &'static [u8];
}

impl TokenKind for Pending {
    const DOMAIN: &'static [u8] = b"pending login token\0";
}

impl TokenKind for Full {
    const DOMAIN: &'static [u8] = b"session token\0";
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Pending {}
    impl Sealed for super::Full {}
}

impl<K: TokenKind> Token<K> {
    /// Makes the token of 32 unpredictable bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self { bytes, kind: PhantomData }
    }

    /// Generates a token.
    ///
    /// # Errors
    ///
    /// [`RandomnessUnavailable`] if the generator failed.
    pub fn generate(randomness: &dyn Randomness) -> Result<Self, RandomnessUnavailable> {
        let mut token = Self::from_bytes([0; 32]);
        randomness.fill(&mut token.bytes)?;
        Ok(token)
    }

    /// Reads a cookie's value: 43 characters of Base64 for URLs without padding. Returns `None` for
    /// anything else.
    pub fn parse(value: &str) -> Option<Self> {
        if value.len() != 43 {
            return None;
        }
        let decoded = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(value).ok()?);
        Some(Self::from_bytes(decoded.as_slice().try_into().ok()?))
    }

    /// Returns the cookie's value. Put it into `Set-Cookie` and nowhere else.
    pub fn expose_secret(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(self.bytes))
    }

    /// Returns what is stored instead of the token.
    pub fn digest(&self) -> TokenDigest {
        let digest = Sha256::new().chain_update(K::DOMAIN).chain_update(self.bytes).finalize();
        TokenDigest(digest.into())
    }
}

impl<K> Drop for Token<K> {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl<K> fmt::Debug for Token<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token([redacted])")
    }
}

/// SHA-256 over the kind and the bytes of a token. It is the key of a login or session in a store, and
/// opens nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// Makes the digest that was stored as `bytes`.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes to store.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl serde::Serialize for TokenDigest {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl<'de> serde::Deserialize<'de> for TokenDigest {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(String::deserialize(from)?).ok();
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| serde::de::Error::custom("no token digest"))
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenDigest({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

#[cfg(test)]
mod tests {
    use testkit::{LeakScanner, SeededRandomness};

    use super::*;

    #[test]
    fn survives_the_cookie() {
        let token = SessionToken::generate(&SeededRandomness::new(1)).unwrap();
        let value = token.expose_secret();
        assert_eq!(value.len(), 43);
        assert_eq!(SessionToken::parse(&value).unwrap().digest(), token.digest());
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let value = SessionToken::from_bytes([0xff; 32]).expose_secret();
        for bad in
            ["", "x", &value[1..], &format!("{}=", value.as_str()), &format!("{}!", &value[1..])]
        {
            assert!(SessionToken::parse(bad).is_none(), "{bad:?}");
        }
        // The last character holds two bits that belong to no byte: only zeros are canonical.
        assert!(SessionToken::parse(&format!("{}9", &value[..42])).is_none());
    }

    #[test]
    fn the_kinds_share_no_digest() {
        let bytes = [7; 32];
        let (pending, full) = (PendingToken::from_bytes(bytes), SessionToken::from_bytes(bytes));
        assert_ne!(pending.digest(), full.digest());
    }

    #[test]
    fn nothing_shows_the_secret() {
        let token = PendingToken::from_bytes([0xab; 32]);
        let scanner = LeakScanner::new()
            .with_secret("token", &token.expose_secret())
            .with_secret("hex", "abababab");
        scanner.assert_clean("Debug", &format!("{token:?} {:?}", Some(&token)));
        scanner.assert_clean("digest", &format!("{:?}", token.digest()));
    }
}
