//! The text forms of hashes from elsewhere.

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::kind::{Digest, ForeignKind};
use crate::password::invalid::InvalidPasswordHash;

/// Standard base64, with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Some 1 s of one core, on a machine of 2026.
const BCRYPT_COST: std::ops::RangeInclusive<u32> = 4..=14;
const SHA_CRYPT_ROUNDS: std::ops::RangeInclusive<u32> = 1_000..=1_000_000;
const PBKDF2_ROUNDS: std::ops::RangeInclusive<u32> = 1..=2_000_000;
/// 128 * N * r * p: what is written once for each lane, one lane after the other.
const SCRYPT_BYTES: u64 = 256 * 1024 * 1024;

const MAX_SALT_BYTES: usize = 64;
const MIN_OUTPUT_BYTES: usize = 16;
const MAX_OUTPUT_BYTES: usize = 64;

pub(super) struct Parts {
    pub(super) kind: ForeignKind,
    pub(super) salt: Vec<u8>,
    pub(super) output: Vec<u8>,
}

/// Reads one of the forms that [`PasswordHash::parse`](crate::PasswordHash::parse) lists.
pub(super) fn parts(text: &str) -> Result<Parts, InvalidPasswordHash> {
    if let Some(rest) = text.strip_prefix('{') {
        let (scheme, rest) = rest.split_once('}').ok_or(InvalidPasswordHash::Form)?;
        return ldap(&scheme.to_ascii_uppercase(), rest);
    }
    if let Some(rest) = text.strip_prefix('$') {
        let (id, rest) = rest.split_once('$').ok_or(InvalidPasswordHash::Form)?;
        return modular(text, id, rest);
    }
    let (id, rest) = text.split_once('$').ok_or(InvalidPasswordHash::Algorithm)?;
    framework(id, rest)
}

/// `$id$…`: modular crypt formats and PHC strings.
fn modular(text: &str, id: &str, rest: &str) -> Result<Parts, InvalidPasswordHash> {
    match id {
        "2a" | "2b" | "2y" => {
            let cost = text.parse::<bcrypt::HashParts>().map_err(|_| InvalidPasswordHash::Form)?;
            let cost = within(cost.get_cost(), &BCRYPT_COST)?;
            Ok(by_text(ForeignKind::Bcrypt { cost }))
        }
        "5" => sha_crypt(Digest::Sha256, 43, rest),
        "6" => sha_crypt(Digest::Sha512, 86, rest),
        "pbkdf2" => pbkdf2(Digest::Sha1, rest),
        "scrypt" => scrypt_phc(rest),
        _ => match id.strip_prefix("pbkdf2-").and_then(digest) {
            Some(digest) => pbkdf2(digest, rest),
            None => Err(InvalidPasswordHash::Algorithm),
        },
    }
}

/// `{SSHA}…` and its kin: base64 of digest and salt.
fn ldap(scheme: &str, rest: &str) -> Result<Parts, InvalidPasswordHash> {
    if let Some(name) = scheme.strip_prefix("PBKDF2") {
        let digest = match name.strip_prefix('-') {
            Some(name) => digest(name),
            None if name.is_empty() => Some(Digest::Sha1),
            None => None,
        };
        return pbkdf2(digest.ok_or(InvalidPasswordHash::Algorithm)?, rest);
    }
    let (digest, is_salted) = match scheme {
        "SHA" => (Digest::Sha1, false),
        "SSHA" => (Digest::Sha1, true),
        "SHA256" | "SHA-256" => (Digest::Sha256, false),
        "SSHA256" | "SSHA-256" => (Digest::Sha256, true),
        "SHA384" | "SHA-384" => (Digest::Sha384, false),
        "SSHA384" | "SSHA-384" => (Digest::Sha384, true),
        "SHA512" | "SHA-512" => (Digest::Sha512, false),
        "SSHA512" | "SSHA-512" => (Digest::Sha512, true),
        _ => return Err(InvalidPasswordHash::Algorithm),
    };
    let mut output = BASE64.decode(rest).map_err(|_| InvalidPasswordHash::Form)?;
    if output.len() < digest.bytes() {
        return Err(InvalidPasswordHash::Form);
    }
    let salt = output.split_off(digest.bytes());
    if salt.is_empty() == is_salted || salt.len() > MAX_SALT_BYTES {
        return Err(InvalidPasswordHash::Form);
    }
    Ok(Parts { kind: ForeignKind::Sha(digest), salt, output })
}

/// `pbkdf2_sha256$…` and `scrypt$…` (Django), `pbkdf2:sha256:600000$…` and `scrypt:32768:8:1$…` (Werkzeug).
fn framework(id: &str, rest: &str) -> Result<Parts, InvalidPasswordHash> {
    let fields: Vec<&str> = rest.split('$').collect();
    if let Some(digest) = id.strip_prefix("pbkdf2_").and_then(digest) {
        let [rounds, salt, output] = fields[..] else { return Err(InvalidPasswordHash::Form) };
        return pbkdf2_of(digest, number(rounds)?, salt.as_bytes().to_vec(), base64(output)?);
    }
    if let Some(method) = id.strip_prefix("pbkdf2:") {
        let ([salt, output], Some((name, rounds))) = (&fields[..], method.split_once(':')) else {
            return Err(InvalidPasswordHash::Form);
        };
        let digest = digest(name).ok_or(InvalidPasswordHash::Algorithm)?;
        return pbkdf2_of(digest, number(rounds)?, salt.as_bytes().to_vec(), hex(output)?);
    }
    if id == "scrypt" {
        // Django writes N, not its logarithm.
        let [n, salt, r, p, output] = fields[..] else { return Err(InvalidPasswordHash::Form) };
        return scrypt(log2(n)?, number(r)?, number(p)?, salt.as_bytes().to_vec(), base64(output)?);
    }
    if let Some(method) = id.strip_prefix("scrypt:") {
        let cost: Vec<&str> = method.split(':').collect();
        let ([salt, output], [n, r, p]) = (&fields[..], &cost[..]) else {
            return Err(InvalidPasswordHash::Form);
        };
        return scrypt(log2(n)?, number(r)?, number(p)?, salt.as_bytes().to_vec(), hex(output)?);
    }
    Err(InvalidPasswordHash::Algorithm)
}

/// `salt$hash`, with `rounds=…$` in front unless there are 5,000.
fn sha_crypt(digest: Digest, chars: usize, rest: &str) -> Result<Parts, InvalidPasswordHash> {
    let (rounds, rest) = match rest.strip_prefix("rounds=") {
        Some(rest) => {
            let (rounds, rest) = rest.split_once('$').ok_or(InvalidPasswordHash::Form)?;
            (number(rounds)?, rest)
        }
        None => (5_000, rest),
    };
    let (salt, output) = rest.split_once('$').ok_or(InvalidPasswordHash::Form)?;
    let is_crypt64 =
        |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/'));
    if !is_crypt64(salt) || salt.len() > 16 || !is_crypt64(output) || output.len() != chars {
        return Err(InvalidPasswordHash::Form);
    }
    let rounds = within(rounds, &SHA_CRYPT_ROUNDS)?;
    Ok(by_text(ForeignKind::ShaCrypt { digest, rounds }))
}

/// `i=600000,l=32$salt$hash` (PHC), or `600000$salt$hash` (passlib, OpenLDAP).
fn pbkdf2(digest: Digest, rest: &str) -> Result<Parts, InvalidPasswordHash> {
    let fields: Vec<&str> = rest.split('$').collect();
    let [cost, salt, output] = fields[..] else { return Err(InvalidPasswordHash::Form) };
    let cost = cost.split(',').next().unwrap_or_default();
    let rounds = number(cost.strip_prefix("i=").unwrap_or(cost))?;
    pbkdf2_of(digest, rounds, base64(salt)?, base64(output)?)
}

fn pbkdf2_of(
    digest: Digest,
    rounds: u32,
    salt: Vec<u8>,
    output: Vec<u8>,
) -> Result<Parts, InvalidPasswordHash> {
    let rounds = within(rounds, &PBKDF2_ROUNDS)?;
    if salt.len() > MAX_SALT_BYTES || !(MIN_OUTPUT_BYTES..=digest.bytes()).contains(&output.len()) {
        return Err(InvalidPasswordHash::Form);
    }
    Ok(Parts { kind: ForeignKind::Pbkdf2 { digest, rounds }, salt, output })
}

/// `ln=16,r=8,p=1$salt$hash`.
fn scrypt_phc(rest: &str) -> Result<Parts, InvalidPasswordHash> {
    let fields: Vec<&str> = rest.split('$').collect();
    let [cost, salt, output] = fields[..] else { return Err(InvalidPasswordHash::Form) };
    let cost: Vec<&str> = cost.split(',').collect();
    let [n, r, p] = cost[..] else { return Err(InvalidPasswordHash::Form) };
    let of = |text: &str, name| {
        text.strip_prefix(name).ok_or(InvalidPasswordHash::Form).and_then(number)
    };
    scrypt(of(n, "ln=")?, of(r, "r=")?, of(p, "p=")?, base64(salt)?, base64(output)?)
}

fn scrypt(
    log_n: u32,
    r: u32,
    p: u32,
    salt: Vec<u8>,
    output: Vec<u8>,
) -> Result<Parts, InvalidPasswordHash> {
    let log_n = u8::try_from(log_n).map_err(|_| InvalidPasswordHash::Cost)?;
    let lanes = u64::from(r).checked_mul(u64::from(p)).and_then(|lanes| lanes.checked_mul(128));
    let bytes = lanes.and_then(|lanes| lanes.checked_mul(1_u64.checked_shl(log_n.into())?));
    let is_bounded = log_n >= 1 && bytes.is_some_and(|bytes| (1..=SCRYPT_BYTES).contains(&bytes));
    if !is_bounded {
        return Err(InvalidPasswordHash::Cost);
    }
    if salt.len() > MAX_SALT_BYTES || !(MIN_OUTPUT_BYTES..=MAX_OUTPUT_BYTES).contains(&output.len())
    {
        return Err(InvalidPasswordHash::Form);
    }
    Ok(Parts { kind: ForeignKind::Scrypt { log_n, r, p }, salt, output })
}

/// The crate of the algorithm reads salt and output from the text.
fn by_text(kind: ForeignKind) -> Parts {
    Parts { kind, salt: Vec::new(), output: Vec::new() }
}

fn digest(name: &str) -> Option<Digest> {
    match name.to_ascii_lowercase().as_str() {
        "sha1" => Some(Digest::Sha1),
        "sha256" => Some(Digest::Sha256),
        "sha384" => Some(Digest::Sha384),
        "sha512" => Some(Digest::Sha512),
        _ => None,
    }
}

fn within(number: u32, bounds: &std::ops::RangeInclusive<u32>) -> Result<u32, InvalidPasswordHash> {
    if bounds.contains(&number) { Ok(number) } else { Err(InvalidPasswordHash::Cost) }
}

/// Reads decimal digits. More than a `u32` holds is too much of any cost.
fn number(text: &str) -> Result<u32, InvalidPasswordHash> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(InvalidPasswordHash::Form);
    }
    text.parse().map_err(|_| InvalidPasswordHash::Cost)
}

fn log2(text: &str) -> Result<u32, InvalidPasswordHash> {
    let n = number(text)?;
    if n.is_power_of_two() { Ok(n.ilog2()) } else { Err(InvalidPasswordHash::Form) }
}

/// Reads base64 as PHC strings, LDAP and frameworks write it. passlib writes `.` for `+`.
fn base64(text: &str) -> Result<Vec<u8>, InvalidPasswordHash> {
    BASE64.decode(text.replace('.', "+")).map_err(|_| InvalidPasswordHash::Form)
}

fn hex(text: &str) -> Result<Vec<u8>, InvalidPasswordHash> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(InvalidPasswordHash::Form);
    }
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16);
    (0..text.len())
        .step_by(2)
        .map(byte)
        .collect::<Result<_, _>>()
        .map_err(|_| InvalidPasswordHash::Form)
}
