//! `user list` and `user show`.

use std::{fmt::Write as _, time::SystemTime};

use anyhow::{Context as _, bail};
use auth_module::{AuthModule, LoginName, User};
use jiff::Timestamp;
use otp_core::PhoneNumber;
use serde_json::{Value, json};

use crate::output::print;

const PAGE: usize = 500;
/// More open sessions than this are shown as this many.
const MAX_SESSIONS: usize = 1000;

pub(super) async fn list(auth: &AuthModule, json: bool) -> anyhow::Result<()> {
    let mut after: Option<LoginName> = None;
    loop {
        let page = auth.list_users(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
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
    json: bool,
    now: SystemTime,
) -> anyhow::Result<()> {
    let Some(user) = auth.find_user(name).await? else { bail!("there is no user {name}") };
    let sessions = auth.sessions_of(&user.id, now, MAX_SESSIONS).await?.len();
    let mut value = as_value(&user);
    value["id"] = json!(user.id.as_str());
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
    format!(
        "{:<24} {:<14} {:<9} {:<24} {}\n",
        user.login_name.as_str(),
        phone,
        state,
        user.display_name,
        groups.join(",")
    )
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
