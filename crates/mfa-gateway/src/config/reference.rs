//! The reference of all settings, made from what the readers of the sections declare.

mod cells;
mod page;
mod reasons;
mod sample;
mod terminal;
mod wrap;

use mfa_pages::Language;

use super::{
    declaration::{KeyDeclaration, SectionDeclaration},
    nearest::nearest,
};

/// Every setting with its default, its range and its meaning.
#[derive(Debug, Clone)]
pub struct Reference {
    sections: Vec<SectionDeclaration>,
}

/// A key that no reader declares.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown key {key:?}; {}", remedy(.nearest.as_deref()))]
pub struct UnknownKey {
    /// The key that was asked for.
    pub key: String,
    /// The key that was probably meant.
    pub nearest: Option<String>,
}

fn remedy(nearest: Option<&str>) -> String {
    nearest.map_or_else(
        || "run `mfa-gateway check-config --explain` to see all keys".to_owned(),
        |name| format!("did you mean {name}?"),
    )
}

impl Reference {
    pub(super) fn new(sections: Vec<SectionDeclaration>) -> Self {
        Self { sections }
    }

    /// Writes a sample file with comments in `language`: required keys with an example, all other keys commented
    /// out with their defaults.
    pub fn sample(&self, language: Language) -> String {
        sample::write(&self.sections, language)
    }

    /// Writes the reference as a page in Markdown.
    pub fn page(&self) -> String {
        page::write(&self.sections)
    }

    /// Writes the reference for a terminal.
    pub fn overview(&self, language: Language) -> String {
        terminal::overview(&self.sections, language)
    }

    /// Writes what a terminal shows about `name`: a key such as `otp.lifetime`, or a section such as
    /// `otp`.
    ///
    /// # Errors
    ///
    /// [`UnknownKey`], with the nearest name.
    pub fn explain(&self, name: &str, language: Language) -> Result<String, UnknownKey> {
        if let Some(section) = self.sections.iter().find(|section| section.path == name) {
            return Ok(terminal::section(section, language));
        }
        match self.find(name) {
            Some((section, key)) => Ok(terminal::key(section, key, language)),
            None => Err(self.unknown(name)),
        }
    }

    /// Replaces default and range in each row of a Markdown table that starts with the name of a key:
    /// `` | `otp.lifetime` | default | range | reason | ``.
    ///
    /// # Errors
    ///
    /// [`UnknownKey`] for a row that names no key.
    pub fn fill_in(&self, markdown: &str) -> Result<String, UnknownKey> {
        reasons::fill_in(markdown, |name| {
            self.find(name).map(|(_, key)| key).ok_or_else(|| self.unknown(name))
        })
    }

    fn find(&self, name: &str) -> Option<(&SectionDeclaration, &KeyDeclaration)> {
        let (path, name) = name.rsplit_once('.')?;
        let section = self.sections.iter().find(|section| section.path == path)?;
        let is_named = |key: &&KeyDeclaration| key.name == name || key.alternative == Some(name);
        Some((section, section.keys.iter().find(is_named)?))
    }

    fn unknown(&self, name: &str) -> UnknownKey {
        let keys = self.sections.iter().flat_map(|section| {
            section.keys.iter().map(move |key| (section.path_of(&key.name), section, key))
        });
        let known: Vec<_> = keys.collect();
        let renamed = known.iter().find(|(_, section, key)| {
            key.old_name.is_some_and(|old_name| section.path_of(old_name) == name)
        });
        let nearest = match renamed {
            Some((new_name, ..)) => Some(new_name.clone()),
            None => nearest(name, known.iter().map(|(path, ..)| path.as_str())).map(str::to_owned),
        };
        UnknownKey { key: name.to_owned(), nearest }
    }
}
