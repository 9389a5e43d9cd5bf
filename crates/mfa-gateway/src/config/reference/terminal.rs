//! The reference for a terminal.

use std::fmt::Write as _;

use super::wrap::wrap;
use crate::config::declaration::{Absence, KeyDeclaration, OneLine, SectionDeclaration};

const WIDTH: usize = 78;

/// Writes all sections.
pub(super) fn overview(sections: &[SectionDeclaration]) -> String {
    let sections: Vec<String> = sections.iter().map(section).collect();
    sections.join("\n")
}

/// Writes one section with its keys.
pub(super) fn section(section: &SectionDeclaration) -> String {
    let mut text = format!("{}\n", section.header());
    indented(&mut text, section.about);
    for each in section.in_order() {
        let _ = write!(text, "\n{}", key(section, each));
    }
    text
}

/// Writes one key.
pub(super) fn key(section: &SectionDeclaration, key: &KeyDeclaration) -> String {
    let mut text = format!("{}\n", section.path_of(&key.name));
    indented(&mut text, key.about);
    let default = match &key.absence {
        Absence::Default(value) => format!("Default: {}", OneLine(value)),
        Absence::Required { example } => format!("Required, such as {example}"),
        Absence::Otherwise { instead, .. } => format!("Default: {instead}"),
    };
    indented(&mut text, &default);
    if let Some(allowed) = key.allowed_with_source() {
        indented(&mut text, &format!("Allowed: {allowed}"));
    }
    if let Some(other) = key.alternative {
        indented(&mut text, &format!("Or the secret itself: {}", section.path_of(other)));
    }
    text
}

fn indented(text: &mut String, words: &str) {
    for line in wrap(words, WIDTH) {
        let _ = writeln!(text, "  {line}");
    }
}
