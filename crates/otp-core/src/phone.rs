//! Japanese mobile numbers: read as people write them, stored as E.164, shown masked.

use std::{fmt, str::FromStr};

use thiserror::Error;

use crate::format::{half_width, is_separator};

/// A Japanese mobile number in E.164 (`+819012345678`).
///
/// It is personal data: `Debug` and [`masked`](Self::masked) show only the last four digits, and there is no
/// `Display`. [`AllowedPrefixes`] says which prefixes are accepted.
///
/// ```
/// use otp_core::PhoneNumber;
///
/// let number = PhoneNumber::from_japanese("０９０−１２３４−５６７８")?;
/// assert_eq!(number.as_e164(), "+819012345678");
/// assert_eq!(number.national(), "09012345678");
/// assert_eq!(number.masked(), "***-****-5678");
/// assert_eq!(format!("{number:?}"), "PhoneNumber(***-****-5678)");
/// assert_eq!(PhoneNumber::from_japanese("+81 90 1234 5678")?, number);
/// # Ok::<(), otp_core::InvalidPhoneNumber>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhoneNumber([u8; 13]);

impl PhoneNumber {
    /// Reads a number with the default prefixes 070, 080 and 090.
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
    /// dropped.
    ///
    /// # Errors
    ///
    /// [`InvalidPhoneNumber::NotAMobileNumber`] if the text is not a Japanese mobile number of eleven digits.
    /// [`InvalidPhoneNumber::PrefixNotAllowed`] if `allowed` does not contain its prefix.
    pub fn from_japanese_with(
        text: &str,
        allowed: AllowedPrefixes,
    ) -> Result<Self, InvalidPhoneNumber> {
        let subscriber = subscriber(text).ok_or(InvalidPhoneNumber::NotAMobileNumber)?;
        if !allowed.allows(subscriber[0]) {
            return Err(InvalidPhoneNumber::PrefixNotAllowed);
        }
        let mut e164 = *b"+81..........";
        e164[3..].copy_from_slice(&subscriber);
        Ok(Self(e164))
    }

    /// Returns the number in E.164: `+81` and ten digits.
    pub fn as_e164(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Returns the digits of the E.164 form as one number. No two phone numbers have the same one, because none
    /// begins with 0.
    pub(crate) fn as_number(&self) -> u64 {
        self.0[1..].iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
    }

    /// Returns the national form, which Karaden expects: eleven digits that begin with 0.
    pub fn national(&self) -> String {
        let mut national = String::with_capacity(11);
        national.push('0');
        national.push_str(&self.as_e164()[3..]);
        national
    }

    /// Returns the number as its owner may see it: `***-****-5678`.
    pub fn masked(&self) -> String {
        format!("***-****-{}", self.last_four())
    }

    /// Returns the last four digits, which may appear in a log.
    pub fn last_four(&self) -> &str {
        &self.as_e164()[9..]
    }

    /// Returns the first seven digits of the national form. They name a block of 10,000 numbers, by which
    /// sending can be limited.
    pub fn block(&self) -> String {
        let mut national = self.national();
        national.truncate(7);
        national
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhoneNumber({})", self.masked())
    }
}

impl FromStr for PhoneNumber {
    type Err = InvalidPhoneNumber;

    fn from_str(text: &str) -> Result<Self, InvalidPhoneNumber> {
        Self::from_japanese(text)
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
    let number = <[u8; 10]>::try_from(national).ok()?;
    matches!(number, [b'6'..=b'9', b'0', ..]).then_some(number)
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

/// Which of 060, 070, 080 and 090 are accepted. Default: 070, 080 and 090.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllowedPrefixes(u8);

impl AllowedPrefixes {
    /// 070, 080 and 090.
    pub const ESTABLISHED: Self = Self(0b1110);

    /// 060, 070, 080 and 090. Japan opened 060 to mobile phones later.
    pub const WITH_060: Self = Self(0b1111);

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
        Self::ESTABLISHED
    }
}

/// The error of [`AllowedPrefixes::from_list`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a mobile prefix is one of 060, 070, 080 and 090, and at least one is needed")]
pub struct UnknownPrefix;

/// Why a text is not a number to send to. It repeats nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidPhoneNumber {
    /// The text is not a Japanese mobile number of eleven digits.
    #[error("not a Japanese mobile number")]
    NotAMobileNumber,
    /// The number has a mobile prefix that is not allowed.
    #[error("mobile numbers with this prefix are not accepted")]
    PrefixNotAllowed,
}

#[cfg(test)]
mod tests {
    use super::*;

    use InvalidPhoneNumber::{NotAMobileNumber, PrefixNotAllowed};

    #[test]
    fn numbers_as_people_write_them() {
        for text in [
            "09012345678",
            "090-1234-5678",
            "090 1234 5678",
            "(090) 1234-5678",
            "０９０ー１２３４ー５６７８",
            "（０９０）１２３４－５６７８",
            "090.1234.5678",
            "\u{202a}+81 90-1234-5678\u{202c}",
            "\u{feff}090\u{ad}1234\u{200b}5678\u{2069}\u{2060}",
            "090・1234･5678",
            "+819012345678",
            "+8109012345678",
            "+81 (0)90 1234 5678",
            "＋８１９０１２３４５６７８",
            "00819012345678",
            "008109012345678",
            "819012345678",
            "81 090 1234 5678",
        ] {
            let number = PhoneNumber::from_japanese(text);
            assert_eq!(number.as_ref().map(PhoneNumber::as_e164), Ok("+819012345678"), "{text}");
        }
    }

    #[test]
    fn what_is_no_mobile_number() {
        for text in [
            "",
            "-",
            "+",
            "9012345678",
            "0901234567",
            "090123456789",
            "0312345678",
            "03-1234-5678",
            "05012345678",
            "02012345678",
            "09112345678",
            "0120-123-456",
            "+8190123456789",
            "+81901234567",
            "+1 650 253 0000",
            "+09012345678",
            "++819012345678",
            "81+9012345678",
            "+00819012345678",
            "090-1234-567a",
            "090-1234-5678;ext=1",
            "٠٩٠١٢٣٤٥٦٧٨",
            "0081000000000000000000",
        ] {
            assert_eq!(PhoneNumber::from_japanese(text), Err(NotAMobileNumber), "{text}");
        }
    }

    #[test]
    fn prefixes_are_allowed_by_list() {
        let only_070 = AllowedPrefixes::from_list(["070"]).unwrap();
        for (text, allowed, expected) in [
            ("06012345678", AllowedPrefixes::default(), Err(PrefixNotAllowed)),
            ("06012345678", AllowedPrefixes::WITH_060, Ok(())),
            ("07012345678", AllowedPrefixes::default(), Ok(())),
            ("08012345678", AllowedPrefixes::default(), Ok(())),
            ("09012345678", AllowedPrefixes::WITH_060, Ok(())),
            ("07012345678", only_070, Ok(())),
            ("08012345678", only_070, Err(PrefixNotAllowed)),
            ("+816012345678", only_070, Err(PrefixNotAllowed)),
        ] {
            let got = PhoneNumber::from_japanese_with(text, allowed).map(|_| ());
            assert_eq!(got, expected, "{text} {allowed:?}");
        }
        assert_eq!(
            AllowedPrefixes::from_list(["070", "080", "090"]),
            Ok(AllowedPrefixes::ESTABLISHED)
        );
        let all = ["060", "070", "080", "090"];
        assert_eq!(AllowedPrefixes::from_list(all), Ok(AllowedPrefixes::WITH_060));
        for bad in [&[][..], &["050"], &["070", "020"], &["70"], &["0700"], &["071"]] {
            assert_eq!(AllowedPrefixes::from_list(bad.iter().copied()), Err(UnknownPrefix));
        }
    }

    #[test]
    fn shown_masked_only() {
        let number: PhoneNumber = "08087654321".parse().unwrap();
        assert_eq!(number.national(), "08087654321");
        assert_eq!(number.masked(), "***-****-4321");
        assert_eq!(number.last_four(), "4321");
        assert_eq!(number.block(), "0808765");
        let shown = format!("{number:?} {:?}", Some(&number));
        assert!(shown.starts_with("PhoneNumber(***-****-"), "{shown}");
        assert!(!shown.contains("8765"), "{shown}");
        let error = PhoneNumber::from_japanese("0808765432x").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("8765"));
    }
}
