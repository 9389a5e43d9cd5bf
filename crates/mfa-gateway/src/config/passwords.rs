//! `[passwords]`: keys that are mixed into password hashes.

use auth_module::{InvalidPepper, Peppers};
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    document::{Reported, Section},
    problem::Refusal,
};

/// `[passwords]`
#[derive(Debug, Clone)]
pub struct Passwords {
    /// The keys that are mixed into password hashes.
    pub peppers: Peppers,
    /// The fewest characters of a password that is set here.
    pub min_chars: usize,
}

pub(super) fn read(section: &Section<'_>) -> Result<Passwords, Reported> {
    let min_chars = section
        .key(
            "min_chars",
            (
                "The fewest characters of a password that a command sets. Passwords that \
                 are there already stay valid.",
                "コマンドで設定するパスワードの最小の文字数です。設定済みのパスワードは、そ\
                 のまま使えます。",
            ),
        )
        .number(8_u16, 8..=64);
    let current = section
        .key(
            "pepper",
            (
                "A key that is mixed into password hashes, so that a stolen database \
                 alone is of no use. A hash gets it at the next login of its user. If it \
                 is lost, its users need new passwords. Make one with: openssl rand \
                 -base64 48",
                "パスワードのハッシュに混ぜる鍵です。データベースだけが盗まれても使えなく\
                 なります。ハッシュには、そのユーザーの次のログインで混ぜます。失うと、そ\
                 のユーザーには新しいパスワードが必要です。作り方：openssl rand -base64 \
                 48",
            ),
        )
        .optional_secret("pepper.key", Peppers::MIN_BYTES, ("no pepper", "ペッパーなし"));
    let previous = section
        .key(
            "previous_pepper",
            (
                "The pepper before the current one. Keep it until the gateway starts \
                 without it, which it refuses as long as a hash needs it.",
                "1つ前のペッパーです。これを使うハッシュが残っているあいだは、ゲートウェ\
                 イがこれなしでの起動を拒否します。起動できるようになるまで残してくださ\
                 い。",
            ),
        )
        .optional_secret("previous-pepper.key", Peppers::MIN_BYTES, ("none", "なし"));
    let (current, previous) = (current?, previous?);
    if current.is_none() && previous.is_some() {
        let refusal = Refusal::new(
            ("is given without pepper_file", "pepper_fileがないのに指定されています"),
            ("name the current one as well", "現在のペッパーも指定してください"),
        );
        return Err(section.problem("previous_pepper_file", refusal));
    }
    let peppers = peppers(&[current, previous]).map_err(|invalid| {
        let in_japanese = match invalid {
            InvalidPepper::TooShort => "32バイトより短いペッパーです",
            InvalidPepper::Twice => "現在のペッパーと同じです",
        };
        let refusal = Refusal::new(
            (invalid.to_string(), in_japanese),
            ("use another key", "別の鍵を指定してください"),
        );
        section.problem("previous_pepper_file", refusal)
    })?;
    Ok(Passwords { peppers, min_chars: usize::from(min_chars?) })
}

fn peppers(keys: &[Option<SecretString>]) -> Result<Peppers, InvalidPepper> {
    let mut given = keys.iter().flatten();
    given.try_fold(Peppers::default(), |peppers, key| peppers.with(key.expose_secret().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::document::problems_in;

    #[test]
    fn a_previous_pepper_stands_beside_another() {
        let (one, two) = ("0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210");
        assert!(problems_in("", read).is_empty(), "a pepper is not required");
        assert!(problems_in(&format!("pepper = \"{one}\"\n"), read).is_empty());
        let both = |previous| format!("pepper = \"{one}\"\nprevious_pepper = \"{previous}\"\n");
        assert!(problems_in(&both(two), read).is_empty());
        let found = problems_in(&both(one), read);
        assert!(found[0].contains("this pepper is there already"), "{found:?}");
        let found = problems_in(&format!("previous_pepper = \"{one}\"\n"), read);
        assert!(found[0].contains("is given without pepper_file"), "{found:?}");
        let found = problems_in("pepper = \"short\"\n", read);
        assert!(found[0].contains("shorter than 32 bytes"), "{found:?}");
    }
}
