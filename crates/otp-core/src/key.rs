//! The keys of codes, and the derivation of a code.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use thiserror::Error;

use crate::{
    binding::Binding,
    code::OtpCode,
    format::CodeFormat,
    id::{ChallengeId, KeyId, Nonce},
};

/// Domain separation: the same secret may serve another use elsewhere.
const DOMAIN: &[u8] = b"otp-core/code/3";

/// One secret key for deriving codes. Wiped from memory when dropped, never shown.
///
/// HMAC turns a key into two hash states. They are computed once, cloned for each code, and wiped when dropped
/// (feature `zeroize` of `sha2`). Not wiped: `hmac` leaves its padded copy of the key on the stack.
#[derive(Clone)]
pub struct DigestKey(Hmac<Sha256>);

impl DigestKey {
    /// Length of the shortest key, in bytes.
    pub const MIN_LEN: usize = 32;

    /// Takes a key of 32 bytes or more, generated at random.
    ///
    /// # Errors
    ///
    /// [`KeyTooShort`] below 32 bytes.
    pub fn from_bytes(key: &[u8]) -> Result<Self, KeyTooShort> {
        if key.len() < Self::MIN_LEN {
            return Err(KeyTooShort);
        }
        let tag = keyed(key)?.chain_update(DOMAIN).finalize();
        Ok(Self(keyed(tag.as_bytes())?))
    }
}

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestKey(..)")
    }
}

/// HMAC takes a key of any length. The error cannot occur.
fn keyed(key: &[u8]) -> Result<Hmac<Sha256>, KeyTooShort> {
    Hmac::new_from_slice(key).map_err(|_| KeyTooShort)
}

/// A key with fewer than 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a key needs at least 32 bytes")]
pub struct KeyTooShort;

/// The current key and earlier ones.
///
/// New challenges use the current key. An open challenge keeps the id of its own key. So a rotation breaks no
/// challenge if the old key stays in the ring for the lifetime of a code.
///
/// ```
/// use otp_core::{DigestKey, KeyId, KeyRing};
///
/// // A service reads its keys from its configuration.
/// let ring = KeyRing::new(KeyId::new(2), DigestKey::random())
///     .with_previous(KeyId::new(1), DigestKey::random())?;
/// assert_eq!(ring.current_id(), KeyId::new(2));
/// # Ok::<(), otp_core::DuplicateKeyId>(())
/// ```
#[derive(Clone, Debug)]
pub struct KeyRing {
    current: (KeyId, DigestKey),
    previous: Vec<(KeyId, DigestKey)>,
}

impl KeyRing {
    /// Creates a ring with one key.
    pub fn new(id: KeyId, key: DigestKey) -> Self {
        Self { current: (id, key), previous: Vec::new() }
    }

    /// Adds an earlier key. Open challenges still use it; new ones do not.
    ///
    /// # Errors
    ///
    /// [`DuplicateKeyId`] if the ring has a key with this id.
    pub fn with_previous(mut self, id: KeyId, key: DigestKey) -> Result<Self, DuplicateKeyId> {
        if self.find(id).is_some() {
            return Err(DuplicateKeyId(id));
        }
        self.previous.push((id, key));
        Ok(self)
    }

    /// Returns the id of the key for new challenges.
    pub fn current_id(&self) -> KeyId {
        self.current.0
    }

    /// Derives the code of the challenge `id` with `nonce`, under the key `kid`.
    ///
    /// The code is an HMAC-SHA-256 over the binding, the id and the nonce, turned into characters without
    /// bias. No two sets of arguments have the same encoding. The same arguments always give the same code,
    /// and every code is equally likely. Without the key, a code cannot be told from a random one. The key
    /// of this HMAC is the HMAC of a domain under the configured key.
    ///
    /// # Errors
    ///
    /// [`UnknownKey`] if the ring has no key with this id.
    pub fn derive(
        &self,
        kid: KeyId,
        binding: &Binding<'_>,
        id: ChallengeId,
        nonce: &Nonce,
        format: &CodeFormat,
    ) -> Result<OtpCode, UnknownKey> {
        let key = self.find(kid).ok_or(UnknownKey(kid))?;
        let mut uniform = binding.tag(&key.0, id, nonce);
        loop {
            if let Some(number) = format.number(uniform.as_bytes()) {
                return Ok(format.code(number));
            }
            // No binding is as short as a tag, so this is the tag of no other message.
            uniform = key.0.clone().chain_update(uniform.as_bytes()).finalize();
        }
    }

    fn find(&self, kid: KeyId) -> Option<&DigestKey> {
        if self.current.0 == kid {
            return Some(&self.current.1);
        }
        self.previous.iter().find(|(id, _)| *id == kid).map(|(_, key)| key)
    }
}

/// The error of [`KeyRing::with_previous`]: the ring has a key with this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the key ring already has a key {0}")]
pub struct DuplicateKeyId(pub KeyId);

/// The id of a key that is not in the ring, for example because it was retired too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the key ring has no key {0}")]
pub struct UnknownKey(pub KeyId);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{format::Alphabet, id::Purpose};

    const ID: ChallengeId = ChallengeId::from_bytes([0xa1; 16]);
    const NONCE: Nonce = Nonce::from_bytes([0xb2; 16]);
    const KID: KeyId = KeyId::new(1);

    fn ring() -> KeyRing {
        KeyRing::new(KID, DigestKey::from_bytes(&[7; 32]).unwrap())
    }

    const NUMBER: &[u8] = b"+819012345678";

    /// Known answers: a change of these breaks every open challenge at an upgrade.
    #[test]
    fn known_answers() {
        let purpose = Purpose::LOGIN;
        let binding =
            Binding { tenant: "t", subject: "alice", flow: "f1", purpose, destination: NUMBER };
        for (format, expected) in [
            (CodeFormat::digits(4), KNOWN[0]),
            (CodeFormat::digits(6), KNOWN[1]),
            (CodeFormat::digits(10), KNOWN[2]),
            (CodeFormat::new(Alphabet::UNMISTAKABLE, 8), KNOWN[3]),
        ] {
            let code = ring().derive(KID, &binding, ID, &NONCE, &format.unwrap()).unwrap();
            assert_eq!(code.expose_secret(), expected);
        }
    }

    /// Computed by another implementation (Python), where `lp` puts the length of a text before it:
    ///
    /// ```text
    /// key = hmac.new(bytes([7]) * 32, b"otp-core/code/3", hashlib.sha256).digest()
    /// message = b"".join(map(lp, [b"t", b"alice", b"f1", b"login"]))
    /// message += b"\xa1" * 16 + b"\xb2" * 16 + b"+819012345678"    # id, nonce, destination
    /// words = struct.unpack(">4Q", tag := hmac.new(key, message, hashlib.sha256).digest())
    /// number = next(w for w in words if w < 2**64 - 2**64 % codes) % codes    # none: message = tag
    /// ```
    const KNOWN: [&str; 4] = ["6005", "636005", "2672636005", "FCD8KMWV"];

    /// Of the longest codes, one word in 22 is rejected, and four in a row about once in 230,000. The
    /// implementation above found these three challenges and their codes.
    #[test]
    fn the_next_block_is_drawn_when_every_word_is_rejected() {
        let alphabet: String = ('0'..='9').chain('A'..='Z').chain('a'..='z').collect();
        let ten = CodeFormat::new(Alphabet::new(&alphabet).unwrap(), 10).unwrap();
        let purpose = Purpose::LOGIN;
        let binding =
            Binding { tenant: "t", subject: "alice", flow: "f1", purpose, destination: NUMBER };
        for (n, expected) in
            [(45_778_u32, "t9Gi0VDFNs"), (108_299, "j3N17X8rH4"), (352_815, "Yii5pGQL4T")]
        {
            let mut nonce = [0; 16];
            nonce[..4].copy_from_slice(&n.to_be_bytes());
            let nonce = Nonce::from_bytes(nonce);
            let key = DigestKey::from_bytes(&[7; 32]).unwrap();
            assert!(ten.number(binding.tag(&key.0, ID, &nonce).as_bytes()).is_none());
            let code = ring().derive(KID, &binding, ID, &nonce, &ten).unwrap();
            assert_eq!(code.expose_secret(), expected);
        }
    }

    /// The states of an HMAC are those of its hash. Without the feature `zeroize` of `sha2` and `hmac`
    /// this does not compile.
    #[test]
    fn keys_and_tags_are_wiped() {
        fn wiped<T: zeroize::ZeroizeOnDrop>() {}
        wiped::<<Sha256 as hmac::EagerHash>::Core>();
        wiped::<hmac::digest::CtOutput<Hmac<Sha256>>>();
    }

    #[test]
    fn keys_have_32_bytes_or_more() {
        for (len, is_good) in [(0, false), (31, false), (32, true), (33, true), (200, true)] {
            assert_eq!(DigestKey::from_bytes(&vec![1; len]).is_ok(), is_good, "{len}");
        }
    }

    #[test]
    fn a_ring_finds_each_key_by_its_id() {
        let key = |n| DigestKey::from_bytes(&[n; 32]).unwrap();
        let ring = KeyRing::new(KeyId::new(3), key(3));
        assert_eq!(
            ring.clone().with_previous(KeyId::new(3), key(1)).err(),
            Some(DuplicateKeyId(KeyId::new(3)))
        );
        let ring = ring.with_previous(KeyId::new(2), key(2)).unwrap();
        assert_eq!(
            ring.clone().with_previous(KeyId::new(2), key(1)).err(),
            Some(DuplicateKeyId(KeyId::new(2)))
        );
        assert_eq!(ring.current_id(), KeyId::new(3));
        let binding = Binding {
            tenant: "",
            subject: "",
            flow: "",
            purpose: Purpose::LOGIN,
            destination: NUMBER,
        };
        let six = CodeFormat::digits(6).unwrap();
        let code = |ring: &KeyRing, kid| {
            ring.derive(KeyId::new(kid), &binding, ID, &NONCE, &six)
                .map(|code| code.expose_secret().to_owned())
        };
        assert_eq!(code(&ring, 2), code(&KeyRing::new(KeyId::new(2), key(2)), 2));
        assert_ne!(code(&ring, 2), code(&ring, 3));
        assert_eq!(code(&ring, 1), Err(UnknownKey(KeyId::new(1))));
    }

    #[test]
    fn no_key_shows_in_debug() {
        let ring = KeyRing::new(KeyId::new(1), DigestKey::from_bytes(&[0xee; 32]).unwrap());
        assert_eq!(
            format!("{ring:?}"),
            "KeyRing { current: (KeyId(1), DigestKey(..)), previous: [] }"
        );
    }
}
