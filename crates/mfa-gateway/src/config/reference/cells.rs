//! The cells that two Markdown pages have in common.

use mfa_pages::Language;

use crate::config::declaration::{Absence, KeyDeclaration, OneLine};

/// Returns the default of a key, or what holds without one.
pub(super) fn default(key: &KeyDeclaration) -> String {
    match &key.absence {
        Absence::Default(value) => format!("`{}`", OneLine(value)),
        Absence::Required { example } => format!("required, such as `{example}`"),
        Absence::Otherwise { instead, .. } => instead.get(Language::En).to_owned(),
    }
}

/// Returns the accepted values of a key.
pub(super) fn allowed(key: &KeyDeclaration) -> String {
    let allowed = key.allowed_with_source(Language::En);
    allowed.map_or_else(|| "–".to_owned(), |allowed| escaped(&allowed))
}

/// Escapes what Markdown or a table would read as markup.
pub(super) fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}
