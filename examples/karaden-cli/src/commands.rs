//! All commands except `bulk`.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, bail};
use futures_util::TryStreamExt as _;
use karaden_client::{
    PollPolicy, Recipient, RefusalReason, Resolution, ResolvePolicy, SendError, SendOutcome, push,
    sms,
};
use serde_json::json;
use tokio::io::AsyncReadExt as _;

use crate::{
    ending::{self, Ending},
    follow,
    settings::{self, Account},
    show::Show,
};

/// The arguments of `send`.
#[derive(clap::Args, Debug)]
pub(crate) struct SendArguments {
    /// The mobile number, in any usual spelling
    number: String,
    /// The text; `-` reads it from standard input
    text: String,
    /// When to send it: an instant, or a time from now such as `1h`
    #[arg(long, value_parser = settings::instant)]
    at: Option<SystemTime>,
    /// The latest time to send it: an instant, or a time from now such as `5m`
    #[arg(long, value_parser = settings::instant)]
    until: Option<SystemTime>,
    /// A unique tag or tracking code; random if not given
    #[arg(long)]
    tag: Option<String>,
    /// Send without a tracking code; a lost response then leaves the outcome unknown (空電プッシュ only)
    #[arg(long, conflicts_with = "tag")]
    no_tag: bool,
    /// A tag that other messages may have too; can be repeated
    #[arg(long)]
    label: Vec<String>,
    /// Allow a long text to be sent in parts (空電プッシュ only)
    #[arg(long)]
    long: bool,
    /// Wait until the delivery status is final
    #[arg(long)]
    wait: bool,
}

/// The arguments of `list`.
#[derive(clap::Args, Debug)]
pub(crate) struct ListArguments {
    /// Only messages to this number
    #[arg(long)]
    to: Option<String>,
    /// Only messages with this tag
    #[arg(long)]
    tag: Option<String>,
    /// Only messages in this state
    #[arg(long, value_parser = ["done", "waiting", "error", "canceled"])]
    status: Option<String>,
    /// Only messages accepted since an instant, or in the last time such as `1h`
    #[arg(long, value_parser = since)]
    since: Option<SystemTime>,
    /// Show new messages and changed states until interrupted; a message is watched for ten minutes
    #[arg(long)]
    follow: bool,
    /// The interval between look-ups with --follow
    #[arg(long, value_parser = settings::duration, default_value = "5s")]
    every: Duration,
}

fn since(text: &str) -> Result<SystemTime, String> {
    match settings::duration(text) {
        Ok(back) => settings::now().checked_sub(back).ok_or_else(|| "too long ago".to_owned()),
        Err(_) => settings::instant(text),
    }
}

pub(crate) async fn send(account: &Account, send: SendArguments, show: Show) -> Result<Ending> {
    let to = Recipient::new(&send.number)?;
    let text = match send.text.as_str() {
        "-" => read_stdin().await?,
        text => text.to_owned(),
    };
    match account {
        Account::Sms(client) => send_sms(client, to, text, send, show).await,
        Account::Push(client) => send_push(client, to, text, send, show).await,
    }
}

async fn read_stdin() -> Result<String> {
    let mut text = String::new();
    // More bytes than the longest text can have, so that a longer text is refused, not cut.
    let mut input = tokio::io::stdin().take(8 * 1024);
    input.read_to_string(&mut text).await.context("the text on standard input")?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

async fn send_sms(
    client: &sms::Client,
    to: Recipient,
    text: String,
    send: SendArguments,
    show: Show,
) -> Result<Ending> {
    if send.long {
        bail!("--long is for KARADEN_API=push; the SMS API accepts 660 characters anyway");
    }
    if send.no_tag {
        bail!("--no-tag is for KARADEN_API=push; the SMS API accepts every tag");
    }
    let now = settings::now();
    let mut message = sms::NewMessage::new(to, text)?;
    if let Some(tag) = &send.tag {
        message = message.with_tag(sms::Tag::new(tag)?);
    }
    let tag = message.tag().clone();
    for label in &send.label {
        message = message.with_label(label)?;
    }
    if let Some(at) = send.at {
        message = message.with_scheduled_at(at, now)?;
    }
    if let Some(until) = send.until {
        message = message.with_limited_at(until, now)?;
    }
    let accepted = match client.send(message).await {
        Ok(SendOutcome::Accepted(accepted)) => accepted,
        Ok(SendOutcome::Refused(refusal)) => return Err(refusal.into_error().into()),
        Err(error @ SendError::NotSent(_)) => return Err(error.into_error().into()),
        Err(SendError::Unknown(unknown)) => {
            eprintln!("karaden: {}; looking for tag {}", unknown.error(), tag.as_str());
            match unknown.resolve(client, &ResolvePolicy::default(), settings::now()).await {
                Resolution::Accepted(accepted) => accepted,
                Resolution::NotSent(_) => bail!("the message was not sent"),
                Resolution::Unknown(_) => return Ok(still_unknown(Some(tag.as_str()), show)),
            }
        }
    };
    show.message(&accepted);
    if !send.wait {
        return Ok(Ending::Done);
    }
    let waited = wait_sms(client, &accepted.id, &PollPolicy::default(), show).await;
    ending::after_acceptance(waited)
}

async fn send_push(
    client: &push::Client,
    to: Recipient,
    text: String,
    send: SendArguments,
    show: Show,
) -> Result<Ending> {
    if send.at.is_some() || send.until.is_some() || !send.label.is_empty() {
        bail!("空電プッシュ has no --at, --until or --label");
    }
    let mut message = if send.long {
        push::NewMessage::long(to, text)?
    } else {
        push::NewMessage::new(to, text)?
    };
    if let Some(code) = &send.tag {
        message = message.with_tracking_code(push::TrackingCode::new(code)?);
    } else if send.no_tag {
        message = message.without_tracking_code();
    }
    let mut code = message.tracking_code().cloned();
    let mut sent = client.send(message).await;
    if let Ok(SendOutcome::Refused(refusal)) = sent {
        // Only a generated code is left out. A refused message was not sent.
        let is_generated = code.is_some() && send.tag.is_none();
        if !is_generated || *refusal.reason() != RefusalReason::InvalidTrackingCode {
            return Err(refusal.into_error().into());
        }
        eprintln!("karaden: {}; sending without a tracking code", refusal.error());
        code = None;
        sent = client.send(refusal.into_message().without_tracking_code()).await;
    }
    let tag = code.as_ref().map(push::TrackingCode::as_str);
    let accepted = match sent {
        Ok(SendOutcome::Accepted(accepted)) => accepted,
        Ok(SendOutcome::Refused(refusal)) => return Err(refusal.into_error().into()),
        Err(error @ SendError::NotSent(_)) => return Err(error.into_error().into()),
        Err(SendError::Unknown(unknown)) => {
            eprintln!("karaden: {}; looking for code {}", unknown.error(), tag.unwrap_or("-"));
            match unknown.resolve(client, &ResolvePolicy::default(), settings::now()).await {
                Resolution::Accepted(accepted) => accepted,
                Resolution::NotSent(_) => bail!("the message was not sent"),
                Resolution::Unknown(_) => return Ok(still_unknown(tag, show)),
            }
        }
    };
    let id = accepted.message_id.as_str();
    show.line(&json!({"id": id, "tag": tag, "parts": accepted.parts}), &format!("{id}  accepted"));
    if !send.wait {
        return Ok(Ending::Done);
    }
    let waited = wait_push(client, &accepted.message_id, &PollPolicy::default(), show).await;
    ending::after_acceptance(waited)
}

fn still_unknown(tag: Option<&str>, show: Show) -> Ending {
    let later = tag.map_or(String::new(), |tag| format!("; look for {tag} later"));
    let human = format!("it is unknown whether the message was sent{later}");
    show.line(&json!({"outcome": "unknown", "tag": tag}), &human);
    Ending::Unknown
}

pub(crate) async fn status(account: &Account, id: &str, show: Show) -> Result<Ending> {
    match account {
        Account::Sms(client) => show.message(&client.get(&sms_id(id)?).await?),
        Account::Push(client) => show.report(id, &client.inquire(&push_id(id)?).await?),
    }
    Ok(Ending::Done)
}

pub(crate) async fn wait(
    account: &Account,
    id: &str,
    timeout: Duration,
    show: Show,
) -> Result<Ending> {
    // The id is not new, so a message that is not found does not exist.
    let policy = PollPolicy::default()
        .with_initial_delay(Duration::ZERO)
        .with_unseen_window(Duration::ZERO)
        .with_timeout(timeout);
    let waited = match account {
        Account::Sms(client) => wait_sms(client, &sms_id(id)?, &policy, show).await,
        Account::Push(client) => wait_push(client, &push_id(id)?, &policy, show).await,
    };
    match waited {
        // Only the look-up failed. A message that has an id was accepted.
        Err(error) if ending::of(&error) == Ending::Failed => ending::after_acceptance(Err(error)),
        known => known,
    }
}

async fn wait_sms(
    client: &sms::Client,
    id: &sms::MessageId,
    policy: &PollPolicy,
    show: Show,
) -> Result<Ending> {
    let message = client.wait_for_delivery(id, policy, settings::now()).await?.into_inner();
    show.message(&message);
    Ok(ending_of_delivery(message.is_received()))
}

async fn wait_push(
    client: &push::Client,
    id: &push::MessageId,
    policy: &PollPolicy,
    show: Show,
) -> Result<Ending> {
    let report = client.wait_for_delivery(id, policy, settings::now()).await?.into_inner();
    show.report(id.as_str(), &report);
    Ok(ending_of_delivery(report.is_received()))
}

fn ending_of_delivery(received: bool) -> Ending {
    if received { Ending::Done } else { Ending::Accepted }
}

pub(crate) async fn list(client: &sms::Client, list: ListArguments, show: Show) -> Result<Ending> {
    let mut query = sms::ListQuery::default();
    if let Some(to) = &list.to {
        query = query.with_to(Recipient::new(to)?);
    }
    if let Some(tag) = &list.tag {
        query = query.with_tag(tag);
    }
    if let Some(status) = &list.status {
        query = query.with_status(sms::Status::from(status.as_str()));
    }
    if list.follow {
        return tokio::select! {
            ended = follow::run(client, &query, list.since, list.every, show) => ended,
            interrupted = tokio::signal::ctrl_c() => {
                interrupted.context("cannot wait for Ctrl-C")?;
                Ok(Ending::Done)
            }
        };
    }
    if let Some(since) = list.since {
        query = query.with_start_at(since);
    }
    let mut messages = client.list_all(query);
    while let Some(message) = messages.try_next().await? {
        show.message(&message);
    }
    Ok(Ending::Done)
}

pub(crate) async fn cancel(client: &sms::Client, id: &str, show: Show) -> Result<Ending> {
    show.message(&client.cancel(&sms_id(id)?).await?);
    Ok(Ending::Done)
}

fn sms_id(id: &str) -> Result<sms::MessageId> {
    sms::MessageId::new(id).context("this is not a message id")
}

fn push_id(id: &str) -> Result<push::MessageId> {
    push::MessageId::new(id).context("this is not a message id")
}
