//! Walks through the tables of a configuration file and reports every problem at once, each with its
//! line and a remedy.
//!
//! The readers of the sections run twice. On a file they return values. On no file they *describe*: every
//! section and every key that they declare is kept, and the problems are dropped.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    ops::Range,
    path::{Path, PathBuf},
};

use secrecy::SecretString;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    declaration::{Form, KeyDeclaration, Phrase, SectionDeclaration},
    environment::Environment,
    nearest::nearest,
    private_file::{self, WorldReadable},
    problem::{Problem, Problems, Refusal},
    warning::{Warning, WarningKind, Warnings},
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
    environment: &'t Environment,
    world_readable: Cell<WorldReadable>,
    /// The environment variables that the keys read so far can use.
    variables: RefCell<BTreeSet<String>>,
    /// The secrets that were read, each with the path of its key.
    secrets: RefCell<Vec<(String, SecretString)>>,
    problems: RefCell<Vec<(usize, Problem)>>,
    warnings: RefCell<Vec<(usize, Warning)>>,
    declared: RefCell<Vec<SectionDeclaration>>,
}

/// Reads `text` as the content of `file` and returns the value with its warnings, or everything that is wrong.
pub(super) fn read<T>(
    file: &Path,
    text: &str,
    environment: &Environment,
    reader: impl FnOnce(&Section<'_>) -> Result<T, Reported>,
) -> Result<(T, Warnings), Problems> {
    let document = Document::new(file, text, environment, false);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let at = error.span().map_or(0, |span| span.start);
        let what = error.message().to_owned();
        let in_japanese = format!("TOMLの構文に誤りがあります（{what}）");
        let refusal = Refusal::new(
            (what, in_japanese),
            ("fix the TOML syntax", "TOMLの構文を修正してください"),
        );
        document.report(at, "", refusal);
    }
    // After a syntax error the tables hold only a part of the file: no other problem is certain.
    let value = if errors.is_empty() {
        Section::root(&document, Some(table.get_ref())).read(reader)
    } else {
        Err(Reported(()))
    };
    let list = in_order(document.problems.take());
    match value {
        Ok(value) if list.is_empty() => {
            Ok((value, Warnings::new(file, in_order(document.warnings.take()))))
        }
        _ => Err(Problems::new(file, list)),
    }
}

/// Sorts what was found by its place in the file.
fn in_order<T>(mut found: Vec<(usize, T)>) -> Vec<T> {
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, found)| found).collect()
}

/// Runs `read` to learn what it declares, without a file.
pub(super) fn describe<T>(
    read: impl FnOnce(&Section<'_>) -> Result<T, Reported>,
) -> Vec<SectionDeclaration> {
    let nothing = Environment::default();
    let document = Document::new(Path::new(""), "", &nothing, true);
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
    read(Path::new(""), text, &Environment::default(), reader).map(|(value, _)| value)
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
    fn new(file: &Path, text: &'t str, environment: &'t Environment, is_describing: bool) -> Self {
        Self {
            file: file.to_owned(),
            text,
            is_describing,
            environment,
            world_readable: Cell::new(WorldReadable::OnReadOnlyMount),
            variables: RefCell::default(),
            secrets: RefCell::default(),
            problems: RefCell::default(),
            warnings: RefCell::default(),
            declared: RefCell::default(),
        }
    }

    fn report(&self, at: usize, key: &str, refusal: Refusal) -> Reported {
        let problem = self.problem(at, key, refusal);
        self.problems.borrow_mut().push((at, problem));
        Reported(())
    }

    fn problem(&self, at: usize, key: &str, refusal: Refusal) -> Problem {
        #[cfg(test)]
        refusal.assert_well_written();
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        Problem::new((line, column), key, refusal)
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

    /// Returns the environment.
    pub(super) fn environment(&self) -> &'d Environment {
        self.document.environment
    }

    /// Returns the file that `variable` of the environment names. The variable is known from now on.
    pub(super) fn file_by_environment(&self, variable: &str) -> Option<&'d str> {
        self.document.variables.borrow_mut().insert(variable.to_owned());
        self.environment().file(variable)
    }

    /// Returns the variables of the keys that were read.
    pub(super) fn known_variables(&self) -> BTreeSet<String> {
        self.document.variables.borrow().clone()
    }

    /// Remembers the secret of `key`, to compare it with others.
    pub(super) fn note_secret(&self, key: &str, secret: &SecretString) {
        self.document.secrets.borrow_mut().push((self.path_of(key), secret.clone()));
    }

    /// Returns the secrets that were read, each with the path of its key.
    pub(super) fn secrets(&self) -> Vec<(String, SecretString)> {
        self.document.secrets.borrow().clone()
    }

    /// Whether `key`, as in [`problem`](Self::problem), is in the file.
    pub(super) fn is_given(&self, key: &str) -> bool {
        self.find(key).1.is_some()
    }

    /// Whether `key`, as in [`problem`](Self::problem), is `true` in the file.
    pub(super) fn is_true(&self, key: &str) -> bool {
        self.find(key).1.and_then(DeValue::as_bool) == Some(true)
    }

    /// Lets everybody on the machine read the secrets that are read from now on.
    pub(super) fn allow_world_readable_secrets(&self) {
        self.document.world_readable.set(WorldReadable::Allowed);
    }

    /// Whether everybody on the machine may be able to read secrets.
    pub(super) fn world_readable(&self) -> WorldReadable {
        self.document.world_readable.get()
    }

    /// Checks who may read the configuration file, because a secret is in it.
    pub(super) fn ensure_own_file_is_private(&self) -> Result<(), Refusal> {
        private_file::check(&self.document.file, self.world_readable())
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

    /// Reports a problem with `key`, such as `listen`, `text.ja` or `rule[1].path`: at its value if the file has
    /// it, otherwise at the section.
    pub(super) fn problem(&self, key: &str, refusal: Refusal) -> Reported {
        self.document.report(self.position(key), &self.path_of(key), refusal)
    }

    /// Reports a value that is more than the one of `other`, which bounds it. Both keys are as in
    /// [`problem`](Self::problem).
    pub(super) fn ensure_at_most<T: PartialOrd>(
        &self,
        (key, value): (&str, T),
        (other, bound): (&str, T),
    ) -> Result<(), Reported> {
        if value <= bound {
            return Ok(());
        }
        let other = self.path_of(other);
        let refusal = Refusal::new(
            (format!("is more than {other}"), format!("{other}より大きい値です")),
            ("make it the smaller one", format!("{other}以下にしてください")),
        );
        Err(self.problem(key, refusal))
    }

    /// Reports something that is allowed and seldom meant.
    pub(super) fn warn(&self, kind: WarningKind, key: &str, refusal: Refusal) {
        let at = self.position(key);
        let problem = self.document.problem(at, &self.path_of(key), refusal);
        self.document.warnings.borrow_mut().push((at, Warning { kind, problem }));
    }

    /// Returns where `key` is in the file; if the file does not have it, where its innermost section is.
    fn position(&self, key: &str) -> usize {
        self.find(key).0
    }

    /// Returns where `key` or its innermost section is, and the value of `key`.
    fn find(&self, key: &str) -> (usize, Option<&'d DeValue<'d>>) {
        let (mut table, mut at, mut found) = (self.table, self.span.start, None);
        for step in key.split('.') {
            let (name, position) = step.split_once('[').unwrap_or((step, ""));
            let value = table.and_then(|table| table.get(name));
            let value = match position.trim_end_matches(']').parse::<usize>() {
                Ok(position) => value.and_then(|v| v.get_ref().as_array()?.get(position)),
                Err(_) => value,
            };
            let Some(value) = value else { return (at, None) };
            at = value.span().start;
            table = value.get_ref().as_table();
            found = Some(value.get_ref());
        }
        (at, found)
    }

    /// Reads the table `key`, which is empty if the file does not have it.
    pub(super) fn table<T>(
        &self,
        key: &'static str,
        about: impl Into<Phrase>,
        read: impl FnOnce(&Section<'d>) -> T,
    ) -> T {
        self.open(key, about, Form::Table).1.read(read)
    }

    /// Reads the table `key` if the file has it. While describing, reads it in any case.
    pub(super) fn alternative<T>(
        &self,
        key: &'static str,
        about: impl Into<Phrase>,
        form: Form,
        read: impl FnOnce(&Section<'d>) -> T,
    ) -> Option<T> {
        let (is_present, section) = self.open(key, about, form);
        (is_present || self.document.is_describing).then(|| section.read(read))
    }

    fn open(&self, key: &'static str, about: impl Into<Phrase>, form: Form) -> (bool, Section<'d>) {
        self.subsections.borrow_mut().insert(key);
        let value = self.value(key);
        let table = value.and_then(|value| value.get_ref().as_table());
        if value.is_some() && table.is_none() {
            self.problem(key, not_a_table("[section]"));
        }
        let span = value.map_or(self.span.clone(), Spanned::span);
        self.announce(key, about, form);
        (value.is_some(), Section::new(self.document, table, self.path_of(key), span))
    }

    /// Reads each table of the array `key`. `more` is what the sample file shows after one element.
    pub(super) fn array<T>(
        &self,
        key: &'static str,
        about: impl Into<Phrase>,
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
            let what = ("is not a list of tables", "テーブルのリストではありません");
            let remedy =
                ("write each as a [[section]]", "それぞれを[[section]]の形で書いてください");
            self.problem(key, Refusal::new(what, remedy));
            return Vec::new();
        };
        let one = |(at, value): (usize, &'d Spanned<DeValue<'d>>)| {
            let (table, path) =
                (value.get_ref().as_table(), format!("{}[{at}]", self.path_of(key)));
            if table.is_none() {
                self.document.report(value.span().start, &path, not_a_table("[[section]]"));
            }
            Section::new(self.document, table, path, value.span()).read(&read)
        };
        array.iter().enumerate().map(one).collect()
    }

    /// Declares a section before it is read, so that sections are in the order of reading. Its keys follow.
    fn announce(&self, key: &str, about: impl Into<Phrase>, form: Form) {
        let (path, about) = (self.path_of(key), about.into());
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
                    let what =
                        (format!("is now called {new}"), format!("名前が{new}に変わりました"));
                    let remedy = (format!("write {new} instead"), format!("{new}と書いてください"));
                    Refusal::new(what, remedy)
                }
                None => unknown_key(name, &known),
            };
            self.document.report(at, &self.path_of(name), refusal);
        }
    }
}

fn not_a_table(form: &str) -> Refusal {
    let what = ("is not a table", "テーブルではありません");
    Refusal::new(what, (format!("write it as a {form}"), format!("{form}の形で書いてください")))
}

fn unknown_key(name: &str, known: &BTreeSet<&str>) -> Refusal {
    let list: Vec<&str> = known.iter().copied().collect();
    let what = (
        format!("unknown key; known here: {}", list.join(", ")),
        format!("このキーはありません。ここで使えるキー：{}", list.join("、")),
    );
    Refusal::new(what, correction(nearest(name, known.iter().copied())))
}

/// Returns what to do about an unknown name that is near to a known one, or to none.
pub(super) fn correction(nearest: Option<&str>) -> (String, String) {
    match nearest {
        Some(near) => (
            format!("did you mean {near}? Correct or remove it"),
            format!("{near}の誤りではありませんか。修正するか、削除してください"),
        ),
        None => ("correct or remove it".into(), "修正するか、削除してください".into()),
    }
}
