//! `user list` and `user show`.

use std::{fmt::Write as _, time::SystemTime};

use anyhow::{Context as _, bail};
use auth_module::{AuthModule, LoginName, User, UserId};
use jiff::Timestamp;
use otp_core::PhoneNumber;
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr as _;

use crate::output::print;

const PAGE: usize = 500;
/// More open sessions than this are shown as this many.
const MAX_SESSIONS: usize = 1000;

pub(super) async fn list(auth: &AuthModule, json: bool) -> anyhow::Result<()> {
    let mut after: Option<LoginName> = None;
    loop {
        let page = auth.list_users(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        if after.is_none() && !json {
            print(&line(["USER ID", "PHONE", "STATE", "NAME", "GROUPS"]))?;
        }
        after = Some(last.login_name.clone());
        let lines: String = page
            .iter()
            .map(|user| if json { format!("{}\n", as_value(user)) } else { as_line(user) })
            .collect();
        print(&lines)?;
    }
}

pub(super) async fn show(
    auth: &AuthModule,
    name: &LoginName,
    log_name: impl Fn(&UserId) -> String,
    json: bool,
    now: SystemTime,
) -> anyhow::Result<()> {
    let Some(user) = auth.find_user(name).await? else { bail!("there is no user {name}") };
    let sessions = auth.sessions_of(&user.id, now, MAX_SESSIONS).await?.len();
    let mut value = as_value(&user);
    value["id"] = json!(user.id.as_str());
    value["log_name"] = json!(log_name(&user.id));
    value["phone_since"] = json!(instant(user.phone_number_changed_at)?);
    value["created_at"] = json!(instant(Some(user.created_at))?);
    value["last_login_at"] = json!(instant(user.last_login_at)?);
    value["sessions"] = json!(sessions);
    if json {
        return print(&format!("{value}\n"));
    }
    let mut lines = String::new();
    for (label, key) in [
        ("username", "username"),
        ("id", "id"),
        ("name in log", "log_name"),
        ("display name", "display_name"),
        ("phone", "phone"),
        ("phone since", "phone_since"),
        ("groups", "groups"),
        ("disabled", "disabled"),
        ("created", "created_at"),
        ("last login", "last_login_at"),
        ("open sessions", "sessions"),
    ] {
        writeln!(lines, "{label:<14} {}", in_words(&value[key]))?;
    }
    print(&lines)
}

fn in_words(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(is_so) => if *is_so { "yes" } else { "no" }.to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(all) if all.is_empty() => "-".to_owned(),
        Value::Array(all) => all.iter().map(in_words).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// Returns the instant in UTC, to the second.
fn instant(at: Option<SystemTime>) -> anyhow::Result<Option<String>> {
    let Some(at) = at else { return Ok(None) };
    let at = Timestamp::try_from(at).context("a stored time is out of range")?;
    Ok(Some(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()))
}

fn as_line(user: &User) -> String {
    let phone = user.phone_number.as_ref().map_or_else(|| "-".to_owned(), PhoneNumber::masked);
    let state = if user.is_disabled { "disabled" } else { "active" };
    let groups: Vec<&str> = user.groups.iter().map(String::as_str).collect();
    line([user.login_name.as_str(), &phone, state, &user.display_name, &groups.join(",")])
}

/// Aligns the columns by their width on a terminal, where a Japanese character takes two places.
fn line([name, phone, state, display_name, groups]: [&str; 5]) -> String {
    let pad = |text: &str, width: usize| {
        format!("{text}{} ", " ".repeat(width.saturating_sub(text.width())))
    };
    let columns = [pad(name, 24), pad(phone, 14), pad(state, 9), pad(display_name, 24)];
    format!("{}{groups}\n", columns.concat())
}

fn as_value(user: &User) -> Value {
    let phone = user.phone_number.as_ref().map(PhoneNumber::masked);
    json!({
        "username": user.login_name.as_str(),
        "display_name": user.display_name,
        "phone": phone,
        "groups": user.groups,
        "disabled": user.is_disabled,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_groups_begin_in_the_same_column_whatever_the_script_of_the_names() {
        let column = |display_name| {
            let line = line(["alice", "***-****-5678", "active", display_name, "admin"]);
            line.split_once("admin").map(|(before, _)| before.width())
        };
        assert_eq!(column("港 あかり"), column("Akari Minato"));
        assert_eq!(column("ｱｶﾘ"), column(""));
    }
}
