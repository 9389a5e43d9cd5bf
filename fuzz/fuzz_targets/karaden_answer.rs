//! Whatever a server answers to either Karaden API: no panic, nothing secret shown, and "accepted" only
//! with an id.
//!
//! An input is one answer or several, as text: a line with the status, a line for each header, an empty
//! line, the body; a line `---` between answers, which are given in turn.
#![no_main]

use std::{
    sync::LazyLock,
    time::{Duration, SystemTime},
};

use karaden_client::{
    Options, PhoneNumber, PollPolicy, RetryPolicy, SendOutcome, push, sms,
    transport::{Exchange, ScriptedTransport},
};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_time().build().unwrap());

const NUMBER: &str = "09087654321";
/// Ours, and not to be shown. What the server itself says is not ours.
const SECRETS: [&str; 4] = [NUMBER, "token-8f2c", "code-77d1", "本文"];
/// The headers that the client reads.
const HEADERS: [&str; 6] =
    ["content-disposition", "content-encoding", "content-type", "date", "location", "retry-after"];

/// One answer of the script.
struct Answer<'a> {
    status: u16,
    headers: Vec<(&'static str, &'a str)>,
    body: &'a [u8],
}

impl<'a> Answer<'a> {
    fn read(text: &'a [u8]) -> Option<Self> {
        let (head, body) = split(text, b"\n\n").unwrap_or((text, b""));
        let mut lines = std::str::from_utf8(head).ok()?.lines();
        let status = lines.next()?.parse().ok().filter(|status| (200..600).contains(status))?;
        let headers = lines.map(header).collect::<Option<_>>()?;
        Some(Self { status, headers, body })
    }

    fn exchange(&self) -> Exchange {
        let reply = Exchange::reply(self.status, self.body.to_vec());
        self.headers.iter().fold(reply, |reply, (name, value)| reply.with_header(name, value))
    }
}

fn header(line: &str) -> Option<(&'static str, &str)> {
    let (name, value) = line.split_once(": ")?;
    let known = HEADERS.into_iter().find(|known| *known == name)?;
    value.bytes().all(|byte| (b' '..=b'~').contains(&byte)).then_some((known, value))
}

fn split<'a>(text: &'a [u8], at: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let found = text.windows(at.len()).position(|window| window == at)?;
    Some((&text[..found], &text[found + at.len()..]))
}

fn answers(mut text: &[u8]) -> Option<Vec<Answer<'_>>> {
    let mut answers = Vec::new();
    while let Some((answer, rest)) = split(text, b"\n---\n") {
        answers.push(Answer::read(answer)?);
        text = rest;
    }
    answers.push(Answer::read(text)?);
    Some(answers)
}

/// A client whose every call meets the script from its start.
fn script(answers: &[Answer<'_>]) -> ScriptedTransport {
    ScriptedTransport::new(answers.iter().cycle().take(8).map(Answer::exchange))
}

fn options() -> Options {
    Options::default().with_retry(RetryPolicy::once())
}

fn number() -> PhoneNumber {
    PhoneNumber::new(NUMBER).unwrap()
}

/// One look, and no wait.
fn one_look() -> PollPolicy {
    let hour = Duration::from_secs(3600);
    PollPolicy::default().with_initial_delay(Duration::ZERO).with_intervals(hour, hour)
}

fuzz_target!(|input: &[u8]| {
    let Some(answers) = answers(input) else { return };
    RUNTIME.block_on(async {
        of_sms(&answers, input).await;
        of_push(&answers, input).await;
    });
});

async fn of_sms(answers: &[Answer<'_>], input: &[u8]) {
    let service = sms::ServiceId::new(1).unwrap();
    let client = || {
        sms::Client::builder("tenant", SECRETS[1], service)
            .with_options(options())
            .with_transport(script(answers))
            .build()
            .unwrap()
    };
    let tag = sms::Tag::from_random([1; 16]);
    let message = sms::NewMessage::new(number(), SECRETS[3], tag.clone()).unwrap();
    let sent = client().send(message).await;
    if let Ok(SendOutcome::Accepted(message)) = &sent {
        assert!(answers[0].status == 200 && !message.id.as_str().is_empty());
    }
    clean(&sent, input);
    clean(&client().find_by_tag(&tag).await, input);
    let id = sms::MessageId::new("m").unwrap();
    clean(&client().cancel(&id).await, input);
    clean(&client().create_bulk_file().await, input);
    let id = sms::BulkId::new("b").unwrap();
    clean(&client().get_bulk(&id).await, input);
    let result = client().download_bulk(&id, &one_look()).await;
    clean(&result, input);
    if let Ok(result) = result {
        clean(&result.rows(), input);
    }
}

async fn of_push(answers: &[Answer<'_>], input: &[u8]) {
    let client = || {
        push::Client::builder("https://karaden.example/v2", SECRETS[1], SECRETS[2])
            .with_options(options())
            .with_transport(script(answers))
            .build()
            .unwrap()
    };
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let sent = client().send(push::NewMessage::new(number(), SECRETS[3]).unwrap()).await;
    if let Ok(SendOutcome::Accepted(accepted)) = &sent {
        assert!(answers[0].status == 200 && !accepted.message_id.as_str().is_empty());
    }
    clean(&sent, input);
    let id = push::MessageId::new("m").unwrap();
    clean(&client().inquire(&id).await, input);
    let code = push::TrackingCode::unique("1").unwrap();
    clean(&client().find_by_tracking_code(&code, now, now).await, input);
    clean(&client().add_to_send_list(&[number()]).await, input);
}

fn clean(result: &impl std::fmt::Debug, input: &[u8]) {
    let shown = format!("{result:?}");
    for secret in SECRETS {
        let quoted = input.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(quoted || !shown.contains(secret));
    }
}
