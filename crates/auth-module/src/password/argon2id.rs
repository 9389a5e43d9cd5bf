//! Hashes of this module's own kind: Argon2id (RFC 9106) as PHC strings.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use super::{
    invalid::InvalidPasswordHash,
    pepper::{PepperId, Peppers},
};

/// What one hash costs.
///
/// The default is the floor of the OWASP password storage sheet: 19 MiB, 2 passes, 1 lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

    /// Takes the cost from the front of the parameters of a PHC string: `m=19456,t=2,p=1`.
    fn take<'a>(parts: &mut impl Iterator<Item = &'a str>) -> Result<Self, InvalidPasswordHash> {
        let mut number = |name: &str| {
            let digits = parts.next().and_then(|part| part.strip_prefix(name));
            let digits = digits.filter(|d| d.bytes().all(|b| b.is_ascii_digit()));
            digits.and_then(|d| d.parse().ok()).ok_or(InvalidPasswordHash::Form)
        };
        let (memory_kib, passes, lanes) = (number("m=")?, number("t=")?, number("p=")?);
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

/// The mark of a hash that was made of the password in NFKC.
const NFKC: &str = "norm=nfkc";

/// Everything but salt and output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Recipe {
    pub(super) parameters: HashParameters,
    /// The key that is mixed in: the secret value of RFC 9106, section 3.1.
    pub(super) pepper: Option<PepperId>,
    /// Whether the password is brought to NFKC before it is hashed (NIST SP 800-63B-4, 3.1.1.2).
    pub(super) is_nfkc: bool,
}

impl Recipe {
    /// Reads the parameters of a PHC string: `m=…,t=…,p=…`, then `keyid=…` and `norm=nfkc` if present.
    pub(super) fn parse(text: &str) -> Result<Self, InvalidPasswordHash> {
        let mut parts = text.split(',').peekable();
        let parameters = HashParameters::take(&mut parts)?;
        let pepper = parts.next_if(|part| part.starts_with("keyid="));
        let pepper = pepper.map(|part| PepperId::parse(&part["keyid=".len()..])).transpose()?;
        let is_nfkc = parts.next_if_eq(&NFKC).is_some();
        if parts.next().is_some() {
            return Err(InvalidPasswordHash::Form);
        }
        Ok(Self { parameters, pepper, is_nfkc })
    }

    fn to_text(self) -> String {
        let HashParameters { memory_kib, passes, lanes } = self.parameters;
        let mut text = format!("m={memory_kib},t={passes},p={lanes}");
        if let Some(pepper) = self.pepper {
            text.push_str(",keyid=");
            text.push_str(&pepper.to_text());
        }
        if self.is_nfkc {
            text.push(',');
            text.push_str(NFKC);
        }
        text
    }
}

#[derive(Clone)]
pub(super) struct Argon2idHash {
    pub(super) recipe: Recipe,
    salt: Vec<u8>,
    pub(super) output: Vec<u8>,
}

impl Argon2idHash {
    /// Reads what follows `$argon2id$` in a PHC string.
    pub(super) fn parse(rest: &str) -> Result<Self, InvalidPasswordHash> {
        let mut parts = rest.split('$');
        let (Some(version), Some(recipe), Some(salt), Some(output), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidPasswordHash::Form);
        };
        if version != "v=19" {
            return Err(InvalidPasswordHash::Algorithm);
        }
        Ok(Self {
            recipe: Recipe::parse(recipe)?,
            salt: parse_bytes(salt, 8..=64)?,
            output: parse_bytes(output, 16..=64)?,
        })
    }

    pub(super) fn to_phc(&self) -> String {
        format!(
            "$argon2id$v=19${}${}${}",
            self.recipe.to_text(),
            BASE64_STANDARD_NO_PAD.encode(&self.salt),
            BASE64_STANDARD_NO_PAD.encode(&self.output),
        )
    }

    pub(super) fn unmatched(parameters: HashParameters) -> Self {
        let recipe = Recipe { parameters, pepper: None, is_nfkc: true };
        Self { recipe, salt: vec![0; 16], output: vec![0; 32] }
    }

    /// Computes the hash of `password` in `memory`, which grows as needed.
    pub(super) fn compute(
        password: &str,
        salt: &[u8],
        recipe: Recipe,
        peppers: &Peppers,
        memory: &mut Vec<Block>,
    ) -> Result<Self, CannotHash> {
        let output = raw(password, salt, 32, recipe, peppers, memory)?.to_vec();
        Ok(Self { recipe, salt: salt.to_vec(), output })
    }

    pub(super) fn output_of(
        &self,
        password: &str,
        peppers: &Peppers,
        memory: &mut Vec<Block>,
    ) -> Result<Zeroizing<Vec<u8>>, CannotHash> {
        raw(password, &self.salt, self.output.len(), self.recipe, peppers, memory)
    }
}

/// Why a hash could not be computed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CannotHash {
    #[error(transparent)]
    Argon2(#[from] argon2::Error),
    #[error("the hash was made with the pepper {0}, which is not configured")]
    UnknownPepper(PepperId),
}

fn raw(
    password: &str,
    salt: &[u8],
    output_bytes: usize,
    recipe: Recipe,
    peppers: &Peppers,
    memory: &mut Vec<Block>,
) -> Result<Zeroizing<Vec<u8>>, CannotHash> {
    let secret = match recipe.pepper {
        None => &[][..],
        Some(id) => peppers.key(id).ok_or(CannotHash::UnknownPepper(id))?,
    };
    let normalised = recipe.is_nfkc.then(|| Zeroizing::new(password.nfkc().collect::<String>()));
    let password = normalised.as_ref().map_or(password, |text| text.as_str()).as_bytes();
    let HashParameters { memory_kib, passes, lanes } = recipe.parameters;
    let params = Params::new(memory_kib, passes, lanes, Some(output_bytes))?;
    if memory.len() < params.block_count() {
        memory.resize(params.block_count(), Block::new());
    }
    let mut output = Zeroizing::new(vec![0; output_bytes]);
    Argon2::new_with_secret(secret, Algorithm::Argon2id, Version::V0x13, params)?
        .hash_password_into_with_memory(password, salt, &mut output, memory.as_mut_slice())?;
    Ok(output)
}

fn parse_bytes(
    text: &str,
    lengths: std::ops::RangeInclusive<usize>,
) -> Result<Vec<u8>, InvalidPasswordHash> {
    let bytes = BASE64_STANDARD_NO_PAD.decode(text).map_err(|_| InvalidPasswordHash::Form)?;
    if lengths.contains(&bytes.len()) { Ok(bytes) } else { Err(InvalidPasswordHash::Form) }
}
