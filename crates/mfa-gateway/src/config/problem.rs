//! What is wrong with a configuration file, and what to do about it, in English and in Japanese.

use std::{
    borrow::Cow,
    fmt,
    path::{Path, PathBuf},
};

use mfa_pages::{Language, PerLanguage};

/// One thing wrong with a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// The key with its section, such as `sms.karaden_sms.base_url`; empty for a syntax error.
    pub key: String,
    /// What is wrong.
    pub what: PerLanguage<String>,
    /// What to do about it.
    pub remedy: PerLanguage<String>,
}

impl Problem {
    pub(super) fn new((line, column): (usize, usize), key: &str, refusal: Refusal) -> Self {
        let Refusal { what, remedy } = refusal;
        let (what, remedy) = (what.map(Cow::into_owned), remedy.map(Cow::into_owned));
        Self { line, column, key: key.to_owned(), what, remedy }
    }

    /// Writes the problem as one line. `label` stands before the key.
    pub(super) fn in_language(&self, language: Language, file: &Path, label: &str) -> String {
        let Self { line, column, key, .. } = self;
        let said = sentence(language, self.what.get(language), self.remedy.get(language));
        let colon = if key.is_empty() { "" } else { ": " };
        format!("{}:{line}:{column}: {label}{key}{colon}{said}", file.display())
    }
}

/// Joins what is wrong and what to do about it.
fn sentence(language: Language, what: &str, remedy: &str) -> String {
    match language {
        Language::En => format!("{what}; {remedy}"),
        Language::Ja => format!("{what}。{remedy}。"),
    }
}

/// Everything wrong with a configuration file, in the order of its lines. `Display` is in English.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    file: PathBuf,
    list: Vec<Problem>,
}

impl Problems {
    pub(super) fn new(file: &Path, list: Vec<Problem>) -> Self {
        Self { file: file.to_owned(), list }
    }

    /// Iterates over the problems.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.list.iter()
    }

    /// Writes one line for each problem.
    pub fn in_language(&self, language: Language) -> String {
        let lines = self.list.iter().map(|problem| problem.in_language(language, &self.file, ""));
        lines.collect::<Vec<_>>().join("\n")
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_language(Language::En))
    }
}

impl std::error::Error for Problems {}

/// Why a value is refused. It repeats no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    what: PerLanguage<Cow<'static, str>>,
    remedy: PerLanguage<Cow<'static, str>>,
}

impl Refusal {
    /// Says what is wrong, as a phrase about the value: `is not a whole number`. Then what to do about it, as
    /// an instruction. Each is given in English and in Japanese; the Japanese ones have no 。 at their end.
    pub(super) fn new(
        (what, what_ja): (impl Into<Cow<'static, str>>, impl Into<Cow<'static, str>>),
        (remedy, remedy_ja): (impl Into<Cow<'static, str>>, impl Into<Cow<'static, str>>),
    ) -> Self {
        Self {
            what: PerLanguage { en: what.into(), ja: what_ja.into() },
            remedy: PerLanguage { en: remedy.into(), ja: remedy_ja.into() },
        }
    }

    /// Says what is wrong and what to do about it.
    pub(super) fn in_language(&self, language: Language) -> String {
        sentence(language, self.what.get(language), self.remedy.get(language))
    }

    /// Returns what is wrong.
    #[cfg(test)]
    pub(super) fn what(&self, language: Language) -> &str {
        self.what.get(language)
    }

    /// Fails for a text that is empty, in the wrong language or with a wrong end.
    #[cfg(test)]
    pub(super) fn assert_well_written(&self) {
        for PerLanguage { ja, en } in [&self.what, &self.remedy] {
            let is_japanese = |c: char| ('\u{3040}'..='\u{9fff}').contains(&c);
            assert!(ja.contains(is_japanese), "the Japanese of {en:?} is {ja:?}");
            assert!(!ja.ends_with(['。', '.']), "{ja:?} has an end of its own");
            assert!(!en.is_empty() && !en.ends_with('.'), "{en:?} has an end of its own");
        }
    }
}
