//! The format of a code, and reading a code that a person typed.

use std::fmt;

use thiserror::Error;
use zeroize::ZeroizeOnDrop;

use crate::code::{Chars, OtpCode, TypedCode};

/// The characters of codes: 2 to 62 different ASCII letters and digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Alphabet {
    chars: [u8; Self::MAX_LEN],
    len: u8,
}

impl Alphabet {
    const MAX_LEN: usize = 62;

    /// `0` to `9`.
    pub const DIGITS: Self = match Self::of(b"0123456789") {
        Ok(digits) => digits,
        Err(_) => panic!("ten different digits"),
    };

    /// Letters and digits that are hard to confuse: without `0 O 1 I L U`.
    pub const UNMISTAKABLE: Self = match Self::of(b"23456789ABCDEFGHJKMNPQRSTVWXYZ") {
        Ok(alphabet) => alphabet,
        Err(_) => panic!("thirty different letters and digits"),
    };

    /// Creates the alphabet with these characters.
    ///
    /// If an alphabet has a letter in one case only, users may type it in either case.
    ///
    /// # Errors
    ///
    /// [`InvalidAlphabet`] for fewer than two characters, a repeated character, or one that is neither an ASCII
    /// letter nor a digit. Other characters could be separators.
    pub const fn new(chars: &str) -> Result<Self, InvalidAlphabet> {
        Self::of(chars.as_bytes())
    }

    const fn of(chars: &[u8]) -> Result<Self, InvalidAlphabet> {
        if chars.len() < 2 || chars.len() > Self::MAX_LEN {
            return Err(InvalidAlphabet);
        }
        let mut alphabet = Self { chars: [0; Self::MAX_LEN], len: 0 };
        while (alphabet.len as usize) < chars.len() {
            let next = chars[alphabet.len as usize];
            if !next.is_ascii_alphanumeric() || alphabet.has(next) {
                return Err(InvalidAlphabet);
            }
            alphabet.chars[alphabet.len as usize] = next;
            alphabet.len += 1;
        }
        Ok(alphabet)
    }

    const fn has(&self, ascii: u8) -> bool {
        let mut at = 0;
        while at < self.len as usize {
            if self.chars[at] == ascii {
                return true;
            }
            at += 1;
        }
        false
    }

    fn is_digits(&self) -> bool {
        self.as_bytes().iter().all(u8::is_ascii_digit)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.chars[..usize::from(self.len)]
    }

    /// Writes `number` in the base of this alphabet with `len` places, for [`Chars::spelt`].
    #[inline]
    fn spell(&self, mut number: u64, base: u64, len: u8) -> [u64; 2] {
        let mut last = |places| {
            (0..places).fold(0, |spelt, _| {
                let next = self.chars[usize::try_from(number % base).unwrap_or_default()];
                number /= base;
                (spelt << 8) + u64::from(next)
            })
        };
        let beyond_eight = last(len.saturating_sub(8));
        [last(len.min(8)), beyond_eight]
    }

    /// Returns the character of this alphabet that `typed` stands for.
    fn read(&self, typed: char) -> Option<u8> {
        let ascii = u8::try_from(half_width(typed)).ok()?;
        if self.has(ascii) {
            return Some(ascii);
        }
        let other_case = ascii ^ 0x20;
        (ascii.is_ascii_alphabetic() && self.has(other_case)).then_some(other_case)
    }
}

impl fmt::Debug for Alphabet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Alphabet({})", str::from_utf8(self.as_bytes()).unwrap_or_default())
    }
}

/// The error of [`Alphabet::new`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("an alphabet is 2 to 62 different ascii letters and digits")]
pub struct InvalidAlphabet;

/// The format of a code: its alphabet, and its length of 4 to 10 characters.
///
/// A challenge does not keep its format. A host that changes the format only invalidates the codes that are
/// open at that moment.
///
/// ```
/// use otp_core::{CodeFormat, Malformed};
///
/// let six = CodeFormat::digits(6)?;
/// assert_eq!(six.normalise("１２３ ４５６")?.expose_secret(), "123456");
/// assert_eq!(six.normalise("認証コード 012345（5分有効）")?.expose_secret(), "012345");
/// assert_eq!(six.normalise("12345").unwrap_err(), Malformed::TooShort);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeFormat {
    alphabet: Alphabet,
    len: u8,
    /// How many different codes there are.
    codes: u64,
    /// The largest 64-bit word that [`number`](Self::number) accepts: a multiple of `codes`, minus one.
    last_fair: u64,
}

impl CodeFormat {
    /// Length of the shortest code.
    pub const MIN_LEN: u8 = 4;
    /// Length of the longest code.
    pub const MAX_LEN: u8 = 10;
    /// Longest input that is read, in bytes. It is longer than the longest SMS.
    pub const MAX_TYPED_BYTES: usize = 4096;

    /// Creates the format of codes of `len` decimal digits.
    ///
    /// # Errors
    ///
    /// [`InvalidLength`] outside 4 to 10.
    pub const fn digits(len: u8) -> Result<Self, InvalidLength> {
        Self::new(Alphabet::DIGITS, len)
    }

    /// Creates the format of codes of `len` characters of `alphabet`.
    ///
    /// # Errors
    ///
    /// [`InvalidLength`] outside 4 to 10.
    pub const fn new(alphabet: Alphabet, len: u8) -> Result<Self, InvalidLength> {
        if len < Self::MIN_LEN || len > Self::MAX_LEN {
            return Err(InvalidLength);
        }
        let codes = (alphabet.len as u64).pow(len as u32);
        let last_fair = u64::MAX - (u64::MAX % codes + 1) % codes;
        Ok(Self { alphabet, len, codes, last_fair })
    }

    /// Returns how many characters a code has.
    #[expect(clippy::len_without_is_empty, reason = "a code is never empty")]
    pub const fn len(&self) -> u8 {
        self.len
    }

    /// Returns the alphabet.
    pub const fn alphabet(&self) -> &Alphabet {
        &self.alphabet
    }

    /// Returns how many different codes there are. A guess is right with a probability of 1 in this.
    pub const fn codes(&self) -> u64 {
        self.codes
    }

    /// Returns the number of a code from uniform bytes, or `None` if new bytes must be generated.
    ///
    /// Reads the bytes as words of eight bytes and takes the first word up to `last_fair`. A larger word is
    /// rejected, because it would make the smaller numbers likelier than the others.
    #[inline]
    pub(crate) fn number(&self, uniform: &[u8]) -> Option<u64> {
        let mut words = uniform.as_chunks().0.iter().map(|bytes| u64::from_be_bytes(*bytes));
        Some(words.find(|word| *word <= self.last_fair)? % self.codes)
    }

    /// Returns the code with this number, from 0.
    #[inline]
    pub(crate) fn code(&self, number: u64) -> OtpCode {
        let spelt = match self.alphabet.len {
            // Constant bases are faster: the compiler turns a division by a constant into a multiplication.
            10 => self.alphabet.spell(number, 10, self.len),
            base => self.alphabet.spell(number, base.into(), self.len),
        };
        OtpCode::new(Chars::spelt(spelt, self.len))
    }

    /// Reads a code that a person typed or pasted.
    ///
    /// Full-width characters become ASCII. White space (also U+3000), hyphens, dashes and full stops of any
    /// kind are dropped. If the rest is not a code and codes are digits, the input is searched as a pasted
    /// message: if all its runs of exactly [`len`](Self::len) digits are the same code, that code is taken.
    /// Nothing else is repaired: an invisible character or a middle dot within a code is an error. Reading the
    /// result again returns the same code.
    ///
    /// A malformed input is not an attempt: tell the user, and do not count it.
    ///
    /// # Errors
    ///
    /// [`Malformed`], which names the problem and repeats no character of the input.
    pub fn normalise(&self, typed: &str) -> Result<TypedCode, Malformed> {
        if typed.len() > Self::MAX_TYPED_BYTES {
            return Err(Malformed::TooLong);
        }
        let mut found = Run::default();
        let mut is_plain = true;
        for c in typed.chars().filter(|c| !is_separator(*c)) {
            match self.alphabet.read(c) {
                Some(ascii) => found.push(ascii),
                None => is_plain = false,
            }
        }
        if (!is_plain || found.len > usize::from(self.len))
            && let Some(code) = self.pasted(typed)?
        {
            return Ok(code);
        }
        if !is_plain {
            return Err(Malformed::NotACode);
        }
        match found.len {
            0 => Err(Malformed::Empty),
            n if n < usize::from(self.len) => Err(Malformed::TooShort),
            n if n > usize::from(self.len) => Err(Malformed::TooLong),
            _ => found.code().ok_or(Malformed::NotACode),
        }
    }

    /// Returns the one code in a pasted message.
    fn pasted(&self, text: &str) -> Result<Option<TypedCode>, Malformed> {
        if !self.alphabet.is_digits() {
            return Ok(None);
        }
        let mut found: Option<Run> = None;
        let mut run = Run::default();
        for c in text.chars().chain(['\n']) {
            let c = half_width(c);
            if let Ok(digit) = u8::try_from(c)
                && digit.is_ascii_digit()
            {
                run.push(digit);
                continue;
            }
            let done = std::mem::take(&mut run);
            if done.len == usize::from(self.len)
                && done.chars().iter().all(|d| self.alphabet.has(*d))
            {
                match &found {
                    Some(first) if first.chars() != done.chars() => {
                        return Err(Malformed::Ambiguous);
                    }
                    _ => found = Some(done),
                }
            }
        }
        Ok(found.and_then(|run| run.code()))
    }
}

/// The error of [`CodeFormat::new`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a code has 4 to 10 characters")]
pub struct InvalidLength;

/// Why an input is not a code. It is not an attempt, so do not count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Malformed {
    /// The input is a message with several different codes.
    #[error("more than one code was entered")]
    Ambiguous,
    /// The input is empty or only has separators.
    #[error("no code was entered")]
    Empty,
    /// The input has characters that are in no code, and is not a message with one code.
    #[error("the input is not a code")]
    NotACode,
    /// The input has too many characters.
    #[error("the code is too long")]
    TooLong,
    /// The input has too few characters.
    #[error("the code is too short")]
    TooShort,
}

/// Characters collected from the input: the first ten, and the count of all of them.
#[derive(Default, ZeroizeOnDrop)]
struct Run {
    first: [u8; Chars::MAX_LEN],
    len: usize,
}

impl Run {
    fn push(&mut self, ascii: u8) {
        if let Some(place) = self.first.get_mut(self.len) {
            *place = ascii;
        }
        self.len += 1;
    }

    fn chars(&self) -> &[u8] {
        &self.first[..self.len.min(Chars::MAX_LEN)]
    }

    fn code(&self) -> Option<TypedCode> {
        Chars::new(self.chars()).map(TypedCode::new)
    }
}

/// Returns the ASCII form of a full-width character (U+FF01 to U+FF5E), and any other character unchanged.
pub(crate) fn half_width(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => {
            char::from_u32(u32::from(c) - 0xff01 + 0x21).unwrap_or(char::REPLACEMENT_CHARACTER)
        }
        _ => c,
    }
}

/// Whether people type this between the characters of a code as a separator: a space, a hyphen or dash, a
/// full stop. Invisible characters are not separators, because no keyboard has them.
pub(crate) fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '-' | '.'
                | '\u{058a}' // Armenian hyphen
                | '\u{2010}'
                ..='\u{2015}' // hyphens, dashes, bar
                | '\u{2212}' // minus
                | '\u{2500}' // box drawing: Japanese keyboards offer it as a hyphen
                | '\u{30fc}' // prolonged sound mark: the hyphen's key on Japanese keyboards
                | '\u{fe58}' // small em dash
                | '\u{fe63}' // small hyphen-minus
                | '\u{ff0d}' // full-width hyphen
                | '\u{ff0e}' // full-width full stop
                | '\u{ff70}' // half-width prolonged sound mark
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(format: CodeFormat, typed: &str, expected: Result<&str, Malformed>) {
        let got = format.normalise(typed);
        let got = got.as_ref().map(TypedCode::expose_secret).map_err(|e| *e);
        assert_eq!(got, expected, "{typed:?}");
    }

    #[test]
    fn what_people_type_for_six_digits() {
        let six = CodeFormat::digits(6).unwrap();
        for (typed, expected) in [
            ("123456", Ok("123456")),
            ("000000", Ok("000000")),
            ("１２３４５６", Ok("123456")),
            ("1２3４5６", Ok("123456")),
            ("123 456", Ok("123456")),
            ("\u{3000}123\u{3000}456\u{3000}", Ok("123456")),
            ("12-34-56", Ok("123456")),
            ("123－456", Ok("123456")),
            ("123ー456", Ok("123456")),
            ("123\u{2010}456", Ok("123456")),
            ("123\u{2212}456", Ok("123456")),
            ("123—456", Ok("123456")),
            ("123.456.", Ok("123456")),
            ("\u{202a}123456\u{202c}\r\n", Ok("123456")),
            ("", Err(Malformed::Empty)),
            (" \u{3000}-", Err(Malformed::Empty)),
            ("12345", Err(Malformed::TooShort)),
            ("1234567", Err(Malformed::TooLong)),
            ("12345a", Err(Malformed::NotACode)),
            ("あ", Err(Malformed::NotACode)),
            // Other digits are not folded: no phone writes a code in them.
            ("١٢٣٤٥٦", Err(Malformed::NotACode)),
            ("①②③④⑤⑥", Err(Malformed::NotACode)),
            ("²³¹²³¹", Err(Malformed::NotACode)),
            ("123─456", Ok("123456")),
            ("123ｰ456", Ok("123456")),
            ("123．456", Ok("123456")),
            ("123\u{2003}456", Ok("123456")),
            ("12345\0", Err(Malformed::NotACode)),
            ("123,456", Err(Malformed::NotACode)),
            ("123・456", Err(Malformed::NotACode)),
            ("123･456", Err(Malformed::NotACode)),
            // Nothing invisible within a code.
            ("1\u{200b}23456", Err(Malformed::NotACode)),
            ("123\u{ad}456", Err(Malformed::NotACode)),
            ("123\u{200e}456", Err(Malformed::NotACode)),
            ("123\u{202c}456", Err(Malformed::NotACode)),
            ("123\u{2060}456", Err(Malformed::NotACode)),
            ("123\u{feff}456", Err(Malformed::NotACode)),
            ("123\u{2796}456", Err(Malformed::NotACode)),
            // One run of six digits, whatever stands around it, is a code that was pasted.
            ("+123456", Ok("123456")),
            ("+123456x", Ok("123456")),
            ("\u{feff}123456", Ok("123456")),
            ("+123 456", Err(Malformed::NotACode)),
        ] {
            check(six, typed, expected);
        }
    }

    #[test]
    fn a_pasted_message_gives_its_one_code() {
        let six = CodeFormat::digits(6).unwrap();
        for (typed, expected) in [
            ("認証コード 123456（10分有効）", Ok("123456")),
            ("認証コード：１２３４５６。", Ok("123456")),
            ("G-123456 is your code", Ok("123456")),
            (
                "コード 123456（5分有効）\n他人に教えないでください\n@auth.example.jp #123456",
                Ok("123456"),
            ),
            ("123456 123456", Ok("123456")),
            ("2026 123456", Ok("123456")),
            ("code123456", Ok("123456")),
            ("code 1234567", Err(Malformed::NotACode)),
            ("code 12345", Err(Malformed::NotACode)),
            ("code 123456 or 654321", Err(Malformed::Ambiguous)),
            ("123456 654321", Err(Malformed::Ambiguous)),
            ("1234567 1234567", Err(Malformed::TooLong)),
        ] {
            check(six, typed, expected);
        }
    }

    #[test]
    fn letters_are_read_in_either_case_unless_both_are_in_the_alphabet() {
        let six = CodeFormat::new(Alphabet::UNMISTAKABLE, 6).unwrap();
        check(six, "abc-d2ｘ", Ok("ABCD2X"));
        check(six, "ABCDEO", Err(Malformed::NotACode));
        check(six, "your code ABCDEF", Err(Malformed::NotACode));
        check(six, "your code 234567", Err(Malformed::NotACode));
        let both = CodeFormat::new(Alphabet::new("abAB").unwrap(), 4).unwrap();
        check(both, "aBbA", Ok("aBbA"));
        let octal = CodeFormat::new(Alphabet::new("01234567").unwrap(), 6).unwrap();
        check(octal, "code 123456", Ok("123456"));
        check(octal, "code 123458", Err(Malformed::NotACode));
        check(octal, "123458", Err(Malformed::NotACode));
    }

    /// Taking the wiping away does not compile here.
    #[test]
    fn what_was_read_is_wiped() {
        fn wiped<T: ZeroizeOnDrop>(_: &T) {}
        wiped(&Run::default());
    }

    #[test]
    fn nothing_is_read_beyond_4096_bytes() {
        let six = CodeFormat::digits(6).unwrap();
        check(six, &format!("123456{}", " ".repeat(4090)), Ok("123456"));
        check(six, &format!("123456{}", " ".repeat(4091)), Err(Malformed::TooLong));
    }

    #[test]
    fn lengths_and_alphabets_on_both_sides_of_each_boundary() {
        for (len, is_good) in [(0, false), (3, false), (4, true), (10, true), (11, false)] {
            assert_eq!(CodeFormat::digits(len).is_ok(), is_good, "{len}");
        }
        let all: String = ('0'..='9').chain('A'..='Z').chain('a'..='z').collect();
        for (chars, is_good) in [
            ("", false),
            ("0", false),
            ("01", true),
            ("010", false),
            ("0-", false),
            ("0 1", false),
            ("あい", false),
            (all.as_str(), true),
        ] {
            assert_eq!(Alphabet::new(chars).is_ok(), is_good, "{chars}");
        }
        assert!(Alphabet::new(&format!("{all}0")).is_err());
        let ten = CodeFormat::new(Alphabet::new(&all).unwrap(), 10).unwrap();
        assert_eq!((ten.len(), ten.codes()), (10, 62_u64.pow(10)));
        check(ten, "012345678!", Err(Malformed::NotACode));
        assert_eq!(format!("{:?}", ten.alphabet()), format!("Alphabet({all})"));
    }

    /// Every code has the same number of fair words. The few words beyond them are not used.
    #[test]
    fn a_word_beyond_the_last_fair_one_is_rejected() {
        let draw = |format: &CodeFormat, words: [u64; 4]| {
            let uniform = words.map(u64::to_be_bytes);
            format
                .number(uniform.as_flattened())
                .map(|number| format.code(number).expose_secret().to_owned())
        };
        let six = CodeFormat::digits(6).unwrap();
        // 2^64 = 18_446_744_073_709 · 10^6 + 551_616, so the last fair word ends in 999_999.
        let last_fair = 18_446_744_073_708_999_999;
        assert_eq!(six.last_fair, last_fair);
        assert_eq!(draw(&six, [0; 4]).as_deref(), Some("000000"));
        assert_eq!(draw(&six, [42, 1, 2, 3]).as_deref(), Some("000042"));
        assert_eq!(draw(&six, [last_fair, 0, 0, 0]).as_deref(), Some("999999"));
        let unfair = last_fair + 1;
        assert_eq!(draw(&six, [unfair, 7, 8, 9]).as_deref(), Some("000007"));
        assert_eq!(draw(&six, [unfair, u64::MAX, unfair, 9]).as_deref(), Some("000009"));
        assert_eq!(draw(&six, [unfair; 4]), None);
        // With an alphabet that divides 2^64 every word is fair.
        let binary = CodeFormat::new(Alphabet::new("01").unwrap(), 4).unwrap();
        assert_eq!(draw(&binary, [u64::MAX; 4]).as_deref(), Some("1111"));
        assert_eq!(draw(&binary, [0b0110, 0, 0, 0]).as_deref(), Some("0110"));
    }

    #[test]
    fn nothing_typed_shows_in_debug_or_in_an_error() {
        let six = CodeFormat::digits(6).unwrap();
        let typed = six.normalise("918273").unwrap();
        let error = six.normalise("9182735").unwrap_err();
        assert!(!format!("{error:?} {error}").contains("918273"));
        assert_eq!(format!("{typed:?} {:?}", six.code(918_273)), "TypedCode(..) OtpCode(..)");
    }
}
