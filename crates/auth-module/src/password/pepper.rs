//! Peppers: keys that are mixed into password hashes and kept apart from them.

use std::{collections::BTreeMap, fmt};

use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::invalid::InvalidPasswordHash;

/// Which pepper it is: a part of a keyed digest, made with the pepper itself. A stored hash names the pepper
/// that it was made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PepperId(u32);

impl PepperId {
    fn of(key: &[u8]) -> Self {
        let mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        let digest = mac.chain_update(b"pepper id").finalize().into_bytes();
        Self(u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]))
    }

    /// Reads the value of `keyid` in a PHC string.
    pub(super) fn parse(text: &str) -> Result<Self, InvalidPasswordHash> {
        let bytes = BASE64_STANDARD_NO_PAD.decode(text).map_err(|_| InvalidPasswordHash::Form)?;
        let bytes = bytes.try_into().map_err(|_| InvalidPasswordHash::Form)?;
        Ok(Self(u32::from_be_bytes(bytes)))
    }

    pub(super) fn to_text(self) -> String {
        BASE64_STANDARD_NO_PAD.encode(self.0.to_be_bytes())
    }
}

impl fmt::Display for PepperId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// The peppers of a hasher. A stolen database alone is then of no use for guessing passwords.
///
/// New hashes are made with the current pepper. The others verify older hashes, which are replaced at the
/// next login. The default has none.
#[derive(Clone, Default)]
pub struct Peppers {
    current: Option<PepperId>,
    keys: BTreeMap<PepperId, Zeroizing<Vec<u8>>>,
}

impl Peppers {
    /// The fewest bytes of a pepper.
    pub const MIN_BYTES: usize = 32;

    /// Adds a pepper. The first one that is added is the current one.
    ///
    /// # Errors
    ///
    /// [`InvalidPepper`] if the key is shorter than 32 bytes, or there already.
    pub fn with(mut self, key: &[u8]) -> Result<Self, InvalidPepper> {
        if key.len() < Self::MIN_BYTES {
            return Err(InvalidPepper::TooShort);
        }
        let id = PepperId::of(key);
        if self.keys.insert(id, Zeroizing::new(key.to_vec())).is_some() {
            return Err(InvalidPepper::Twice);
        }
        self.current.get_or_insert(id);
        Ok(self)
    }

    /// Whether hashes made with this pepper can be verified.
    pub fn contains(&self, id: PepperId) -> bool {
        self.keys.contains_key(&id)
    }

    /// Whether these are the same peppers, with the same current one.
    pub fn are_same(&self, other: &Self) -> bool {
        self.current == other.current && self.keys.keys().eq(other.keys.keys())
    }

    /// Returns the pepper of new hashes.
    pub fn current(&self) -> Option<PepperId> {
        self.current
    }

    pub(super) fn key(&self, id: PepperId) -> Option<&[u8]> {
        self.keys.get(&id).map(|key| key.as_slice())
    }
}

impl fmt::Debug for Peppers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peppers").field("current", &self.current).finish_non_exhaustive()
    }
}

/// Why a pepper is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPepper {
    /// Fewer than 32 bytes.
    #[error("a pepper has at least 32 bytes")]
    TooShort,
    /// The same pepper a second time.
    #[error("this pepper is there already")]
    Twice,
}
