//! Password hashes that other programs made. They are verified as they are, with the crate of each
//! algorithm, and never made here.

mod kind;
mod parse;

use pbkdf2::pbkdf2_hmac;
use sha_crypt::{PasswordVerifier as _, ShaCrypt};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq as _;

use self::kind::Digest;
pub(super) use self::kind::ForeignKind;
use super::invalid::InvalidPasswordHash;

/// bcrypt hashes the first 72 bytes of a password and ignores the rest.
const BCRYPT_BYTES: usize = 72;

#[derive(Clone)]
pub(super) struct ForeignHash {
    kind: ForeignKind,
    /// As it was imported; what is stored.
    text: String,
    /// Empty for bcrypt and SHA-crypt, whose crates read the text.
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl ForeignHash {
    pub(super) fn parse(text: &str) -> Result<Self, InvalidPasswordHash> {
        let parse::Parts { kind, salt, output } = parse::parts(text)?;
        Ok(Self { kind, text: text.to_owned(), salt, output })
    }

    pub(super) fn kind(&self) -> ForeignKind {
        self.kind
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Makes a hash that takes as long as one of `kind`.
    pub(super) fn unmatched(kind: ForeignKind) -> Self {
        let (text, output) = match kind {
            ForeignKind::Bcrypt { cost } => (format!("$2b${cost:02}${:.<53}", ""), 0),
            ForeignKind::ShaCrypt { digest: Digest::Sha256, rounds } => {
                (format!("$5$rounds={rounds}$saltsaltsaltsalt${:.<43}", ""), 0)
            }
            ForeignKind::ShaCrypt { rounds, .. } => {
                (format!("$6$rounds={rounds}$saltsaltsaltsalt${:.<86}", ""), 0)
            }
            ForeignKind::Pbkdf2 { digest, .. } | ForeignKind::Sha(digest) => {
                (String::new(), digest.bytes())
            }
            ForeignKind::Scrypt { .. } => (String::new(), 64),
        };
        Self { kind, text, salt: vec![0; 16], output: vec![0; output] }
    }

    /// Whether the hash is one of the whole password. Otherwise any other end of the password would
    /// verify as well, and a hash of this one would lock the owner out.
    pub(super) fn covers(&self, password: &str) -> bool {
        !matches!(self.kind, ForeignKind::Bcrypt { .. }) || password.len() <= BCRYPT_BYTES
    }

    /// Whether `password` has this hash, compared in constant time.
    pub(super) fn matches(&self, password: &[u8]) -> bool {
        // bcrypt and crypt(3) read up to the first NUL, so `a\0b` would be as good as `a`.
        let is_c_string = !password.contains(&0);
        match self.kind {
            ForeignKind::Bcrypt { .. } => {
                bcrypt::verify(password, &self.text).unwrap_or(false) & is_c_string
            }
            ForeignKind::ShaCrypt { .. } => {
                let verified = sha_crypt::PasswordHashRef::new(&self.text)
                    .is_ok_and(|hash| ShaCrypt::SHA512.verify_password(password, hash).is_ok());
                verified & is_c_string
            }
            ForeignKind::Pbkdf2 { digest, rounds } => {
                self.is_output(&pbkdf2(digest, password, &self.salt, rounds, self.output.len()))
            }
            ForeignKind::Scrypt { log_n, r, p } => {
                let mut output = vec![0; self.output.len()];
                let is_computed = scrypt::Params::new(log_n, r, p).is_ok_and(|params| {
                    scrypt::scrypt(password, &self.salt, &params, &mut output).is_ok()
                });
                is_computed && self.is_output(&output)
            }
            ForeignKind::Sha(digest) => self.is_output(&sha(digest, password, &self.salt)),
        }
    }

    fn is_output(&self, output: &[u8]) -> bool {
        output.ct_eq(&self.output).into()
    }
}

fn pbkdf2(digest: Digest, password: &[u8], salt: &[u8], rounds: u32, length: usize) -> Vec<u8> {
    let mut output = vec![0; length];
    match digest {
        Digest::Sha1 => pbkdf2_hmac::<Sha1>(password, salt, rounds, &mut output),
        Digest::Sha256 => pbkdf2_hmac::<Sha256>(password, salt, rounds, &mut output),
        Digest::Sha384 => pbkdf2_hmac::<Sha384>(password, salt, rounds, &mut output),
        Digest::Sha512 => pbkdf2_hmac::<Sha512>(password, salt, rounds, &mut output),
    }
    output
}

fn sha(digest: Digest, password: &[u8], salt: &[u8]) -> Vec<u8> {
    match digest {
        Digest::Sha1 => Sha1::new().chain_update(password).chain_update(salt).finalize().to_vec(),
        Digest::Sha256 => {
            Sha256::new().chain_update(password).chain_update(salt).finalize().to_vec()
        }
        Digest::Sha384 => {
            Sha384::new().chain_update(password).chain_update(salt).finalize().to_vec()
        }
        Digest::Sha512 => {
            Sha512::new().chain_update(password).chain_update(salt).finalize().to_vec()
        }
    }
}
