//! The text of a key: 32 lower-case hexadecimal digits.

use std::{error::Error, fmt};

/// Writes the key.
pub(crate) fn write(key: &[u8; 16], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    key.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// Reads exactly what [`write()`] writes.
pub(crate) fn read(text: &str) -> Result<[u8; 16], InvalidKey> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != 32 || !text.bytes().all(is_digit) {
        return Err(InvalidKey);
    }
    u128::from_str_radix(text, 16).map(u128::to_be_bytes).map_err(|_| InvalidKey)
}

/// The error of parsing a [`QuotaKey`](crate::QuotaKey) or a [`NoteKey`](crate::NoteKey).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to add")]
pub struct InvalidKey;

impl fmt::Display for InvalidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key has 32 lower-case hexadecimal digits")
    }
}

impl Error for InvalidKey {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NoteKey, QuotaKey};

    #[test]
    fn keys_are_read_as_they_are_written() {
        let key = QuotaKey::derive("sms", "alice");
        assert_eq!(key.to_string().parse(), Ok(key));
        let key = NoteKey::derive("sms", "0k3v9c");
        assert_eq!(key.to_string().parse(), Ok(key));
    }

    #[test]
    fn other_texts_are_refused() {
        let text = QuotaKey::from_bytes([0xab; 16]).to_string();
        let others = [
            String::new(),
            text.to_uppercase(),
            text[1..].to_owned(),
            format!("{text}0"),
            format!("+{}", &text[1..]),
            format!("{}é", &text[2..]),
        ];
        for other in others {
            assert_eq!(other.parse::<QuotaKey>(), Err(InvalidKey), "{other}");
        }
    }
}
