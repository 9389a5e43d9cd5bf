//! What is wrong with a file of users.

use std::fmt;

use otp_core::InvalidPhoneNumber;

use super::encoding::Encoding;
use crate::{
    name::InvalidLoginName,
    password::{InvalidPasswordHash, UnfitPassword},
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
    /// The login name is in the file twice.
    #[error("the same login name as in line {0}")]
    Duplicate(u64),
    /// Bytes that are no text.
    #[error("{}", not_decoded(*.0))]
    Encoding(Encoding),
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
    #[error("a new user needs password or password_hash")]
    NoPassword,
    /// The user was removed while the import ran.
    #[error("this user was removed while the import ran")]
    Removed,
    /// A phone number that a spreadsheet has shortened.
    #[error(
        "a spreadsheet has rounded this number; make the column a text column, type the number again"
    )]
    RoundedNumber,
    /// Neither yes nor no.
    #[error("write yes or no")]
    Truth,
    /// The name of a column is none that is known; its position, from 1.
    #[error(
        "column {0} of the header is none of username, display_name, phone, password, password_hash, \
         groups, disabled"
    )]
    UnknownColumn(usize),
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

fn not_decoded(encoding: Encoding) -> String {
    match encoding {
        Encoding::Utf8 => "not UTF-8, and it cannot be told what else; name the encoding, such as \
             shift_jis, or save the file as UTF-8"
            .to_owned(),
        other => {
            format!("not {}; name another encoding or save the file as UTF-8", other.as_str())
        }
    }
}
