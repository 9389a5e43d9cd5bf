//! The two file formats, down to one row of texts.

use std::collections::BTreeSet;

use csv::{ByteRecord, ReaderBuilder};
use otp_core::{AllowedPrefixes, PhoneNumber};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::problem::{ImportProblem, ImportRule};
use crate::{
    name::LoginName,
    new_user::{NewPassword, NewUser, check_password},
    password::PasswordHash,
    user::is_group,
};

const MAX_DISPLAY_NAME_CHARS: usize = 200;

const COLUMNS: [&str; 6] =
    ["username", "display_name", "phone", "password", "password_hash", "groups"];

/// How a file is written; always in UTF-8, with or without a byte order mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImportFormat {
    /// RFC 4180 with a header, in any order: `username`, at least one of `password` and
    /// `password_hash`, and if wanted `display_name`, `phone` and `groups` (separated by spaces).
    Csv,
    /// One JSON object a line with the same names; `groups` is a list of texts.
    JsonLines,
}

/// A row as it stands in the file. An empty text means the same as none.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    username: String,
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    phone: Option<String>,
    #[serde(default)]
    password: Option<SecretString>,
    #[serde(default)]
    password_hash: Option<SecretString>,
    #[serde(default)]
    groups: Vec<String>,
}

type ReadRow = Result<(u64, Row), ImportProblem>;

pub(super) fn read(file: &[u8], format: ImportFormat) -> Vec<ReadRow> {
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    match format {
        ImportFormat::Csv => read_csv(file),
        ImportFormat::JsonLines => read_json_lines(file),
    }
}

fn read_json_lines(file: &[u8]) -> Vec<ReadRow> {
    let lines = (1..).zip(file.split(|&byte| byte == b'\n'));
    lines
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .map(|(line, text)| match serde_json::from_slice(text) {
            Ok(row) => Ok((line, row)),
            Err(error) if error.is_data() => Err(not_a_row(
                line,
                "a name is missing, unknown or repeated, or a value is of the wrong kind",
            )),
            Err(_) => Err(not_a_row(line, "not a JSON object in UTF-8")),
        })
        .collect()
}

fn read_csv(file: &[u8]) -> Vec<ReadRow> {
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(file);
    let mut records = reader.byte_records();
    let columns = match records.next().map(|header| header.map_err(|_| "not CSV")) {
        Some(Ok(header)) => columns(&header),
        Some(Err(what)) => Err(what),
        None => Err("the file is empty"),
    };
    let columns = match columns {
        Ok(columns) => columns,
        Err(what) => {
            return vec![Err(ImportProblem {
                line: 1,
                column: None,
                rule: ImportRule::Header(what),
            })];
        }
    };
    records
        .map(|record| {
            let record = record.map_err(|error| {
                let line = error.position().map_or(0, csv::Position::line);
                not_a_row(line, "not CSV")
            })?;
            let line = record.position().map_or(0, csv::Position::line);
            row(&columns, &record).map(|row| (line, row)).map_err(|what| not_a_row(line, what))
        })
        .collect()
}

/// The name of each column.
fn columns(header: &ByteRecord) -> Result<Vec<&'static str>, &'static str> {
    let mut columns = Vec::with_capacity(header.len());
    for name in header {
        let known = COLUMNS.into_iter().find(|known| known.as_bytes() == name.trim_ascii());
        let known = known.ok_or(
            "a column is none of username, display_name, phone, password, password_hash, groups",
        )?;
        if columns.contains(&known) {
            return Err("a column stands there twice");
        }
        columns.push(known);
    }
    if !columns.contains(&"username") {
        return Err("the column username is missing");
    }
    if !columns.contains(&"password") && !columns.contains(&"password_hash") {
        return Err("a column password or password_hash is missing");
    }
    Ok(columns)
}

fn row(columns: &[&'static str], record: &ByteRecord) -> Result<Row, &'static str> {
    if record.len() != columns.len() {
        return Err(
            "not as many fields as the header has columns; one with a comma in it, such as \
             a password hash, has to stand in double quotes",
        );
    }
    let mut row = Row::default();
    for (column, value) in columns.iter().zip(record) {
        let value = str::from_utf8(value).map_err(|_| "not UTF-8")?.to_owned();
        match *column {
            "username" => row.username = value,
            "display_name" => row.display_name = Some(value),
            "phone" => row.phone = Some(value),
            "password" => row.password = Some(value.into()),
            "password_hash" => row.password_hash = Some(value.into()),
            _ => row.groups = value.split_whitespace().map(str::to_owned).collect(),
        }
    }
    Ok(row)
}

fn not_a_row(line: u64, what: &'static str) -> ImportProblem {
    ImportProblem { line, column: None, rule: ImportRule::NotARow(what) }
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

    /// The user, unless something was refused; refuses everything that is wrong.
    pub(super) fn into_user(
        self,
        name: Option<LoginName>,
        prefixes: AllowedPrefixes,
        refuse: &mut impl FnMut(&'static str, ImportRule),
    ) -> Option<NewUser> {
        let password = password(self.password, self.password_hash, refuse);
        let display_name = present(self.display_name);
        if display_name.as_deref().is_some_and(|name| !is_display_name(name)) {
            refuse("display_name", ImportRule::DisplayName);
        }
        let phone_number = present(self.phone).and_then(|number| {
            PhoneNumber::from_japanese_with(&number, prefixes)
                .map_err(|error| refuse("phone", ImportRule::PhoneNumber(error)))
                .ok()
        });
        let groups: BTreeSet<String> = self.groups.into_iter().collect();
        if !groups.iter().all(|group| is_group(group)) {
            refuse("groups", ImportRule::Group);
        }
        let mut user = NewUser::new(name?);
        user.display_name = display_name.unwrap_or(user.display_name);
        user.groups = groups;
        user.phone_number = phone_number;
        user.password = password;
        Some(user)
    }
}

fn password(
    plain: Option<SecretString>,
    hash: Option<SecretString>,
    refuse: &mut impl FnMut(&'static str, ImportRule),
) -> Option<NewPassword> {
    let is_given = |secret: &SecretString| !secret.expose_secret().is_empty();
    match (plain.filter(is_given), hash.filter(is_given)) {
        (None, None) => refuse("password", ImportRule::NoPassword),
        (Some(_), Some(_)) => refuse("password", ImportRule::BothPasswords),
        (Some(plain), None) => match check_password(&plain) {
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
