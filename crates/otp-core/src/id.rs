//! Identifiers: of challenges, subjects, purposes and keys; and the nonce of a code.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::fields::update_with_fields;

/// The id of one challenge: 16 random bytes, written as 22 characters of base64url.
///
/// Not a secret: it may appear in a form field or a log. Generate a new one for every challenge, because a
/// store tells challenges apart by it alone.
///
/// ```
/// use otp_core::ChallengeId;
///
/// let id = ChallengeId::random();
/// assert_eq!(id.to_string().len(), 22);
/// assert_eq!(id.to_string().parse(), Ok(id));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChallengeId([u8; 16]);

impl ChallengeId {
    /// Creates the id from 16 bytes that the caller generated at random.
    pub const fn from_bytes(random: [u8; 16]) -> Self {
        Self(random)
    }

    /// Returns the 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for ChallengeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 22];
        match URL_SAFE_NO_PAD.encode_slice(self.0, &mut text) {
            Ok(_) => f.pad(str::from_utf8(&text).map_err(|_| fmt::Error)?),
            Err(_) => Err(fmt::Error),
        }
    }
}

impl fmt::Debug for ChallengeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChallengeId({self})")
    }
}

impl FromStr for ChallengeId {
    type Err = InvalidId;

    /// Reads exactly what `Display` writes. Refuses padding, white space and other alphabets.
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let mut bytes = [0; 16];
        if text.len() != 22 {
            return Err(InvalidId);
        }
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(16) => Ok(Self(bytes)),
            _ => Err(InvalidId),
        }
    }
}

/// The error of parsing a [`ChallengeId`] or a [`SubjectKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not an id in its only spelling")]
pub struct InvalidId;

/// The key under which a store keeps everything about one subject of one tenant.
///
/// It is a digest, so a store or its backup names no user. Two different pairs of tenant and subject never
/// have the same key, because each text is hashed with its length.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectKey([u8; 16]);

impl SubjectKey {
    /// Derives the key of `subject` in `tenant`: the first 16 bytes of SHA-256 over both, length-prefixed.
    ///
    /// ```
    /// use otp_core::SubjectKey;
    ///
    /// assert_ne!(SubjectKey::derive("ab", "c"), SubjectKey::derive("a", "bc"));
    /// ```
    pub fn derive(tenant: &str, subject: &str) -> Self {
        // The domain is short, so that a message with a UUID as the subject fits one block of the hash.
        let mut hash = Sha256::new();
        update_with_fields(&mut hash, &[b"sub/1", tenant.as_bytes(), subject.as_bytes()]);
        let mut key = [0; 16];
        key.copy_from_slice(&hash.finalize()[..16]);
        Self(key)
    }

    /// Creates a key from the bytes of one that [`derive`](Self::derive) returned.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for SubjectKey {
    /// 32 lower-case hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for SubjectKey {
    type Err = InvalidId;

    /// Reads exactly what `Display` writes.
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let (digits, rest) = text.as_bytes().as_chunks::<2>();
        let digits = <&[[u8; 2]; 16]>::try_from(digits).map_err(|_| InvalidId)?;
        if !rest.is_empty() {
            return Err(InvalidId);
        }
        let mut key = [0; 16];
        for (byte, [high, low]) in key.iter_mut().zip(digits) {
            *byte = hex(*high)? << 4 | hex(*low)?;
        }
        Ok(Self(key))
    }
}

/// Returns the value of a lower-case hexadecimal digit.
fn hex(digit: u8) -> Result<u8, InvalidId> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(InvalidId),
    }
}

impl fmt::Debug for SubjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SubjectKey({self})")
    }
}

/// What a code is for, in 1 to 15 characters of `a-z`, `0-9`, `-`, `_` and `.`.
///
/// A code is right only for the purpose that it was issued for. A subject has at most one open challenge per
/// purpose.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purpose {
    padded: [u8; Self::MAX_LEN],
    len: u8,
}

impl Purpose {
    /// Length of the longest name, in bytes.
    pub const MAX_LEN: usize = 15;

    /// Logging in.
    pub const LOGIN: Self = Self { padded: *b"login\0\0\0\0\0\0\0\0\0\0", len: 5 };

    /// Confirming one sensitive action in a session that exists.
    pub const STEP_UP: Self = Self { padded: *b"step-up\0\0\0\0\0\0\0\0", len: 7 };

    /// Creates a purpose with a name that the host chooses.
    ///
    /// # Errors
    ///
    /// [`InvalidPurpose`] if the name is empty, longer than 15 bytes or has another character.
    pub fn new(name: &str) -> Result<Self, InvalidPurpose> {
        let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
        if name.is_empty() || name.len() > Self::MAX_LEN || !name.bytes().all(allowed) {
            return Err(InvalidPurpose);
        }
        let mut padded = [0; Self::MAX_LEN];
        padded[..name.len()].copy_from_slice(name.as_bytes());
        Ok(Self { padded, len: u8::try_from(name.len()).map_err(|_| InvalidPurpose)? })
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// Returns the name in ASCII.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.padded[..usize::from(self.len)]
    }

    /// Returns the name padded with zero bytes, as a record keeps it.
    pub(crate) const fn padded(&self) -> &[u8; Self::MAX_LEN] {
        &self.padded
    }

    pub(crate) fn from_padded(padded: &[u8]) -> Option<Self> {
        let end = padded.iter().position(|b| *b == 0).unwrap_or(padded.len());
        let (name, rest) = padded.split_at(end);
        let name = str::from_utf8(name).ok()?;
        if rest.iter().any(|b| *b != 0) { None } else { Self::new(name).ok() }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl AsRef<str> for Purpose {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Debug for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Purpose({self})")
    }
}

impl FromStr for Purpose {
    type Err = InvalidPurpose;

    fn from_str(name: &str) -> Result<Self, InvalidPurpose> {
        Self::new(name)
    }
}

/// The error of [`Purpose::new`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a purpose is named in 1 to 15 characters of a-z, 0-9, '-', '_' and '.'")]
pub struct InvalidPurpose;

/// 16 random bytes that a code is derived from. Worthless without the key.
///
/// The store keeps it instead of the code. It is not a strict secret. `Debug` hides it, because logs have no
/// use for it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Nonce([u8; 16]);

impl Nonce {
    /// Creates the nonce from 16 bytes that the caller generated at random.
    pub const fn from_bytes(random: [u8; 16]) -> Self {
        Self(random)
    }

    /// Returns the 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce(..)")
    }
}

/// The id of a key in a [`KeyRing`](crate::KeyRing). Each challenge keeps the id of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(u32);

impl KeyId {
    /// Creates the id with this number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Returns the number.
    pub const fn as_u32(self) -> u32 {
        self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_id_has_one_spelling() {
        let id = ChallengeId::from_bytes(*b"\xfb\xff0123456789abcd");
        let text = id.to_string();
        assert_eq!(text.len(), 22);
        assert_eq!(text.parse(), Ok(id));
        assert_eq!(format!("{id:?}"), format!("ChallengeId({text})"));
        for bad in [
            String::new(),
            text[..21].to_owned(),
            format!("{text}A"),
            format!("{text}=="),
            text.replace(['-', '_'], "+"),
            format!(" {}", &text[1..]),
            "AAAAAAAAAAAAAAAAAAAAAB".to_owned(), // bits beyond the 128th
        ] {
            assert_eq!(bad.parse::<ChallengeId>(), Err(InvalidId), "{bad}");
        }
    }

    /// Pinned: a store finds a subject by this key after an upgrade too.
    #[test]
    fn a_subject_key_is_pinned() {
        let key = SubjectKey::derive("tenant", "alice");
        let input = b"\x05sub/1\x06tenant\x05alice";
        assert_eq!(key.as_bytes()[..], Sha256::digest(input)[..16]);
        assert_eq!(key, SubjectKey::from_bytes(*key.as_bytes()));
        assert_eq!(key.to_string().len(), 32);
        assert_eq!(key.to_string().parse(), Ok(key));
        let text = key.to_string();
        for bad in [&text[1..], &format!("{text}0"), &text.replace(char::is_alphabetic, "A"), ""] {
            assert_eq!(bad.parse::<SubjectKey>(), Err(InvalidId), "{bad}");
        }
        assert!(key.to_string().starts_with(&format!("{:02x}", key.as_bytes()[0])));
        assert_eq!(format!("{key:?}"), format!("SubjectKey({key})"));
        assert_ne!(SubjectKey::derive("", "ab"), SubjectKey::derive("ab", ""));
        // Lengths from 128 take two bytes.
        let long = "x".repeat(128);
        let mut input = b"\x05sub/1\x00\x80\x01".to_vec();
        input.extend(long.as_bytes());
        assert_eq!(SubjectKey::derive("", &long).as_bytes()[..], Sha256::digest(input)[..16]);
    }

    #[test]
    fn a_key_id_shows_its_number_and_a_nonce_shows_nothing() {
        assert_eq!(format!("{:>3}", KeyId::new(7)), "  7");
        assert_eq!(format!("{:?}", Nonce::from_bytes([0xb2; 16])), "Nonce(..)");
    }

    #[test]
    fn purposes_are_short_names() {
        for good in ["a", "login", "step-up", "a_b.c-9", "123456789012345"] {
            let purpose: Purpose = good.parse().unwrap();
            assert_eq!((purpose.as_str(), purpose.to_string().as_str()), (good, good));
            assert_eq!(Purpose::from_padded(purpose.padded()), Some(purpose));
        }
        for bad in ["", "1234567890123456", "Login", "a b", "a\0", "é"] {
            assert_eq!(Purpose::new(bad), Err(InvalidPurpose), "{bad}");
        }
        assert_eq!(Purpose::new("login"), Ok(Purpose::LOGIN));
        assert_eq!(Purpose::new("step-up"), Ok(Purpose::STEP_UP));
        assert_eq!(format!("{:?}", Purpose::LOGIN), "Purpose(login)");
    }
}
