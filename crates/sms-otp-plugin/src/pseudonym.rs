//! Keyed pseudonyms for phone numbers, users and addresses.

use std::fmt::{self, Write as _};

use hmac::{Hmac, KeyInit as _, Mac as _};
use rand::{TryRng as _, rngs::SysRng};
use sha2::Sha256;

/// The key of the pseudonyms under which limits and logs know numbers, users and addresses.
///
/// There are only some hundred million phone numbers. A plain digest can be reversed by hashing all of
/// them. A keyed digest cannot, as long as the key is secret. `Debug` is redacted.
#[derive(Clone)]
pub struct PseudonymKey(Hmac<Sha256>);

/// The key has fewer than 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a pseudonym key needs at least 32 bytes")]
pub struct PseudonymKeyTooShort;

impl PseudonymKey {
    /// Creates the key from 32 or more random bytes. They may be the secret that other keys are derived
    /// from: pseudonyms have a domain of their own.
    ///
    /// # Errors
    ///
    /// [`PseudonymKeyTooShort`] below 32 bytes.
    pub fn from_bytes(key: &[u8]) -> Result<Self, PseudonymKeyTooShort> {
        if key.len() < 32 {
            return Err(PseudonymKeyTooShort);
        }
        let mut mac = Hmac::new_from_slice(key).map_err(|_| PseudonymKeyTooShort)?;
        mac.update(b"sms-otp-plugin/pseudonym/1");
        Ok(Self(mac))
    }

    /// Creates a random key from the system's random generator. Store its source if pseudonyms have to stay
    /// the same after a restart: use [`from_bytes`](Self::from_bytes) then.
    ///
    /// # Panics
    ///
    /// If the system has no randomness.
    pub fn random() -> Self {
        let mut key = [0; 32];
        SysRng.try_fill_bytes(&mut key).expect("the system has randomness");
        Self::from_bytes(&key).expect("32 bytes are a key")
    }

    /// Returns the pseudonym of `value`: 32 hexadecimal digits.
    pub(crate) fn pseudonym(&self, value: &str) -> String {
        self.pseudonym_of(&[value])
    }

    /// Returns the pseudonym of a list of values. Each length is hashed, so that no two lists collide.
    pub(crate) fn pseudonym_of(&self, values: &[&str]) -> String {
        let mut mac = self.0.clone();
        for value in values {
            mac.update(&u64::try_from(value.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(value.as_bytes());
        }
        let mut name = String::with_capacity(32);
        for byte in &mac.finalize().into_bytes()[..16] {
            // Writing to a string cannot fail.
            let _ = write!(name, "{byte:02x}");
        }
        name
    }
}

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PseudonymKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depends_on_key_and_value_and_on_where_a_value_ends() {
        let key = PseudonymKey::from_bytes(&[1; 32]).unwrap();
        let name = key.pseudonym("+819012345678");
        assert_eq!(name, key.pseudonym("+819012345678"));
        assert_eq!(name.len(), 32);
        assert_ne!(name, key.pseudonym("+819012345679"));
        assert_ne!(name, PseudonymKey::from_bytes(&[2; 32]).unwrap().pseudonym("+819012345678"));
        assert_ne!(key.pseudonym_of(&["ab", "c"]), key.pseudonym_of(&["a", "bc"]));
        assert_ne!(PseudonymKey::random().pseudonym("a"), PseudonymKey::random().pseudonym("a"));
        assert_eq!(PseudonymKey::from_bytes(&[1; 31]).unwrap_err(), PseudonymKeyTooShort);
    }
}
