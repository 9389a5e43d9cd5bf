//! `user list` and `user show`.

use std::{fmt::Write as _, time::SystemTime};

use anyhow::{Context as _, bail};
use auth_module::{AuthModule, LoginName, User, UserId};
use jiff::Timestamp;
use mfa_pages::Language;
use otp_core::PhoneNumber;
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr as _;

use crate::{language::no_user, output::print};

const PAGE: usize = 500;
/// More open sessions than this are shown as this many.
const MAX_SESSIONS: usize = 1000;

pub(super) async fn list(auth: &AuthModule, json: bool, language: Language) -> anyhow::Result<()> {
    let mut after: Option<LoginName> = None;
    loop {
        let page = auth.list_users(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        if after.is_none() && !json {
            print(&line(match language {
                Language::En => ["USER ID", "PHONE", "STATE", "NAME", "GROUPS"],
                Language::Ja => ["ユーザーID", "電話番号", "状態", "名前", "グループ"],
            }))?;
        }
        after = Some(last.login_name.clone());
        let lines: String = page
            .iter()
            .map(
                |user| if json { format!("{}\n", as_value(user)) } else { as_line(user, language) },
            )
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
    language: Language,
) -> anyhow::Result<()> {
    let Some(user) = auth.find_user(name).await? else { bail!(no_user(name.as_str())) };
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
    for (en, ja, key) in [
        ("username", "ユーザーID", "username"),
        ("id", "内部のID", "id"),
        ("name in log", "ログでの名前", "log_name"),
        ("display name", "表示名", "display_name"),
        ("phone", "電話番号", "phone"),
        ("phone since", "番号の設定日時", "phone_since"),
        ("groups", "グループ", "groups"),
        ("disabled", "使用停止", "disabled"),
        ("created", "登録日時", "created_at"),
        ("last login", "最終ログイン", "last_login_at"),
        ("open sessions", "ログイン数", "sessions"),
    ] {
        let label = match language {
            Language::En => en,
            Language::Ja => ja,
        };
        writeln!(lines, "{}{}", pad(label, 14), in_words(&value[key], language))?;
    }
    print(&lines)
}

fn in_words(value: &Value, language: Language) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(is_so) => match (is_so, language) {
            (true, Language::En) => "yes",
            (false, Language::En) => "no",
            (true, Language::Ja) => "はい",
            (false, Language::Ja) => "いいえ",
        }
        .to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(all) if all.is_empty() => "-".to_owned(),
        Value::Array(all) => {
            all.iter().map(|each| in_words(each, language)).collect::<Vec<_>>().join(",")
        }
        other => other.to_string(),
    }
}

/// Returns the instant in UTC, to the second.
fn instant(at: Option<SystemTime>) -> anyhow::Result<Option<String>> {
    let Some(at) = at else { return Ok(None) };
    let at = Timestamp::try_from(at).context("a stored time is out of range")?;
    Ok(Some(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()))
}

fn as_line(user: &User, language: Language) -> String {
    let phone = user.phone_number.as_ref().map_or_else(|| "-".to_owned(), PhoneNumber::masked);
    let state = match (user.is_disabled, language) {
        (true, Language::En) => "disabled",
        (false, Language::En) => "active",
        (true, Language::Ja) => "停止中",
        (false, Language::Ja) => "有効",
    };
    let groups: Vec<&str> = user.groups.iter().map(String::as_str).collect();
    line([user.login_name.as_str(), &phone, state, &user.display_name, &groups.join(",")])
}

/// Fills `text` up to `width` columns of a terminal, where a Japanese character takes two, and one more.
fn pad(text: &str, width: usize) -> String {
    format!("{text}{} ", " ".repeat(width.saturating_sub(text.width())))
}

fn line([name, phone, state, display_name, groups]: [&str; 5]) -> String {
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
