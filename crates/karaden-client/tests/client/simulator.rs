//! Whole flows against karaden-sim.

use std::time::{Duration, SystemTime};

use futures_util::TryStreamExt as _;
use karaden_client::{
    ErrorKind, Options, Recipient, PollPolicy, RefusalReason, Resolution, ResolvePolicy,
    SendError, SendOutcome, Waited, push, sms,
};
use karaden_sim::{Api, Fault, FaultMode, Operation, Sim, SimConfig};

use crate::{clients::sms_client_of, common::{TENANT, assert_clean, full, options}};

#[expect(clippy::disallowed_methods, reason = "the simulator runs by the machine's clock here")]
fn now() -> SystemTime {
    SystemTime::now()
}

async fn sim() -> Sim {
    Sim::start(SimConfig::default()).await.expect("a simulator")
}

fn sms_client(sim: &Sim) -> sms::Client {
    sms_client_with(sim, options().with_total_timeout(Duration::from_secs(5)))
}

fn sms_client_with(sim: &Sim, options: Options) -> sms::Client {
    sms_client_of(&sim.url(), "demo-token").with_options(options).build().expect("a client")
}

fn demo(sim: &Sim) -> push::Credentials {
    push::Credentials::new()
        .with_base_url(format!("{}/v2", sim.url()))
        .with_token("demo-push")
        .with_security_code("demo-code")
}

fn push_client(sim: &Sim) -> push::Client {
    let builder = push::Client::builder(demo(sim));
    builder.with_options(options()).build().expect("a client")
}

fn number(digits: &str) -> Recipient {
    Recipient::new(digits).expect("a mobile number")
}

fn message(to: &str, tag: &str) -> sms::NewMessage {
    let tag = sms::Tag::new(tag).expect("a tag");
    sms::NewMessage::new(number(to), "認証コード 482913").expect("a message").with_tag(tag)
}

fn push_message(to: &str, code: &str) -> push::NewMessage {
    push::NewMessage::new(number(to), "認証コード 482913")
        .expect("a message")
        .with_tracking_code(push::TrackingCode::new(code).expect("a code"))
}

fn quick() -> ResolvePolicy {
    ResolvePolicy::default()
        .with_absence_window(Duration::from_millis(50))
        .with_timeout(Duration::from_secs(5))
        .with_intervals(Duration::from_millis(100), Duration::from_millis(100))
}

fn often() -> PollPolicy {
    PollPolicy::default()
        .with_initial_delay(Duration::ZERO)
        .with_intervals(Duration::from_millis(100), Duration::from_millis(100))
        .with_timeout(Duration::from_secs(5))
}

/// Faults of sending through the SMS API after which the message is on the phone.
const ACCEPTS: [FaultMode; 6] = [
    FaultMode::AcceptThenDrop,
    FaultMode::DropMidBody,
    FaultMode::Malformed,
    FaultMode::Empty,
    FaultMode::Huge,
    FaultMode::GzipBomb,
];

#[tokio::test]
async fn send_read_wait_and_list() {
    let sim = sim().await;
    let client = sms_client(&sim);
    let sent = client.send(message("090-0000-0001", "t-1")).await.expect("a response");
    let SendOutcome::Accepted(sent) = sent else { panic!("{sent:?}") };
    let waited = client.wait_for_delivery(&sent.id, &often(), now()).await.expect("read");
    let Waited::Final(done) = waited else { panic!("{waited:?}") };
    assert!(done.is_received());
    assert_eq!(done.tags, ["t-1"]);
    assert_eq!(client.get(&sent.id).await.expect("read").id, sent.id);
    let found = client.find_by_tag(&sms::Tag::new("t-1").expect("a tag")).await.expect("a list");
    assert_eq!(found.map(|message| message.id), Some(sent.id));
    assert_eq!(sim.inbox(Some("09000000001")).len(), 1);
}

#[tokio::test]
async fn the_list_streams_over_its_pages() {
    let sim = sim().await;
    let client = sms_client(&sim);
    for at in 0..25 {
        let sent = client.send(message("090-1111-2222", &format!("t-{at}"))).await;
        assert!(matches!(sent, Ok(SendOutcome::Accepted(_))));
    }
    let query = sms::ListQuery::default().with_per_page(10);
    let page = client.list(&query).await.expect("a page");
    assert_eq!((page.messages.len(), page.has_more, page.unreadable), (10, true, 0));
    let all: Vec<_> = client.list_all(query).try_collect().await.expect("all pages");
    let mut tags: Vec<_> = all.iter().map(|message| message.tags[0].clone()).collect();
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 25);
}

#[tokio::test]
async fn a_reserved_message_is_cancelled_once() {
    let sim = sim().await;
    let client = sms_client(&sim);
    let now = now();
    let reserve = |ahead: u64, tag: &str| {
        message("090-1111-2222", tag).with_scheduled_at(now + Duration::from_secs(ahead), now)
    };
    let later = reserve(3600, "t-1").expect("valid");
    let later = client.send(later).await.expect("a response").into_accepted().expect("accepted");
    let cancelled = client.cancel(&later.id).await.expect("cancelled");
    assert_eq!(cancelled.status, Some(sms::Status::Canceled));

    let soon = reserve(120, "t-2").expect("valid");
    let soon = client.send(soon).await.expect("a response").into_accepted().expect("accepted");
    let error = client.cancel(&soon.id).await.expect_err("less than five minutes");
    assert_eq!(error.refusal(), Some(&RefusalReason::NotCancellable));

    let unknown = sms::MessageId::new("00000000-0000-4000-8000-000000000000").expect("an id");
    let error = client.cancel(&unknown).await.expect_err("unknown");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_message_accepted_under_a_fault_is_found_and_delivered_once() {
    for mode in ACCEPTS {
        let sim = sim().await;
        let fault = Fault::new(mode).with_operation(Operation::Send);
        sim.set_faults(vec![fault.times(1)]);
        let client = sms_client(&sim);
        let result = client.send(message("090-1111-2222", "t-1")).await;
        let Err(SendError::Unknown(unknown)) = result else { panic!("{mode:?} {result:?}") };
        assert_clean(&full(unknown.error()));
        let resolution = unknown.resolve(&client, &quick(), now()).await;
        assert!(matches!(resolution, Resolution::Accepted(_)), "{mode:?} {resolution:?}");
        assert_eq!(sim.inbox(None).len(), 1, "{mode:?}");
    }
}

#[tokio::test]
async fn a_message_lost_under_a_fault_comes_back_and_is_sent_once() {
    for mode in [FaultMode::Drop, FaultMode::Html, FaultMode::Redirect, FaultMode::Status(500)] {
        let sim = sim().await;
        let fault = Fault::new(mode).with_operation(Operation::Send);
        sim.set_faults(vec![fault.times(1)]);
        let client = sms_client(&sim);
        let result = client.send(message("090-1111-2222", "t-1")).await;
        let Err(SendError::Unknown(unknown)) = result else { panic!("{mode:?} {result:?}") };
        let resolution = unknown.resolve(&client, &quick(), now()).await;
        let Resolution::NotSent(message) = resolution else { panic!("{mode:?} {resolution:?}") };
        client.send(message).await.expect("a response").into_accepted().expect("accepted");
        assert_eq!(sim.inbox(None).len(), 1, "{mode:?}");
    }
}

#[tokio::test]
async fn a_busy_server_receives_one_message() {
    let sim = sim().await;
    let fault = Fault::new(FaultMode::Status(429)).with_api(Api::Sms);
    sim.set_faults(vec![fault.times(2)]);
    let sent = sms_client(&sim).send(message("090-1111-2222", "t-1")).await.expect("a response");
    assert!(sent.is_accepted());
    assert_eq!(sim.inbox(None).len(), 1);
}

#[tokio::test]
async fn an_error_that_quotes_the_request_shows_nothing_of_it() {
    let sim = sim().await;
    sim.set_faults(vec![Fault::new(FaultMode::EchoError)]);
    let sent = sms_client(&sim).send(message("090-1234-5678", "t-1")).await;
    let shown = format!("{sent:?}");
    for secret in ["demo-token", "09012345678", "482913"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let sent = push_client(&sim).send(push_message("090-1234-5678", "12345678")).await;
    let shown = format!("{sent:?}");
    for secret in ["demo-push", "demo-code", "09012345678", "482913"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[tokio::test]
async fn wrong_credentials_and_numbers_are_refused() {
    let sim = sim().await;
    let service = sms::ServiceId::new(1).expect("positive");
    let wrong = sms::Client::builder(TENANT, "other", service)
        .with_base_url(format!("{}/api", sim.url()))
        .build()
        .expect("a client");
    let SendOutcome::Refused(refusal) =
        wrong.send(message("090-1111-2222", "t-1")).await.expect("a response")
    else {
        panic!()
    };
    assert_eq!(*refusal.reason(), RefusalReason::Unauthenticated);
    assert!(refusal.reason().is_account_problem());

    // 090-0000-0010 is refused by the simulator.
    let SendOutcome::Refused(refusal) =
        sms_client(&sim).send(message("090-0000-0010", "t-1")).await.expect("a response")
    else {
        panic!()
    };
    assert_eq!(*refusal.reason(), RefusalReason::Validation(vec!["to".to_owned()]));
    let SendOutcome::Refused(refusal) =
        push_client(&sim).send(push_message("090-0000-0010", "1")).await.expect("a response")
    else {
        panic!()
    };
    assert_eq!(*refusal.reason(), RefusalReason::Restricted);
}

#[tokio::test]
async fn every_outcome_of_push_is_told_apart() {
    use push::{MessageStatus as Sent, ResultStatus as Result};
    let sim = sim().await;
    let client = push_client(&sim);
    let rows = [
        ("090-0000-0001", Some(Sent::Sent), Some(Result::Received), true),
        ("090-0000-0002", Some(Sent::Sent), Some(Result::OutOfRange), false),
        ("090-0000-0003", Some(Sent::Sent), Some(Result::Error), true),
        ("090-0000-0004", Some(Sent::Sent), Some(Result::Unknown), true),
        ("090-0000-0005", Some(Sent::Sent), Some(Result::None), false),
        ("090-0000-0007", Some(Sent::Error), None, true),
        ("090-0000-0009", Some(Sent::Unknown), None, true),
    ];
    for (at, (to, sent, result, is_final)) in rows.into_iter().enumerate() {
        let outcome = client.send(push_message(to, &at.to_string())).await.expect("a response");
        let accepted = outcome.into_accepted().expect("accepted");
        let delivery = client.inquire(&accepted.message_id).await.expect("read");
        assert_eq!(delivery.message_status, sent, "{to}");
        if result.is_some() {
            assert_eq!(delivery.result_status, result, "{to}");
        }
        assert_eq!(delivery.is_final(now()), is_final, "{to}");
    }
}

#[tokio::test]
async fn a_push_message_of_unknown_outcome_is_found_by_its_tracking_code() {
    let sim = sim().await;
    let fault =
        Fault::new(FaultMode::AcceptThenDrop).with_operation(Operation::Queue);
    sim.set_faults(vec![fault.times(1)]);
    let client = push_client(&sim);
    let result = client.send(push_message("090-1111-2222", "12345678")).await;
    let Err(SendError::Unknown(unknown)) = result else { panic!("{result:?}") };
    let resolution = unknown.resolve(&client, &quick(), now()).await;
    assert!(matches!(resolution, Resolution::Accepted(_)), "{resolution:?}");
    assert_eq!(sim.inbox(None).len(), 1);

    sim.set_faults(vec![Fault::new(FaultMode::Drop).times(1)]);
    let result = client.send(push_message("090-1111-2222", "87654321")).await;
    let Err(SendError::Unknown(unknown)) = result else { panic!("{result:?}") };
    let resolution = unknown.resolve(&client, &quick(), now()).await;
    assert!(matches!(resolution, Resolution::Unknown(_)), "{resolution:?}");

    // Absence is a proof only if the contract tracks single messages.
    let client = push::Client::builder(demo(&sim))
        .with_options(options())
        .with_tracked_single_messages()
        .build()
        .expect("a client");
    sim.set_faults(vec![Fault::new(FaultMode::Drop).times(1)]);
    let result = client.send(push_message("090-1111-2222", "76543210")).await;
    let Err(SendError::Unknown(unknown)) = result else { panic!("{result:?}") };
    let resolution = unknown.resolve(&client, &quick(), now()).await;
    assert!(matches!(resolution, Resolution::NotSent(_)), "{resolution:?}");
}

#[tokio::test]
async fn a_single_push_message_is_not_taken_as_absent_where_its_code_was_ignored() {
    let sim = sim().await;
    sim.set_quirks(karaden_sim::Quirks::default().with_push_single_untracked(true));
    let fault = Fault::new(FaultMode::AcceptThenDrop).times(1);
    sim.set_faults(vec![fault.clone()]);
    let client = push_client(&sim);
    let quick = quick().with_timeout(Duration::from_millis(200));
    let result = client.send(push_message("090-1111-2222", "12345678")).await;
    let Err(SendError::Unknown(unknown)) = result else { panic!("{result:?}") };
    let resolution = unknown.resolve(&client, &quick, now()).await;
    assert!(matches!(resolution, Resolution::Unknown(_)), "{resolution:?}");
    assert_eq!(sim.inbox(None).len(), 1, "it is on the phone");

    // A long one keeps its code.
    sim.set_faults(vec![fault]);
    let code = push::TrackingCode::random();
    let long = push::NewMessage::long(number("090-1111-2222"), "お知らせ").expect("valid");
    let result = client.send(long.with_tracking_code(code)).await;
    let Err(SendError::Unknown(unknown)) = result else { panic!("{result:?}") };
    let resolution = unknown.resolve(&client, &quick, now()).await;
    assert!(matches!(resolution, Resolution::Accepted(_)), "{resolution:?}");
}

#[tokio::test]
async fn a_slow_response_is_awaited_or_its_message_is_found_later() {
    let sim = sim().await;
    let slow = |ms| Fault::new(FaultMode::Slow).with_delay(Duration::from_millis(ms)).times(1);
    let impatient = options().with_total_timeout(Duration::from_millis(600));
    let client = sms_client_with(&sim, impatient);
    sim.set_faults(vec![slow(50)]);
    let sent = client.send(message("090-1111-2222", "t-1")).await.expect("a response");
    assert!(sent.is_accepted());
    sim.set_faults(vec![slow(30_000)]);
    let result = client.send(message("090-1111-2222", "t-2")).await;
    let Err(SendError::Unknown(unknown)) = result else { panic!("{result:?}") };
    assert!(unknown.error().is_timeout());
    let resolution = unknown.resolve(&client, &quick(), now()).await;
    assert!(matches!(resolution, Resolution::Accepted(_)), "{resolution:?}");
    assert_eq!(sim.inbox(None).len(), 2, "each once");
}

#[tokio::test]
async fn a_long_push_text_arrives_whole() {
    let sim = sim().await;
    let text = "いつもご利用ありがとうございます。\nメンテナンスのお知らせです。".repeat(6);
    let message = push::NewMessage::long(number("090-0000-0001"), text.as_str()).expect("fits");
    assert!(message.parts() > 1);
    push_client(&sim).send(message).await.expect("a response").into_accepted().expect("accepted");
    let inbox = serde_json::to_string(&sim.inbox(None)).expect("JSON");
    assert!(inbox.contains("メンテナンス"), "{inbox}");
}

#[tokio::test]
async fn many_sends_at_once_all_arrive() {
    let sim = sim().await;
    let client = sms_client(&sim);
    let sends = (0..200).map(|at| {
        let client = client.clone();
        tokio::spawn(async move { client.send(message("090-1111-2222", &format!("t-{at}"))).await })
    });
    for send in futures_util::future::join_all(sends).await {
        assert!(matches!(send.expect("no panic"), Ok(SendOutcome::Accepted(_))));
    }
    assert_eq!(sim.inbox(None).len(), 200);
}

/// The simulator's own layout; the real one comes with the contract.
const CSV: &str = "service_id,to,body,tags\r\n\
    1,09000000001,一番目,b-1\r\n\
    1,0312345678,二番目,b-2\r\n\
    1,09000000002,三番目,b-3\r\n";

async fn started(client: &sms::Client) -> Result<sms::BulkSendOutcome, sms::BulkSendError> {
    started_with(client, CSV).await
}

async fn started_with(
    client: &sms::Client,
    csv: impl Into<karaden_client::bytes::Bytes>,
) -> Result<sms::BulkSendOutcome, sms::BulkSendError> {
    let address = client.create_bulk_file().await.expect("an address");
    let uploaded = client.upload_bulk(address, csv).await.expect("uploaded");
    client.start_bulk(uploaded).await
}

#[cfg(feature = "bulk-csv")]
#[tokio::test]
async fn each_value_of_a_written_row_arrives() {
    let sim = sim().await;
    let client = sms_client(&sim);
    let limited_at = now() + Duration::from_secs(3600);
    let mut csv = sms::BulkCsv::new(sms::ServiceId::new(1).expect("positive"));
    csv.add(message("090-1234-5678", "job-1").without_short_urls().with_limited_at(limited_at, now()));
    csv.add(Ok(message("090-1234-5679", "job-2").with_short_urls()));
    let file = csv.finish().expect("two good rows");
    let bulk = started_with(&client, file).await.expect("a response").into_accepted();
    let bulk = bulk.expect("accepted");
    let waited = client.wait_for_bulk(&bulk.id, &often()).await.expect("read");
    assert!(waited.is_final());

    for (tag, to, is_shorten) in [("job-1", "09012345678", false), ("job-2", "09012345679", true)] {
        let tag = sms::Tag::new(tag).expect("a tag");
        let found = client.find_by_tag(&tag).await.expect("read").expect("the message");
        assert_eq!(found.tags, [tag.as_str()], "{tag}");
        assert_eq!(found.to.as_deref(), Some(to), "{tag}");
        assert_eq!(found.body.as_deref(), Some("認証コード 482913"), "{tag}");
        assert_eq!(found.is_shorten, Some(is_shorten), "{tag}");
        assert_eq!(found.limited_at.is_some(), !is_shorten, "{tag}");
    }
}

#[tokio::test]
async fn a_bulk_file_is_sent_and_its_result_downloaded() {
    let sim = sim().await;
    let client = sms_client(&sim);
    let bulk = started(&client).await.expect("a response").into_accepted().expect("accepted");
    let waited = client.wait_for_bulk(&bulk.id, &often()).await.expect("read");
    assert!(waited.is_final());
    let result = client.download_bulk(&bulk.id, &often()).await.expect("the file");
    assert!(result.file_name().is_some_and(|name| name.as_str().starts_with("messages_bulk-")));
    let rows = result.rows().expect("rows");
    let failed: Vec<_> = rows.iter().map(|row| row.error.is_some()).collect();
    assert_eq!(failed, [false, true, false]);
    let error = rows[1].error.as_ref().expect("a failed row");
    assert_eq!(error.code.as_deref(), Some("validation_error"));
    assert!(error.expose_server_text().is_some_and(|text| !text.is_empty()));
    assert_clean(&format!("{error:?}"));
    assert_eq!(sim.inbox(None).len(), 1, "the other handset is out of range");
}

#[tokio::test]
async fn a_bulk_start_whose_response_is_lost_starts_once() {
    for (mode, expected) in
        [(FaultMode::AcceptThenDrop, "AlreadyStarted"), (FaultMode::Drop, "Started")]
    {
        let sim = sim().await;
        let fault = Fault::new(mode).with_operation(Operation::BulkStart);
        sim.set_faults(vec![fault.times(1)]);
        let client = sms_client(&sim);
        let result = started(&client).await;
        let Err(SendError::Unknown(unknown)) = result else { panic!("{result:?}") };
        let found = match unknown.resolve(&client).await {
            sms::BulkResolution::Started(_) => "Started",
            sms::BulkResolution::AlreadyStarted => "AlreadyStarted",
            other => panic!("{other:?}"),
        };
        assert_eq!(found, expected);
        assert_eq!(sim.inbox(None).len(), 1);
    }
}

#[tokio::test]
async fn a_hostile_file_name_is_dropped_and_an_endless_202_ends() {
    let sim = sim().await;
    let client = sms_client(&sim);
    let bulk = started(&client).await.expect("a response").into_accepted().expect("accepted");
    sim.set_quirks(karaden_sim::Quirks::default().with_hostile_file_name(true));
    let result = client.download_bulk(&bulk.id, &often()).await.expect("the file");
    assert_eq!(result.file_name(), None);
    sim.set_quirks(karaden_sim::Quirks::default().with_bulk_never_ready(true));
    let short = often().with_timeout(Duration::from_millis(100));
    let error = client.download_bulk(&bulk.id, &short).await.expect_err("never ready");
    assert_eq!(error.kind(), ErrorKind::GaveUp);
}

#[tokio::test]
async fn a_callback_leads_to_its_message() {
    use karaden_client::sms::callback::{CallbackSecret, Received, receive};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let secret = "q3Zt-an-unguessable-part-of-the-path";
    let mut config = SimConfig::default();
    let address = listener.local_addr().expect("an address");
    config.projects[0].callback_url = Some(format!("http://{address}/cb/{secret}"));
    let sim = Sim::start(config).await.expect("a simulator");
    let client = sms_client(&sim);
    let sent = client.send(message("090-0000-0001", "t-1")).await.expect("a response");
    let sent = sent.into_accepted().expect("accepted");

    let (mut stream, _) = listener.accept().await.expect("a callback");
    let mut request = Vec::new();
    let mut buffer = [0_u8; 4096];
    let body_at = |bytes: &[u8]| bytes.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 4);
    // The body is one JSON object: it ends with its brace.
    while body_at(&request).is_none_or(|at| !request[at..].ends_with(b"}")) {
        let got = stream.read(&mut buffer).await.expect("readable");
        assert_ne!(got, 0, "the callback ended early");
        request.extend_from_slice(&buffer[..got]);
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.expect("written");
    let head = String::from_utf8_lossy(&request).into_owned();
    let mut line = head.split(' ');
    let (method, path) = (line.next().expect("a method"), line.next().expect("a path"));
    let body = &request[body_at(&request).expect("a body")..];
    let received = receive(method, path, body, &CallbackSecret::new(secret).expect("long"));
    let Received::Report(report) = received else { panic!("{received:?}") };
    assert_eq!(*report.message_id(), sent.id);
    assert!(client.get(report.message_id()).await.expect("read").is_received());
}

