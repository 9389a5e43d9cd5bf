//! Reading TOML so that every problem is reported at once, each with its line and a remedy.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    fmt,
    ops::Range,
    path::{Path, PathBuf},
    time::Duration,
};

use secrecy::SecretString;
use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeTable, DeValue, ValueDeserializer},
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
    /// The problems.
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

/// A file being read, with the problems found so far.
#[derive(Debug)]
pub(crate) struct Document<'t> {
    file: PathBuf,
    text: &'t str,
    problems: RefCell<Vec<(usize, Problem)>>,
    #[cfg(test)]
    known_keys: RefCell<BTreeSet<String>>,
}

impl<'t> Document<'t> {
    pub(crate) fn new(file: &Path, text: &'t str) -> Self {
        Self {
            file: file.to_owned(),
            text,
            problems: RefCell::default(),
            #[cfg(test)]
            known_keys: RefCell::default(),
        }
    }

    /// Reads the file with `read`, then reports everything wrong, or returns what was read.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&Section<'_>) -> Option<T>,
    ) -> Result<T, Problems> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            self.report(at, "", error.message().to_owned(), "mend the TOML syntax here");
        }
        let has_syntax_errors = !self.problems.borrow().is_empty();
        let value = if has_syntax_errors {
            None
        } else {
            let root = Section::new(self, Some(table.get_ref()), String::new(), 0..0);
            let value = read(&root);
            root.close();
            value
        };
        let mut found = self.problems.take();
        found.sort_by_key(|(at, _)| *at);
        let list: Vec<Problem> = found.into_iter().map(|(_, problem)| problem).collect();
        match value {
            Some(value) if list.is_empty() => Ok(value),
            _ => Err(Problems { file: self.file.clone(), list }),
        }
    }

    fn report(&self, at: usize, key: &str, what: String, remedy: &str) {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        let problem =
            Problem { line, column, key: key.to_owned(), what, remedy: remedy.to_owned() };
        self.problems.borrow_mut().push((at, problem));
    }

    /// Every key that was asked for, whether or not the file has it.
    #[cfg(test)]
    pub(crate) fn known_keys(&self) -> Vec<String> {
        self.known_keys.borrow().iter().cloned().collect()
    }

    /// A path in the file, relative to the file's own folder.
    fn resolve(&self, path: &str) -> PathBuf {
        self.file.parent().unwrap_or(Path::new("")).join(path)
    }
}

/// Why a value did not do: what is wrong, and the remedy.
pub(crate) type Refusal = (String, &'static str);

/// One table of the file. Every key that nobody asked for is a problem.
#[derive(Debug)]
pub(crate) struct Section<'d> {
    document: &'d Document<'d>,
    table: Option<&'d DeTable<'d>>,
    path: String,
    span: Range<usize>,
    asked_for: RefCell<BTreeSet<String>>,
}

impl<'d> Section<'d> {
    fn new(
        document: &'d Document<'d>,
        table: Option<&'d DeTable<'d>>,
        path: String,
        span: Range<usize>,
    ) -> Self {
        Self { document, table, path, span, asked_for: RefCell::default() }
    }

    fn key(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn value(&self, key: &str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.asked_for.borrow_mut().insert(key.to_owned());
        #[cfg(test)]
        self.document.known_keys.borrow_mut().insert(key.to_owned());
        self.table?.get(key)
    }

    /// Whether the section has this key.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// Whether the file has this section.
    pub(crate) fn is_present(&self) -> bool {
        self.table.is_some()
    }

    /// Reports a problem with `key`, at its value if there is one.
    pub(crate) fn problem(&self, key: &str, (what, remedy): Refusal) {
        let at = self.table.and_then(|t| t.get(key)).map_or(self.span.start, |v| v.span().start);
        self.document.report(at, &self.key(key), what, remedy);
    }

    /// Reports a problem with the key `inner` of one table of the array `key`.
    pub(crate) fn item_problem(
        &self,
        key: &str,
        position: usize,
        inner: &str,
        (what, remedy): Refusal,
    ) {
        let array = self.table.and_then(|table| table.get(key)?.get_ref().as_array());
        let item = array.and_then(|array| array.get(position));
        let value = item.and_then(|item| item.get_ref().as_table()?.get(inner)).or(item);
        let at = value.map_or(self.span.start, |value| value.span().start);
        self.document.report(at, &format!("{}[{position}].{inner}", self.key(key)), what, remedy);
    }

    /// The table `key`; empty if the file does not have it.
    pub(crate) fn section<T>(&self, key: &str, read: impl FnOnce(&Section<'d>) -> T) -> T {
        let value = self.value(key);
        let table = value.and_then(|value| value.get_ref().as_table());
        if value.is_some() && table.is_none() {
            self.problem(key, ("is not a table".to_owned(), "write it as a [section]"));
        }
        let span = value.map_or(self.span.clone(), Spanned::span);
        let section = Section::new(self.document, table, self.key(key), span);
        let read = read(&section);
        section.close();
        read
    }

    /// The array of tables `key`.
    pub(crate) fn sections<T>(&self, key: &str, read: impl Fn(&Section<'d>) -> T) -> Vec<T> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            self.problem(
                key,
                ("is not a list of tables".to_owned(), "write each as a [[section]]"),
            );
            return Vec::new();
        };
        let one = |(at, value): (usize, &'d Spanned<DeValue<'d>>)| {
            let table = value.get_ref().as_table();
            let section = Section::new(
                self.document,
                table,
                format!("{}[{at}]", self.key(key)),
                value.span(),
            );
            let read = read(&section);
            section.close();
            read
        };
        array.iter().enumerate().map(one).collect()
    }

    fn close(&self) {
        let asked_for = self.asked_for.borrow();
        for (key, _) in self.table.iter().flat_map(|table| table.iter()) {
            if !asked_for.contains(key.get_ref().as_ref()) {
                let known: Vec<&str> = asked_for.iter().map(String::as_str).collect();
                let what = format!("unknown key; known here: {}", known.join(", "));
                let name = self.key(key.get_ref());
                self.document.report(key.span().start, &name, what, "correct or remove it");
            }
        }
    }

    fn parse<T>(
        &self,
        key: &str,
        parse: impl FnOnce(&DeValue<'_>) -> Result<T, Refusal>,
    ) -> Option<T> {
        match parse(self.value(key)?.get_ref()) {
            Ok(value) => Some(value),
            Err(refusal) => {
                self.problem(key, refusal);
                None
            }
        }
    }

    /// A value that may be left out.
    pub(crate) fn optional<T>(
        &self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, Refusal>,
    ) -> Option<T> {
        self.parse(key, |value| parse(text(value)?))
    }

    /// A value that has to be there.
    pub(crate) fn required<T>(
        &self,
        key: &str,
        remedy: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Refusal>,
    ) -> Option<T> {
        if self.value(key).is_none() {
            self.problem(key, ("is missing".to_owned(), remedy));
        }
        self.optional(key, parse)
    }

    /// Free text.
    pub(crate) fn text(&self, key: &str, default: &str) -> String {
        self.optional(key, |text| Ok(text.to_owned())).unwrap_or_else(|| default.to_owned())
    }

    /// A list of texts.
    pub(crate) fn list<T>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, Refusal>,
    ) -> Option<Vec<T>> {
        self.parse(key, |value| {
            let items =
                value.as_array().ok_or(("is not a list".to_owned(), "write [\"…\", \"…\"]"))?;
            items.iter().map(|item| parse(text(item.get_ref())?)).collect()
        })
    }

    /// Reads a list of values in the form that their type deserialises from.
    pub(crate) fn deserialized_list<T: DeserializeOwned>(
        &self,
        key: &str,
        remedy: &'static str,
    ) -> Option<Vec<T>> {
        self.parse(key, |value| {
            let items = value.as_array().ok_or_else(|| ("is not a list".to_owned(), remedy))?;
            let read = |item: &Spanned<DeValue<'_>>| {
                T::deserialize(ValueDeserializer::from(item.clone()))
                    .map_err(|error| (error.message().to_owned(), remedy))
            };
            items.iter().map(read).collect()
        })
    }

    /// A whole number within `range`.
    pub(crate) fn integer(
        &self,
        key: &str,
        default: u32,
        range: std::ops::RangeInclusive<u32>,
    ) -> u32 {
        self.parse(key, |value| {
            let number =
                value.as_integer().and_then(|i| u32::from_str_radix(i.as_str(), i.radix()).ok());
            number.filter(|n| range.contains(n)).ok_or_else(|| {
                let what =
                    format!("is not a whole number from {} to {}", range.start(), range.end());
                (what, "choose one within these bounds")
            })
        })
        .unwrap_or(default)
    }

    /// A whole number below 256 within `range`.
    pub(crate) fn small(&self, key: &str, default: u8, range: std::ops::RangeInclusive<u8>) -> u8 {
        let range = u32::from(*range.start())..=u32::from(*range.end());
        u8::try_from(self.integer(key, default.into(), range)).unwrap_or(default)
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self, key: &str, default: bool) -> bool {
        self.parse(key, |value| {
            value
                .as_bool()
                .ok_or(("is not true or false".to_owned(), "write true or false, without quotes"))
        })
        .unwrap_or(default)
    }

    /// A length of time such as `"90s"`, `"10m"` or `"12h"`, within `range`.
    pub(crate) fn duration(
        &self,
        key: &str,
        default: Duration,
        range: std::ops::RangeInclusive<Duration>,
    ) -> Duration {
        self.optional(key, |text| {
            let parsed = parse_duration(text)?;
            if range.contains(&parsed) {
                return Ok(parsed);
            }
            let what = format!(
                "is not between {} and {}",
                show_duration(*range.start()),
                show_duration(*range.end())
            );
            Err((what, "choose a length within these bounds"))
        })
        .unwrap_or(default)
    }

    /// A list of lengths of time, each within `range`; at least one.
    pub(crate) fn durations(
        &self,
        key: &str,
        default: &[Duration],
        range: &std::ops::RangeInclusive<Duration>,
    ) -> Vec<Duration> {
        let list = self.list(key, |text| {
            let parsed = parse_duration(text)?;
            if range.contains(&parsed) {
                return Ok(parsed);
            }
            let what = format!(
                "holds {text:?}, which is not between {} and {}",
                show_duration(*range.start()),
                show_duration(*range.end())
            );
            Err((what, "choose lengths within these bounds"))
        });
        match list {
            Some(list) if list.is_empty() => {
                self.problem(
                    key,
                    ("is empty".to_owned(), "give at least one length, or leave the key out"),
                );
                default.to_vec()
            }
            Some(list) => list,
            None => default.to_vec(),
        }
    }

    /// A path, relative to the configuration file.
    pub(crate) fn path(&self, key: &str) -> Option<PathBuf> {
        self.optional(key, |text| Ok(self.document.resolve(text)))
    }

    /// A secret, given as `key` or, better, as the name of a file in `key_file`.
    pub(crate) fn secret(&self, key: &str, min_bytes: usize) -> Option<SecretString> {
        let in_file = format!("{key}_file");
        let has_plain = self.value(key).is_some();
        let has_file = self.value(&in_file).is_some();
        let secret = match (has_plain, has_file) {
            (true, true) => {
                self.problem(&in_file, (format!("is given beside {key}"), "keep one of the two"));
                return None;
            }
            (false, false) => {
                let what = "is missing".to_owned();
                self.problem(
                    &in_file,
                    (what, "name a file that holds the secret, readable by the gateway alone"),
                );
                return None;
            }
            (true, false) => self.optional(key, |text| Ok(text.to_owned()))?,
            (false, true) => self
                .optional(&in_file, |path| Self::read_secret_file(&self.document.resolve(path)))?,
        };
        if secret.len() < min_bytes {
            let used = if has_plain { key } else { in_file.as_str() };
            let what = format!("holds a secret shorter than {min_bytes} bytes");
            self.problem(used, (what, "make one with: openssl rand -base64 48"));
            return None;
        }
        Some(SecretString::from(secret))
    }

    fn read_secret_file(path: &Path) -> Result<String, Refusal> {
        use std::os::unix::fs::PermissionsExt as _;
        let unreadable = |error: std::io::Error| {
            let what = format!("names {}, which cannot be read ({})", path.display(), error.kind());
            (what, "create the file and let the gateway's user read it")
        };
        let mode = std::fs::metadata(path).map_err(unreadable)?.permissions().mode();
        if mode & 0o007 != 0 {
            let what = format!("names {}, which everyone may read", path.display());
            return Err((what, "run: chmod 640 on it"));
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    }
}

fn text<'v>(value: &'v DeValue<'_>) -> Result<&'v str, Refusal> {
    value
        .as_str()
        .ok_or((format!("is not text but {}", value.type_str()), "put it in double quotes"))
}

/// Parses `"90s"`, `"10m"`, `"12h"` or `"7d"`.
fn parse_duration(text: &str) -> Result<Duration, Refusal> {
    let refusal = || {
        (
            format!("{text:?} is not a length of time"),
            "write a number and s, m, h or d: \"90s\", \"10m\"",
        )
    };
    let unit = text.chars().last().ok_or_else(refusal)?;
    let seconds_per_unit = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(refusal()),
    };
    let count: u32 = text.trim_end_matches(unit).parse().map_err(|_| refusal())?;
    Ok(Duration::from_secs(u64::from(count) * seconds_per_unit))
}

fn show_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        s if s > 0 && s % 86_400 == 0 => format!("{}d", s / 86_400),
        s if s > 0 && s % 3600 == 0 => format!("{}h", s / 3600),
        s if s > 0 && s % 60 == 0 => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}
