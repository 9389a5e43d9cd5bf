//! Why a text is no password hash.

/// Why a text is no usable password hash. It repeats nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPasswordHash {
    /// An algorithm or version that cannot be verified.
    #[error(
        "the password hash is of no known kind; use Argon2id, bcrypt, SHA-crypt ($5$, $6$), PBKDF2, \
         scrypt or {{SSHA}}"
    )]
    Algorithm,
    /// A cost outside the bounds of [`PasswordHash::parse`](crate::PasswordHash::parse) and [`HashParameters::new`](crate::HashParameters::new).
    #[error(
        "the password hash costs too much or too little: Argon2id 4 to 256 MiB, 1 to 16 passes and \
         lanes; bcrypt 4 to 14; SHA-crypt 1,000 to 1,000,000 rounds; PBKDF2 up to 2,000,000 rounds; \
         scrypt up to 256 MiB"
    )]
    Cost,
    /// Not of the form of its kind, or salt or hash of an unusable length.
    #[error("the password hash is incomplete or damaged")]
    Form,
}
