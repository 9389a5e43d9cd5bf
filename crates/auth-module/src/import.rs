//! Users from a file: all of them or none, and every invalid row is named.

mod cell;
mod encoding;
mod header;
mod problem;
mod row;
mod rows;
mod table;
mod text;

use std::collections::HashMap;

use otp_core::AllowedPrefixes;

pub(crate) use self::row::{ParsedRow, Phone, Rules};
pub use self::{
    encoding::Encoding,
    problem::{ImportProblem, ImportRule},
};
use crate::{name::LoginName, password::PasswordRules};

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImportFormat {
    /// A table with a header, separated by commas, semicolons or tabs, with quotes as in RFC 4180. The
    /// columns are in any order: `username`, and if wanted `display_name`, `phone`, `password` or
    /// `password_hash`, `groups` (separated by spaces) and `disabled` (yes or no).
    Csv,
    /// One JSON object a line with the same names; `groups` is a list of texts, `disabled` a truth value.
    JsonLines,
}

/// What to do with the rows of a file.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ImportOptions {
    /// How the file is written.
    pub format: ImportFormat,
    /// How the text is encoded; `None` to find out.
    pub encoding: Option<Encoding>,
    /// Whether rows of known users change them. Without it, such a row is a problem.
    pub update: bool,
    /// Whether to report what would be done, and do nothing.
    pub dry_run: bool,
}

impl ImportOptions {
    /// Adds users, in an encoding that is found out.
    pub fn new(format: ImportFormat) -> Self {
        Self { format, encoding: None, update: false, dry_run: false }
    }
}

/// What an import did, or would do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportReport {
    /// How the text was encoded.
    pub encoding: Encoding,
    /// The users that were added.
    pub added: Vec<LoginName>,
    /// The users that were changed.
    pub changed: Vec<ImportedChange>,
    /// The known users whose row changed nothing.
    pub unchanged: usize,
    /// The lines of the phone numbers that had lost their first 0. It was put back.
    pub zeros_put_back: Vec<u64>,
}

/// A known user whom an import changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportedChange {
    /// The user.
    pub login_name: LoginName,
    /// The columns that held something new.
    pub columns: Vec<&'static str>,
}

/// Checks a file without the users, and returns the number of its rows.
///
/// # Errors
///
/// Everything that is wrong in it.
pub fn check_import(file: &[u8], options: ImportOptions) -> Result<usize, Vec<ImportProblem>> {
    let rules = Rules { prefixes: AllowedPrefixes::ALL, passwords: PasswordRules::default() };
    let parsed = parse(file, options, &rules);
    if parsed.problems.is_empty() { Ok(parsed.rows.len()) } else { Err(parsed.problems) }
}

/// A file, as far as it can be checked without the users.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) encoding: Encoding,
    pub(crate) rows: Vec<ParsedRow>,
    /// The first line of each login name, of rows that break a rule too.
    pub(crate) names: HashMap<LoginName, u64>,
    pub(crate) problems: Vec<ImportProblem>,
    pub(crate) zeros_put_back: Vec<u64>,
}

/// Reads the whole file, also if a part of it is invalid.
pub(crate) fn parse(file: &[u8], options: ImportOptions, rules: &Rules) -> Parsed {
    let mut parsed = Parsed {
        encoding: Encoding::Utf8,
        rows: Vec::new(),
        names: HashMap::new(),
        problems: Vec::new(),
        zeros_put_back: Vec::new(),
    };
    let (text, encoding) = match text::decode(file, options.encoding) {
        Ok(decoded) => decoded,
        Err(problem) => {
            parsed.problems.push(problem);
            return parsed;
        }
    };
    parsed.encoding = encoding;
    let rows = match options.format {
        ImportFormat::Csv => table::read(&text),
        ImportFormat::JsonLines => rows::read_json_lines(&text),
    };
    for row in rows {
        match row {
            Ok((line, row)) => parsed.add(line, row, rules),
            Err(problem) => parsed.problems.push(problem),
        }
    }
    parsed
}

impl Parsed {
    fn add(&mut self, line: u64, row: rows::Row, rules: &Rules) {
        let before = self.problems.len();
        let problems = &mut self.problems;
        let mut refuse =
            |column, rule| problems.push(ImportProblem { line, column: Some(column), rule });
        let name = row.login_name(&mut refuse);
        if let Some(name) = &name {
            match self.names.get(name) {
                Some(first) => refuse("username", ImportRule::Duplicate(*first)),
                None => {
                    self.names.insert(name.clone(), line);
                }
            }
        }
        let (row, has_lost_zero) = row.checked(line, name, rules, &mut refuse);
        if has_lost_zero {
            self.zeros_put_back.push(line);
        }
        self.rows.extend(row.filter(|_| self.problems.len() == before));
    }
}
