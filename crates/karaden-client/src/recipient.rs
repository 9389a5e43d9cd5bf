//! The phone number of a recipient.

use std::{fmt, str::FromStr};

use crate::{
    invalid::{Found, Invalid, Rule},
    redact,
};

/// A Japanese mobile number in the form that both APIs accept: 11 digits, starting with 0.
///
/// Accepted spellings: hyphens, spaces, dots and brackets anywhere, full-width digits, and `+81`
/// or `0081` for the leading 0. So the E.164 form of another library works too:
/// `Recipient::new(number.as_e164())`.
///
/// `Debug` shows the last four digits only. There is neither `Display` nor `AsRef<str>`:
/// [`expose_digits`](Self::expose_digits) is the one accessor of the number. With the feature `serde` a
/// recipient is serialised as its eleven digits, in clear: that is personal data.
///
/// ```
/// use karaden_client::Recipient;
///
/// let number = Recipient::new("+81 90-1234-5678")?;
/// assert_eq!(number.expose_digits(), "09012345678");
/// assert_eq!(number.masked(), "*******5678");
/// assert_eq!(Recipient::new("０９０ー１２３４ー５６７８")?, number);
/// # Ok::<(), karaden_client::Invalid>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Recipient(String);

/// The prefixes of Japanese mobile numbers.
const MOBILE: [&str; 4] = ["060", "070", "080", "090"];

impl Recipient {
    /// Parses a mobile number: 060, 070, 080 or 090 and eight more digits.
    ///
    /// # Errors
    ///
    /// [`Rule::MobileNumber`] on field `to` for anything else.
    pub fn new(number: &str) -> Result<Self, Invalid> {
        Self::with_prefixes(number, &MOBILE)
    }

    /// Parses a number of 11 digits that begins with one of `prefixes`, for contracts that reach
    /// other numbers.
    ///
    /// # Errors
    ///
    /// [`Rule::MobileNumber`] on field `to` for anything else.
    pub fn with_prefixes(number: &str, prefixes: &[&str]) -> Result<Self, Invalid> {
        let refuse = |found| Invalid::new("to", Rule::MobileNumber, found);
        let digits = national_digits(number).map_err(refuse)?;
        if digits.len() != 11 {
            let found = if digits.is_empty() { Found::Empty } else { Found::Digits(digits.len()) };
            return Err(refuse(found));
        }
        if !prefixes.iter().any(|prefix| digits.starts_with(prefix)) {
            return Err(refuse(Found::OtherPrefix));
        }
        Ok(Self(digits))
    }

    /// Returns the 11 digits. Personal data: do not log them.
    pub fn expose_digits(&self) -> &str {
        &self.0
    }

    /// Returns the number with all but the last four digits hidden, for logs and pages.
    pub fn masked(&self) -> String {
        redact::phone(&self.0)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({})", self.masked())
    }
}

impl FromStr for Recipient {
    type Err = Invalid;

    /// Parses a number as [`new`](Self::new) does.
    fn from_str(number: &str) -> Result<Self, Invalid> {
        Self::new(number)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Recipient {
    fn serialize<S: serde::Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        output.serialize_str(&self.0)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Recipient {
    /// Reads a number with any prefix, because [`with_prefixes`](Recipient::with_prefixes) may have made
    /// it.
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let number = String::deserialize(input)?;
        Self::with_prefixes(&number, &["0"]).map_err(serde::de::Error::custom)
    }
}

/// Returns the digits of a number, with its country code replaced by 0.
fn national_digits(number: &str) -> Result<String, Found> {
    let mut digits = String::with_capacity(16);
    let mut international = false;
    for c in number.trim().chars() {
        match c {
            '0'..='9' => digits.push(c),
            '０'..='９' => digits.push(char::from(b'0' + full_width_digit(c))),
            '+' | '＋' if digits.is_empty() && !international => international = true,
            ' ' | '\u{3000}' | '-' | '.' | '(' | ')' | '（' | '）' | 'ー' | '－' | '‐' | '‑'
            | '–' | '−' | '—' => {}
            _ => return Err(Found::ForeignCharacter),
        }
        if digits.len() > 20 {
            return Err(Found::Digits(digits.len()));
        }
    }
    let country = if international { "81" } else { "0081" };
    match digits.strip_prefix(country) {
        // Some people write the trunk prefix too: +81 (0)90 …
        Some(rest) => Ok(format!("0{}", rest.strip_prefix('0').unwrap_or(rest))),
        None if international => Err(Found::OtherPrefix),
        None => Ok(digits),
    }
}

/// Returns the ASCII form of a full-width digit.
fn full_width_digit(c: char) -> u8 {
    u8::try_from(u32::from(c) - u32::from('０')).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_of_one_number() {
        for spelling in [
            "09012345678",
            "090-1234-5678",
            " 090 1234 5678 ",
            "+819012345678",
            "+81-90-1234-5678",
            "+81 (0)90 1234 5678",
            "0081 90 1234 5678",
            "０９０１２３４５６７８",
            "（090）1234ー5678",
        ] {
            assert_eq!(Recipient::new(spelling).expect(spelling).expose_digits(), "09012345678");
        }
    }

    #[test]
    fn others_are_refused_with_the_reason() {
        let rows = [
            ("", Found::Empty),
            ("0901234567", Found::Digits(10)),
            ("090123456789", Found::Digits(12)),
            ("03012345678", Found::OtherPrefix),
            ("05012345678", Found::OtherPrefix),
            ("02012345678", Found::OtherPrefix),
            ("+15551234567", Found::OtherPrefix),
            ("0901234567a", Found::ForeignCharacter),
            ("090+12345678", Found::ForeignCharacter),
            ("++819012345678", Found::ForeignCharacter),
            ("090１２３４５６７٨", Found::ForeignCharacter),
        ];
        for (number, found) in rows {
            let invalid = Recipient::new(number).expect_err(number);
            assert_eq!((invalid.field(), invalid.found()), ("to", found), "{number}");
        }
    }

    #[test]
    fn a_contract_may_allow_other_prefixes() {
        assert!(Recipient::with_prefixes("020-1234-5678", &["020"]).is_ok());
        assert!(Recipient::with_prefixes("090-1234-5678", &["020"]).is_err());
    }

    #[test]
    fn debug_and_errors_hide_the_number() {
        let shown = format!("{:?}", Recipient::new("09012345678"));
        assert!(!shown.contains("0901234"), "{shown}");
        let shown = format!("{:?} {0}", Recipient::new("0901234567x").expect_err("letter"));
        assert!(!shown.contains("1234"), "{shown}");
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(text in "[+0-9０-９ ーa-]{0,24}") {
            if let Ok(number) = Recipient::new(&text) {
                prop_assert_eq!(Recipient::new(number.expose_digits()), Ok(number));
            }
        }
    }
}
