//! What is wrong with a configuration file, and what to do about it.

use std::{
    borrow::Cow,
    fmt,
    path::{Path, PathBuf},
};

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
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

/// Everything wrong with a configuration file, in the order of its lines.
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
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Problem { line, column, key, what, remedy }) in self.list.iter().enumerate() {
            let newline = if at == 0 { "" } else { "\n" };
            let colon = if key.is_empty() { "" } else { ": " };
            write!(
                f,
                "{newline}{}:{line}:{column}: {key}{colon}{what}; {remedy}",
                self.file.display()
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Why a value is refused. It repeats no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// What is wrong, as a phrase about the value: `is not a whole number`.
    pub(super) what: Cow<'static, str>,
    /// What to do about it, as an instruction.
    pub(super) remedy: Cow<'static, str>,
}

impl Refusal {
    pub(super) fn new(
        what: impl Into<Cow<'static, str>>,
        remedy: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { what: what.into(), remedy: remedy.into() }
    }
}
