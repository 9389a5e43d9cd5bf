//! `mfa-gateway user …`.

use std::{io::Read as _, path::Path};

use anyhow::{Context as _, bail};
use auth_module::{
    AuthModule, ImportFormat, LoginName, NewPassword, NewUser, User, UserAdded, UserChanged,
};
use mfa_gateway::{
    assemble::{open_auth, open_database},
    config::{Config, OtpCache},
    time::{Clock as _, SystemClock, SystemRandomness},
};
use otp_core::{AllowedPrefixes, PhoneNumber};
use secrecy::SecretString;
use unicode_width::UnicodeWidthStr as _;

use crate::{cli::UserCommand, output::print};

/// The actor in the audit trail. The program does not know which person runs it.
pub(crate) const ACTOR: &str = "command line";
/// The largest size of a password on standard input.
const MAX_INPUT_BYTES: u64 = 4096;
const PAGE: usize = 500;

/// Runs one of the commands.
pub(crate) async fn run(command: &UserCommand) -> anyhow::Result<()> {
    let file = match command {
        UserCommand::Add { config, .. }
        | UserCommand::Import { config, .. }
        | UserCommand::List { config, .. }
        | UserCommand::SetPhone { config, .. }
        | UserCommand::SetPassword { config, .. }
        | UserCommand::Unlock { config, .. } => &config.config,
    };
    let config = Config::load(file)?;
    let prefixes = config.sms.allowed_prefixes;
    let database = open_database(&config.gateway.data_dir).await?;
    let (auth, _) = open_auth(&config, &database).await?;
    let now = SystemClock.now();
    match command {
        UserCommand::Add { username, phone, display_name, groups, .. } => {
            let mut new = NewUser::new(login_name(username)?);
            if let Some(name) = display_name {
                new.display_name.clone_from(name);
            }
            new.groups = groups.iter().cloned().collect();
            new.phone_number = phone.as_deref().map(|phone| number(phone, prefixes)).transpose()?;
            new.password = Some(NewPassword::Plain(read_password()?));
            match auth.add_user(new, ACTOR, &SystemRandomness, now).await? {
                UserAdded::Done(_) => print(&format!("added {username}\n")),
                UserAdded::NameTaken => bail!("the name {username} is taken"),
                UserAdded::UnfitPassword(unfit) => bail!("{unfit}"),
            }
        }
        UserCommand::Import { file, .. } => import(&auth, file).await,
        UserCommand::List { json, .. } => list(&auth, *json).await,
        UserCommand::SetPhone { username, phone, .. } => {
            let name = login_name(username)?;
            let number = number(phone, prefixes)?;
            changed(
                username,
                "phone number set",
                auth.set_phone_number(&name, Some(number), ACTOR, now).await?,
            )
        }
        UserCommand::SetPassword { username, .. } => {
            let (name, password) = (login_name(username)?, read_password()?);
            let done = auth.set_password(&name, &password, ACTOR, &SystemRandomness, now).await?;
            changed(username, "password set", done)
        }
        UserCommand::Unlock { .. } if config.otp_cache == OtpCache::Memory => {
            bail!("the counters are in the gateway's memory; restart it to forget them")
        }
        UserCommand::Unlock { username, .. } => {
            changed(username, "unlocked", auth.unlock(&login_name(username)?, ACTOR, now).await?)
        }
    }
}

fn login_name(text: &str) -> anyhow::Result<LoginName> {
    LoginName::parse(text).with_context(|| format!("{text:?} cannot be a login name"))
}

fn number(text: &str, prefixes: AllowedPrefixes) -> anyhow::Result<PhoneNumber> {
    PhoneNumber::from_japanese_with(text, prefixes).context("the phone number cannot be used")
}

/// Reads a line from standard input. As an argument, the password would be visible in the process list.
fn read_password() -> anyhow::Result<SecretString> {
    let mut text = String::new();
    std::io::stdin()
        .take(MAX_INPUT_BYTES)
        .read_to_string(&mut text)
        .context("cannot read the password")?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        bail!(
            "no password on the standard input; try: printf %s 'the password' | mfa-gateway user …"
        );
    }
    Ok(SecretString::from(line))
}

fn changed(username: &str, what: &str, done: UserChanged) -> anyhow::Result<()> {
    match done {
        UserChanged::Done => print(&format!("{username}: {what}\n")),
        UserChanged::NotFound => bail!("there is no user {username}"),
        UserChanged::UnfitPassword(unfit) => bail!("{unfit}"),
    }
}

async fn import(auth: &AuthModule, file: &Path) -> anyhow::Result<()> {
    let format = match file.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => ImportFormat::Csv,
        Some("jsonl" | "ndjson") => ImportFormat::JsonLines,
        _ => bail!("{}: the name has to end in .csv or .jsonl", file.display()),
    };
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    match auth.import_users(bytes, format, ACTOR, &SystemRandomness, SystemClock.now()).await? {
        Ok(count) => print(&format!("imported {count} users\n")),
        Err(problems) => {
            let lines: Vec<String> =
                problems.iter().map(|problem| format!("{}:{problem}", file.display())).collect();
            bail!(
                "{}\nno user was imported; fix these {} rows and try again",
                lines.join("\n"),
                lines.len()
            )
        }
    }
}

async fn list(auth: &AuthModule, json: bool) -> anyhow::Result<()> {
    let mut after: Option<LoginName> = None;
    loop {
        let page = auth.list_users(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        if after.is_none() && !json {
            print(&line(["USER ID", "PHONE", "STATE", "NAME", "GROUPS"]))?;
        }
        after = Some(last.login_name.clone());
        let lines: String =
            page.iter().map(|user| if json { as_json(user) } else { as_line(user) }).collect();
        print(&lines)?;
    }
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

fn as_json(user: &User) -> String {
    let phone = user.phone_number.as_ref().map(PhoneNumber::masked);
    let value = serde_json::json!({
        "username": user.login_name.as_str(),
        "display_name": user.display_name,
        "phone": phone,
        "groups": user.groups,
        "disabled": user.is_disabled,
    });
    format!("{value}\n")
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
