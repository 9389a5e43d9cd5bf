//! Values and clients that the tests share.

use std::time::{Duration, SystemTime};

use karaden_client::{Options, Recipient, RetryPolicy, push, sms, transport::ScriptedTransport};

/// A token that must never appear.
pub(crate) const TOKEN: &str = "tok-SECRET-7f3a";
/// A security code that must never appear.
pub(crate) const SECURITY_CODE: &str = "sec-SECRET-91bc";
/// A number of which at most the last four digits may appear.
pub(crate) const NUMBER: &str = "09012345678";
/// A text that must never appear.
pub(crate) const TEXT: &str = "認証コード 482913";
/// A tenant.
pub(crate) const TENANT: &str = "159bfd33-b9b7-f424-4755-c119b324591d";

/// 2027-01-15T17:00:00+09:00.
pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// Short waits, no jitter.
pub(crate) fn options() -> Options {
    let retry = RetryPolicy::default().with_base(Duration::from_millis(1)).without_jitter();
    Options::default().with_retry(retry)
}

pub(crate) fn number() -> Recipient {
    Recipient::new(NUMBER).expect("a mobile number")
}

pub(crate) fn sms_message() -> sms::NewMessage {
    let tag = sms::Tag::new("tag-1").expect("a tag");
    sms::NewMessage::new(number(), TEXT).expect("a message").with_tag(tag)
}

pub(crate) fn push_message() -> push::NewMessage {
    let code = push::TrackingCode::new("12345678").expect("a code");
    push::NewMessage::new(number(), TEXT).expect("a message").with_tracking_code(code)
}

/// A contract of the push API with the secrets of the tests.
pub(crate) fn contract(base_url: &str) -> push::Credentials {
    push::Credentials::new()
        .with_base_url(base_url)
        .with_token(TOKEN)
        .with_security_code(SECURITY_CODE)
}

/// A client of the SMS API that plays `script` and makes one attempt per call.
pub(crate) fn scripted_sms(script: &ScriptedTransport) -> sms::Client {
    sms::Client::builder(TENANT, TOKEN, sms::ServiceId::new(1).expect("positive"))
        .with_options(options().with_retry(RetryPolicy::once()))
        .with_transport(script.clone())
        .build()
        .expect("a client")
}

/// A client of the push API that plays `script` and makes one attempt per call.
pub(crate) fn scripted_push(script: &ScriptedTransport) -> push::Client {
    scripted_push_builder(script).build().expect("a client")
}

pub(crate) fn scripted_push_builder(script: &ScriptedTransport) -> push::ClientBuilder {
    push::Client::builder(contract("https://karaden.example/v2"))
        .with_options(options().with_retry(RetryPolicy::once()))
        .with_transport(script.clone())
}

/// Fails if `shown` holds anything that must stay hidden.
#[cfg(feature = "reqwest")]
pub(crate) fn assert_clean(shown: &str) {
    for secret in [TOKEN, SECURITY_CODE, NUMBER, "9012345678", TEXT, "482913", "SecurityCode="] {
        assert!(!shown.contains(secret), "{secret} shows in {shown}");
    }
}

/// The error with all its sources, as a reporter prints it, and its `Debug`.
pub(crate) fn full(error: &dyn std::error::Error) -> String {
    let mut shown = format!("{error:?}\n{error:#?}\n{error}");
    let mut source = error.source();
    while let Some(cause) = source {
        shown = format!("{shown}: {cause}");
        source = cause.source();
    }
    shown
}
