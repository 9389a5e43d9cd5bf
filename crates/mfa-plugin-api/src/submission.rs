//! What the user typed.

use std::{collections::BTreeMap, fmt};

/// The answers to a prompt's fields, each field at most once.
///
/// The host refuses a form that repeats a field before it builds one. `Debug` shows the names, never
/// the values.
#[derive(Clone, Default)]
pub struct Submission {
    values: BTreeMap<String, String>,
}

impl Submission {
    /// No answers.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same answers with `value` for the field `name`.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.values.insert(name.into(), value.into());
        self
    }

    /// What was typed in the field `name`; `None` if the form did not carry it.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }
}

impl fmt::Debug for Submission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submission")
            .field("fields", &self.values.keys().collect::<Vec<_>>())
            .finish()
    }
}
