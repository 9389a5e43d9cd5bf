//! A row that breaks no rule, and the rules.

use std::collections::BTreeSet;

use otp_core::{AllowedPrefixes, PhoneNumber};

use crate::{name::LoginName, new_user::NewPassword, password::PasswordRules};

/// A row that breaks no rule. `None`: the file says nothing about it.
#[derive(Debug)]
pub(crate) struct ParsedRow {
    /// The line on which it begins.
    pub(crate) line: u64,
    pub(crate) login_name: LoginName,
    pub(crate) display_name: Option<String>,
    pub(crate) phone: Option<Phone>,
    pub(crate) password: Option<NewPassword>,
    pub(crate) groups: Option<BTreeSet<String>>,
    pub(crate) is_disabled: Option<bool>,
}

/// What a row says about the phone number.
#[derive(Debug)]
pub(crate) enum Phone {
    /// There is none, or it is taken away.
    None,
    Number(PhoneNumber),
}

impl Phone {
    pub(crate) fn number(&self) -> Option<&PhoneNumber> {
        match self {
            Self::None => None,
            Self::Number(number) => Some(number),
        }
    }
}

/// What the values of a file are checked against.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) prefixes: AllowedPrefixes,
    pub(crate) passwords: PasswordRules,
}
