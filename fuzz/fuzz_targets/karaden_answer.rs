//! Any response to either Karaden API: no panic, no secret in `Debug`, and *accepted* only with an id.
//!
//! An input is one or more responses as text: a line with the status, a line for each header, an empty line, the
//! body. A line `---` separates responses. The script returns them in turn.
#![no_main]

use std::{
    sync::LazyLock,
    time::{Duration, SystemTime},
};

use karaden_client::{
    Options, PollPolicy, Recipient, RetryPolicy, SendOutcome, push, sms,
    transport::{Exchange, ScriptedTransport},
};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_time().build().unwrap());

const NUMBER: &str = "09087654321";
/// Our secrets, which must not be shown. A server may send the same text, which may be shown.
const SECRETS: [&str; 4] = [NUMBER, "token-8f2c", "code-77d1", "本文"];
/// The headers that the client reads.
const HEADERS: [&str; 6] =
    ["content-disposition", "content-encoding", "content-type", "date", "location", "retry-after"];

/// One response of the script.
struct ScriptedResponse<'a> {
    status: u16,
    headers: Vec<(&'static str, &'a str)>,
    body: &'a [u8],
}

impl<'a> ScriptedResponse<'a> {
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

fn responses(mut text: &[u8]) -> Option<Vec<ScriptedResponse<'_>>> {
    let mut responses = Vec::new();
    while let Some((response, rest)) = split(text, b"\n---\n") {
        responses.push(ScriptedResponse::read(response)?);
        text = rest;
    }
    responses.push(ScriptedResponse::read(text)?);
    Some(responses)
}

/// Returns a transport that repeats the script. Each client gets its own, so each call meets the first response.
fn script(responses: &[ScriptedResponse<'_>]) -> ScriptedTransport {
    ScriptedTransport::new(responses.iter().cycle().take(8).map(ScriptedResponse::exchange))
}

fn options() -> Options {
    Options::default().with_retry(RetryPolicy::once())
}

fn number() -> Recipient {
    Recipient::new(NUMBER).unwrap()
}

/// One look-up without a wait.
fn poll_once() -> PollPolicy {
    let hour = Duration::from_secs(3600);
    PollPolicy::default().with_initial_delay(Duration::ZERO).with_intervals(hour, hour)
}

fuzz_target!(|input: &[u8]| {
    let Some(responses) = responses(input) else { return };
    RUNTIME.block_on(async {
        check_sms(&responses, input).await;
        check_push(&responses, input).await;
    });
});

async fn check_sms(responses: &[ScriptedResponse<'_>], input: &[u8]) {
    let service = sms::ServiceId::new(1).unwrap();
    let client = || {
        sms::Client::builder("tenant", SECRETS[1], service)
            .with_options(options())
            .with_transport(script(responses))
            .build()
            .unwrap()
    };
    let tag = sms::Tag::new("tag-1").unwrap();
    let message = sms::NewMessage::new(number(), SECRETS[3]).unwrap().with_tag(tag.clone());
    let sent = client().send(message).await;
    if let Ok(SendOutcome::Accepted(message)) = &sent {
        assert!(responses[0].status == 200 && !message.id.as_str().is_empty());
    }
    assert_clean(&sent, input);
    assert_clean(&client().find_by_tag(&tag).await, input);
    let id = sms::MessageId::new("m").unwrap();
    assert_clean(&client().cancel(&id).await, input);
    assert_clean(&client().create_bulk_file().await, input);
    let id = sms::BulkId::new("b").unwrap();
    assert_clean(&client().get_bulk(&id).await, input);
    let result = client().download_bulk(&id, &poll_once()).await;
    assert_clean(&result, input);
    if let Ok(result) = result {
        assert_clean(&result.rows(), input);
    }
}

async fn check_push(responses: &[ScriptedResponse<'_>], input: &[u8]) {
    let client = || {
        let credentials = push::Credentials::new()
            .with_base_url("https://karaden.example/v2")
            .with_token(SECRETS[1])
            .with_security_code(SECRETS[2]);
        push::Client::builder(credentials)
            .with_options(options())
            .with_transport(script(responses))
            .build()
            .unwrap()
    };
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let sent = client().send(push::NewMessage::new(number(), SECRETS[3]).unwrap()).await;
    if let Ok(SendOutcome::Accepted(accepted)) = &sent {
        assert!(responses[0].status == 200 && !accepted.message_id.as_str().is_empty());
    }
    assert_clean(&sent, input);
    let id = push::MessageId::new("m").unwrap();
    assert_clean(&client().inquire(&id).await, input);
    let code = push::TrackingCode::new("1").unwrap();
    assert_clean(&client().find_by_tracking_code(&code, now, now).await, input);
    assert_clean(&client().add_to_send_list(&[number()]).await, input);
}

/// Fails if `result` shows a secret that the input does not contain.
fn assert_clean(result: &impl std::fmt::Debug, input: &[u8]) {
    let shown = format!("{result:?}");
    for secret in SECRETS {
        let quoted = input.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(quoted || !shown.contains(secret));
    }
}
