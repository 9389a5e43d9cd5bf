//! Random bytes from the operating system (feature `rand`). Nothing else in this crate draws any.

use rand::{TryRng as _, rngs::SysRng};
use zeroize::Zeroizing;

use crate::{
    id::{ChallengeId, Nonce},
    key::DigestKey,
    oath::{Algorithm, OathSecret},
};

/// Fills `bytes`, which may become a secret.
fn fill(bytes: &mut [u8]) {
    SysRng.try_fill_bytes(bytes).expect("the operating system has a random generator");
}

impl ChallengeId {
    /// Draws a new id from the generator of the operating system.
    ///
    /// # Panics
    ///
    /// If the operating system has no random generator.
    pub fn random() -> Self {
        let mut bytes = [0; 16];
        fill(&mut bytes);
        Self::from_bytes(bytes)
    }
}

impl Nonce {
    /// Draws a new nonce from the generator of the operating system.
    ///
    /// # Panics
    ///
    /// If the operating system has no random generator.
    pub fn random() -> Self {
        let mut bytes = Zeroizing::new([0; 16]);
        fill(&mut *bytes);
        Self::from_bytes(*bytes)
    }
}

impl DigestKey {
    /// Draws a new key of 32 bytes from the generator of the operating system. It cannot be read out, so codes
    /// do not survive a restart: a program that keeps its challenges reads its key from its configuration.
    ///
    /// # Panics
    ///
    /// If the operating system has no random generator.
    pub fn random() -> Self {
        let mut bytes = Zeroizing::new([0; Self::MIN_LEN]);
        fill(&mut *bytes);
        Self::from_bytes(&*bytes).expect("the shortest key is long enough")
    }
}

impl OathSecret {
    /// Draws a new secret for `algorithm` from the generator of the operating system, in the
    /// [recommended length](Algorithm::secret_len).
    ///
    /// # Panics
    ///
    /// If the operating system has no random generator.
    pub fn random(algorithm: Algorithm) -> Self {
        let mut bytes = Zeroizing::new(vec![0; algorithm.secret_len()]);
        fill(&mut bytes);
        Self::from_bytes(&bytes).expect("the length of a hash is that of a secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_draw_is_another() {
        assert_ne!(ChallengeId::random(), ChallengeId::random());
        assert_ne!(Nonce::random(), Nonce::random());
        for algorithm in [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512] {
            let (one, other) = (OathSecret::random(algorithm), OathSecret::random(algorithm));
            assert_eq!(one.expose_secret().len(), algorithm.secret_len());
            assert_ne!(one.expose_secret(), other.expose_secret());
        }
    }

    #[test]
    fn each_drawn_key_derives_other_codes() {
        use crate::{Alphabet, Binding, CodeFormat, KeyId, KeyRing, Purpose};

        let format = CodeFormat::new(Alphabet::UNMISTAKABLE, 10).unwrap();
        let (id, nonce) = (ChallengeId::random(), Nonce::random());
        let code = || {
            let ring = KeyRing::new(KeyId::new(1), DigestKey::random());
            let binding = Binding {
                tenant: "",
                subject: "alice",
                flow: "f",
                purpose: Purpose::LOGIN,
                destination: b"",
            };
            ring.derive(KeyId::new(1), &binding, id, &nonce, &format).unwrap()
        };
        assert_ne!(code().expose_secret(), code().expose_secret());
    }
}
