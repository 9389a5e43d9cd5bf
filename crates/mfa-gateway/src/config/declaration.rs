//! What the readers of the sections declare: each key with its default, its range and one sentence.

use std::{borrow::Cow, fmt, ops::RangeInclusive, time::Duration};

use mfa_pages::Language;
use toml::Value;

use super::{duration, problem::Refusal};

/// A text for operators: in English and, once it is written, in Japanese.
#[derive(Debug, Clone)]
pub(super) struct Phrase {
    en: Cow<'static, str>,
    ja: Option<Cow<'static, str>>,
}

impl Phrase {
    /// Returns the text in `language`, or the English one.
    pub(super) fn get(&self, language: Language) -> &str {
        match (language, &self.ja) {
            (Language::Ja, Some(ja)) => ja,
            _ => &self.en,
        }
    }
}

impl From<&'static str> for Phrase {
    fn from(en: &'static str) -> Self {
        Self { en: en.into(), ja: None }
    }
}

impl<E: Into<Cow<'static, str>>, J: Into<Cow<'static, str>>> From<(E, J)> for Phrase {
    /// English, then Japanese.
    fn from((en, ja): (E, J)) -> Self {
        Self { en: en.into(), ja: Some(ja.into()) }
    }
}

/// One section of the file, in the order of reading.
#[derive(Debug, Clone)]
pub(super) struct SectionDeclaration {
    /// The section without brackets, such as `sms.karaden_sms`.
    pub(super) path: String,
    /// What the section is for.
    pub(super) about: Phrase,
    /// How the section appears in the file.
    pub(super) form: Form,
    /// The keys, in the order of reading.
    pub(super) keys: Vec<KeyDeclaration>,
}

impl SectionDeclaration {
    /// Returns the section with its brackets, such as `[[otp.key]]`.
    pub(super) fn header(&self) -> String {
        match self.form {
            Form::Array { .. } => format!("[[{}]]", self.path),
            Form::Table | Form::Alternative => format!("[{}]", self.path),
        }
    }

    /// Returns the name of `key` with the path of the section.
    pub(super) fn path_of(&self, key: &str) -> String {
        format!("{}.{key}", self.path)
    }

    /// Returns the keys in the order of the reference: first those that a file must have.
    pub(super) fn in_order(&self) -> impl Iterator<Item = &KeyDeclaration> {
        let is_required = |key: &&KeyDeclaration| matches!(key.absence, Absence::Required { .. });
        let others = self.keys.iter().filter(move |key| !is_required(key));
        self.keys.iter().filter(is_required).chain(others)
    }
}

/// How a section appears in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Once, or left out if every key has a default.
    Table,
    /// Once, instead of the section before it; the sample file has it commented out.
    Alternative,
    /// Any number of times.
    Array {
        /// Further elements for the sample file, as TOML; empty for none.
        more: &'static str,
    },
}

/// One key.
#[derive(Debug, Clone)]
pub(super) struct KeyDeclaration {
    /// The name within its section.
    pub(super) name: String,
    /// A second name for the same setting: `secret` for `secret_file`.
    pub(super) alternative: Option<&'static str>,
    /// The environment variable that can name the file of a secret.
    pub(super) variable: Option<String>,
    /// The name that this key had earlier.
    pub(super) old_name: Option<&'static str>,
    /// What the key does, in one sentence or two.
    pub(super) about: Phrase,
    /// Where the range comes from, such as a clause of a standard.
    pub(super) source: Option<Phrase>,
    /// The values that are accepted.
    pub(super) allowed: Allowed,
    /// What holds if the key is left out.
    pub(super) absence: Absence,
    /// Whether the sample file sets the key although a file may leave it out.
    pub(super) is_shown: bool,
}

impl KeyDeclaration {
    /// Returns the accepted values with the source of the range; `None` if `about` describes them.
    pub(super) fn allowed_with_source(&self, language: Language) -> Option<String> {
        let allowed = self.allowed.in_language(language);
        let source = self.source.as_ref().map(|source| source.get(language));
        match (allowed.is_empty(), source, language) {
            (true, ..) => None,
            (false, None, _) => Some(allowed),
            (false, Some(source), Language::En) => Some(format!("{allowed} ({source})")),
            (false, Some(source), Language::Ja) => Some(format!("{allowed}（{source}）")),
        }
    }
}

/// What holds if a key is left out.
#[derive(Debug, Clone)]
pub(super) enum Absence {
    /// This value.
    Default(Value),
    /// The file is refused.
    Required {
        /// A value for the sample file.
        example: Value,
    },
    /// The effect that a phrase describes, such as `not set`.
    Otherwise {
        /// A value for the sample file.
        example: Value,
        /// The phrase.
        instead: Phrase,
    },
}

/// A value in one line, as the sample file and the reference write it.
pub(super) struct OneLine<'v>(pub(super) &'v Value);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_str() {
            // TOML writes it over several lines. The escapes of a JSON string are those of a basic string of TOML.
            Some(text) if text.contains('\n') => write!(f, "{}", serde_json::Value::from(text)),
            _ => self.0.fmt(f),
        }
    }
}

impl Absence {
    /// Returns the default, or an example if there is none.
    pub(super) fn value(&self) -> &Value {
        match self {
            Self::Default(value)
            | Self::Required { example: value }
            | Self::Otherwise { example: value, .. } => value,
        }
    }
}

/// The values that a key accepts.
#[derive(Debug, Clone)]
pub(super) enum Allowed {
    /// The values that `about` of the key describes.
    AsDescribed,
    /// The values that this phrase describes.
    Phrase(Phrase),
    /// One of these words.
    Words(Vec<&'static str>),
    /// The values within these bounds.
    Within(Bounds),
}

impl Allowed {
    /// Writes the values as the reference shows them.
    fn in_language(&self, language: Language) -> String {
        match self {
            Self::AsDescribed => String::new(),
            Self::Phrase(phrase) => phrase.get(language).to_owned(),
            Self::Words(words) => one_of(words, language),
            Self::Within(bounds) => bounds.in_language(language),
        }
    }
}

/// The bounds of a number or a duration.
#[derive(Debug, Clone)]
pub(super) enum Bounds {
    /// A whole number in this range.
    Number(RangeInclusive<u32>),
    /// A duration in this range.
    Duration(RangeInclusive<Duration>),
    /// A list of durations.
    Durations {
        /// How many.
        count: RangeInclusive<usize>,
        /// The range of each.
        each: RangeInclusive<Duration>,
    },
}

impl Bounds {
    /// Returns the refusal of a value outside the bounds.
    pub(super) fn refusal(&self) -> Refusal {
        let remedy = ("choose one within these bounds", "この範囲の値を指定してください");
        let what = match self {
            Self::Number(range) => {
                let (least, most) = (range.start(), range.end());
                (
                    format!("is not a whole number from {least} to {most}"),
                    format!("{least}から{most}までの整数ではありません"),
                )
            }
            Self::Duration(range) => {
                let (least, most) = shown(range);
                (
                    format!("is not between {least} and {most}"),
                    format!("{least}から{most}までの長さではありません"),
                )
            }
            Self::Durations { count, each } => {
                let ((least, most), fewest, many) = (shown(each), count.start(), count.end());
                (
                    format!(
                        "is not a list of {fewest} to {many} durations between {least} and {most}"
                    ),
                    format!(
                        "{least}から{most}までの長さを{fewest}個から{many}個並べたリストではあり\
                         ません"
                    ),
                )
            }
        };
        Refusal::new(what, remedy)
    }
}

impl Bounds {
    fn in_language(&self, language: Language) -> String {
        match (self, language) {
            (Self::Number(range), Language::En) if *range.end() == u32::MAX => {
                format!("{} or more", range.start())
            }
            (Self::Number(range), Language::Ja) if *range.end() == u32::MAX => {
                format!("{}以上", range.start())
            }
            (Self::Number(range), _) => {
                between(&range.start().to_string(), &range.end().to_string(), language)
            }
            (Self::Duration(range), _) => each_between(range, language),
            (Self::Durations { count, each }, Language::En) => format!(
                "{} to {} values, each {}",
                count.start(),
                count.end(),
                each_between(each, language)
            ),
            (Self::Durations { count, each }, Language::Ja) => format!(
                "{}個から{}個の、{}の長さ",
                count.start(),
                count.end(),
                each_between(each, language)
            ),
        }
    }
}

fn between(least: &str, most: &str, language: Language) -> String {
    match language {
        Language::En => format!("{least} to {most}"),
        Language::Ja => format!("{least}から{most}まで"),
    }
}

fn each_between(range: &RangeInclusive<Duration>, language: Language) -> String {
    let (least, most) = shown(range);
    between(&format!("\"{least}\""), &format!("\"{most}\""), language)
}

fn shown(range: &RangeInclusive<Duration>) -> (String, String) {
    (duration::show(*range.start()), duration::show(*range.end()))
}

/// Writes words as `"a", "b" or "c"`.
fn one_of(words: &[&str], language: Language) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match (language, quoted.split_last()) {
        (Language::Ja, _) => quoted.join("、"),
        (Language::En, Some((last, rest))) if !rest.is_empty() => {
            format!("{} or {last}", rest.join(", "))
        }
        (Language::En, _) => quoted.concat(),
    }
}
