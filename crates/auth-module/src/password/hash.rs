//! Stored password hashes.

use std::fmt;

use argon2::Block;
use subtle::ConstantTimeEq as _;

use super::{
    argon2id::{Argon2idHash, CannotHash, HashParameters, Recipe},
    foreign::{ForeignHash, ForeignKind},
    invalid::InvalidPasswordHash,
    pepper::{PepperId, Peppers},
};

/// The algorithm of a hash, and what it costs to verify a password against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HashKind(pub(super) Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Argon2id(HashParameters),
    Foreign(ForeignKind),
}

impl HashKind {
    /// How many KiB one hash writes; 0 for hashes from elsewhere, whose time goes by something else.
    pub(super) fn work_kib(self) -> u64 {
        match self.0 {
            Kind::Argon2id(parameters) => parameters.work_kib(),
            Kind::Foreign(_) => 0,
        }
    }
}

impl From<HashParameters> for HashKind {
    fn from(parameters: HashParameters) -> Self {
        Self(Kind::Argon2id(parameters))
    }
}

/// The hash of a password, with its salt and cost.
///
/// New hashes are Argon2id. Hashes that other programs made are verified too, and replaced by a new one
/// after the next right password.
///
/// `Debug` shows algorithm and cost only.
#[derive(Clone)]
pub struct PasswordHash(Stored);

#[derive(Clone)]
enum Stored {
    Argon2id(Argon2idHash),
    Foreign(ForeignHash),
}

impl PasswordHash {
    /// Reads a stored hash, in one of these forms:
    ///
    /// - Argon2id as a PHC string, `$argon2id$v=19$m=…,t=…,p=…$salt$hash`, with 8 to 64 bytes of salt and
    ///   16 to 64 of hash. After `p` may follow `keyid=…` for a [pepper](Peppers), and `norm=nfkc`.
    /// - bcrypt: `$2a$`, `$2b$` and `$2y$`, of cost 4 to 14.
    /// - SHA-crypt: `$5$` and `$6$`, of 1,000 to 1,000,000 rounds.
    /// - PBKDF2 with SHA-1, SHA-256 or SHA-512, of at most 2,000,000 rounds: as PHC string, as passlib,
    ///   Django, Werkzeug and OpenLDAP write it.
    /// - scrypt, of at most 256 MiB: as PHC string, as Django and Werkzeug write it.
    /// - `{SHA}`, `{SSHA}` and their forms with SHA-256, SHA-384 and SHA-512, as LDAP directories write them.
    ///
    /// `{CRYPT}`, `{BCRYPT}` and `{ARGON2}` in front of a hash, and Django's `argon2` and `bcrypt$`, are
    /// taken off.
    ///
    /// ```
    /// use auth_module::{InvalidPasswordHash, PasswordHash};
    ///
    /// let stored = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$WWuEVBdRMrMDRqLPrHZzLMBQ8yBhlcvcBZBMuKmjMqQ";
    /// assert!(PasswordHash::parse(stored).is_ok());
    /// assert_eq!(PasswordHash::parse("$1$salt$abc").unwrap_err(), InvalidPasswordHash::Algorithm);
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidPasswordHash`] names the part that is wrong. No other algorithm is guessed.
    pub fn parse(text: &str) -> Result<Self, InvalidPasswordHash> {
        let text = without_wrapper(text);
        match text.strip_prefix("$argon2id$") {
            Some(rest) => Argon2idHash::parse(rest).map(|hash| Self(Stored::Argon2id(hash))),
            None => ForeignHash::parse(text).map(|hash| Self(Stored::Foreign(hash))),
        }
    }

    /// Returns the text to store, which [`parse`](Self::parse) reads.
    pub fn to_phc(&self) -> String {
        match &self.0 {
            Stored::Argon2id(hash) => hash.to_phc(),
            Stored::Foreign(hash) => hash.text().to_owned(),
        }
    }

    /// Returns the algorithm and its cost.
    pub fn kind(&self) -> HashKind {
        HashKind(match &self.0 {
            Stored::Argon2id(hash) => Kind::Argon2id(hash.recipe.parameters),
            Stored::Foreign(hash) => Kind::Foreign(hash.kind()),
        })
    }

    /// Returns the pepper that this hash was made with.
    pub fn pepper(&self) -> Option<PepperId> {
        match &self.0 {
            Stored::Argon2id(hash) => hash.recipe.pepper,
            Stored::Foreign(_) => None,
        }
    }

    /// Makes a hash for names that no user has. The hasher never accepts it.
    pub(super) fn unmatched(kind: HashKind) -> Self {
        Self(match kind.0 {
            Kind::Argon2id(parameters) => Stored::Argon2id(Argon2idHash::unmatched(parameters)),
            Kind::Foreign(kind) => Stored::Foreign(ForeignHash::unmatched(kind)),
        })
    }

    /// Whether a hash by `recipe` should take the place of this one, now that `password` is known to be
    /// right.
    pub(super) fn is_outdated(&self, recipe: Recipe, password: &str) -> bool {
        match &self.0 {
            Stored::Argon2id(hash) => {
                let Recipe { parameters, pepper, is_nfkc } = hash.recipe;
                parameters.is_cheaper_than(recipe.parameters)
                    || pepper != recipe.pepper
                    || (!is_nfkc && recipe.is_nfkc)
            }
            Stored::Foreign(hash) => hash.covers(password),
        }
    }

    /// Whether `password` has this hash, compared in constant time.
    pub(super) fn matches(
        &self,
        password: &str,
        peppers: &Peppers,
        memory: &mut Vec<Block>,
    ) -> Result<bool, CannotHash> {
        match &self.0 {
            Stored::Argon2id(hash) => {
                let output = hash.output_of(password, peppers, memory)?;
                Ok(output.ct_eq(&hash.output).into())
            }
            Stored::Foreign(hash) => Ok(hash.matches(password.as_bytes())),
        }
    }
}

impl From<Argon2idHash> for PasswordHash {
    fn from(hash: Argon2idHash) -> Self {
        Self(Stored::Argon2id(hash))
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHash").field("kind", &self.kind()).finish_non_exhaustive()
    }
}

/// Takes off what directories and frameworks write in front of a hash to tell its kind.
fn without_wrapper(text: &str) -> &str {
    let text = text.trim_ascii();
    for (wrapper, inner) in [
        ("{CRYPT}", "$"),
        ("{BCRYPT}", "$2"),
        ("{ARGON2}", "$argon2"),
        ("argon2", "$argon2"),
        ("bcrypt$", "$2"),
    ] {
        let begins = text.get(..wrapper.len()).is_some_and(|t| t.eq_ignore_ascii_case(wrapper));
        if begins && text[wrapper.len()..].starts_with(inner) {
            return &text[wrapper.len()..];
        }
    }
    text
}
