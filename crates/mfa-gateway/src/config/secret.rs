//! Secrets: in the configuration file, in a file of their own, or as a credential of systemd. The environment can
//! name the file too.

use std::{
    collections::BTreeSet,
    path::{Component, Path, PathBuf},
};

use secrecy::{ExposeSecret as _, SecretString};

use super::{
    declaration::{Absence, Allowed, KeyDeclaration, Phrase},
    document::{Reported, Section, correction},
    key::{Key, missing, text},
    nearest::nearest,
    private_file,
    problem::Refusal,
};

/// What to do about a key that is no good.
pub(super) const MAKE_ONE: (&str, &str) =
    ("make one with: openssl rand -base64 48", "openssl rand -base64 48で作ってください");

/// Stands before the name of a credential of systemd.
const CREDENTIAL: &str = "credential:";
/// Where fewer different characters stand, a key was not drawn at random.
const MIN_DIFFERENT: usize = 8;
/// Words of samples. None of them is so short that a random secret has it by chance.
const PLACEHOLDERS: [&str; 9] = [
    "changeme",
    "change-me",
    "change_me",
    "placeholder",
    "example",
    "openssl",
    "replace",
    "your-",
    "insert-",
];

impl Key<'_, '_> {
    /// Reads a secret of at least `min_bytes`: from the file that `NAME_file` or an environment variable names,
    /// or from `NAME`.
    pub(super) fn secret(
        self,
        example_file: &str,
        min_bytes: usize,
    ) -> Result<SecretString, Reported> {
        let (section, in_file) = (self.section, format!("{}_file", self.name));
        let absence = Absence::Required { example: example_file.into() };
        self.secret_unless(absence, min_bytes)?.ok_or_else(|| {
            let remedy = (
                "name a file that holds the secret, readable by the gateway alone",
                "秘密情報を書いた、ゲートウェイだけが読めるファイルを指定してください",
            );
            section.problem(&in_file, missing(remedy))
        })
    }

    /// Reads a secret as [`secret`](Self::secret) does. `instead` says what holds without it.
    pub(super) fn optional_secret(
        self,
        example_file: &str,
        min_bytes: usize,
        instead: impl Into<Phrase>,
    ) -> Result<Option<SecretString>, Reported> {
        let absence = Absence::Otherwise { example: example_file.into(), instead: instead.into() };
        self.secret_unless(absence, min_bytes)
    }

    fn secret_unless(
        self,
        absence: Absence,
        min_bytes: usize,
    ) -> Result<Option<SecretString>, Reported> {
        let (section, plain, in_file) = (self.section, self.name, format!("{}_file", self.name));
        let variable =
            self.variable.clone().unwrap_or_else(|| variable_of(&section.path_of(&in_file)));
        let allowed = match min_bytes {
            0 | 1 => Allowed::AsDescribed,
            _ => {
                let (en, ja) =
                    (format!("{min_bytes} bytes or more"), format!("{min_bytes}バイト以上"));
                Allowed::Phrase((en, ja).into())
            }
        };
        section.declare(KeyDeclaration {
            name: in_file.clone(),
            alternative: Some(plain),
            variable: Some(variable.clone()),
            allowed,
            ..self.declaration(absence)
        });
        let by_environment = section.file_by_environment(&variable);
        let (used, secret) = match (section.value(plain), section.value(&in_file), by_environment) {
            (None, None, None) => return Ok(None),
            (Some(value), None, None) => (plain, {
                let inline = text(value.get_ref()).map(SecretString::from);
                inline.and_then(|secret| section.ensure_own_file_is_private().map(|()| secret))
            }),
            (None, Some(value), None) => {
                (in_file.as_str(), text(value.get_ref()).and_then(|name| open(section, name)))
            }
            (None, None, Some(name)) => (in_file.as_str(), open(section, name)),
            (Some(_), Some(_), _) => return Err(section.problem(&in_file, twice(plain))),
            (Some(_), None, Some(_)) => return Err(section.problem(plain, twice(&variable))),
            (None, Some(_), Some(_)) => {
                return Err(section.problem(&in_file, twice(&variable)));
            }
        };
        let judged =
            secret.and_then(|secret| judge(secret.expose_secret(), min_bytes).map(|()| secret));
        let secret = judged.map_err(|refusal| section.problem(used, refusal))?;
        section.note_secret(used, &secret);
        Ok(Some(secret))
    }
}

fn twice(other: &str) -> Refusal {
    Refusal::new(
        (format!("is given in addition to {other}"), format!("{other}と同時に指定されています")),
        ("keep one of the two", "どちらか一方にしてください"),
    )
}

/// Returns the environment variable for the key with this path: `MFA_GATEWAY_SECRET_FILE`.
fn variable_of(path: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    format!("MFA_{}", path.chars().map(letter).collect::<String>())
}

/// Reports the variables in the environment that no key of the file has.
pub(super) fn refuse_unknown_variables(root: &Section<'_>) {
    let known = root.known_variables();
    for variable in root.environment().variables().filter(|name| !known.contains(*name)) {
        let near = nearest(variable, known.iter().map(String::as_str));
        let what = (
            "is an environment variable that names the secret of no key in this file",
            "この環境変数に対応する秘密情報は、この設定ファイルにありません",
        );
        root.problem(variable, Refusal::new(what, correction(near)));
    }
}

/// Reads the secret from the file or the credential with this name.
fn open(section: &Section<'_>, name: &str) -> Result<SecretString, Refusal> {
    let content = private_file::read(&locate(section, name)?, section.world_readable())?;
    // Editors and `openssl rand` end the file with a newline, which is no part of the secret.
    Ok(SecretString::from(content.trim_end_matches(['\r', '\n'])))
}

fn locate(section: &Section<'_>, name: &str) -> Result<PathBuf, Refusal> {
    let Some(credential) = name.strip_prefix(CREDENTIAL) else { return Ok(section.resolve(name)) };
    let mut parts = Path::new(credential).components();
    let is_plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
    if !is_plain {
        return Err(Refusal::new(
            (
                format!("{name:?} is not the name of a credential"),
                format!("{name:?}はクレデンシャルの名前ではありません"),
            ),
            (
                "write it as systemd names it: \"credential:NAME\"",
                "systemdでの名前を\"credential:名前\"の形で書いてください",
            ),
        ));
    }
    let folder = section.environment().credentials().ok_or_else(|| {
        Refusal::new(
            (
                "names a credential, and systemd has passed none",
                "クレデンシャルを指定していますが、systemdから渡されていません",
            ),
            (
                "add LoadCredential= to the unit, or name a file",
                "ユニットファイルにLoadCredential=を加えるか、ファイルを指定してください",
            ),
        )
    })?;
    Ok(folder.join(credential))
}

/// Refuses secrets that are none. The refusal repeats nothing of the secret.
fn judge(secret: &str, min_bytes: usize) -> Result<(), Refusal> {
    let is_key = min_bytes > 1;
    let different: BTreeSet<char> = secret.chars().collect();
    let in_lower_case = zeroize::Zeroizing::new(secret.to_ascii_lowercase());
    let what = if secret.trim().is_empty() {
        ("holds an empty secret".to_owned(), "秘密情報が空です".to_owned())
    } else if secret.len() < min_bytes {
        (
            format!("holds a secret shorter than {min_bytes} bytes"),
            format!("秘密情報が{min_bytes}バイトより短くなっています"),
        )
    } else if secret.chars().any(char::is_control) {
        (
            "holds a secret of more than one line, or with a control character".to_owned(),
            "秘密情報が2行以上あるか、制御文字を含んでいます".to_owned(),
        )
    } else if secret.trim() != secret {
        (
            "holds a secret that begins or ends with a blank".to_owned(),
            "秘密情報の前か後ろに空白があります".to_owned(),
        )
    } else if different.len() == 1 || is_key && different.len() < MIN_DIFFERENT {
        (
            "holds a secret that repeats a few characters".to_owned(),
            "秘密情報が、わずかな種類の文字の繰り返しです".to_owned(),
        )
    } else if PLACEHOLDERS.iter().any(|word| in_lower_case.contains(word)) {
        (
            "holds a placeholder, not a secret".to_owned(),
            "秘密情報ではなく、見本のままです".to_owned(),
        )
    } else {
        return Ok(());
    };
    let as_given = (
        "write it exactly as the provider gave it to you",
        "事業者から受け取ったとおりに書いてください",
    );
    Err(Refusal::new(what, if is_key { MAKE_ONE } else { as_given }))
}

#[cfg(test)]
mod tests {
    use mfa_pages::Language;

    use super::*;

    #[test]
    fn what_is_no_secret_is_refused_and_not_repeated() {
        for (secret, min_bytes, said) in [
            ("", 1, "an empty secret"),
            ("  ", 1, "an empty secret"),
            ("0123456789abcdef0123456789abcde", 32, "shorter than 32 bytes"),
            ("first-line\nsecond-line", 1, "more than one line"),
            ("tok\u{0}en", 1, "a control character"),
            (" token", 1, "begins or ends with a blank"),
            ("xxxxxxxxxxxx", 1, "repeats a few characters"),
            ("abcabcabcabcabcabcabcabcabcabcabcabc", 32, "repeats a few characters"),
            ("CHANGEME-0123456789abcdefghijklmnop", 32, "a placeholder"),
            ("your-token-here", 1, "a placeholder"),
        ] {
            let refusal = judge(secret, min_bytes).expect_err(secret);
            refusal.assert_well_written();
            let what = refusal.what(Language::En);
            assert!(what.contains(said), "{what}");
            assert!(secret.trim().is_empty() || !format!("{refusal:?}").contains(secret));
        }
        for (secret, min_bytes) in
            [("demo-token", 1), ("0123456789abcdef0123456789abcdef", 32), ("トークン", 1)]
        {
            assert_eq!(judge(secret, min_bytes), Ok(()));
        }
    }
}
