//! The phone number of a recipient.

use std::{fmt, str::FromStr};

use crate::{
    invalid::{Found, Invalid, Rule},
    redact,
};

/// A Japanese mobile number in the form that both APIs accept: 11 digits, starting with 0.
///
/// Accepted spellings: hyphens, dashes, white space, dots, brackets and invisible marks anywhere, full-width
/// characters, and `+81`, `0081` or `81` for the leading 0. So the E.164 form of another library works too:
/// `Recipient::new(number.as_e164())`. A 0 after the country code is dropped, as in `+81 (0)90 …`.
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
    /// Parses a mobile number: 060, 070, 080 or 090 and eight more digits, of which the first is not 0.
    ///
    /// The numbering plan (電気通信番号計画, notice 6 of 2019) gives mobile phones the numbers 0A0-CDEF-GHJK in
    /// which C is not 0; numbers with 0800 are free-phone. The unassigned numbers `0A0-0000-00NN` are
    /// accepted, because the simulator of this project has outcomes for them.
    ///
    /// # Errors
    ///
    /// [`Rule::MobileNumber`] on field `to` for anything else.
    pub fn new(number: &str) -> Result<Self, Invalid> {
        Self::with_prefixes(number, &MOBILE)
    }

    /// Parses a number of 11 digits that begins with one of `prefixes`, for contracts that reach
    /// other numbers. For 060, 070, 080 and 090 the next digit is as in [`new`](Self::new); any other prefix
    /// decides alone.
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
        let has = |prefix: &&str| {
            let rest = digits.strip_prefix(*prefix);
            rest.is_some_and(|rest| !MOBILE.contains(prefix) || is_mobile(rest))
        };
        if !prefixes.iter().any(has) {
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

/// Whether a mobile number can have these eight digits after its prefix.
fn is_mobile(rest: &str) -> bool {
    !rest.starts_with('0') || rest.starts_with("000000")
}

/// Returns the digits of a number, with its country code replaced by 0.
fn national_digits(number: &str) -> Result<String, Found> {
    let mut digits = String::with_capacity(16);
    let mut international = false;
    for c in number.chars().map(half_width) {
        match c {
            '0'..='9' => digits.push(c),
            '+' if digits.is_empty() && !international => international = true,
            c if is_ignored(c) => {}
            _ => return Err(Found::ForeignCharacter),
        }
        if digits.len() > 20 {
            return Err(Found::Digits(digits.len()));
        }
    }
    let national = match (digits.strip_prefix("81"), digits.strip_prefix("0081")) {
        (Some(rest), _) => rest,
        (None, Some(rest)) if !international => rest,
        (None, _) if international => return Err(Found::OtherPrefix),
        (None, _) => return Ok(digits),
    };
    // Some people write the trunk prefix too: +81 (0)90 …
    Ok(format!("0{}", national.strip_prefix('0').unwrap_or(national)))
}

/// Returns the ASCII form of a full-width character (U+FF01 to U+FF5E), and any other character unchanged.
fn half_width(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => {
            char::from_u32(u32::from(c) - 0xff01 + 0x21).unwrap_or(char::REPLACEMENT_CHARACTER)
        }
        _ => c,
    }
}

/// Whether people or address books put this character around or between the digits of a number.
fn is_ignored(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '-' | '.' | '(' | ')'
                | '\u{00ad}' // soft hyphen
                | '\u{058a}' // Armenian hyphen
                | '\u{200b}'..='\u{200f}' // zero-width and direction marks
                | '\u{2010}'..='\u{2015}' // hyphens, dashes, bar
                | '\u{202a}'..='\u{202e}' // embedding marks
                | '\u{2060}' // word joiner
                | '\u{2066}'..='\u{2069}' // isolation marks
                | '\u{2212}' // minus
                | '\u{2500}' // box drawing: Japanese keyboards offer it as a hyphen
                | '\u{30fb}' // katakana middle dot
                | '\u{30fc}' // prolonged sound mark: the hyphen's key on Japanese keyboards
                | '\u{fe58}' // small em dash
                | '\u{fe63}' // small hyphen-minus
                | '\u{feff}' // byte order mark
                | '\u{ff65}' // half-width middle dot
                | '\u{ff70}' // half-width prolonged sound mark
        )
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
