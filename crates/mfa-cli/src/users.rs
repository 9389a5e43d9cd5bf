//! `mfa-gateway user …`.

mod import;
mod input;
mod show;

use std::{collections::BTreeSet, time::SystemTime};

use anyhow::{bail, ensure};
use auth_module::{
    AuthModule, Disabled, GroupChange, LoginName, NewPassword, NewUser, UserAdded, UserChanged,
    UserId, is_group,
};
use mfa_gateway::{
    assemble::{log_name, open_auth, open_database},
    config::{Config, OtpCache},
    time::{Clock as _, SystemClock, SystemRandomness},
};
use mfa_pages::Language;
use otp_core::{AllowedPrefixes, PhoneNumber};

use crate::{
    actor::actor,
    cli::{GroupsArgs, UserCommand},
    language::{Message, no_user, of_login_name, of_password, of_phone_number},
    output::{print, tell},
};

/// Runs one of the commands.
pub(crate) async fn run(command: &UserCommand, language: Language) -> anyhow::Result<()> {
    let config = Config::load(&command.config().config)?;
    let prefixes = config.sms.allowed_prefixes;
    let database = open_database(&config.gateway.data_dir).await?;
    let (auth, _) = open_auth(&config, &database).await?;
    let (actor, now) = (actor(), SystemClock.now());
    let administrator = Administrator { auth: &auth, actor: &actor, now, language };
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
        UserCommand::Import(arguments) => import::import(&auth, arguments, &actor, language).await,
        UserCommand::List { json, .. } => show::list(&auth, *json, language).await,
        UserCommand::Show { user, json } => {
            let in_log = |id: &UserId| log_name(&config, id);
            show::show(&auth, &login_name(&user.username)?, in_log, *json, now, language).await
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
            bail!(Message::new(
                "the counters are in the gateway's memory; restart it to forget them",
                "回数はゲートウェイのメモリーにあります。再起動すると消えます",
            ))
        }
        UserCommand::Unlock(user) => {
            let done = auth.unlock(&login_name(&user.username)?, &actor, now).await?;
            let what = Message::new("unlocked", "停止を解除しました");
            administrator.changed(&user.username, &what, done)
        }
        UserCommand::Remove { user, yes } => administrator.remove(&user.username, *yes).await,
    }
}

/// Makes changes in the name of whoever runs the command.
struct Administrator<'a> {
    auth: &'a AuthModule,
    actor: &'a str,
    now: SystemTime,
    language: Language,
}

impl Administrator<'_> {
    async fn add(&self, new: NewUser) -> anyhow::Result<()> {
        let name = new.login_name.clone();
        match self.auth.add_user(new, self.actor, &SystemRandomness, self.now).await? {
            UserAdded::Done(_) => {
                let added = Message::new(format!("added {name}"), format!("{name}を登録しました"));
                tell(&added, self.language)
            }
            UserAdded::NameTaken => bail!(Message::new(
                format!("the name {name} is taken"),
                format!("{name}はすでに使われています"),
            )),
            UserAdded::UnfitPassword(unfit) => bail!(of_password(unfit)),
        }
    }

    async fn set_phone(&self, username: &str, phone: Option<PhoneNumber>) -> anyhow::Result<()> {
        let what = if phone.is_some() {
            Message::new("phone number set", "電話番号を設定しました")
        } else {
            Message::new("phone number removed", "電話番号を削除しました")
        };
        let name = login_name(username)?;
        let done = self.auth.set_phone_number(&name, phone, self.actor, self.now).await?;
        self.changed(username, &what, done)
    }

    async fn set_password(&self, username: &str) -> anyhow::Result<()> {
        let (name, password) = (login_name(username)?, input::read_password()?);
        let done = self
            .auth
            .set_password(&name, &password, self.actor, &SystemRandomness, self.now)
            .await?;
        let what = Message::new(
            "password set; all sessions ended",
            "パスワードを設定し、すべてのログイン状態を終了しました",
        );
        self.changed(username, &what, done)
    }

    async fn change_groups(&self, arguments: &GroupsArgs) -> anyhow::Result<()> {
        let username = &arguments.user.username;
        let name = login_name(username)?;
        let change = group_change(arguments)?;
        let done = self.auth.change_groups(&name, change, self.actor, self.now).await?;
        let user = self.auth.find_user(&name).await?;
        let groups = user.map(|user| user.groups.into_iter().collect::<Vec<_>>().join(","));
        let groups = groups.filter(|groups| !groups.is_empty());
        let groups = groups.as_deref().unwrap_or("-");
        let what = Message::new(
            format!("groups are now {groups}"),
            format!("グループは{groups}になりました"),
        );
        self.changed(username, &what, done)
    }

    async fn set_disabled(&self, username: &str, is_disabled: Disabled) -> anyhow::Result<()> {
        let what = match is_disabled {
            Disabled::No => Message::new("enabled", "使えるようにしました"),
            Disabled::Yes => Message::new(
                "disabled; all sessions ended",
                "使えないようにし、すべてのログイン状態を終了しました",
            ),
        };
        let name = login_name(username)?;
        let done = self.auth.set_disabled(&name, is_disabled, self.actor, self.now).await?;
        self.changed(username, &what, done)
    }

    async fn end_sessions(&self, username: &str) -> anyhow::Result<()> {
        let name = login_name(username)?;
        let Some(user) = self.auth.find_user(&name).await? else { bail!(no_user(username)) };
        let ended = self.auth.end_all_sessions(&user.id, Some(self.actor), self.now).await?;
        let what = Message::new(
            format!("{username}: {ended} sessions and started logins ended"),
            format!("{username}：ログイン状態とログイン手続きを合わせて{ended}件終了しました"),
        );
        tell(&what, self.language)
    }

    async fn remove(&self, username: &str, is_confirmed: bool) -> anyhow::Result<()> {
        let name = login_name(username)?;
        ensure!(self.auth.find_user(&name).await?.is_some(), no_user(username));
        if !is_confirmed {
            let question = Message::new(
                format!("This deletes {name} for good. Type the name again: "),
                format!("{name}を完全に削除します。もう一度名前を入力してください："),
            );
            print(question.in_language(self.language))?;
            let repeated = LoginName::parse(&input::read_confirmation()?).ok();
            ensure!(
                repeated.as_ref() == Some(&name),
                Message::new(
                    format!(
                        "{name} was not removed: the name was not repeated; --yes does not ask \
                         for it"
                    ),
                    format!(
                        "入力された名前が異なるため、{name}を削除しませんでした。--yesを付けると\
                         尋ねません"
                    ),
                )
            );
        }
        let done = self.auth.remove_user(&name, self.actor, self.now).await?;
        self.changed(username, &Message::new("removed", "削除しました"), done)
    }

    fn changed(&self, username: &str, what: &Message, done: UserChanged) -> anyhow::Result<()> {
        match done {
            UserChanged::Done => {
                let said = Message::new(
                    format!("{username}: {}", what.in_language(Language::En)),
                    format!("{username}：{}", what.in_language(Language::Ja)),
                );
                tell(&said, self.language)
            }
            UserChanged::NotFound => bail!(no_user(username)),
            UserChanged::UnfitPassword(unfit) => bail!(of_password(unfit)),
        }
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
        ensure!(
            is_group(name),
            Message::new(
                format!("{name:?}: a group is 1 to 64 ASCII letters, digits and . _ -"),
                format!("{name:?}：グループは、半角の英数字と. _ -の1文字から64文字です"),
            )
        );
    }
    Ok(names.iter().cloned().collect())
}

fn login_name(text: &str) -> anyhow::Result<LoginName> {
    let unfit = Message::new("the user name cannot be used", "このユーザーIDは使えません");
    Ok(LoginName::parse(text).map_err(|error| unfit.because(&of_login_name(error)))?)
}

fn number(text: &str, prefixes: AllowedPrefixes) -> anyhow::Result<PhoneNumber> {
    let unfit = Message::new("the phone number cannot be used", "この電話番号は使えません");
    let number = PhoneNumber::from_japanese_with(text, prefixes);
    Ok(number.map_err(|error| unfit.because(&of_phone_number(error)))?)
}
