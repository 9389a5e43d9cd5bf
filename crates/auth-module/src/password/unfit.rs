//! Which passwords may be set (NIST SP 800-63B-4, section 3.1.1.2).

use std::collections::BTreeSet;

use secrecy::{ExposeSecret as _, SecretString};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use crate::name::LoginName;

/// The most bytes of a password. A longer one is rejected without computing a hash: hashing passwords of
/// any length would let an attacker keep the server busy. OWASP and NIST ask for at least 64 characters.
pub(crate) const MAX_PASSWORD_BYTES: usize = 1024;

/// The fewest characters of a password that is set here, as NIST SP 800-63B-4 (3.1.1.2) allows where the password is one
/// factor of two.
pub(crate) const MIN_CHARS: usize = 8;

/// The passwords of at least 8 characters among the 100,000 that were found most often in leaks: one a line,
/// folded as [`folded`] does, after an empty first line.
///
/// Source: `PwnedPasswordsTop100k.txt` of the National Cyber Security Centre of the United Kingdom, which is
/// made of the freely usable data of Have I Been Pwned. CONTRIBUTING.md has the command that makes the file.
const COMMON: &str = include_str!("common_passwords.txt");

/// A word of the context shorter than this is in too many good passwords.
const MIN_WORD_CHARS: usize = 3;

/// A password has at least this many letters besides a word of the context.
const LETTERS_BESIDE_A_WORD: usize = 4;

/// A unit of at most this many characters that is repeated to the end is no password.
const REPEATED_CHARS: usize = 4;

/// Why a password cannot be set. It repeats nothing of the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnfitPassword {
    /// One of those that are tried first.
    #[error(
        "this password is among the 100,000 that were found most often in leaks; choose another"
    )]
    Common,
    /// Hardly more than the login name or the name of the service.
    #[error("a password must not be the login name or the name of the service with little added")]
    Guessable,
    /// More than 1024 bytes.
    #[error("a password has at most 1024 bytes")]
    TooLong,
    /// Fewer characters than the settings ask for.
    #[error("a password has at least {min_chars} characters")]
    TooShort {
        /// What the settings ask for.
        min_chars: usize,
    },
    /// A few characters repeated, or characters in a row.
    #[error(
        "a password must not be a few characters repeated, or characters that follow each other"
    )]
    Trivial,
}

/// What a new password is checked for, in addition to the list of common ones.
#[derive(Debug, Clone)]
pub(crate) struct PasswordRules {
    min_chars: usize,
    /// Words of the service's names, folded. They are guessed first.
    service_words: BTreeSet<String>,
}

impl Default for PasswordRules {
    fn default() -> Self {
        Self { min_chars: MIN_CHARS, service_words: BTreeSet::new() }
    }
}

impl PasswordRules {
    pub(crate) fn with_min_chars(self, min_chars: usize) -> Self {
        Self { min_chars, ..self }
    }

    /// Each name counts as a whole, and each of its parts between blanks and full stops.
    pub(crate) fn with_service_names(self, names: impl IntoIterator<Item = String>) -> Self {
        let mut service_words = BTreeSet::new();
        for name in names {
            let name = folded(&name);
            let parts = name.split(|c: char| c.is_whitespace() || c == '.').chain([name.as_str()]);
            service_words.extend(parts.map(alphanumeric));
        }
        Self { service_words, ..self }
    }

    /// Checks whether a password may be set for `name`. There is no rule on which characters.
    pub(crate) fn check(
        &self,
        password: &SecretString,
        name: Option<&LoginName>,
    ) -> Result<(), UnfitPassword> {
        let password = password.expose_secret();
        if password.len() > MAX_PASSWORD_BYTES {
            return Err(UnfitPassword::TooLong);
        }
        let folded = folded(password);
        let min_chars = self.min_chars;
        if folded.chars().take(min_chars).count() < min_chars {
            return Err(UnfitPassword::TooShort { min_chars });
        }
        if is_common(&folded) {
            return Err(UnfitPassword::Common);
        }
        if is_repeated(&folded) || is_sequence(&folded) {
            return Err(UnfitPassword::Trivial);
        }
        let name = name.map_or("", LoginName::as_str);
        let local_part = name.split('@').next().unwrap_or_default();
        let names = [name, local_part].map(alphanumeric);
        let mut words = names.iter().chain(&self.service_words);
        if words.any(|word| is_made_of(&folded, word)) {
            return Err(UnfitPassword::Guessable);
        }
        Ok(())
    }
}

/// Returns the text in NFKC and in lower case: the spellings of one password that an attacker tries at no
/// extra cost.
fn folded(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.nfkc().flat_map(char::to_lowercase).collect())
}

fn alphanumeric(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// The whole password is compared, no part of it (NIST SP 800-63B-4, 3.1.1.2).
fn is_common(folded: &str) -> bool {
    !folded.contains('\n') && COMMON.contains(Zeroizing::new(format!("\n{folded}\n")).as_str())
}

/// Whether a unit of 1 to 4 characters is repeated to the end, such as `abcabcab`.
fn is_repeated(text: &str) -> bool {
    let chars = Zeroizing::new(text.chars().collect::<Vec<char>>());
    (1..=REPEATED_CHARS).any(|unit| chars.iter().zip(&chars[unit..]).all(|(a, b)| a == b))
}

/// Whether each character is the one after, or each the one before, its predecessor: `23456789`.
fn is_sequence(text: &str) -> bool {
    let next = |step: i64| {
        let codes = text.chars().map(|c| i64::from(u32::from(c)));
        codes.clone().zip(codes.skip(1)).all(|(a, b)| b - a == step)
    };
    next(1) || next(-1)
}

/// Whether the password is `word`, forwards or backwards, with hardly a letter besides: `alice2026!`.
fn is_made_of(folded: &str, word: &str) -> bool {
    if word.chars().count() < MIN_WORD_CHARS {
        return false;
    }
    let password = Zeroizing::new(alphanumeric(folded));
    [word.to_owned(), word.chars().rev().collect()].iter().any(|word| {
        let rest = Zeroizing::new(password.replace(word.as_str(), ""));
        let letters = rest.chars().filter(|c| !c.is_numeric()).count();
        rest.len() < password.len() && letters < LETTERS_BESIDE_A_WORD
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, password: &str) -> Result<(), UnfitPassword> {
        let names = ["山田 Portal".to_owned(), "login".to_owned()];
        let rules = PasswordRules::default().with_service_names(names);
        rules.check(&SecretString::from(password), Some(&LoginName::parse(name).unwrap()))
    }

    #[test]
    fn what_everybody_tries_first_is_refused() {
        for password in [
            "password",
            "PASSWORD",
            "Password",
            "ｐａｓｓｗｏｒｄ",
            "12345678",
            "qwertyuiop",
            "1q2w3e4r",
            "iloveyou",
            "Passw0rd",
            "sunshine",
            "password123",
        ] {
            assert_eq!(check("alice", password), Err(UnfitPassword::Common), "{password}");
        }
        for password in [
            "zzzzzzzzzzzz",
            "ababababababab",
            "xyzxyzxyzxyz",
            "2026202620262026",
            "あああああああああ",
            "456789:;<=>?",
            "zyxwvutsrqpo",
            "あぃいぅうぇえぉお",
        ] {
            assert_eq!(check("alice", password), Err(UnfitPassword::Trivial), "{password}");
        }
    }

    #[test]
    fn names_with_little_added_are_refused() {
        for (name, password) in [
            ("alice.smith", "alice.smith"),
            ("alice.smith", "AliceSmith2026!"),
            ("alice", "alice-alice"),
            ("alice", "1999ecila!!"),
            ("taro@example.jp", "taro2026!!"),
            ("e1234567", "xE1234567x"),
            ("bob", "portal-山田-1"),
            ("bob", "Login12345!"),
        ] {
            assert_eq!(check(name, password), Err(UnfitPassword::Guessable), "{name} {password}");
        }
        for (name, password) in [
            ("alice", "alice-demo-pass"),
            ("bob", "bob's own password"),
            ("a", "aardvarks in a row"),
            ("alice", "correct horse battery"),
            ("alice", "パスワードはひみつです"),
            ("alice", "aaaaaaaaaaab"),
            // Not substrings of the password: only the whole is compared with the list.
            ("alice", "my password is sunshine"),
        ] {
            assert_eq!(check(name, password), Ok(()), "{name} {password}");
        }
    }

    #[test]
    fn lengths_are_of_characters_below_and_of_bytes_above() {
        for (password, expected) in [
            ("ひみつのことば", Err(UnfitPassword::TooShort { min_chars: 8 })),
            ("ひみつのことばよ", Ok(())),
            // One character in NFKC.
            ("か\u{3099}ひみつのこ", Err(UnfitPassword::TooShort { min_chars: 8 })),
            (&"ab cd ef gh".repeat(93), Ok(())),
            (&"ab cd ef gh".repeat(94), Err(UnfitPassword::TooLong)),
        ] {
            assert_eq!(check("alice", password), expected, "{password}");
        }
    }

    #[test]
    fn the_fewest_characters_can_be_set() {
        let rules = PasswordRules::default().with_min_chars(15);
        let check = |password| rules.check(&SecretString::from(password), None);
        assert_eq!(check("correct horse "), Err(UnfitPassword::TooShort { min_chars: 15 }));
        assert_eq!(check("correct horse b"), Ok(()));
    }

    #[test]
    fn the_list_is_folded_and_sorted() {
        let lines: Vec<&str> = COMMON.trim_start_matches('\n').lines().collect();
        assert!(lines.len() > 40_000 && lines.is_sorted() && COMMON.starts_with('\n'));
        let is_folded = |line: &str| *folded(line) == line && line.chars().count() >= 8;
        assert!(lines.iter().all(|line| is_folded(line)));
    }
}
