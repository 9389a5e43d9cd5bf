//! Users from a file: all of them or none, and every invalid row is named.

mod problem;
mod rows;

use std::collections::HashMap;

use otp_core::AllowedPrefixes;

pub use self::{
    problem::{ImportProblem, ImportRule},
    rows::ImportFormat,
};
use crate::{name::LoginName, new_user::NewUser};

/// A file, as far as it can be checked without the users.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    /// The rows that break no rule, with their lines.
    pub(crate) users: Vec<(u64, NewUser)>,
    /// The first line of each login name, of the other rows too.
    pub(crate) names: HashMap<LoginName, u64>,
    pub(crate) problems: Vec<ImportProblem>,
}

/// Reads the whole file, also if a part of it is invalid.
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
