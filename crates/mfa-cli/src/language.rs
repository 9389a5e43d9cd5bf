//! The language of messages on the terminal.

use std::{error::Error, fmt};

use auth_module::{InvalidLoginName, UnfitPassword};
use mfa_gateway::config::ConfigError;
use mfa_pages::Language;
use otp_core::InvalidPhoneNumber;

use crate::cli::TextLanguage;

/// Returns the language of the option `--lang` or, without it, of the environment.
pub(crate) fn chosen(option: Option<TextLanguage>) -> Language {
    #[expect(clippy::disallowed_methods, reason = "POSIX names the language in the environment")]
    let variable = |name| std::env::var(name).unwrap_or_default();
    option.map_or_else(|| of_locale(variable), TextLanguage::language)
}

/// Returns the language of the locale: the first of three variables that is set decides (POSIX, 8.2).
fn of_locale(variable: impl Fn(&'static str) -> String) -> Language {
    let locales = ["LC_ALL", "LC_MESSAGES", "LANG"].map(variable);
    let locale = locales.iter().find(|locale| !locale.is_empty());
    locale.and_then(|locale| Language::from_tag(locale)).unwrap_or(Language::En)
}

/// A message in both languages. As an error, it is in English until it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    en: String,
    ja: String,
}

impl Message {
    /// Makes a message of its English and its Japanese text.
    pub(crate) fn new(en: impl Into<String>, ja: impl Into<String>) -> Self {
        Self { en: en.into(), ja: ja.into() }
    }

    /// Adds the cause.
    pub(crate) fn because(self, cause: &Self) -> Self {
        Self::new(format!("{}: {}", self.en, cause.en), format!("{}：{}", self.ja, cause.ja))
    }

    pub(crate) fn in_language(&self, language: Language) -> &str {
        match language {
            Language::En => &self.en,
            Language::Ja => &self.ja,
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.en)
    }
}

impl Error for Message {}

/// Returns what to print for an error: each cause in `language`, if its text is known in it.
pub(crate) fn show(error: &anyhow::Error, language: Language) -> String {
    let causes = error.chain().map(|cause| show_cause(cause, language));
    causes.collect::<Vec<_>>().join(": ")
}

fn show_cause(cause: &(dyn Error + 'static), language: Language) -> String {
    if let Some(message) = cause.downcast_ref::<Message>() {
        return message.in_language(language).to_owned();
    }
    if let Some(error) = cause.downcast_ref::<ConfigError>() {
        return error.in_language(language);
    }
    cause.to_string()
}

/// Returns that a user does not exist.
pub(crate) fn no_user(name: &str) -> Message {
    Message::new(format!("there is no user {name}"), format!("{name}というユーザーはいません"))
}

/// Returns why a login name cannot be used.
pub(crate) fn of_login_name(error: InvalidLoginName) -> Message {
    Message::new(
        error.to_string(),
        "ユーザーIDは、英数字か. _ - @ +の1文字から64文字で、先頭は英数字です",
    )
}

/// Returns why a phone number cannot be used.
pub(crate) fn of_phone_number(error: InvalidPhoneNumber) -> Message {
    let ja = match error {
        InvalidPhoneNumber::NotE164 => "E.164の電話番号ではありません",
        InvalidPhoneNumber::NotJapaneseMobile => "日本の携帯電話番号ではありません",
        InvalidPhoneNumber::PrefixNotAllowed => "この番号で始まる携帯電話番号は受け付けていません",
        _ => "電話番号として使えません",
    };
    Message::new(error.to_string(), ja)
}

/// Returns why a password may not be set.
pub(crate) fn of_password(unfit: UnfitPassword) -> Message {
    let ja = match unfit {
        UnfitPassword::TooShort { min_chars } => {
            let ja = format!("パスワードは{min_chars}文字以上です");
            return Message::new(unfit.to_string(), ja);
        }
        UnfitPassword::Common => {
            "このパスワードは、流出で多く見つかった10万件に含まれます。別のものにしてください"
        }
        UnfitPassword::Guessable => {
            "ユーザーIDやサービス名にわずかに加えただけのパスワードは使えません"
        }
        UnfitPassword::TooLong => "パスワードは1024バイト以下です",
        UnfitPassword::Trivial => {
            "わずかな文字の繰り返しや、順に並んだ文字のパスワードは使えません"
        }
    };
    Message::new(unfit.to_string(), ja)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_is_shown_in_the_language_that_it_is_known_in() {
        let inner = Message::new("no such user", "ユーザーが見つかりません");
        let error = anyhow::Error::from(inner).context("outer");
        assert_eq!(show(&error, Language::En), "outer: no such user");
        assert_eq!(show(&error, Language::Ja), "outer: ユーザーが見つかりません");
        let number = of_phone_number(InvalidPhoneNumber::NotJapaneseMobile);
        assert_eq!(number.in_language(Language::Ja), "日本の携帯電話番号ではありません");
    }

    #[test]
    fn the_first_variable_that_is_set_decides() {
        for (all, messages, lang, expected) in [
            ("", "", "ja_JP.UTF-8", Language::Ja),
            ("", "", "ja", Language::Ja),
            ("C", "", "ja_JP.UTF-8", Language::En),
            ("ja_JP.eucJP", "en_US", "C", Language::Ja),
            ("", "en_US.UTF-8", "ja_JP.UTF-8", Language::En),
            ("", "", "de_DE", Language::En),
            ("", "", "", Language::En),
        ] {
            let variable = |name| {
                let value = match name {
                    "LC_ALL" => all,
                    "LC_MESSAGES" => messages,
                    _ => lang,
                };
                value.to_owned()
            };
            assert_eq!(of_locale(variable), expected, "{all:?} {messages:?} {lang:?}");
        }
    }
}
