//! `mfa-gateway user …`.

mod import;
mod input;
mod show;

use std::{collections::BTreeSet, time::SystemTime};

use anyhow::{Context as _, bail, ensure};
use auth_module::{
    AuthModule, Disabled, GroupChange, LoginName, NewPassword, NewUser, UserAdded, UserChanged,
    UserId, is_group,
};
use mfa_gateway::{
    assemble::{log_name, open_auth, open_database},
    config::{Config, OtpCache},
    time::{Clock as _, SystemClock, SystemRandomness},
};
use otp_core::{AllowedPrefixes, PhoneNumber};

use crate::{
    actor::actor,
    cli::{GroupsArgs, UserCommand},
    output::print,
};

/// Runs one of the commands.
pub(crate) async fn run(command: &UserCommand) -> anyhow::Result<()> {
    let config = Config::load(&command.config().config)?;
    let prefixes = config.sms.allowed_prefixes;
    let database = open_database(&config.gateway.data_dir).await?;
    let (auth, _) = open_auth(&config, &database).await?;
    let (actor, now) = (actor(), SystemClock.now());
    let administrator = Administrator { auth: &auth, actor: &actor, now };
    match command {
        UserCommand::Add { username, phone, display_name, groups, .. } => {
            let mut new = NewUser::new(login_name(username)?);
            if let Some(name) = display_name {
                new.display_name.clone_from(name);
            }
            new.groups = checked_groups(groups)?;
            new.phone_number = phone.as_deref().map(|phone| number(phone, prefixes)).transpose()?;
            new.password = Some(NewPassword::Plain(input::read_password()?));
            administrator.add(new).await
        }
        UserCommand::Import(arguments) => import::import(&auth, arguments, &actor).await,
        UserCommand::List { json, .. } => show::list(&auth, *json).await,
        UserCommand::Show { user, json } => {
            let in_log = |id: &UserId| log_name(&config, id);
            show::show(&auth, &login_name(&user.username)?, in_log, *json, now).await
        }
        UserCommand::SetPhone { user, phone } => {
            administrator.set_phone(&user.username, Some(number(phone, prefixes)?)).await
        }
        UserCommand::RemovePhone(user) => administrator.set_phone(&user.username, None).await,
        UserCommand::SetPassword(user) => administrator.set_password(&user.username).await,
        UserCommand::Groups(arguments) => administrator.change_groups(arguments).await,
        UserCommand::Disable(user) => {
            administrator.set_disabled(&user.username, Disabled::Yes).await
        }
        UserCommand::Enable(user) => administrator.set_disabled(&user.username, Disabled::No).await,
        UserCommand::EndSessions(user) => administrator.end_sessions(&user.username).await,
        UserCommand::Unlock(_) if matches!(config.otp_cache, OtpCache::Memory { .. }) => {
            bail!("the counters are in the gateway's memory; restart it to forget them")
        }
        UserCommand::Unlock(user) => {
            let done = auth.unlock(&login_name(&user.username)?, &actor, now).await?;
            changed(&user.username, "unlocked", done)
        }
        UserCommand::Remove { user, yes } => administrator.remove(&user.username, *yes).await,
    }
}

/// Makes changes in the name of whoever runs the command.
struct Administrator<'a> {
    auth: &'a AuthModule,
    actor: &'a str,
    now: SystemTime,
}

impl Administrator<'_> {
    async fn add(&self, new: NewUser) -> anyhow::Result<()> {
        let name = new.login_name.clone();
        match self.auth.add_user(new, self.actor, &SystemRandomness, self.now).await? {
            UserAdded::Done(_) => print(&format!("added {name}\n")),
            UserAdded::NameTaken => bail!("the name {name} is taken"),
            UserAdded::UnfitPassword(unfit) => bail!("{unfit}"),
        }
    }

    async fn set_phone(&self, username: &str, phone: Option<PhoneNumber>) -> anyhow::Result<()> {
        let what = if phone.is_some() { "phone number set" } else { "phone number removed" };
        let name = login_name(username)?;
        let done = self.auth.set_phone_number(&name, phone, self.actor, self.now).await?;
        changed(username, what, done)
    }

    async fn set_password(&self, username: &str) -> anyhow::Result<()> {
        let (name, password) = (login_name(username)?, input::read_password()?);
        let done = self
            .auth
            .set_password(&name, &password, self.actor, &SystemRandomness, self.now)
            .await?;
        changed(username, "password set; all sessions ended", done)
    }

    async fn change_groups(&self, arguments: &GroupsArgs) -> anyhow::Result<()> {
        let username = &arguments.user.username;
        let name = login_name(username)?;
        let change = group_change(arguments)?;
        let done = self.auth.change_groups(&name, change, self.actor, self.now).await?;
        let user = self.auth.find_user(&name).await?;
        let groups = user.map(|user| user.groups.into_iter().collect::<Vec<_>>().join(","));
        let groups = groups.filter(|groups| !groups.is_empty());
        let what = format!("groups are now {}", groups.as_deref().unwrap_or("-"));
        changed(username, &what, done)
    }

    async fn set_disabled(&self, username: &str, is_disabled: Disabled) -> anyhow::Result<()> {
        let what = match is_disabled {
            Disabled::No => "enabled",
            Disabled::Yes => "disabled; all sessions ended",
        };
        let name = login_name(username)?;
        let done = self.auth.set_disabled(&name, is_disabled, self.actor, self.now).await?;
        changed(username, what, done)
    }

    async fn end_sessions(&self, username: &str) -> anyhow::Result<()> {
        let name = login_name(username)?;
        let Some(user) = self.auth.find_user(&name).await? else {
            bail!("there is no user {username}")
        };
        let ended = self.auth.end_all_sessions(&user.id, Some(self.actor), self.now).await?;
        print(&format!("{username}: {ended} sessions and started logins ended\n"))
    }

    async fn remove(&self, username: &str, is_confirmed: bool) -> anyhow::Result<()> {
        let name = login_name(username)?;
        ensure!(self.auth.find_user(&name).await?.is_some(), "there is no user {username}");
        if !is_confirmed {
            print(&format!("This deletes {name} for good. Type the name again: "))?;
            let repeated = LoginName::parse(&input::read_confirmation()?).ok();
            ensure!(
                repeated.as_ref() == Some(&name),
                "{name} was not removed: the name was not repeated; --yes does not ask for it"
            );
        }
        let done = self.auth.remove_user(&name, self.actor, self.now).await?;
        changed(username, "removed", done)
    }
}

fn group_change(arguments: &GroupsArgs) -> anyhow::Result<GroupChange> {
    Ok(match &arguments.set {
        Some(all) => {
            let names: Vec<String> =
                all.split([',', ' ']).filter(|name| !name.is_empty()).map(str::to_owned).collect();
            GroupChange::Set(checked_groups(&names)?)
        }
        None if arguments.add.is_empty() => GroupChange::Remove(checked_groups(&arguments.remove)?),
        None => GroupChange::Add(checked_groups(&arguments.add)?),
    })
}

fn checked_groups(names: &[String]) -> anyhow::Result<BTreeSet<String>> {
    for name in names {
        ensure!(is_group(name), "{name:?}: a group is 1 to 64 ASCII letters, digits and . _ -");
    }
    Ok(names.iter().cloned().collect())
}

fn login_name(text: &str) -> anyhow::Result<LoginName> {
    LoginName::parse(text).context("the user name cannot be used")
}

fn number(text: &str, prefixes: AllowedPrefixes) -> anyhow::Result<PhoneNumber> {
    PhoneNumber::from_japanese_with(text, prefixes).context("the phone number cannot be used")
}

fn changed(username: &str, what: &str, done: UserChanged) -> anyhow::Result<()> {
    match done {
        UserChanged::Done => print(&format!("{username}: {what}\n")),
        UserChanged::NotFound => bail!("there is no user {username}"),
        UserChanged::UnfitPassword(unfit) => bail!("{unfit}"),
    }
}
