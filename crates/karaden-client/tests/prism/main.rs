//! The client against Prism as a mock of an OpenAPI file: each request it can make must keep to the
//! file, and each response that the file allows must be understood.
//!
//! `cargo xtask test --only vendor` runs it. It fails without what it needs:
//!
//! | variable | what |
//! |---|---|
//! | `KARADEN_SDK_NODE_MODULES` | a `node_modules` with `@stoplight/prism-cli` (npm) |
//! | `KARADEN_OPENAPI` | the vendor's OpenAPI file of version 2024-03-01; without it that one check says by name that it was not made |

mod push;
mod relay;
mod sms;

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use karaden_client::{Options, PollPolicy, Recipient, RetryPolicy};
use testkit::Prism;

use self::{
    relay::Relay,
    sms::{File, Status},
};

#[expect(clippy::disallowed_methods, reason = "where the tools are is told by the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

async fn mock(openapi: PathBuf) -> Relay {
    let modules = variable("KARADEN_SDK_NODE_MODULES");
    let modules = modules.expect("KARADEN_SDK_NODE_MODULES; see the top of this file");
    let start = move || Prism::mock(Path::new(&modules), &openapi);
    Relay::start(tokio::task::spawn_blocking(start).await.expect("Prism starts")).await
}

fn options() -> Options {
    Options::default()
        .with_retry(RetryPolicy::once())
        // Prism on a busy machine may need longer for its first response than Karaden may.
        .with_total_timeout(Duration::from_secs(60))
}

/// A wait that ends at the first look.
fn one_look() -> PollPolicy {
    let longer = Duration::from_secs(120);
    PollPolicy::default()
        .with_initial_delay(Duration::ZERO)
        .with_intervals(longer, longer)
        .with_timeout(Duration::from_secs(60))
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn number() -> Recipient {
    Recipient::new("09012345678").expect("a mobile number")
}

/// Fails on anything that Prism found, and on a call that never reached it.
#[track_caller]
fn assert_clean(relay: &Relay, expected: &[&str]) {
    assert_eq!(relay.complaints(), Vec::<String>::new());
    assert_eq!(relay.requests(), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_keeps_to_the_vendors_file() {
    let Some(openapi) = variable("KARADEN_OPENAPI") else {
        eprintln!("NOT CHECKED: the vendor's OpenAPI file, for KARADEN_OPENAPI is not set");
        return;
    };
    let relay = mock(openapi.into()).await;
    sms::every_call(&relay, "", File::Vendors).await;
    sms::every_refusal_of_the_vendors_examples(&relay).await;
    sms::every_error_status(&relay, "", &VENDORS_STATUSES).await;
    sms::responses_generated_from_the_schema(&relay, "", File::Vendors).await;
    sms::prism_does_notice(&relay, "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_keeps_to_our_own_file() {
    let openapi = Path::new(env!("CARGO_MANIFEST_DIR")).join("../karaden-sim/openapi.yaml");
    let relay = mock(openapi).await;
    sms::every_call(&relay, "/api", File::Ours).await;
    sms::every_error_status(&relay, "/api", &OUR_STATUSES).await;
    sms::responses_generated_from_the_schema(&relay, "/api", File::Ours).await;
    sms::prism_does_notice(&relay, "/api").await;
    push::every_call(&relay).await;
    push::every_answer_code(&relay).await;
}

/// The errors that each file has, by the end of the path.
const VENDORS_STATUSES: [Status; 9] = [
    ("messages", 400),
    ("messages", 401),
    ("messages", 404),
    ("messages", 422),
    ("messages", 500),
    ("bulks/files", 404),
    ("bulks/files", 500),
    ("cancel", 400),
    (sms::ID, 404),
];
const OUR_STATUSES: [Status; 11] = [
    ("messages", 400),
    ("messages", 401),
    ("messages", 403),
    ("messages", 404),
    ("messages", 422),
    ("messages", 429),
    ("messages", 500),
    ("bulks/files", 403),
    ("bulks/files", 404),
    ("cancel", 400),
    (sms::ID, 404),
];
