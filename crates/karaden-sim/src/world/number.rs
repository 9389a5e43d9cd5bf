//! Phone numbers in the national format, which both APIs use.

use std::fmt;

/// Eleven ASCII digits. `Debug` shows the last four.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Number([u8; 11]);

impl Number {
    /// Parses exactly eleven ASCII digits, the only documented rule.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits: [u8; 11] = text.as_bytes().try_into().ok()?;
        digits.iter().all(u8::is_ascii_digit).then_some(Self(digits))
    }

    /// Reads a number as a test may write it: `+81` or `81` stands for the first 0, and hyphens and spaces are
    /// dropped. The APIs themselves take eleven digits only.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let text: String = text.chars().filter(|c| !matches!(c, '-' | ' ')).collect();
        // A `+` that was not escaped in a query is a space there.
        match text.strip_prefix("+81").or_else(|| text.strip_prefix("81")) {
            Some(rest) if rest.len() == 10 => Self::parse(&format!("0{rest}")),
            _ => Self::parse(&text),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Returns the digits as an integer, for use as a key.
    pub(crate) fn key(self) -> u64 {
        self.0.iter().fold(0, |key, digit| key * 10 + u64::from(digit - b'0'))
    }

    /// Formats for people: `090-1234-5678`.
    pub(crate) fn grouped(&self) -> String {
        let text = self.as_str();
        format!("{}-{}-{}", &text[..3], &text[3..7], &text[7..])
    }

    /// Returns `NN` if this is a magic number, `0x0-0000-00NN`, which selects its outcome.
    pub(crate) fn magic(self) -> Option<u8> {
        let fits = self.0[0] == b'0' && self.0[2] == b'0' && self.0[3..9] == *b"000000";
        fits.then(|| (self.0[9] - b'0') * 10 + self.0[10] - b'0')
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Number(***-****-{})", &self.as_str()[7..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_eleven_digits_are_parsed() {
        let number = Number::parse("09012345678").unwrap();
        assert_eq!((number.as_str(), number.key()), ("09012345678", 9_012_345_678));
        assert_eq!(number.grouped(), "090-1234-5678");
        for text in ["", "0901234567", "090123456789", "090-1234-567", "+8190123456", "０９０"] {
            assert_eq!(Number::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_number_is_read_as_tests_write_it() {
        let number = Number::parse("09012345678");
        for text in ["090-1234-5678", "+819012345678", "+81 90 1234 5678", " 819012345678"] {
            assert_eq!(Number::read(text), number, "{text}");
        }
        assert_eq!(Number::read("81012345678"), Number::parse("81012345678"));
        for text in ["", "+81", "+8109012345678", "0901234567", "+19012345678", "０９０"] {
            assert_eq!(Number::read(text), None, "{text}");
        }
    }

    #[test]
    fn magic_numbers_are_recognised() {
        let magic = |text| Number::parse(text).unwrap().magic();
        assert_eq!(magic("09000000002"), Some(2));
        assert_eq!(magic("07000000015"), Some(15));
        assert_eq!(magic("09012345678"), None);
        assert_eq!(magic("09100000002"), None);
    }

    #[test]
    fn debug_hides_the_number() {
        let shown = format!("{:?}", Number::parse("09012345678").unwrap());
        assert!(shown.contains("5678") && !shown.contains("1234"), "{shown}");
    }
}
