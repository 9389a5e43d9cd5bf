//! Whatever a server answers to either Karaden API: no panic, nothing secret shown, and "accepted" only
//! with an id.
#![no_main]

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use karaden_client::transport::{Exchange, ScriptedTransport};
use karaden_client::{Options, PhoneNumber, RetryPolicy, SendOutcome, push, sms};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_time().build().unwrap());

const NUMBER: &str = "09087654321";

fuzz_target!(|input: (u16, &[u8])| {
    let (status, body) = (200 + input.0 % 400, input.1);
    let script = ScriptedTransport::default();
    script.extend((0..8).map(|_| Exchange::reply(status, body.to_vec())));
    let options = Options::default().with_retry(RetryPolicy::once());
    let service = sms::ServiceId::new(1).unwrap();
    let sms = sms::Client::builder("tenant", "token-8f2c", service)
        .with_options(options.clone())
        .with_transport(script.clone())
        .build()
        .unwrap();
    let push = push::Client::builder("https://karaden.example/v2", "token-8f2c", "code-77d1")
        .with_options(options)
        .with_transport(script)
        .build()
        .unwrap();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let number = || PhoneNumber::new(NUMBER).unwrap();
    RUNTIME.block_on(async {
        let tag = sms::Tag::from_random([1; 16]);
        let message = sms::NewMessage::new(number(), "本文", tag.clone()).unwrap();
        let sent = sms.send(message).await;
        if let Ok(SendOutcome::Accepted(message)) = &sent {
            assert!(status == 200 && !message.id.as_str().is_empty());
        }
        clean(&format!("{sent:?}"), body);
        clean(&format!("{:?}", sms.find_by_tag(&tag).await), body);
        let id = sms::BulkId::new("b").unwrap();
        clean(&format!("{:?}", sms.get_bulk(&id).await), body);

        let sent = push.send(push::NewMessage::new(number(), "本文").unwrap()).await;
        clean(&format!("{sent:?}"), body);
        let id = push::MessageId::new("m").unwrap();
        clean(&format!("{:?}", push.inquire(&id).await), body);
        let code = push::TrackingCode::unique("1").unwrap();
        clean(&format!("{:?}", push.find_by_tracking_code(&code, now, now).await), body);
        clean(&format!("{:?}", push.add_to_send_list(&[number()]).await), body);
    });
});

/// Nothing of ours shows. What the server itself put into an id is not ours.
fn clean(shown: &str, body: &[u8]) {
    for secret in [NUMBER, "token-8f2c", "code-77d1", "本文"] {
        let quoted = body.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(quoted || !shown.contains(secret));
    }
}
