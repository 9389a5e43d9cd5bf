//! The kinds of hashes from elsewhere.

/// Algorithm and cost. Two hashes of one kind take equally long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::password) enum ForeignKind {
    Bcrypt {
        cost: u32,
    },
    /// The output is at most one block of the digest.
    Pbkdf2 {
        digest: Digest,
        rounds: u32,
    },
    Scrypt {
        log_n: u8,
        r: u32,
        p: u32,
    },
    /// One digest of password and salt.
    Sha(Digest),
    ShaCrypt {
        digest: Digest,
        rounds: u32,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::password) enum Digest {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Digest {
    pub(super) const fn bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}
