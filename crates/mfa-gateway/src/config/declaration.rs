//! What the readers of the sections declare: each key with its default, its range and one sentence.

use std::{borrow::Cow, fmt, ops::RangeInclusive, time::Duration};

use toml::Value;

use super::{duration, problem::Refusal};

/// One section of the file, in the order of reading.
#[derive(Debug, Clone)]
pub(super) struct SectionDeclaration {
    /// The section without brackets, such as `sms.karaden_sms`.
    pub(super) path: String,
    /// What the section is for.
    pub(super) about: &'static str,
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
    /// The name that this key had earlier.
    pub(super) old_name: Option<&'static str>,
    /// What the key does, in one sentence or two.
    pub(super) about: &'static str,
    /// Where the range comes from, such as a clause of a standard.
    pub(super) source: Option<&'static str>,
    /// The values that are accepted.
    pub(super) allowed: Allowed,
    /// What holds if the key is left out.
    pub(super) absence: Absence,
    /// Whether the sample file sets the key although a file may leave it out.
    pub(super) is_shown: bool,
}

impl KeyDeclaration {
    /// Returns the accepted values with the source of the range; `None` if `about` describes them.
    pub(super) fn allowed_with_source(&self) -> Option<String> {
        let allowed = self.allowed.to_string();
        match (allowed.is_empty(), self.source) {
            (true, _) => None,
            (false, None) => Some(allowed),
            (false, Some(source)) => Some(format!("{allowed} ({source})")),
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
        instead: &'static str,
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

/// The values that a key accepts. `Display` writes them as the reference shows them.
#[derive(Debug, Clone)]
pub(super) enum Allowed {
    /// The values that `about` of the key describes.
    AsDescribed,
    /// The values that this phrase describes.
    Phrase(Cow<'static, str>),
    /// One of these words.
    Words(Vec<&'static str>),
    /// The values within these bounds.
    Within(Bounds),
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AsDescribed => Ok(()),
            Self::Phrase(phrase) => f.write_str(phrase),
            Self::Words(words) => f.write_str(&one_of(words)),
            Self::Within(bounds) => bounds.fmt(f),
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
        match self {
            Self::Number(range) => Refusal::new(
                format!("is not a whole number from {} to {}", range.start(), range.end()),
                "choose one within these bounds",
            ),
            Self::Duration(range) => {
                let (least, most) = shown(range);
                let what = format!("is not between {least} and {most}");
                Refusal::new(what, "choose a duration within these bounds")
            }
            Self::Durations { count, each } => {
                let (least, most) = shown(each);
                let what = format!(
                    "is not a list of {} to {} durations between {least} and {most}",
                    count.start(),
                    count.end()
                );
                Refusal::new(what, "choose durations within these bounds")
            }
        }
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(range) if *range.end() == u32::MAX => {
                write!(f, "{} or more", range.start())
            }
            Self::Number(range) => write!(f, "{} to {}", range.start(), range.end()),
            Self::Duration(range) => {
                let (least, most) = shown(range);
                write!(f, "\"{least}\" to \"{most}\"")
            }
            Self::Durations { count, each } => {
                let (least, most) = shown(each);
                write!(f, "{} to {} values, ", count.start(), count.end())?;
                write!(f, "each \"{least}\" to \"{most}\"")
            }
        }
    }
}

fn shown(range: &RangeInclusive<Duration>) -> (String, String) {
    (duration::show(*range.start()), duration::show(*range.end()))
}

/// Writes words as `"a", "b" or "c"`.
pub(super) fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}
