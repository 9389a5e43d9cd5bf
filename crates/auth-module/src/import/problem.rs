//! What is wrong with a file of users.

use std::fmt;

use otp_core::InvalidPhoneNumber;

use crate::{name::InvalidLoginName, new_user::UnfitPassword, password::InvalidPasswordHash};

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
    /// The login name is in the file twice.
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
