//! Phone numbers: stored as E.164, shown masked. Japanese mobile numbers are read as people write them.

use std::{fmt, str::FromStr};

use thiserror::Error;

use crate::format::{half_width, is_separator};

/// A phone number in E.164: `+`, then 7 to 15 digits of which the first is not 0.
///
/// It is personal data: `Debug` and [`masked`](Self::masked) show only the last four digits, and there is no
/// `Display`. With the feature `serde` it is serialised in the clear, as its E.164 text: serialise it only
/// into a store that is protected as personal data, never into a log.
///
/// ```
/// use otp_core::PhoneNumber;
///
/// let number = PhoneNumber::from_japanese("０９０−１２３４−５６７８")?;
/// assert_eq!(number.as_e164(), "+819012345678");
/// assert_eq!(number.masked(), "***-****-5678");
/// assert_eq!(format!("{number:?}"), "PhoneNumber(***-****-5678)");
/// assert_eq!(PhoneNumber::from_japanese("+81 90 1234 5678")?, number);
///
/// let number = PhoneNumber::new("+16502530000")?;
/// assert_eq!(number.masked(), "+*******0000");
/// # Ok::<(), otp_core::InvalidPhoneNumber>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhoneNumber {
    /// The E.164 text, padded with zero bytes.
    text: [u8; Self::MAX_DIGITS + 1],
    len: u8,
}

impl PhoneNumber {
    const MIN_DIGITS: usize = 7;
    const MAX_DIGITS: usize = 15;

    /// Takes a number in E.164 exactly as it is: `+` and 7 to 15 ASCII digits, the first not 0. Which numbers a
    /// country has is not checked, with one exception: `+810…` is no number. The 0 in front of Japanese numbers
    /// is a trunk prefix, and with it one handset would have two numbers.
    ///
    /// # Errors
    ///
    /// [`InvalidPhoneNumber::NotE164`] for another text.
    pub fn new(e164: &str) -> Result<Self, InvalidPhoneNumber> {
        let digits = e164.strip_prefix('+').ok_or(InvalidPhoneNumber::NotE164)?.as_bytes();
        let is_number = (Self::MIN_DIGITS..=Self::MAX_DIGITS).contains(&digits.len())
            && digits.iter().all(u8::is_ascii_digit)
            && digits[0] != b'0'
            && !digits.starts_with(b"810");
        if !is_number {
            return Err(InvalidPhoneNumber::NotE164);
        }
        let mut text = [0; Self::MAX_DIGITS + 1];
        text[..e164.len()].copy_from_slice(e164.as_bytes());
        let len = u8::try_from(e164.len()).map_err(|_| InvalidPhoneNumber::NotE164)?;
        Ok(Self { text, len })
    }

    /// Reads a Japanese mobile number as people write it: 060, 070, 080 or 090 and eight more digits.
    ///
    /// # Errors
    ///
    /// Those of [`from_japanese_with`](Self::from_japanese_with).
    pub fn from_japanese(text: &str) -> Result<Self, InvalidPhoneNumber> {
        Self::from_japanese_with(text, AllowedPrefixes::default())
    }

    /// Reads a number in national form (`090-1234-5678`) or in international form (`+81`, `0081` or `81`).
    /// The international form may have the `(0)` that people keep (`+81 (0)90 …`).
    ///
    /// Full-width characters become ASCII. White space, hyphens, dashes, full stops and round brackets are
    /// dropped. The fourth digit of the national form is never 0: the numbering plan of the Ministry of
    /// Internal Affairs and Communications (電気通信番号計画, notice 6 of 2019) gives mobile phones the numbers
    /// 0A0-CDEF-GHJK in which C is not 0. Free-phone numbers begin with 0800.
    ///
    /// # Errors
    ///
    /// [`InvalidPhoneNumber::NotJapaneseMobile`] if the text is not a Japanese mobile number of eleven digits.
    /// [`InvalidPhoneNumber::PrefixNotAllowed`] if `allowed` does not contain its prefix.
    pub fn from_japanese_with(
        text: &str,
        allowed: AllowedPrefixes,
    ) -> Result<Self, InvalidPhoneNumber> {
        let subscriber = subscriber(text).ok_or(InvalidPhoneNumber::NotJapaneseMobile)?;
        if !allowed.allows(subscriber[0]) {
            return Err(InvalidPhoneNumber::PrefixNotAllowed);
        }
        let mut text = *b"+81..........\0\0\0";
        text[3..13].copy_from_slice(&subscriber);
        Ok(Self { text, len: 13 })
    }

    /// Returns the number in E.164.
    pub fn as_e164(&self) -> &str {
        str::from_utf8(&self.text[..usize::from(self.len)]).unwrap_or_default()
    }

    /// Returns the national form of a Japanese mobile number: eleven digits that begin with 0. `None` for any
    /// other number.
    pub fn to_japanese(&self) -> Option<String> {
        self.japanese_subscriber().map(|subscriber| ["0", subscriber].concat())
    }

    /// Returns the number as its owner may see it: `***-****-5678` if it is a Japanese mobile number, otherwise
    /// a plus, asterisks and the last four digits.
    pub fn masked(&self) -> String {
        let last_four = self.last_four();
        if self.japanese_subscriber().is_some() {
            return ["***-****-", last_four].concat();
        }
        let hidden = usize::from(self.len) - 1 - last_four.len();
        ["+", &"*".repeat(hidden), last_four].concat()
    }

    /// Returns the last four digits, which may appear in a log.
    pub fn last_four(&self) -> &str {
        self.last_digits(4)
    }

    /// Returns the last `count` digits, at most four.
    pub fn last_digits(&self, count: u8) -> &str {
        let hidden = usize::from(self.len) - usize::from(count.min(4));
        self.as_e164().get(hidden..).unwrap_or_default()
    }

    /// Returns the E.164 form without its last four digits. It names a block of 10,000 numbers, by which sending
    /// can be limited.
    pub fn block(&self) -> &str {
        self.as_e164().get(..usize::from(self.len) - 4).unwrap_or_default()
    }

    /// Returns what follows the country code of a Japanese mobile number.
    fn japanese_subscriber(&self) -> Option<&str> {
        let subscriber = self.as_e164().strip_prefix("+81")?;
        let digits = <&[u8; 10]>::try_from(subscriber.as_bytes()).ok()?;
        is_japanese_mobile(digits).then_some(subscriber)
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhoneNumber({})", self.masked())
    }
}

impl AsRef<str> for PhoneNumber {
    /// Returns the number in E.164.
    fn as_ref(&self) -> &str {
        self.as_e164()
    }
}

impl FromStr for PhoneNumber {
    type Err = InvalidPhoneNumber;

    /// Takes a number in E.164, as [`new`](Self::new) does.
    fn from_str(e164: &str) -> Result<Self, InvalidPhoneNumber> {
        Self::new(e164)
    }
}

/// Returns the ten digits after the country code, if `text` is a Japanese mobile number.
fn subscriber(text: &str) -> Option<[u8; 10]> {
    let mut digits = [0; 16];
    let mut len = 0;
    let mut has_plus = false;
    for c in text.chars().map(half_width) {
        match c {
            '0'..='9' => {
                *digits.get_mut(len)? = u8::try_from(c).ok()?;
                len += 1;
            }
            '+' if len == 0 && !has_plus => has_plus = true,
            '(' | ')' => {}
            c if is_separator(c) || is_around_numbers(c) => {}
            _ => return None,
        }
    }
    let digits = &digits[..len];
    let national = match (has_plus, digits) {
        (_, [b'8', b'1', rest @ ..]) | (false, [b'0', b'0', b'8', b'1', rest @ ..]) => {
            rest.strip_prefix(b"0").unwrap_or(rest)
        }
        (false, [b'0', rest @ ..]) => rest,
        _ => return None,
    };
    <[u8; 10]>::try_from(national).ok().filter(is_japanese_mobile)
}

/// Whether these ten digits follow the country code in a mobile number.
const fn is_japanese_mobile(subscriber: &[u8; 10]) -> bool {
    matches!(subscriber, [b'6'..=b'9', b'0', b'1'..=b'9', ..])
}

/// Whether address books put this character around or between the digits of a number: direction marks,
/// invisible joiners, middle dots.
fn is_around_numbers(c: char) -> bool {
    matches!(
        c,
        '\u{00ad}' // soft hyphen
            | '\u{200b}'..='\u{200f}' // zero-width and direction marks
            | '\u{202a}'..='\u{202e}' // embedding marks
            | '\u{2060}' // word joiner
            | '\u{2066}'..='\u{2069}' // isolation marks
            | '\u{30fb}' // katakana middle dot
            | '\u{feff}' // byte order mark
            | '\u{ff65}' // half-width middle dot
    )
}

/// Which of the Japanese mobile prefixes 060, 070, 080 and 090 are accepted. Default: all four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllowedPrefixes(u8);

impl AllowedPrefixes {
    /// 060, 070, 080 and 090.
    pub const ALL: Self = Self(0b1111);

    /// Accepts the prefixes in `list`, each one of `060`, `070`, `080` and `090`.
    ///
    /// # Errors
    ///
    /// [`UnknownPrefix`] for another prefix, and for an empty list, which would accept no number.
    pub fn from_list<'a>(list: impl IntoIterator<Item = &'a str>) -> Result<Self, UnknownPrefix> {
        let mut bits = 0;
        for prefix in list {
            match prefix.as_bytes() {
                [b'0', digit @ b'6'..=b'9', b'0'] => bits |= 1 << (digit - b'6'),
                _ => return Err(UnknownPrefix),
            }
        }
        if bits == 0 { Err(UnknownPrefix) } else { Ok(Self(bits)) }
    }

    const fn allows(self, digit: u8) -> bool {
        matches!(digit, b'6'..=b'9') && self.0 & 1 << (digit - b'6') != 0
    }
}

impl Default for AllowedPrefixes {
    fn default() -> Self {
        Self::ALL
    }
}

/// The error of [`AllowedPrefixes::from_list`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a mobile prefix is one of 060, 070, 080 and 090, and at least one is needed")]
pub struct UnknownPrefix;

/// Why a text is not a number to send to. It repeats nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidPhoneNumber {
    /// The text is not `+` and 7 to 15 digits.
    #[error("not a phone number in E.164")]
    NotE164,
    /// The text is not a Japanese mobile number of eleven digits.
    #[error("not a Japanese mobile number")]
    NotJapaneseMobile,
    /// The number has a mobile prefix that is not allowed.
    #[error("mobile numbers with this prefix are not accepted")]
    PrefixNotAllowed,
}

#[cfg(test)]
mod tests {
    use super::*;

    use InvalidPhoneNumber::{NotE164, PrefixNotAllowed};

    #[test]
    fn prefixes_are_allowed_by_list() {
        let only_070 = AllowedPrefixes::from_list(["070"]).unwrap();
        let but_060 = AllowedPrefixes::from_list(["070", "080", "090"]).unwrap();
        for (text, allowed, expected) in [
            ("06012345678", AllowedPrefixes::default(), Ok(())),
            ("06012345678", but_060, Err(PrefixNotAllowed)),
            ("07012345678", AllowedPrefixes::default(), Ok(())),
            ("08012345678", AllowedPrefixes::default(), Ok(())),
            ("09012345678", AllowedPrefixes::default(), Ok(())),
            ("07012345678", only_070, Ok(())),
            ("08012345678", only_070, Err(PrefixNotAllowed)),
            ("+816012345678", only_070, Err(PrefixNotAllowed)),
        ] {
            let got = PhoneNumber::from_japanese_with(text, allowed).map(|_| ());
            assert_eq!(got, expected, "{text} {allowed:?}");
        }
        let all = ["060", "070", "080", "090"];
        assert_eq!(AllowedPrefixes::from_list(all), Ok(AllowedPrefixes::default()));
        for bad in [&[][..], &["050"], &["070", "020"], &["70"], &["0700"], &["071"]] {
            assert_eq!(AllowedPrefixes::from_list(bad.iter().copied()), Err(UnknownPrefix));
        }
    }

    #[test]
    fn a_number_of_any_country_is_taken_in_e164_only() {
        for good in ["+1650253", "+16502530000", "+123456789012345", "+819012345678"] {
            let number = PhoneNumber::new(good).unwrap();
            assert_eq!((number.as_e164(), number.as_ref()), (good, good));
            assert_eq!(good.parse(), Ok(number));
        }
        for bad in [
            "",
            "+",
            "16502530000",
            "+165025",
            "+1234567890123456",
            "+06502530000",
            // With the trunk prefix of Japan.
            "+8109012345678",
            "+810312345678",
            "+1 650 253 0000",
            "++16502530000",
            "+1650253000a",
            "+１６５０２５３００００",
            "09012345678",
        ] {
            assert_eq!(PhoneNumber::new(bad), Err(NotE164), "{bad}");
        }
        assert_eq!(PhoneNumber::new("+819012345678"), PhoneNumber::from_japanese("09012345678"));
    }

    #[test]
    fn shown_masked_only() {
        for (e164, japanese, masked, last_four, block) in [
            ("+818087654321", Some("08087654321"), "***-****-4321", "4321", "+81808765"),
            ("+81312345678", None, "+*******5678", "5678", "+8131234"),
            // The fourth digit of a mobile number is never 0.
            ("+819000000001", None, "+********0001", "0001", "+81900000"),
            ("+8110901234567", None, "+*********4567", "4567", "+811090123"),
            ("+16502530000", None, "+*******0000", "0000", "+1650253"),
            ("+6834123", None, "+***4123", "4123", "+683"),
        ] {
            let number = PhoneNumber::new(e164).unwrap();
            assert_eq!(number.to_japanese().as_deref(), japanese);
            assert_eq!(number.masked(), masked);
            assert_eq!(number.last_four(), last_four);
            assert_eq!(number.last_digits(2), &last_four[2..]);
            assert_eq!(number.last_digits(0), "");
            assert_eq!(number.last_digits(5), last_four);
            assert_eq!(number.block(), block);
            assert_eq!(format!("{number:?}"), format!("PhoneNumber({masked})"));
        }
        let error = PhoneNumber::from_japanese("0808765432x").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("8765"));
    }
}
