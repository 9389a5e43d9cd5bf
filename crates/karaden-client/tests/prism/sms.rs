//! The SMS API.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use karaden_client::{
    Error, ErrorKind, RefusalReason, Waited,
    sms::{
        ApiVersion, BulkId, BulkResolution, BulkSendError, BulkStatus, Client, ListQuery, Message,
        MessageId, MessageResult, NewMessage, SendError, SendOutcome, SentResult, ServiceId,
        Status as Sent, Tag, UploadedFile,
    },
};

use crate::{assert_clean, now, number, one_look, options, relay::Relay};

const TENANT: &str = "159bfd33-b9b7-f424-4755-c119b324591d";
/// An id for every object.
pub(crate) const ID: &str = "82bdf9de-a532-4bf5-86bc-c9a1366e5f4a";

/// The end of a path, and a status that the file has for it.
pub(crate) type Status = (&'static str, u16);

/// Whose file it is.
#[derive(Clone, Copy)]
pub(crate) enum File {
    Ours,
    Vendors,
}

fn client(relay: &Relay, root: &str) -> Client {
    client_of(relay, root, ApiVersion::V2024_03_01)
}

fn client_of(relay: &Relay, root: &str, version: ApiVersion) -> Client {
    Client::builder(TENANT, "demo-token", ServiceId::new(1).expect("positive"))
        .with_base_url(format!("{}{root}", relay.url()))
        .with_version(version)
        .with_options(options())
        .build()
        .expect("a client")
}

fn message() -> NewMessage {
    let tag = Tag::new("string").expect("a tag");
    NewMessage::new(number(), "認証コード 123456").expect("a message").with_tag(tag)
}

fn id() -> MessageId {
    MessageId::new(ID).expect("an id")
}

fn bulk_id() -> BulkId {
    BulkId::new(ID).expect("an id")
}

/// Every call with every parameter. Each gets the example in the file as its response.
pub(crate) async fn every_call(relay: &Relay, root: &str, file: File) {
    relay.prefer(&[]);
    for version in [ApiVersion::V2023_01_01, ApiVersion::V2023_12_01, ApiVersion::V2024_03_01] {
        let client = client_of(relay, root, version);
        assert!(client.send(message()).await.expect("a response").is_accepted());
        sending(&client).await;
        assert_clean(relay, &["POST messages"; 4]);
        reading(&client).await;
        let read = format!("GET {ID}");
        let lists = ["GET messages"; 4];
        assert_clean(relay, &[&[read.as_str(), &read], &lists[..], &["POST cancel"]].concat());
    }
    bulk(relay, &client(relay, root), file).await;
}

async fn sending(client: &Client) {
    let later = now() + Duration::from_secs(3600);
    let full = message()
        .with_label("第二 & +%のタグ")
        .and_then(|message| message.with_scheduled_at(later, now()))
        .and_then(|message| message.with_limited_at(later + Duration::from_secs(600), now()))
        .expect("valid");
    let others = [full.with_short_urls(), message().without_short_urls(), {
        message().with_service_id(ServiceId::new(77).expect("positive")).without_limited_at()
    }];
    for message in others {
        assert!(client.send(message).await.expect("a response").is_accepted());
    }
}

async fn reading(client: &Client) {
    assert!(client.get(&id()).await.is_ok());
    assert!(client.wait_for_delivery(&id(), &one_look(), now()).await.is_ok());
    let day = Duration::from_secs(24 * 3600);
    let full = ListQuery::default()
        .with_service_id(ServiceId::new(1).expect("positive"))
        .with_to(number())
        .with_status(Sent::Done)
        .with_result(MessageResult::Done)
        .with_sent_result(SentResult::Received)
        .with_tag("第二 & +%のタグ")
        .with_start_at(now() - day)
        .with_end_at(now())
        .with_page(1)
        .with_per_page(100);
    let page = client.list(&full).await.expect("a page");
    assert_eq!((page.messages.is_empty(), page.unreadable), (false, 0));
    let mut all = client.list_all(ListQuery::default());
    assert!(all.try_next().await.expect("a message").is_some());
    drop(all);
    let mut waiting = client.list_all(ListQuery::default().with_status(Sent::Waiting));
    assert!(waiting.try_next().await.expect("a message").is_some());
    let found = client.find_by_tag(&Tag::new("string").expect("a tag")).await.expect("a list");
    assert!(found.is_some(), "the example has this tag");
    assert!(client.cancel(&id()).await.is_ok());
}

async fn bulk(relay: &Relay, client: &Client, file: File) {
    let (put, get) = match file {
        File::Ours => (format!("PUT {ID}"), format!("GET {ID}")),
        // It does not say where files of bulk sends lie.
        File::Vendors => ("PUT ".to_owned(), "GET ".to_owned()),
    };
    relay.prefer(&[("bulks/files", "code=200")]);
    let started = client.start_bulk(uploaded(client).await).await.expect("a response");
    assert!(started.is_accepted());
    assert_clean(relay, &["POST files", &put, "POST bulks"]);

    relay.prefer(&[(BULK_RESULT, "code=302")]);
    let read = format!("GET {ID}");
    assert!(client.get_bulk(&bulk_id()).await.is_ok());
    let waited = client.wait_for_bulk(&bulk_id(), &one_look()).await.expect("read");
    assert_clean(relay, &[&read, &read]);
    // What the file's schema names first is what Prism responds.
    match waited.into_inner().status {
        Some(BulkStatus::Done) => {
            let result = client.download_bulk(&bulk_id(), &one_look()).await.expect("the file");
            assert!(result.rows().is_ok());
            assert_clean(relay, &[&read, "GET messages", &get]);
            relay.prefer(&[(BULK_RESULT, "code=202")]);
            let error = client.download_bulk(&bulk_id(), &one_look()).await.expect_err("not ready");
            assert_eq!(error.kind(), ErrorKind::GaveUp);
            assert_clean(relay, &[&read, "GET messages"]);
        }
        other => panic!("{other:?}: the download was not tried"),
    }
}

const BULK_RESULT: &str = "82bdf9de-a532-4bf5-86bc-c9a1366e5f4a/messages";

async fn uploaded(client: &Client) -> UploadedFile {
    let file = client.create_bulk_file().await.expect("an address");
    client.upload_bulk(file, "1,09012345678,x\r\n").await.expect("uploaded")
}

/// The refusals that the vendor's file shows by example.
pub(crate) async fn every_refusal_of_the_vendors_examples(relay: &Relay) {
    let client = client(relay, "");
    let rows = [
        ("code=400, example=invalid_tenant", RefusalReason::InvalidTenant),
        ("code=400, example=invalid_version", RefusalReason::InvalidVersion),
        ("code=401", RefusalReason::Unauthenticated),
        ("code=404", RefusalReason::NotFound),
        ("code=422", RefusalReason::Validation(vec!["key".to_owned()])),
    ];
    for (preference, reason) in rows {
        relay.prefer(&[("messages", preference)]);
        let sent = client.send(message()).await.expect("a response");
        let SendOutcome::Refused(refusal) = sent else { panic!("{preference}: {sent:?}") };
        assert_eq!(*refusal.reason(), reason, "{preference}");
        assert_eq!(blamed_on_us(relay), Vec::<String>::new());
    }
    relay.prefer(&[("cancel", "code=400")]);
    let error = client.cancel(&id()).await.expect_err("too late");
    assert_eq!(error.refusal(), Some(&RefusalReason::NotCancellable));
    relay.prefer(&[("messages", "code=500")]);
    let sent = client.send(message()).await;
    assert!(matches!(sent, Err(SendError::Unknown(_))), "a server's fault leaves a send open");

    relay.prefer(&[]);
    let file = uploaded(&client).await;
    relay.prefer(&[("bulks", "code=500")]);
    let Err(BulkSendError::Unknown(unknown)) = client.start_bulk(file).await else { panic!() };
    relay.prefer(&[("bulks", "code=409")]);
    assert!(matches!(unknown.resolve(&client).await, BulkResolution::AlreadyStarted));
    assert_eq!(blamed_on_us(relay), Vec::<String>::new());
    relay.requests();
}

/// The vendor's examples of errors do not all keep to the vendor's schema of errors, which Prism
/// says of its own response; everything else is about what the client sent.
fn blamed_on_us(relay: &Relay) -> Vec<String> {
    let example = |complaint: &String| {
        complaint.contains(r#"["response","body","#) && !complaint.contains(r#"["request""#)
    };
    relay.complaints().into_iter().filter(|complaint| !example(complaint)).collect()
}

/// Every status that the file has for an error: the client tells it as that status, and calls nothing
/// sent that may have been, nor the other way round.
pub(crate) async fn every_error_status(relay: &Relay, root: &str, statuses: &[Status]) {
    let client = client(relay, root);
    for &(end, status) in statuses {
        relay.prefer(&[(end, &format!("code={status}"))]);
        let error = failing_call(&client, end).await;
        assert_eq!(error.status(), Some(status), "{end} {error:?}");
        if end == "messages" {
            assert_eq!(error.is_outcome_unknown(), status == 500, "{status} {error:?}");
        }
        assert_eq!(blamed_on_us(relay), Vec::<String>::new());
    }
    relay.requests();
}

async fn failing_call(client: &Client, end: &str) -> Error {
    match end {
        "messages" => match client.send(message()).await {
            Ok(SendOutcome::Refused(refusal)) => refusal.into_error(),
            Ok(accepted) => panic!("{accepted:?}"),
            Err(error) => error.into_error(),
        },
        "bulks/files" => client.create_bulk_file().await.expect_err(end),
        "cancel" => client.cancel(&id()).await.expect_err(end),
        ID => client.get_bulk(&bulk_id()).await.expect_err(end),
        _ => panic!("no call ends in {end}"),
    }
}

/// Prism generates the responses from the schema: each seed gives another one.
pub(crate) async fn responses_generated_from_the_schema(relay: &Relay, root: &str, file: File) {
    let client = client(relay, root);
    for seed in 0..40 {
        let preference = format!("dynamic=true, seed={seed}");
        relay.prefer(&[("", &preference)]);
        match client.send(message()).await {
            Ok(sent) => assert_whole(&sent.into_accepted().expect("accepted")),
            // Prism makes up the tags too, and a response with other tags is about another message.
            Err(SendError::Unknown(unknown)) => {
                let error = unknown.error();
                assert_eq!((error.kind(), error.status()), (ErrorKind::Decode, Some(200)));
                assert!(format!("{error:?}").contains("about another message"), "{seed} {error:?}");
            }
            Err(error) => panic!("seed {seed} {error:?}"),
        }
        assert_whole(&client.get(&id()).await.expect("a message"));
        match (client.list(&ListQuery::default()).await, file) {
            (Ok(page), File::Ours) => {
                assert_eq!(page.unreadable, 0, "seed {seed}");
                page.messages.iter().for_each(assert_whole);
            }
            // The vendor's schema lets a list call itself anything, and the client reads lists only.
            (Err(error), File::Vendors) => assert_eq!(error.kind(), ErrorKind::Decode),
            (other, _) => panic!("seed {seed} {other:?}"),
        }
        assert!(client.cancel(&id()).await.is_ok(), "seed {seed}");
        let bulk = client.get_bulk(&bulk_id()).await.expect("a bulk send");
        assert!(bulk.created_at.is_some() && bulk.updated_at.is_some(), "seed {seed} {bulk:?}");
        assert!(!matches!(bulk.status, None | Some(BulkStatus::Other(_))), "seed {seed} {bulk:?}");
        match client.wait_for_delivery(&id(), &one_look(), now()).await.expect("a message") {
            Waited::Final(message) => assert!(message.is_final(now())),
            Waited::TimedOut(message) => assert!(!message.is_final(now())),
        }
        let read = format!("GET {ID}");
        let calls = ["POST messages", &read, "GET messages", "POST cancel", &read, &read];
        assert_clean(relay, &calls);
    }
}

/// Both files name every value that these fields can have, and give all of them here.
#[track_caller]
fn assert_whole(message: &Message) {
    assert!(!matches!(message.status, None | Some(Sent::Other(_))), "{message:?}");
    assert!(!matches!(message.sent_result, None | Some(SentResult::Other(_))), "{message:?}");
    assert!(!matches!(message.result, None | Some(MessageResult::Other(_))), "{message:?}");
    assert!(message.carrier.is_some(), "{message:?}");
    assert!(message.created_at.is_some() && message.updated_at.is_some(), "{message:?}");
}

/// The proof that a complaint is heard: requests as no client of ours makes them.
pub(crate) async fn prism_does_notice(relay: &Relay, root: &str) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    relay.prefer(&[]);
    let head = "authorization: Bearer x\r\nhost: x\r\nconnection: close\r\n";
    let form = "content-type: application/x-www-form-urlencoded\r\ncontent-length: 12\r\n";
    let wrong = [
        (
            format!("POST {root}/{TENANT}/messages HTTP/1.1\r\n{head}{form}\r\nservice_id=1"),
            "required",
        ),
        (format!("GET {root}/{TENANT}/messages?per_page=101 HTTP/1.1\r\n{head}\r\n"), "maximum"),
        (format!("GET {root}/{TENANT}/letters HTTP/1.1\r\n{head}\r\n"), "NO_PATH_MATCHED"),
        (
            format!(
                "GET {root}/{TENANT}/messages HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
            ),
            "401",
        ),
    ];
    for (request, complaint) in wrong {
        let address = relay.url();
        let address = address.trim_start_matches("http://");
        let mut stream = tokio::net::TcpStream::connect(address).await.expect("the relay");
        stream.write_all(request.as_bytes()).await.expect("written");
        stream.read_to_end(&mut Vec::new()).await.expect("a response");
        let complaints = relay.complaints();
        assert!(complaints.len() == 1 && complaints[0].contains(complaint), "{complaints:?}");
    }
    relay.requests();
}
