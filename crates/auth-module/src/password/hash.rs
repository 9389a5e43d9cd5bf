//! Stored password hashes: Argon2id (RFC 9106) as PHC strings.

use std::fmt;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// What one hash costs.
///
/// The default is the floor of the OWASP password storage sheet: 19 MiB, 2 passes, 1 lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashParameters {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl HashParameters {
    /// 4 to 256 MiB (as KiB), 1 to 16 passes, 1 to 16 lanes.
    ///
    /// The upper bounds limit the memory and time that one stored hash can cost the server. The lower
    /// bound refuses hashes that are too easy to guess from a stolen database.
    ///
    /// # Errors
    ///
    /// [`InvalidPasswordHash::Cost`] outside these bounds.
    pub const fn new(
        memory_kib: u32,
        passes: u32,
        lanes: u32,
    ) -> Result<Self, InvalidPasswordHash> {
        let is_bounded = memory_kib >= 4 * 1024
            && memory_kib <= 256 * 1024
            && passes >= 1
            && passes <= 16
            && lanes >= 1
            && lanes <= 16;
        if is_bounded {
            Ok(Self { memory_kib, passes, lanes })
        } else {
            Err(InvalidPasswordHash::Cost)
        }
    }

    /// Whether `self` costs an attacker less memory or fewer passes than `other`.
    pub const fn is_cheaper_than(self, other: Self) -> bool {
        self.memory_kib < other.memory_kib || self.passes < other.passes
    }

    /// Reads the cost as it is written in a PHC string: `m=19456,t=2,p=1`.
    ///
    /// # Errors
    ///
    /// [`InvalidPasswordHash::Form`] if the text is not of this form, [`InvalidPasswordHash::Cost`]
    /// outside the bounds of [`new`](Self::new).
    pub fn parse(text: &str) -> Result<Self, InvalidPasswordHash> {
        let mut parts = text.split(',');
        let mut number = |name: &str| {
            let digits = parts.next().and_then(|part| part.strip_prefix(name));
            let digits = digits.filter(|d| d.bytes().all(|b| b.is_ascii_digit()));
            digits.and_then(|d| d.parse().ok()).ok_or(InvalidPasswordHash::Form)
        };
        let (memory_kib, passes, lanes) = (number("m=")?, number("t=")?, number("p=")?);
        if parts.next().is_some() {
            return Err(InvalidPasswordHash::Form);
        }
        Self::new(memory_kib, passes, lanes)
    }

    /// How many memory blocks one hash works in.
    pub(super) fn blocks(self) -> usize {
        self.memory_kib as usize
    }

    /// How many KiB one hash writes, which is what its time goes by.
    pub(super) fn work_kib(self) -> u64 {
        u64::from(self.memory_kib) * u64::from(self.passes)
    }
}

impl Default for HashParameters {
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, passes: 2, lanes: 1 }
    }
}

/// The hash of a password, with its salt and cost.
///
/// `Debug` shows the cost only.
#[derive(Clone)]
pub struct PasswordHash {
    parameters: HashParameters,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl PasswordHash {
    /// Reads a PHC string: `$argon2id$v=19$m=…,t=…,p=…$salt$hash`, with 8 to 64 bytes of salt and 16
    /// to 64 of hash.
    ///
    /// ```
    /// use auth_module::{InvalidPasswordHash, PasswordHash};
    ///
    /// let stored = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$WWuEVBdRMrMDRqLPrHZzLMBQ8yBhlcvcBZBMuKmjMqQ";
    /// assert!(PasswordHash::parse(stored).is_ok());
    /// assert_eq!(PasswordHash::parse("$2b$12$abc").unwrap_err(), InvalidPasswordHash::Algorithm);
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidPasswordHash`] names the part that is wrong. No other algorithm is guessed.
    pub fn parse(phc: &str) -> Result<Self, InvalidPasswordHash> {
        let mut parts = phc.split('$');
        let (Some(""), Some(algorithm)) = (parts.next(), parts.next()) else {
            return Err(InvalidPasswordHash::Form);
        };
        if algorithm != "argon2id" {
            return Err(InvalidPasswordHash::Algorithm);
        }
        let (Some(version), Some(cost), Some(salt), Some(output), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidPasswordHash::Form);
        };
        if version != "v=19" {
            return Err(InvalidPasswordHash::Algorithm);
        }
        Ok(Self {
            parameters: HashParameters::parse(cost)?,
            salt: parse_bytes(salt, 8..=64)?,
            output: parse_bytes(output, 16..=64)?,
        })
    }

    /// Returns the PHC string to store.
    pub fn to_phc(&self) -> String {
        let HashParameters { memory_kib, passes, lanes } = self.parameters;
        format!(
            "$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${}${}",
            BASE64_STANDARD_NO_PAD.encode(&self.salt),
            BASE64_STANDARD_NO_PAD.encode(&self.output),
        )
    }

    /// Returns the parameters.
    pub const fn parameters(&self) -> HashParameters {
        self.parameters
    }

    /// Makes a hash of the usual lengths for names that no user has. The hasher never accepts it.
    pub(super) fn unmatched(parameters: HashParameters) -> Self {
        Self { parameters, salt: vec![0; 16], output: vec![0; 32] }
    }

    /// Computes the hash of `password` in `memory`, which grows as needed.
    pub(super) fn compute(
        password: &[u8],
        salt: &[u8],
        parameters: HashParameters,
        memory: &mut Vec<Block>,
    ) -> Result<Self, argon2::Error> {
        let output = raw(password, salt, 32, parameters, memory)?.to_vec();
        Ok(Self { parameters, salt: salt.to_vec(), output })
    }

    /// Whether `password` has this hash, compared in constant time.
    pub(super) fn matches(
        &self,
        password: &[u8],
        memory: &mut Vec<Block>,
    ) -> Result<bool, argon2::Error> {
        let output = raw(password, &self.salt, self.output.len(), self.parameters, memory)?;
        Ok(output.ct_eq(&self.output).into())
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHash").field("parameters", &self.parameters).finish_non_exhaustive()
    }
}

/// Why a text is no usable password hash. It repeats nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPasswordHash {
    /// Another algorithm or version than Argon2id 19.
    #[error("the password hash is not Argon2id version 19")]
    Algorithm,
    /// A cost outside the bounds of [`HashParameters::new`].
    #[error("the password hash costs less than 4 MiB, or more than 256 MiB, 16 passes or 16 lanes")]
    Cost,
    /// Not a PHC string, or salt or hash of an unusable length.
    #[error("the password hash is not a PHC string")]
    Form,
}

fn raw(
    password: &[u8],
    salt: &[u8],
    output_bytes: usize,
    parameters: HashParameters,
    memory: &mut Vec<Block>,
) -> Result<Zeroizing<Vec<u8>>, argon2::Error> {
    let HashParameters { memory_kib, passes, lanes } = parameters;
    let params = Params::new(memory_kib, passes, lanes, Some(output_bytes))?;
    if memory.len() < params.block_count() {
        memory.resize(params.block_count(), Block::new());
    }
    let mut output = Zeroizing::new(vec![0; output_bytes]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into_with_memory(
        password,
        salt,
        &mut output,
        memory.as_mut_slice(),
    )?;
    Ok(output)
}

fn parse_bytes(
    text: &str,
    lengths: std::ops::RangeInclusive<usize>,
) -> Result<Vec<u8>, InvalidPasswordHash> {
    let bytes = BASE64_STANDARD_NO_PAD.decode(text).map_err(|_| InvalidPasswordHash::Form)?;
    if lengths.contains(&bytes.len()) { Ok(bytes) } else { Err(InvalidPasswordHash::Form) }
}
