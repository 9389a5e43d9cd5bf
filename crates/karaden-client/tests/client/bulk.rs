//! Bulk sending on the wire.

use std::time::Duration;

use karaden_client::{ErrorKind, PollPolicy, RetryPolicy, SendError, Waited, sms::{ApiVersion, BulkId, BulkResolution, BulkSendOutcome, BulkStatus, Client, ServiceId}, transport::{Exchange, Request, ScriptedTransport, TransportErrorKind}};
use mockito::{Matcher, Server};

use crate::{common::{TENANT, TOKEN, assert_clean, full, options}, clients::sms_client};

const CSV: &str = "1,09012345678,認証コード 482913\r\n";

fn id() -> BulkId {
    BulkId::new("b-1").expect("an id")
}

fn scripted(script: &ScriptedTransport) -> Client {
    Client::builder(TENANT, TOKEN, ServiceId::new(1).expect("positive"))
        .with_options(options().with_retry(RetryPolicy::once()))
        .with_transport(script.clone())
        .build()
        .expect("a client")
}

fn bulk(status: &str) -> Exchange {
    let body = format!(
        r#"{{"object":"bulk_message","id":"b-1","status":"{status}",
            "error":{{"object":"error","code":"bad_csv","errors":{{"to":["09012345678"]}}}}}}"#
    );
    Exchange::reply(200, body)
}

fn file(url: &str) -> Exchange {
    let body = format!(
        r#"{{"object":"bulk_file","id":"f-1","url":"{url}","created_at":"2027-01-15T17:00:00+09:00",
            "expires_at":"2027-01-15T17:15:00+09:00"}}"#
    );
    Exchange::reply(200, body)
}

#[tokio::test]
async fn the_whole_round_without_credentials_at_the_storage() {
    let mut server = Server::new_async().await;
    let base = format!("/api/{TENANT}/messages/bulks");
    let signed = format!("{}/store/f-1?sig=SECRET%2Fsig", server.url());
    let create = server
        .mock("POST", format!("{base}/files").as_str())
        .with_body(format!(
            r#"{{"object":"bulk_file","id":"f-1","url":"{signed}",
                "expires_at":"2027-01-15T17:15:00+09:00"}}"#
        ))
        .create_async()
        .await;
    let put = server
        .mock("PUT", "/store/f-1")
        .match_query(Matcher::Exact("sig=SECRET%2Fsig".to_owned()))
        .match_header("content-type", "text/csv")
        .match_header("authorization", Matcher::Missing)
        .match_header("karaden-version", Matcher::Missing)
        .match_body(CSV)
        .create_async()
        .await;
    let start = server
        .mock("POST", base.as_str())
        .match_body("bulk_file_id=f-1")
        .with_body(r#"{"object":"bulk_message","id":"b-1","status":"waiting"}"#)
        .create_async()
        .await;
    let show = server
        .mock("GET", format!("{base}/b-1").as_str())
        .with_body(r#"{"object":"bulk_message","id":"b-1","status":"done","error":null}"#)
        .expect(2)
        .create_async()
        .await;
    let result = server
        .mock("GET", format!("{base}/b-1/messages").as_str())
        .with_status(302)
        .with_header("location", "/store/r-1?sig=SECRET")
        .create_async()
        .await;
    let download = server
        .mock("GET", "/store/r-1?sig=SECRET")
        .match_header("authorization", Matcher::Missing)
        .with_header("content-disposition", r#"attachment;filename="messages_bulk-1.json""#)
        .with_body(
            r#"[{"object":"message","id":"m-1","to":"09012345678"},
                {"object":"message","status":"processing_error",
                 "error":{"object":"error","code":"validation_error","errors":{"to":["x"]}}}]"#,
        )
        .create_async()
        .await;

    let client = sms_client(&server.url());
    let file = client.create_bulk_file().await.expect("an address");
    assert!(!format!("{file:?}").contains("SECRET"));
    let uploaded = client.upload_bulk(file, CSV).await.expect("uploaded");
    let started = client.start_bulk(uploaded).await.expect("a response");
    let BulkSendOutcome::Accepted(started) = started else { panic!("{started:?}") };
    let done = client.wait_for_bulk(&started.id, &PollPolicy::bulk()).await.expect("read");
    let Waited::Final(done) = done else { panic!("{done:?}") };
    assert_eq!(done.status, Some(BulkStatus::Done));
    let file = client.download_bulk(&done.id, &PollPolicy::bulk()).await.expect("the file");
    assert_eq!(
        file.file_name().map(karaden_client::sms::FileName::as_str),
        Some("messages_bulk-1.json")
    );
    assert_clean(&format!("{file:?}"));
    let rows = file.rows().expect("rows");
    assert_eq!(rows[0].message.as_ref().map(|m| m.id.as_str()), Some("m-1"));
    let error = rows[1].error.as_ref().expect("a failed row");
    assert_eq!(
        (error.code.as_deref(), error.fields.as_slice()),
        (Some("validation_error"), &["to".to_owned()][..])
    );
    for mock in [create, put, start, show, result, download] {
        mock.assert_async().await;
    }
}

#[tokio::test]
async fn an_unsafe_upload_address_is_refused() {
    // The base URL is no loopback one: then an address on this machine is a choice of the server.
    for url in [
        "http://storage.example/x",
        "http://127.0.0.1:9/x",
        "http://[::1]:9/x",
        "http://localhost:9/x",
        "https://127.0.0.1:9/x",
        "https://localhost:9/x",
        "https://10.0.0.1/x",
        "https://169.254.169.254/x",
        "https://[fd00::1]/x",
        "file:///etc/passwd",
        "nonsense",
        "",
    ] {
        let script = ScriptedTransport::new([file(url)]);
        let error = scripted(&script).create_bulk_file().await.expect_err(url);
        assert_eq!(error.kind(), ErrorKind::Decode, "{url}");
    }
}

#[tokio::test]
async fn an_expired_address_is_an_error_without_its_signature() {
    let script = ScriptedTransport::new([
        file("https://storage.example/x?sig=SECRET"),
        Exchange::reply(403, "<Error>expired SECRET</Error>"),
    ]);
    let client = scripted(&script);
    let file = client.create_bulk_file().await.expect("an address");
    let error = client.upload_bulk(file, CSV).await.expect_err("expired");
    assert_eq!((error.kind(), error.is_definitely_not_sent()), (ErrorKind::Forbidden, true));
    assert!(!full(&error).contains("SECRET"), "{}", full(&error));
}

#[tokio::test]
async fn an_unknown_start_is_resolved_by_starting_the_same_file_again() {
    let rows = [
        (bulk("waiting"), "Started"),
        (Exchange::reply(409, ""), "AlreadyStarted"),
        (
            Exchange::reply(
                422,
                r#"{"object":"error","code":"validation_error","errors":{"bulk_file_id":["x"]}}"#,
            ),
            "Refused",
        ),
        (
            Exchange::reply(
                409,
                r#"{"object":"error","code":"validation_error","errors":{"bulk_file_id":["x"]}}"#,
            ),
            "AlreadyStarted",
        ),
        (
            Exchange::reply(
                500,
                r#"{"object":"error","code":"validation_error","errors":{"bulk_file_id":["x"]}}"#,
            ),
            "Unknown",
        ),
        // A refusal that is about the account, or not about this file, proves nothing about the first start.
        (
            Exchange::reply(
                422,
                r#"{"object":"error","code":"validation_error","errors":{"service_id":["x"]}}"#,
            ),
            "Unknown",
        ),
        (Exchange::reply(422, r#"{"object":"error","code":"validation_error"}"#), "Unknown"),
        (Exchange::reply(401, r#"{"object":"error","code":"unauthentication"}"#), "Unknown"),
        (Exchange::reply(403, r#"{"object":"error","code":"forbidden"}"#), "Unknown"),
        (Exchange::reply(400, r#"{"object":"error","code":"invalid_tenant"}"#), "Unknown"),
        (Exchange::reply(404, r#"{"object":"error","code":"model_not_found"}"#), "Unknown"),
        (Exchange::reply(400, r#"{"object":"error","code":"some_other"}"#), "Unknown"),
        (Exchange::fail(TransportErrorKind::Interrupted), "Unknown"),
        (Exchange::reply(500, ""), "Unknown"),
    ];
    for (response, expected) in rows {
        let script = ScriptedTransport::new([
            file("https://storage.example/x"),
            Exchange::reply(200, ""),
            Exchange::fail(TransportErrorKind::Interrupted),
            response,
        ]);
        let client = scripted(&script);
        let file = client.create_bulk_file().await.expect("an address");
        let uploaded = client.upload_bulk(file, CSV).await.expect("uploaded");
        let Err(SendError::Unknown(unknown)) = client.start_bulk(uploaded).await else { panic!() };
        let found = match unknown.resolve(&client).await {
            BulkResolution::Started(_) => "Started",
            BulkResolution::AlreadyStarted => "AlreadyStarted",
            BulkResolution::Refused(_) => "Refused",
            BulkResolution::Unknown(_) => "Unknown",
        };
        assert_eq!(found, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn the_result_is_not_requested_before_the_bulk_send_is_done() {
    let script = ScriptedTransport::new([bulk("processing")]);
    let error =
        scripted(&script).download_bulk(&id(), &PollPolicy::bulk()).await.expect_err("not done");
    assert_eq!(error.kind(), ErrorKind::GaveUp);
    let script = ScriptedTransport::new([bulk("error")]);
    let error =
        scripted(&script).download_bulk(&id(), &PollPolicy::bulk()).await.expect_err("failed");
    assert_eq!((error.kind(), error.code()), (ErrorKind::BulkFailed, Some("bad_csv")));
    assert_eq!(script.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_endless_202_ends() {
    let script = ScriptedTransport::new([bulk("done")]);
    script.extend((0..200).map(|_| Exchange::reply(202, "")));
    let began = tokio::time::Instant::now();
    let error =
        scripted(&script).download_bulk(&id(), &PollPolicy::bulk()).await.expect_err("never");
    assert_eq!(error.kind(), ErrorKind::GaveUp);
    assert!(began.elapsed() <= Duration::from_secs(1800));
    assert!(script.requests().len() > 80);
}

#[tokio::test]
async fn an_unsafe_location_is_not_followed() {
    for location in [
        "http://evil.example/x",
        "http://127.0.0.1:9/x",
        "http://localhost:9/x",
        "https://localhost:9/x",
        "https://10.0.0.1/x",
        "https://169.254.169.254/x",
        "//[::1]/x",
        "file:///etc/passwd",
        "ftp://a.example/",
    ] {
        let script = ScriptedTransport::new([
            bulk("done"),
            Exchange::reply(302, "").with_header("location", location),
        ]);
        let error = scripted(&script)
            .download_bulk(&id(), &PollPolicy::bulk())
            .await
            .expect_err("not safe");
        assert_eq!((error.kind(), script.requests().len()), (ErrorKind::Decode, 2), "{location}");
    }
}

#[tokio::test]
async fn a_host_that_a_response_chose_may_be_reached_at_public_addresses_only() {
    for (location, only_public) in [("https://storage.example/x", true), ("/x", false)] {
        let script = ScriptedTransport::new([
            file(if only_public { location } else { "https://prg.karaden.jp/x" }),
            Exchange::reply(200, ""),
            bulk("done"),
            Exchange::reply(302, "").with_header("location", location),
            Exchange::reply(200, "[]"),
        ]);
        let client = scripted(&script);
        let file = client.create_bulk_file().await.expect("an address");
        client.upload_bulk(file, CSV).await.expect("uploaded");
        client.download_bulk(&id(), &PollPolicy::bulk()).await.expect("the file");
        let asked: Vec<bool> =
            script.requests().iter().map(Request::only_public_addresses).collect();
        assert_eq!(asked, [false, only_public, false, false, only_public], "{location}");
    }
}

#[tokio::test]
async fn only_listed_storage_hosts_are_followed() {
    for (host, is_followed) in [("storage.example", true), ("other.example", false)] {
        let script = ScriptedTransport::new([file(&format!("https://{host}/x"))]);
        let options = options().with_retry(RetryPolicy::once()).with_storage_hosts(["storage.example"]);
        let client = Client::builder(TENANT, TOKEN, ServiceId::new(1).expect("positive"))
            .with_options(options)
            .with_transport(script)
            .build()
            .expect("a client");
        assert_eq!(client.create_bulk_file().await.is_ok(), is_followed, "{host}");
    }
}

#[tokio::test]
async fn older_versions_have_no_bulk() {
    let script = ScriptedTransport::default();
    let client = Client::builder(TENANT, TOKEN, ServiceId::new(1).expect("positive"))
        .with_version(ApiVersion::V2023_12_01)
        .with_transport(script.clone())
        .build()
        .expect("a client");
    let error = client.create_bulk_file().await.expect_err("too old");
    assert_eq!(error.invalid().map(karaden_client::Invalid::field), Some("Karaden-Version"));
    assert!(script.requests().is_empty());
}

#[tokio::test]
async fn a_response_about_another_bulk_send_is_refused() {
    let script = ScriptedTransport::new([bulk("done"), bulk("done")]);
    let client = scripted(&script);
    assert_eq!(client.get_bulk(&id()).await.expect("ours").id, id());
    let other = BulkId::new("b-2").expect("an id");
    let error = client.get_bulk(&other).await.expect_err("another");
    assert_eq!(error.kind(), ErrorKind::Decode, "{error:?}");
}
