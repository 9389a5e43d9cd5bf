//! The two secrets: the issued code and the typed code.

use std::fmt;

use subtle::{Choice, ConstantTimeEq as _};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The characters of a code: up to ten ASCII characters, zeros, and their count in the last byte. There is
/// no allocation that could leave copies behind.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
#[repr(align(8))] // It is moved and compared in whole words.
pub(crate) struct Chars([u8; 16]);

impl Chars {
    pub(crate) const MAX_LEN: usize = 10;
    const LEN: usize = 15;

    /// Creates `len` ASCII characters, up to ten, from two words: the first eight and the rest. In each word
    /// the first character is the lowest byte.
    ///
    /// The arguments are words, because a processor is slow to read a word that was just written byte by byte.
    #[inline]
    pub(crate) fn spelt([first_eight, rest]: [u64; 2], len: u8) -> Self {
        let mut chars = Self([0; 16]);
        let rest = rest + (u64::from(len) << 56);
        for (bytes, word) in chars.0.as_chunks_mut().0.iter_mut().zip([first_eight, rest]) {
            *bytes = word.to_le_bytes();
        }
        chars
    }

    /// Creates them from up to ten ASCII characters; `None` for more.
    pub(crate) fn new(ascii: &[u8]) -> Option<Self> {
        let mut chars = Self([0; 16]);
        chars.0[..Self::MAX_LEN].get_mut(..ascii.len())?.copy_from_slice(ascii);
        chars.0[Self::LEN] = u8::try_from(ascii.len()).ok()?;
        Some(chars)
    }

    fn words(&self) -> [u64; 2] {
        let mut words = [0; 2];
        for (word, bytes) in words.iter_mut().zip(self.0.as_chunks::<8>().0) {
            *word = u64::from_ne_bytes(*bytes);
        }
        words
    }

    fn as_str(&self) -> &str {
        str::from_utf8(&self.0[..usize::from(self.0[Self::LEN])]).unwrap_or_default()
    }

    /// Compares in constant time: all characters and their count are two words.
    #[inline]
    fn ct_eq(&self, other: &Self) -> Choice {
        let (a, b) = (self.words(), other.words());
        a[0].ct_eq(&b[0]) & a[1].ct_eq(&b[1])
    }
}

/// An issued code, to be put into a message. Wiped from memory when dropped, never shown.
///
/// It has no `Display`, no `PartialEq` and a `Debug` without the code. Only
/// [`expose_secret`](Self::expose_secret) returns the characters, and only
/// [`Attempt::verify`](crate::Attempt::verify) compares them.
pub struct OtpCode(Chars);

impl OtpCode {
    pub(crate) fn new(chars: Chars) -> Self {
        Self(chars)
    }

    /// Returns the code with its leading zeros. Put it only into the message for the user.
    pub fn expose_secret(&self) -> &str {
        self.0.as_str()
    }

    /// Compares the code with the typed one in constant time.
    pub(crate) fn matches(&self, typed: &TypedCode) -> Choice {
        self.0.ct_eq(&typed.0)
    }
}

impl fmt::Debug for OtpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OtpCode(..)")
    }
}

/// The code that the user typed. It is as secret as the issued code.
///
/// [`CodeFormat::normalise`](crate::CodeFormat::normalise) creates it.
pub struct TypedCode(Chars);

impl TypedCode {
    pub(crate) fn new(chars: Chars) -> Self {
        Self(chars)
    }

    /// Returns the typed code in its normal form.
    pub fn expose_secret(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for TypedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypedCode(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Taking the wiping away does not compile here.
    #[test]
    fn codes_are_wiped() {
        fn wiped<T: ZeroizeOnDrop>(_: &T) {}
        let chars = || Chars::new(b"123456").unwrap();
        wiped(&OtpCode::new(chars()).0);
        wiped(&TypedCode::new(chars()).0);
    }

    #[test]
    fn codes_match_only_in_every_place_and_in_length() {
        let matches = |issued: &[u8], typed: &[u8]| -> bool {
            let issued = OtpCode::new(Chars::new(issued).unwrap());
            issued.matches(&TypedCode::new(Chars::new(typed).unwrap())).into()
        };
        for len in 1..=Chars::MAX_LEN {
            let issued = vec![b'5'; len];
            assert!(matches(&issued, &issued));
            for place in 0..len {
                let mut typed = issued.clone();
                typed[place] = b'6';
                assert!(!matches(&issued, &typed), "{place} of {len}");
            }
            assert!(!matches(&issued, &issued[..len - 1]));
        }
        assert!(!matches(b"1234", b"1234\0"));
        assert!(Chars::new(&[b'1'; 11]).is_none());
    }
}
