//! What an enrolment leaves behind.

use std::fmt;

use zeroize::Zeroizing;

/// What a plugin needs to verify a user later: a public key, a shared secret, an address.
///
/// A plugin makes it in [`Enrol::submit`](crate::Enrol::submit). The host stores it with the user, and hands
/// it back as one of [`Subject::credentials`](crate::Subject::credentials). Only the plugin reads the bytes.
///
/// The bytes may be a secret: a host stores them as it stores password hashes, or encrypted. `Debug` shows
/// the id and the length only, and the memory is wiped on drop.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Credential {
    id: String,
    #[cfg_attr(feature = "serde", serde(with = "crate::wire::secret_bytes"))]
    bytes: Zeroizing<Vec<u8>>,
}

impl Credential {
    /// Returns a credential. `id` is unique among the credentials of the factor, and not secret.
    pub fn new(id: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { id: id.into(), bytes: Zeroizing::new(bytes.into()) }
    }

    /// Returns the id, for lists, logs and [`Enrol::remove`](crate::Enrol::remove).
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the plugin's bytes. They may be a secret.
    pub fn expose_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({:?}, {} bytes)", self.id, self.bytes.len())
    }
}
