//! One key of a section: declared and read by one expression.
//!
//! ```text
//! section
//!     .key("lifetime", "How long a code can be used.")
//!     .source("NIST SP 800-63B-4, 3.1.3.2")
//!     .duration(SmsOtpConfig::DEFAULT_LIFETIME, SmsOtpConfig::LIFETIME_RANGE)
//! ```

use std::{ops::RangeInclusive, path::PathBuf, time::Duration};

use mfa_pages::{Language, PerLanguage};
use toml::{Value, de::DeValue};

use super::{
    declaration::{Absence, Allowed, Bounds, KeyDeclaration, Phrase},
    document::{Reported, Section},
    duration,
    problem::Refusal,
};

/// A key whose name and meaning are declared. One of the methods that return a value ends the
/// declaration.
#[derive(Debug)]
#[must_use = "a key is declared only when it is read"]
pub(super) struct Key<'s, 'd> {
    pub(super) section: &'s Section<'d>,
    pub(super) name: &'static str,
    old_name: Option<&'static str>,
    about: Phrase,
    source: Option<Phrase>,
    allowed: Allowed,
    is_shown: bool,
    pub(super) variable: Option<String>,
}

impl<'d> Section<'d> {
    /// Begins the declaration of `name`; `about` says in a sentence or two what the key does.
    pub(super) fn key(&self, name: &'static str, about: impl Into<Phrase>) -> Key<'_, 'd> {
        Key {
            section: self,
            name,
            old_name: None,
            about: about.into(),
            source: None,
            allowed: Allowed::AsDescribed,
            is_shown: false,
            variable: None,
        }
    }
}

impl Key<'_, '_> {
    /// Sets where the range comes from.
    pub(super) fn source(mut self, source: impl Into<Phrase>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Sets a phrase for the accepted values, for a key without a range.
    pub(super) fn allowed(mut self, phrase: impl Into<Phrase>) -> Self {
        self.allowed = Allowed::Phrase(phrase.into());
        self
    }

    /// Sets the name that the key had earlier; the error about that name points to the new one.
    pub(super) fn renamed_from(mut self, old: &'static str) -> Self {
        self.old_name = Some(old);
        self
    }

    /// Lets the sample file set the key, although a file may leave it out.
    pub(super) fn shown(mut self) -> Self {
        self.is_shown = true;
        self
    }

    /// Sets the environment variable that can name the file of a secret, instead of the one that its path gives.
    pub(super) fn by_variable(mut self, variable: String) -> Self {
        self.variable = Some(variable);
        self
    }

    /// Reads a text with the default `default`.
    pub(super) fn or<T>(
        self,
        default: &str,
        parse: impl Fn(&str) -> Result<T, Refusal>,
    ) -> Result<T, Reported> {
        let absence = Absence::Default(default.into());
        self.read(absence, |value| parse(text(value)?), || parse(default))
    }

    /// Reads a text that the file must have.
    pub(super) fn required<T>(
        self,
        example: &str,
        remedy: (&'static str, &'static str),
        parse: impl FnOnce(&str) -> Result<T, Refusal>,
    ) -> Result<T, Reported> {
        let absence = Absence::Required { example: example.into() };
        self.read(absence, |value| parse(text(value)?), || Err(missing(remedy)))
    }

    /// Reads a text that the file may have; `instead` is what holds otherwise.
    pub(super) fn optional<T>(
        self,
        example: &str,
        instead: impl Into<Phrase>,
        parse: impl FnOnce(&str) -> Result<T, Refusal>,
    ) -> Result<Option<T>, Reported> {
        let absence = Absence::Otherwise { example: example.into(), instead: instead.into() };
        self.read(absence, |value| parse(text(value)?).map(Some), || Ok(None))
    }

    /// Reads a text for both languages, or a table with one for each.
    pub(super) fn per_language_or<T>(
        mut self,
        default: &str,
        parse: impl Fn(&str) -> Result<T, Refusal>,
    ) -> Result<PerLanguage<T>, Reported> {
        self.allowed = Allowed::Phrase(PER_LANGUAGE.into());
        let both = || Ok(PerLanguage { ja: parse(default)?, en: parse(default)? });
        let absence = Absence::Default(default.into());
        self.read(absence, |value| per_language(value, &parse), both)
    }

    /// Reads a text for both languages, or a table with one for each. The file may have it; `instead` is what
    /// holds otherwise.
    pub(super) fn optional_per_language<T>(
        mut self,
        example: &str,
        instead: impl Into<Phrase>,
        parse: impl Fn(&str) -> Result<T, Refusal>,
    ) -> Result<Option<PerLanguage<T>>, Reported> {
        self.allowed = Allowed::Phrase(PER_LANGUAGE.into());
        let absence = Absence::Otherwise { example: example.into(), instead: instead.into() };
        self.read(absence, |value| per_language(value, &parse).map(Some), || Ok(None))
    }

    /// Reads `true` or `false`.
    pub(super) fn flag(self, default: bool) -> Result<bool, Reported> {
        let refusal = || {
            Refusal::new(
                ("is not true or false", "trueでもfalseでもありません"),
                (
                    "write true or false, without quotes",
                    "trueかfalseを、引用符なしで書いてください",
                ),
            )
        };
        let parse = |value: &DeValue<'_>| value.as_bool().ok_or_else(refusal);
        self.with_default(default, default.into(), parse)
    }

    /// Reads one of `words`.
    pub(super) fn word<T: Copy + PartialEq>(
        mut self,
        words: &[(&'static str, T)],
        default: T,
    ) -> Result<T, Reported> {
        self.allowed = Allowed::Words(words.iter().map(|(name, _)| *name).collect());
        let shown = name_of(words, default).into();
        self.with_default(default, shown, |value| word(words, text(value)?))
    }

    /// Reads a list of `words`, which must not be empty.
    pub(super) fn words<T: Copy + PartialEq>(
        mut self,
        words: &[(&'static str, T)],
        default: &[T],
    ) -> Result<Vec<T>, Reported> {
        self.allowed = Allowed::Words(words.iter().map(|(name, _)| *name).collect());
        let names = default.iter().map(|value| name_of(words, *value));
        let shown = Value::Array(names.map(Value::from).collect());
        self.with_default(default.to_vec(), shown, |value| {
            let list: Result<Vec<T>, Refusal> =
                texts(value)?.into_iter().map(|text| word(words, text)).collect();
            match list? {
                list if list.is_empty() => Err(Refusal::new(
                    ("is empty", "空です"),
                    ("name at least one", "1つ以上を指定してください"),
                )),
                list => Ok(list),
            }
        })
    }

    /// Reads a list of texts, which `parse` turns into a value as a whole.
    pub(super) fn list<T>(
        self,
        default: &[&str],
        parse: impl Fn(&[&str]) -> Result<T, Refusal>,
    ) -> Result<T, Reported> {
        let shown = Value::Array(default.iter().copied().map(Value::from).collect());
        let absence = Absence::Default(shown);
        self.read(absence, |value| parse(&texts(value)?), || parse(default))
    }

    /// Reads a list of texts that the file must have, unless `absent` returns a value for a file without it.
    pub(super) fn list_or_else<T>(
        self,
        example: &[&str],
        parse: impl FnOnce(&[&str]) -> Result<T, Refusal>,
        absent: impl FnOnce() -> Result<T, Refusal>,
    ) -> Result<T, Reported> {
        let example = Value::Array(example.iter().copied().map(Value::from).collect());
        self.read(Absence::Required { example }, |value| parse(&texts(value)?), absent)
    }

    /// Reads a whole number within `range`.
    pub(super) fn number<T>(self, default: T, range: RangeInclusive<T>) -> Result<T, Reported>
    where
        T: Copy + Into<u32> + TryFrom<u32>,
    {
        let shown = Value::from(default.into());
        let (key, parse) = self.within(range);
        key.with_default(default, shown, parse)
    }

    /// Reads a whole number within `range` that the file may have; `instead` is what holds otherwise.
    pub(super) fn optional_number<T>(
        self,
        example: T,
        instead: impl Into<Phrase>,
        range: RangeInclusive<T>,
    ) -> Result<Option<T>, Reported>
    where
        T: Copy + Into<u32> + TryFrom<u32>,
    {
        let absence =
            Absence::Otherwise { example: Value::from(example.into()), instead: instead.into() };
        let (key, parse) = self.within(range);
        key.read(absence, |value| parse(value).map(Some), || Ok(None))
    }

    /// Reads a whole number within `range` that the file must have.
    pub(super) fn required_number<T>(
        self,
        example: T,
        remedy: (&'static str, &'static str),
        range: RangeInclusive<T>,
    ) -> Result<T, Reported>
    where
        T: Copy + Into<u32> + TryFrom<u32>,
    {
        let absence = Absence::Required { example: Value::from(example.into()) };
        let (key, parse) = self.within(range);
        key.read(absence, parse, || Err(missing(remedy)))
    }

    fn within<T>(
        mut self,
        range: RangeInclusive<T>,
    ) -> (Self, impl Fn(&DeValue<'_>) -> Result<T, Refusal>)
    where
        T: Copy + Into<u32> + TryFrom<u32>,
    {
        let range: RangeInclusive<u32> = (*range.start()).into()..=(*range.end()).into();
        let bounds = Bounds::Number(range.clone());
        self.allowed = Allowed::Within(bounds.clone());
        let parse = move |value: &DeValue<'_>| {
            let number =
                value.as_integer().and_then(|i| u32::from_str_radix(i.as_str(), i.radix()).ok());
            number
                .filter(|number| range.contains(number))
                .and_then(|number| T::try_from(number).ok())
                .ok_or_else(|| bounds.refusal())
        };
        (self, parse)
    }

    /// Reads a duration within `range`, such as `"90s"`.
    pub(super) fn duration(
        mut self,
        default: Duration,
        range: RangeInclusive<Duration>,
    ) -> Result<Duration, Reported> {
        let bounds = Bounds::Duration(range.clone());
        self.allowed = Allowed::Within(bounds.clone());
        let shown = duration::show(default).into();
        self.with_default(default, shown, |value| one_duration(text(value)?, &range, &bounds))
    }

    /// Reads a duration within `range` that the file may have; `instead` is what holds otherwise.
    pub(super) fn optional_duration(
        mut self,
        example: &str,
        instead: impl Into<Phrase>,
        range: RangeInclusive<Duration>,
    ) -> Result<Option<Duration>, Reported> {
        let bounds = Bounds::Duration(range.clone());
        self.allowed = Allowed::Within(bounds.clone());
        self.optional(example, instead, |text| one_duration(text, &range, &bounds))
    }

    /// Reads a list of `count` durations, each within `each`.
    pub(super) fn durations(
        mut self,
        default: &[Duration],
        count: RangeInclusive<usize>,
        each: RangeInclusive<Duration>,
    ) -> Result<Vec<Duration>, Reported> {
        let bounds = Bounds::Durations { count: count.clone(), each: each.clone() };
        self.allowed = Allowed::Within(bounds.clone());
        let shown = duration::show_all(default).into_iter().map(Value::from).collect();
        self.with_default(default.to_vec(), Value::Array(shown), |value| {
            let texts = texts(value)?;
            if !count.contains(&texts.len()) {
                return Err(bounds.refusal());
            }
            texts.into_iter().map(|text| one_duration(text, &each, &bounds)).collect()
        })
    }

    /// Reads a path, relative to the configuration file, that the file must have.
    pub(super) fn path(
        self,
        example: &str,
        remedy: (&'static str, &'static str),
    ) -> Result<PathBuf, Reported> {
        let section = self.section;
        self.required(example, remedy, |text| Ok(section.resolve(text)))
    }

    /// Reads a value of any shape; `shown` is `default` as the file would write it.
    pub(super) fn with_default<T>(
        self,
        default: T,
        shown: Value,
        parse: impl FnOnce(&DeValue<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Reported> {
        self.read(Absence::Default(shown), parse, || Ok(default))
    }

    fn read<T>(
        self,
        absence: Absence,
        parse: impl FnOnce(&DeValue<'_>) -> Result<T, Refusal>,
        absent: impl FnOnce() -> Result<T, Refusal>,
    ) -> Result<T, Reported> {
        self.section.declare(self.declaration(absence));
        let read = match self.section.value(self.name) {
            Some(value) => parse(value.get_ref()),
            None => absent(),
        };
        read.map_err(|refusal| self.section.problem(self.name, refusal))
    }

    pub(super) fn declaration(&self, absence: Absence) -> KeyDeclaration {
        KeyDeclaration {
            name: self.name.to_owned(),
            alternative: None,
            variable: None,
            old_name: self.old_name,
            about: self.about.clone(),
            source: self.source.clone(),
            allowed: self.allowed.clone(),
            absence,
            is_shown: self.is_shown,
        }
    }
}

pub(super) fn missing(remedy: (&'static str, &'static str)) -> Refusal {
    Refusal::new(("is missing", "指定されていません"), remedy)
}

/// Returns the text of a value.
pub(super) fn text<'v>(value: &'v DeValue<'_>) -> Result<&'v str, Refusal> {
    value.as_str().ok_or_else(|| {
        let kind = value.type_str();
        Refusal::new(
            (format!("is not text but {kind}"), format!("文字列ではありません（{kind}）")),
            ("put it in double quotes", "二重引用符で囲んでください"),
        )
    })
}

const PER_LANGUAGE: (&str, &str) =
    ("a text, or { ja = \"…\", en = \"…\" }", "文字列、または{ ja = \"…\", en = \"…\" }");

fn per_language<T>(
    value: &DeValue<'_>,
    parse: &impl Fn(&str) -> Result<T, Refusal>,
) -> Result<PerLanguage<T>, Refusal> {
    if let Some(text) = value.as_str() {
        return Ok(PerLanguage { ja: parse(text)?, en: parse(text)? });
    }
    let table = value.as_table().filter(|table| table.len() == Language::ALL.len());
    let of = |language: Language| {
        let value = table.and_then(|table| table.get(language.tag())).ok_or_else(|| {
            let what = (
                "is neither a text nor a table with one text for ja and one for en",
                "文字列でも、jaとenの文字列を1つずつ持つテーブルでもありません",
            );
            let remedy = (
                "write \"…\" or { ja = \"…\", en = \"…\" }",
                "\"…\"か{ ja = \"…\", en = \"…\" }の形で書いてください",
            );
            Refusal::new(what, remedy)
        })?;
        parse(text(value.get_ref())?)
    };
    Ok(PerLanguage { ja: of(Language::Ja)?, en: of(Language::En)? })
}

fn texts<'v>(value: &'v DeValue<'_>) -> Result<Vec<&'v str>, Refusal> {
    let refusal = || {
        Refusal::new(
            ("is not a list", "リストではありません"),
            ("write [\"…\", \"…\"]", "[\"…\", \"…\"]の形で書いてください"),
        )
    };
    let items = value.as_array().ok_or_else(refusal)?;
    items.iter().map(|item| text(item.get_ref())).collect()
}

/// Parses each text of a list.
pub(super) fn list_of<T>(
    parse: impl Fn(&str) -> Result<T, Refusal>,
) -> impl Fn(&[&str]) -> Result<Vec<T>, Refusal> {
    move |texts| texts.iter().map(|text| parse(text)).collect()
}

pub(super) fn word<T: Copy>(words: &[(&'static str, T)], text: &str) -> Result<T, Refusal> {
    let found = words.iter().find(|(name, _)| *name == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        let what = (
            format!("{text:?} is none of {}", names.join(", ")),
            format!("{text:?}は使えません。使えるのは{}です", names.join("、")),
        );
        Refusal::new(what, ("use one of these words", "このなかから選んでください"))
    })
}

fn name_of<T: Copy + PartialEq>(words: &[(&'static str, T)], value: T) -> &'static str {
    words.iter().find(|(_, each)| *each == value).map_or("", |(name, _)| *name)
}

fn one_duration(
    text: &str,
    range: &RangeInclusive<Duration>,
    bounds: &Bounds,
) -> Result<Duration, Refusal> {
    let parsed = duration::parse(text)?;
    if range.contains(&parsed) { Ok(parsed) } else { Err(bounds.refusal()) }
}
