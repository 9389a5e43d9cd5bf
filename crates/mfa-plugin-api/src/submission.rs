//! What the user typed.

use std::{collections::BTreeMap, fmt};

use zeroize::Zeroizing;

/// The values of a prompt's fields, each field at most once.
///
/// The host refuses a form that repeats a field before it builds a submission. The values are secrets:
/// their memory is wiped on drop, and `Debug` shows the names of the fields only. A submission never
/// serialises, not even with the feature `serde`.
#[derive(Clone, Default)]
pub struct Submission {
    values: BTreeMap<String, Zeroizing<String>>,
}

impl Submission {
    /// Returns a submission without values.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the value of the field `name`. A later value replaces an earlier one.
    ///
    /// A `String` is taken over without a copy, so that no unwiped copy of it stays behind.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.values.insert(name.into(), Zeroizing::new(value.into()));
        self
    }

    /// Returns what was typed in the field `name`, or `None` if the form has no such field.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|value| value.as_str())
    }
}

impl fmt::Debug for Submission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submission")
            .field("fields", &self.values.keys().collect::<Vec<_>>())
            .finish()
    }
}
