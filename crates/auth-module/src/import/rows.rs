//! One row: read from JSON, and checked.

use std::collections::BTreeSet;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::{
    cell,
    problem::{ImportProblem, ImportRule},
    row::{ParsedRow, Phone, Rules},
};
use crate::{name::LoginName, new_user::NewPassword, password::PasswordHash, user::is_group};

const MAX_DISPLAY_NAME_CHARS: usize = 200;

/// A row as it stands in the file. An empty text means the same as none.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    pub(super) username: String,
    #[serde(default)]
    pub(super) display_name: Option<String>,
    #[serde(default)]
    pub(super) phone: Option<String>,
    #[serde(default)]
    pub(super) password: Option<SecretString>,
    #[serde(default)]
    pub(super) password_hash: Option<SecretString>,
    #[serde(default)]
    pub(super) groups: Option<Vec<String>>,
    #[serde(default)]
    pub(super) disabled: Option<bool>,
}

pub(super) type ReadRow = Result<(u64, Row), ImportProblem>;

pub(super) fn read_json_lines(text: &str) -> Vec<ReadRow> {
    let not_a_row =
        |line, what| Err(ImportProblem { line, column: None, rule: ImportRule::NotARow(what) });
    (1..)
        .zip(text.split('\n'))
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .map(|(line, text)| match serde_json::from_str(text) {
            Ok(row) => Ok((line, row)),
            Err(error) if error.is_data() => not_a_row(
                line,
                "a name is missing, unknown or repeated, or a value is of the wrong kind",
            ),
            Err(_) => not_a_row(line, "not a JSON object"),
        })
        .collect()
}

impl Row {
    pub(super) fn login_name(
        &self,
        refuse: &mut impl FnMut(&'static str, ImportRule),
    ) -> Option<LoginName> {
        LoginName::parse(&self.username)
            .map_err(|error| refuse("username", ImportRule::LoginName(error)))
            .ok()
    }

    /// Checks all values, and refuses everything that is wrong. Returns the row if it has a login name, and
    /// whether the phone number had lost its first 0.
    pub(super) fn checked(
        self,
        line: u64,
        name: Option<LoginName>,
        rules: &Rules,
        refuse: &mut impl FnMut(&'static str, ImportRule),
    ) -> (Option<ParsedRow>, bool) {
        let password = password(self.password, self.password_hash, name.as_ref(), rules, refuse);
        let display_name = present(self.display_name);
        if display_name.as_deref().is_some_and(|name| !is_display_name(name)) {
            refuse("display_name", ImportRule::DisplayName);
        }
        let mut has_lost_zero = false;
        let phone = present(self.phone).and_then(|text| {
            if cell::is_none(&text) {
                return Some(Phone::None);
            }
            match cell::phone_number(&text, rules.prefixes) {
                Ok((number, is_put_back)) => {
                    has_lost_zero = is_put_back;
                    Some(Phone::Number(number))
                }
                Err(rule) => {
                    refuse("phone", rule);
                    None
                }
            }
        });
        let groups: Option<BTreeSet<String>> = self.groups.map(BTreeSet::from_iter);
        if groups.as_ref().is_some_and(|groups| !groups.iter().all(|group| is_group(group))) {
            refuse("groups", ImportRule::Group);
        }
        let is_disabled = self.disabled;
        let row = name.map(|login_name| ParsedRow {
            line,
            login_name,
            display_name,
            phone,
            password,
            groups,
            is_disabled,
        });
        (row, has_lost_zero)
    }
}

fn password(
    plain: Option<SecretString>,
    hash: Option<SecretString>,
    name: Option<&LoginName>,
    rules: &Rules,
    refuse: &mut impl FnMut(&'static str, ImportRule),
) -> Option<NewPassword> {
    let is_given = |secret: &SecretString| !secret.expose_secret().is_empty();
    match (plain.filter(is_given), hash.filter(is_given)) {
        (None, None) => {}
        (Some(_), Some(_)) => refuse("password", ImportRule::BothPasswords),
        (Some(plain), None) => match rules.passwords.check(&plain, name) {
            Ok(()) => return Some(NewPassword::Plain(plain)),
            Err(unfit) => refuse("password", ImportRule::Password(unfit)),
        },
        (None, Some(hash)) => match PasswordHash::parse(hash.expose_secret()) {
            Ok(hash) => return Some(NewPassword::Hash(hash)),
            Err(invalid) => refuse("password_hash", ImportRule::PasswordHash(invalid)),
        },
    }
    None
}

fn present(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn is_display_name(name: &str) -> bool {
    name.chars().count() <= MAX_DISPLAY_NAME_CHARS && !name.chars().any(char::is_control)
}
