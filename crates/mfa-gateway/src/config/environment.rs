//! What the process environment says about the configuration: files of secrets, and systemd's credentials.

use std::{collections::BTreeMap, path::PathBuf};

/// Where systemd puts the credentials of a unit.
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// The environment variables that a configuration uses: `MFA_…_FILE`, each with the name of a file that holds a
/// secret, and the folder of systemd's credentials.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    files: BTreeMap<String, String>,
    credentials: Option<PathBuf>,
}

impl Environment {
    /// Returns the environment of this process.
    pub fn of_process() -> Self {
        // The one place that reads it. A name that is not Unicode is none of ours.
        let texts = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
        });
        Self::new(texts)
    }

    /// Returns an environment of these variables. Others than those of the configuration are left out.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut environment = Self::default();
        for (name, value) in variables {
            if name == CREDENTIALS_DIRECTORY {
                environment.credentials = Some(value.into());
            } else if name.starts_with("MFA_") && name.ends_with("_FILE") {
                environment.files.insert(name, value);
            }
        }
        environment
    }

    /// Returns the name of the file that `variable` gives.
    pub(super) fn file(&self, variable: &str) -> Option<&str> {
        self.files.get(variable).map(String::as_str)
    }

    /// Iterates over the variables that name files.
    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Returns the folder of systemd's credentials.
    pub(super) fn credentials(&self) -> Option<&PathBuf> {
        self.credentials.as_ref()
    }
}
