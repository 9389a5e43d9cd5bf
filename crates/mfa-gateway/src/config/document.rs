//! Walks through the tables of a configuration file and reports every problem at once, each with its
//! line and a remedy.
//!
//! The readers of the sections run twice. On a file they return values. On no file they *describe*: every
//! section and every key that they declare is kept, and the problems are dropped.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    ops::Range,
    path::{Path, PathBuf},
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    declaration::{Form, KeyDeclaration, SectionDeclaration},
    nearest::nearest,
    problem::{Problem, Problems, Refusal},
};

/// Proof that a problem has been reported, so that the file is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reported(());

/// A file that is being read, with the problems found so far.
#[derive(Debug)]
pub(super) struct Document<'t> {
    file: PathBuf,
    text: &'t str,
    is_describing: bool,
    problems: RefCell<Vec<(usize, Problem)>>,
    declared: RefCell<Vec<SectionDeclaration>>,
}

/// Reads `text` as the content of `file` and returns the value, or everything that is wrong.
pub(super) fn read<T>(
    file: &Path,
    text: &str,
    reader: impl FnOnce(&Section<'_>) -> Result<T, Reported>,
) -> Result<T, Problems> {
    let document = Document::new(file, text, false);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let at = error.span().map_or(0, |span| span.start);
        document.report(at, "", Refusal::new(error.message().to_owned(), "fix the TOML syntax"));
    }
    // After a syntax error the tables hold only a part of the file: no other problem is certain.
    let value = if errors.is_empty() {
        Section::root(&document, Some(table.get_ref())).read(reader)
    } else {
        Err(Reported(()))
    };
    let mut found = document.problems.take();
    found.sort_by_key(|(at, _)| *at);
    let list: Vec<Problem> = found.into_iter().map(|(_, problem)| problem).collect();
    match value {
        Ok(value) if list.is_empty() => Ok(value),
        _ => Err(Problems::new(file, list)),
    }
}

/// Runs `read` to learn what it declares, without a file.
pub(super) fn describe<T>(
    read: impl FnOnce(&Section<'_>) -> Result<T, Reported>,
) -> Vec<SectionDeclaration> {
    let document = Document::new(Path::new(""), "", true);
    // Without a file, every required key is missing.
    let _ = Section::root(&document, None).read(read);
    document.declared.take()
}

/// Reads `text` as one section, for tests.
#[cfg(test)]
pub(super) fn read_from<T>(
    text: &str,
    reader: impl FnOnce(&Section<'_>) -> Result<T, Reported>,
) -> Result<T, Problems> {
    read(Path::new(""), text, reader)
}

/// Returns the problems of `text` as one section, without the name of a file, for tests.
#[cfg(test)]
pub(super) fn problems_in<T>(
    text: &str,
    reader: impl FnOnce(&Section<'_>) -> Result<T, Reported>,
) -> Vec<String> {
    let problems = read_from(text, reader).err().map(|problems| problems.to_string());
    let lines = problems.iter().flat_map(|text| text.lines());
    lines.map(|line| line.trim_start_matches(':').to_owned()).collect()
}

impl<'t> Document<'t> {
    fn new(file: &Path, text: &'t str, is_describing: bool) -> Self {
        Self {
            file: file.to_owned(),
            text,
            is_describing,
            problems: RefCell::default(),
            declared: RefCell::default(),
        }
    }

    fn report(&self, at: usize, key: &str, Refusal { what, remedy }: Refusal) -> Reported {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        let (key, what, remedy) = (key.to_owned(), what.into_owned(), remedy.into_owned());
        self.problems.borrow_mut().push((at, Problem { line, column, key, what, remedy }));
        Reported(())
    }
}

/// One table of the file. A key that no reader declares is a problem.
#[derive(Debug)]
pub(super) struct Section<'d> {
    document: &'d Document<'d>,
    table: Option<&'d DeTable<'d>>,
    path: String,
    span: Range<usize>,
    keys: RefCell<Vec<KeyDeclaration>>,
    subsections: RefCell<BTreeSet<&'static str>>,
}

impl<'d> Section<'d> {
    fn root(document: &'d Document<'d>, table: Option<&'d DeTable<'d>>) -> Self {
        Self::new(document, table, String::new(), 0..0)
    }

    fn new(
        document: &'d Document<'d>,
        table: Option<&'d DeTable<'d>>,
        path: String,
        span: Range<usize>,
    ) -> Self {
        let (keys, subsections) = (RefCell::default(), RefCell::default());
        Self { document, table, path, span, keys, subsections }
    }

    /// Returns the name of `key` with the path of the section.
    pub(super) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Resolves a path in the file, which is relative to the folder of the file.
    pub(super) fn resolve(&self, path: impl AsRef<Path>) -> PathBuf {
        self.document.file.parent().unwrap_or(Path::new("")).join(path)
    }

    /// Returns the value of `key`, if the file has it.
    pub(super) fn value(&self, key: &str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.table?.get(key)
    }

    /// Whether the file has `key`.
    pub(super) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// Adds the declaration of a key.
    pub(super) fn declare(&self, key: KeyDeclaration) {
        self.keys.borrow_mut().push(key);
    }

    /// Reports a problem with `key`: at its value if the file has it, otherwise at the section.
    pub(super) fn problem(&self, key: &str, refusal: Refusal) -> Reported {
        let at = self.value(key).map_or(self.span.start, |value| value.span().start);
        self.document.report(at, &self.path_of(key), refusal)
    }

    /// Reports a problem with the key `inner` of one table of the array `key`.
    pub(super) fn element_problem(
        &self,
        key: &str,
        position: usize,
        inner: &str,
        refusal: Refusal,
    ) -> Reported {
        let array = self.value(key).and_then(|value| value.get_ref().as_array());
        let element = array.and_then(|array| array.get(position));
        let value = element.and_then(|element| element.get_ref().as_table()?.get(inner));
        let at = value.or(element).map_or(self.span.start, |value| value.span().start);
        self.document.report(at, &format!("{}[{position}].{inner}", self.path_of(key)), refusal)
    }

    /// Reads the table `key`, which is empty if the file does not have it.
    pub(super) fn table<T>(
        &self,
        key: &'static str,
        about: &'static str,
        read: impl FnOnce(&Section<'d>) -> T,
    ) -> T {
        self.open(key, about, Form::Table).1.read(read)
    }

    /// Reads the table `key` if the file has it. While describing, reads it in any case.
    pub(super) fn alternative<T>(
        &self,
        key: &'static str,
        about: &'static str,
        form: Form,
        read: impl FnOnce(&Section<'d>) -> T,
    ) -> Option<T> {
        let (is_present, section) = self.open(key, about, form);
        (is_present || self.document.is_describing).then(|| section.read(read))
    }

    fn open(&self, key: &'static str, about: &'static str, form: Form) -> (bool, Section<'d>) {
        self.subsections.borrow_mut().insert(key);
        let value = self.value(key);
        let table = value.and_then(|value| value.get_ref().as_table());
        if value.is_some() && table.is_none() {
            self.problem(key, Refusal::new("is not a table", "write it as a [section]"));
        }
        let span = value.map_or(self.span.clone(), Spanned::span);
        self.announce(key, about, form);
        (value.is_some(), Section::new(self.document, table, self.path_of(key), span))
    }

    /// Reads each table of the array `key`. `more` is what the sample file shows after one element.
    pub(super) fn array<T>(
        &self,
        key: &'static str,
        about: &'static str,
        more: &'static str,
        read: impl Fn(&Section<'d>) -> T,
    ) -> Vec<T> {
        self.subsections.borrow_mut().insert(key);
        self.announce(key, about, Form::Array { more });
        if self.document.is_describing {
            let element = Section::new(self.document, None, self.path_of(key), 0..0);
            return vec![element.read(read)];
        }
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            self.problem(
                key,
                Refusal::new("is not a list of tables", "write each as a [[section]]"),
            );
            return Vec::new();
        };
        let one = |(at, value): (usize, &'d Spanned<DeValue<'d>>)| {
            let (table, path) =
                (value.get_ref().as_table(), format!("{}[{at}]", self.path_of(key)));
            if table.is_none() {
                let refusal = Refusal::new("is not a table", "write each as a [[section]]");
                self.document.report(value.span().start, &path, refusal);
            }
            Section::new(self.document, table, path, value.span()).read(&read)
        };
        array.iter().enumerate().map(one).collect()
    }

    /// Declares a section before it is read, so that sections are in the order of reading. Its keys follow.
    fn announce(&self, key: &str, about: &'static str, form: Form) {
        let path = self.path_of(key);
        let declaration = SectionDeclaration { path, about, form, keys: Vec::new() };
        self.document.declared.borrow_mut().push(declaration);
    }

    fn read<T>(self, read: impl FnOnce(&Section<'d>) -> T) -> T {
        let value = read(&self);
        self.refuse_unknown_keys();
        let mut declared = self.document.declared.borrow_mut();
        if let Some(section) = declared.iter_mut().find(|section| section.path == self.path) {
            section.keys = self.keys.take();
        }
        value
    }

    fn refuse_unknown_keys(&self) {
        let keys = self.keys.borrow();
        let names = keys.iter().flat_map(|key| [Some(key.name.as_str()), key.alternative]);
        let known: BTreeSet<&str> =
            names.flatten().chain(self.subsections.borrow().iter().copied()).collect();
        for (name, _) in self.table.into_iter().flatten() {
            let (at, name) = (name.span().start, name.get_ref().as_ref());
            if known.contains(name) {
                continue;
            }
            let renamed = keys.iter().find(|key| key.old_name == Some(name));
            let refusal = match renamed {
                Some(KeyDeclaration { name: new, .. }) => {
                    Refusal::new(format!("is now called {new}"), format!("write {new} instead"))
                }
                None => unknown_key(name, &known),
            };
            self.document.report(at, &self.path_of(name), refusal);
        }
    }
}

fn unknown_key(name: &str, known: &BTreeSet<&str>) -> Refusal {
    let list: Vec<&str> = known.iter().copied().collect();
    let what = format!("unknown key; known here: {}", list.join(", "));
    match nearest(name, known.iter().copied()) {
        Some(near) => Refusal::new(what, format!("did you mean {near}? Correct or remove it")),
        None => Refusal::new(what, "correct or remove it"),
    }
}
