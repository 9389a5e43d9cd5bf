//! Users from a file: all of them or none, and every bad row named.

mod rows;

use std::{collections::HashMap, fmt};

use otp_core::{AllowedPrefixes, InvalidPhoneNumber};

pub use self::rows::ImportFormat;
use crate::{
    module::{NewUser, UnfitPassword},
    name::{InvalidLoginName, LoginName},
    password::InvalidPasswordHash,
};

/// One thing that is wrong with a file. It repeats no value of the file, so it may be shown and
/// logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportProblem {
    /// The line on which the row begins, from 1.
    pub line: u64,
    /// The column, such as `phone`; `None` if it is the whole row.
    pub column: Option<&'static str>,
    /// The rule that is broken.
    pub rule: ImportRule,
}

impl fmt::Display for ImportProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if let Some(column) = self.column {
            write!(f, ", column {column}")?;
        }
        write!(f, ": {}", self.rule)
    }
}

/// The rule that a row breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportRule {
    /// Both a password and a hash.
    #[error("either password or password_hash, not both")]
    BothPasswords,
    /// A display name that would not fit on a page.
    #[error("a display name has at most 200 characters, none of them a control character")]
    DisplayName,
    /// The login name stands in the file twice.
    #[error("the same login name as in line {0}")]
    Duplicate(u64),
    /// A group that no policy could name.
    #[error("a group is 1 to 64 ASCII letters, digits and . _ -")]
    Group,
    /// The first line of a CSV file.
    #[error("{0}")]
    Header(&'static str),
    /// A login name that cannot be used.
    #[error("{0}")]
    LoginName(InvalidLoginName),
    /// The login name belongs to a user already.
    #[error("a user with this login name exists")]
    NameTaken,
    /// Neither a password nor a hash.
    #[error("password or password_hash is missing")]
    NoPassword,
    /// Not readable as a row of this format.
    #[error("{0}")]
    NotARow(&'static str),
    /// A password that may not be set.
    #[error("{0}")]
    Password(UnfitPassword),
    /// A password hash that cannot be used.
    #[error("{0}")]
    PasswordHash(InvalidPasswordHash),
    /// No number that codes can be sent to.
    #[error("{0}")]
    PhoneNumber(InvalidPhoneNumber),
}

/// A file, as far as it can be judged without the directory.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    /// The rows that break no rule, with their lines.
    pub(crate) users: Vec<(u64, NewUser)>,
    /// The first line of each login name, of the other rows too.
    pub(crate) names: HashMap<LoginName, u64>,
    pub(crate) problems: Vec<ImportProblem>,
}

/// Reads the whole file, whatever is wrong with a part of it.
pub(crate) fn parse(file: &[u8], format: ImportFormat, prefixes: AllowedPrefixes) -> Parsed {
    let mut parsed = Parsed::default();
    for row in rows::read(file, format) {
        match row {
            Ok((line, row)) => parsed.add(line, row, prefixes),
            Err(problem) => parsed.problems.push(problem),
        }
    }
    parsed
}

impl Parsed {
    fn add(&mut self, line: u64, row: rows::Row, prefixes: AllowedPrefixes) {
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
        let user = row.into_user(name, prefixes, &mut refuse);
        if let Some(user) = user.filter(|_| self.problems.len() == before) {
            self.users.push((line, user));
        }
    }
}
