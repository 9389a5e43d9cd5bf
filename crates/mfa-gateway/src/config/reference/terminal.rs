//! The reference for a terminal.

use std::fmt::Write as _;

use mfa_pages::Language;

use super::wrap::wrap;
use crate::config::declaration::{Absence, KeyDeclaration, OneLine, SectionDeclaration};

const WIDTH: usize = 78;

/// Writes all sections.
pub(super) fn overview(sections: &[SectionDeclaration], language: Language) -> String {
    let sections: Vec<String> = sections.iter().map(|each| section(each, language)).collect();
    sections.join("\n")
}

/// Writes one section with its keys.
pub(super) fn section(section: &SectionDeclaration, language: Language) -> String {
    let mut text = format!("{}\n", section.header());
    indented(&mut text, section.about.get(language));
    for each in section.in_order() {
        let _ = write!(text, "\n{}", key(section, each, language));
    }
    text
}

/// Writes one key.
pub(super) fn key(
    section: &SectionDeclaration,
    key: &KeyDeclaration,
    language: Language,
) -> String {
    let mut text = format!("{}\n", section.path_of(&key.name));
    indented(&mut text, key.about.get(language));
    let default = match (&key.absence, language) {
        (Absence::Default(value), Language::En) => format!("Default: {}", OneLine(value)),
        (Absence::Default(value), Language::Ja) => format!("既定値：{}", OneLine(value)),
        (Absence::Required { example }, Language::En) => format!("Required, such as {example}"),
        (Absence::Required { example }, Language::Ja) => format!("必須（例：{example}）"),
        (Absence::Otherwise { instead, .. }, Language::En) => {
            format!("Default: {}", instead.get(language))
        }
        (Absence::Otherwise { instead, .. }, Language::Ja) => {
            format!("既定値：{}", instead.get(language))
        }
    };
    indented(&mut text, &default);
    if let Some(allowed) = key.allowed_with_source(language) {
        let label = match language {
            Language::En => "Allowed: ",
            Language::Ja => "指定できる値：",
        };
        indented(&mut text, &format!("{label}{allowed}"));
    }
    if let Some(other) = key.alternative {
        let other = section.path_of(other);
        let said = match language {
            Language::En => format!("Or the secret itself: {other}"),
            Language::Ja => format!("または秘密情報そのもの：{other}"),
        };
        indented(&mut text, &said);
    }
    if let Some(variable) = &key.variable {
        let said = match language {
            Language::En => format!("Or the environment variable {variable} names the file."),
            Language::Ja => format!("または、環境変数{variable}でファイルを指定できます。"),
        };
        indented(&mut text, &said);
    }
    text
}

fn indented(text: &mut String, words: &str) {
    for line in wrap(words, WIDTH) {
        let _ = writeln!(text, "  {line}");
    }
}
