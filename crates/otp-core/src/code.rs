//! The two secrets: the code that was issued and the code that was typed.

use std::fmt;

use subtle::{Choice, ConstantTimeEq as _};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The characters of a code, without an allocation that could leave copies behind.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Chars {
    bytes: [u8; Self::MAX_LEN],
    len: u8,
}

impl Chars {
    pub(crate) const MAX_LEN: usize = 10;

    /// Takes up to ten ASCII characters; more is `None`.
    pub(crate) fn new(ascii: &[u8]) -> Option<Self> {
        let mut chars = Self { bytes: [0; Self::MAX_LEN], len: u8::try_from(ascii.len()).ok()? };
        chars.bytes.get_mut(..ascii.len())?.copy_from_slice(ascii);
        Some(chars)
    }

    fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }

    /// Takes the same time whatever the characters are; the padding is compared too.
    fn ct_eq(&self, other: &Self) -> Choice {
        self.len.ct_eq(&other.len) & self.bytes.ct_eq(&other.bytes)
    }
}

/// A code as issued, to be put into a message; wiped from memory when dropped, never shown.
///
/// It has no `Display`, no `PartialEq` and a `Debug` without the code. The one way to the characters
/// is [`expose_secret`](Self::expose_secret); the one way to compare is
/// [`Attempt::verify`](crate::Attempt::verify).
pub struct OtpCode(Chars);

impl OtpCode {
    pub(crate) fn new(chars: Chars) -> Self {
        Self(chars)
    }

    /// The code, leading zeros kept. Put it into the message for the user and nowhere else.
    pub fn expose_secret(&self) -> &str {
        self.0.as_str()
    }

    /// Whether the user typed this code, in constant time.
    pub(crate) fn matches(&self, typed: &TypedCode) -> Choice {
        self.0.ct_eq(&typed.0)
    }
}

impl fmt::Debug for OtpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OtpCode(..)")
    }
}

/// What the user typed, in the form of a code: as secret as the code itself.
///
/// Made by [`CodeFormat::normalise`](crate::CodeFormat::normalise).
pub struct TypedCode(Chars);

impl TypedCode {
    pub(crate) fn new(chars: Chars) -> Self {
        Self(chars)
    }

    /// What was typed, in its normal form.
    pub fn expose_secret(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for TypedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypedCode(..)")
    }
}
