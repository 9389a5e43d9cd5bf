//! The name a user types to log in, in its one canonical spelling.

use std::fmt;

/// A login name in canonical form: 1 to 64 of `a-z`, `0-9` and `. _ - @ +`, starting with a letter
/// or a digit.
///
/// What was typed is folded first: white space around it is removed, and full-width forms (U+FF01 to
/// U+FF5E, as a Japanese keyboard types them) and capital letters become plain ones. Any other character
/// is refused. So no two accounts look alike, and every database compares two names in the same way.
///
/// ```
/// use auth_module::LoginName;
///
/// assert_eq!(LoginName::parse(" Ａlice ")?.as_str(), "alice");
/// assert!(LoginName::parse("аlice").is_err(), "a Cyrillic letter is not the Latin one");
/// # Ok::<(), auth_module::InvalidLoginName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LoginName(String);

impl LoginName {
    /// The most characters a login name has.
    pub const MAX_CHARS: usize = 64;

    /// Returns the canonical form of what was typed.
    ///
    /// # Errors
    ///
    /// [`InvalidLoginName`] if it breaks the rule of the type.
    pub fn parse(typed: &str) -> Result<Self, InvalidLoginName> {
        let name = fold(typed)?;
        let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        let is_clean = name.bytes().all(|b| {
            b.is_ascii_lowercase()
                || b.is_ascii_digit()
                || matches!(b, b'.' | b'_' | b'-' | b'@' | b'+')
        });
        if starts_well && is_clean { Ok(Self(name)) } else { Err(InvalidLoginName) }
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LoginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A login name that is not 1 to 64 ASCII letters, digits and `. _ - @ +`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a login name is 1 to 64 ASCII letters, digits and . _ - @ +, starting with a letter or a digit"
)]
pub struct InvalidLoginName;

fn fold(typed: &str) -> Result<String, InvalidLoginName> {
    let mut name = String::new();
    for c in typed.trim().chars().map(to_ascii) {
        if name.len() == LoginName::MAX_CHARS || !c.is_ascii() {
            return Err(InvalidLoginName);
        }
        name.push(c.to_ascii_lowercase());
    }
    Ok(name)
}

/// Returns the plain form of a full-width character.
fn to_ascii(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => {
            char::from_u32(u32::from(c) - 0xff01 + u32::from('!')).unwrap_or(c)
        }
        other => other,
    }
}

/// For `#[serde(with = "crate::name::as_text")]`.
pub(crate) mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    use super::LoginName;

    pub(crate) fn serialize<S: Serializer>(name: &LoginName, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(name.as_str())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<LoginName, D::Error> {
        LoginName::parse(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_canonical_spelling() {
        for typed in ["alice", "ALICE", " alice", "alice\u{3000}", "ａｌｉｃｅ", "Ａlice\t"] {
            assert_eq!(LoginName::parse(typed).unwrap().as_str(), "alice", "{typed:?}");
        }
        assert_eq!(LoginName::parse("a.B_c-1+x@例").unwrap_err(), InvalidLoginName);
        assert_eq!(LoginName::parse("a.B_c-1+x@y").unwrap().as_str(), "a.b_c-1+x@y");
    }

    #[test]
    fn what_is_not_a_name_is_refused() {
        for typed in
            ["", "  ", "-a", ".a", "a b", "a\0", "a\nb", "аlice", "\u{212a}elvin", "a/b", "a'", "ı"]
        {
            assert_eq!(LoginName::parse(typed), Err(InvalidLoginName), "{typed:?}");
        }
        assert!(LoginName::parse(&"a".repeat(64)).is_ok());
        assert!(LoginName::parse(&"a".repeat(65)).is_err());
    }
}
