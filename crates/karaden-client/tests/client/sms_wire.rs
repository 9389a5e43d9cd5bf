//! Requests and responses of the SMS API.

use std::time::Duration;

use crate::{common::{TENANT, TOKEN, assert_clean, full, now, sms_message}, clients::sms_client};
use karaden_client::{ErrorKind, RefusalReason, Rule, SendError, SendOutcome, sms};
use mockito::{Matcher, Server, ServerGuard};

const MESSAGE: &str = r#"{"id":"82bdf9de-a532-4bf5-86bc-c9a1366e5f4a","object":"message",
 "service_id":1,"billing_address_id":1,"to":"09012345678","body":"本文","tags":["tag-1"],
 "is_shorten":false,"is_shorten_clicked":null,"result":"processing","status":"waiting",
 "sent_result":"none","carrier":"checking","charged_count_per_sent":0,"error":null,
 "scheduled_at":null,"limited_at":"2027-01-15T17:04:50+09:00","sent_at":null,
 "received_at":null,"charged_at":null,"created_at":"2027-01-15T17:00:00+09:00",
 "updated_at":"2027-01-15T17:00:00+09:00","later_field":{"a":[1]}}"#;

fn messages() -> String {
    format!("/api/{TENANT}/messages")
}

fn problem(code: &str) -> String {
    format!(r#"{{"object":"error","code":"{code}","message":"だめ","errors":null}}"#)
}

async fn server_with(status: usize, body: &str, hits: usize) -> (ServerGuard, mockito::Mock) {
    let mut server = Server::new_async().await;
    let mock = server
        .mock("POST", messages().as_str())
        .with_status(status)
        .with_body(body)
        .expect(hits)
        .create_async()
        .await;
    (server, mock)
}

#[tokio::test]
async fn send_says_exactly_this() {
    let mut server = Server::new_async().await;
    let mock = server
        .mock("POST", messages().as_str())
        .match_header("authorization", format!("Bearer {TOKEN}").as_str())
        .match_header("karaden-version", "2024-03-01")
        .match_header("content-type", "application/x-www-form-urlencoded")
        .match_header("user-agent", concat!("karaden-client/", env!("CARGO_PKG_VERSION")))
        .match_header("accept-encoding", "identity")
        .match_body(Matcher::Exact(
            "service_id=1&to=09012345678&body=%E8%AA%8D%E8%A8%BC%E3%82%B3%E3%83%BC%E3%83%89+482913\
             &tags%5B%5D=tag-1&tags%5B%5D=login&is_shorten=false\
             &scheduled_at=2027-01-15T17%3A01%3A00%2B09%3A00\
             &limited_at=2027-01-15T17%3A04%3A50%2B09%3A00"
                .to_owned(),
        ))
        .with_body(MESSAGE)
        .expect(1)
        .create_async()
        .await;
    let message = sms_message()
        .with_label("login")
        .and_then(|m| m.with_scheduled_at(now() + Duration::from_secs(60), now()))
        .and_then(|m| m.with_limited_at(now() + Duration::from_millis(290_900), now()))
        .expect("valid")
        .without_short_urls();
    let outcome = sms_client(&server.url()).send(message).await.expect("a response");
    let SendOutcome::Accepted(accepted) = outcome else { panic!("{outcome:?}") };
    assert_eq!(accepted.id.as_str(), "82bdf9de-a532-4bf5-86bc-c9a1366e5f4a");
    assert_eq!(accepted.status, Some(sms::Status::Waiting));
    assert_eq!(accepted.limited_at, Some(now() + Duration::from_secs(290)));
    assert_eq!(accepted.is_shorten_clicked, None);
    assert!(!format!("{accepted:?}").contains("本文"));
    mock.assert_async().await;
}

#[tokio::test]
async fn every_version_is_asked_for_and_its_replies_are_read() {
    use sms::ApiVersion as Version;
    const BASE: &str = r#""object":"message","id":"m-1","result":"done","status":"done""#;
    let newest =
        r#","is_shorten_clicked":true,"error":{"object":"error","code":"validation_error"}"#;
    let rows = [
        (Version::V2023_01_01, "2023-01-01", "", None),
        (Version::V2023_12_01, "2023-12-01", r#","is_shorten_clicked":false"#, Some(false)),
        (Version::V2024_03_01, "2024-03-01", newest, Some(true)),
    ];
    for (version, header, more, clicked) in rows {
        let mut server = Server::new_async().await;
        let mock = server
            .mock("POST", messages().as_str())
            .match_header("karaden-version", header)
            .with_body(format!("{{{BASE}{more}}}"))
            .expect(1)
            .create_async()
            .await;
        let service = sms::ServiceId::new(1).expect("positive");
        let client = sms::Client::builder(TENANT, TOKEN, service)
            .with_base_url(format!("{}/api", server.url()))
            .with_version(version)
            .build()
            .expect("a client");
        let sent = client.send(sms_message()).await.expect("a response").into_accepted();
        let message = sent.expect("accepted");
        assert_eq!(
            (message.status, message.is_shorten_clicked),
            (Some(sms::Status::Done), clicked)
        );
        assert_eq!(message.error.is_some(), version == Version::V2024_03_01);
        mock.assert_async().await;
    }
}

#[test]
fn times_that_karaden_would_refuse_are_refused_locally() {
    const DAY: Duration = Duration::from_secs(86_400);
    let (second, tenth) = (Duration::from_secs(1), Duration::from_millis(100));
    let nine_tenths = 9 * tenth;
    let at = |ahead: Duration| now() + ahead;
    let scheduled = |ahead| {
        sms_message().with_scheduled_at(at(ahead), now()).map_err(|e| (e.field(), e.rule()))
    };
    let limited =
        |ahead| sms_message().with_limited_at(at(ahead), now()).map_err(|e| (e.field(), e.rule()));
    // The fraction is not sent, so it does not count.
    for bad in [Duration::ZERO, tenth, nine_tenths] {
        assert_eq!(scheduled(bad).err(), Some(("scheduled_at", Rule::InFuture)), "{bad:?}");
        assert_eq!(limited(bad).err(), Some(("limited_at", Rule::InFuture)), "{bad:?}");
    }
    for good in [second, 30 * DAY, 30 * DAY + nine_tenths] {
        assert!(scheduled(good).is_ok() && limited(good).is_ok(), "{good:?}");
    }
    let late = scheduled(30 * DAY + second).err();
    assert_eq!(late, Some(("scheduled_at", Rule::Within30Days)));

    let after = Some(("limited_at", Rule::AfterScheduledAt));
    for (limit, expected) in
        [(10 * second, after), (10 * second + nine_tenths, after), (11 * second, None)]
    {
        let one = scheduled(10 * second + tenth).expect("valid");
        let one = one.with_limited_at(at(limit), now()).map_err(|e| (e.field(), e.rule()));
        assert_eq!(one.err(), expected, "{limit:?}");
        let other = limited(limit).expect("valid");
        let other = other.with_scheduled_at(at(10 * second + tenth), now());
        assert_eq!(other.map_err(|e| (e.field(), e.rule())).err(), expected, "{limit:?}");
    }
}

#[tokio::test]
async fn refusals_are_typed_and_give_the_message_back() {
    let rows = [
        (400, "invalid_tenant", RefusalReason::InvalidTenant),
        (400, "invalid_version", RefusalReason::InvalidVersion),
        (401, "unauthentication", RefusalReason::Unauthenticated),
        (403, "forbidden", RefusalReason::Forbidden),
        (404, "model_not_found", RefusalReason::NotFound),
        (422, "validation_error", RefusalReason::Validation(vec![])),
        (418, "teapot", RefusalReason::Other(Some("teapot".to_owned()))),
    ];
    for (status, code, reason) in rows {
        let (server, mock) = server_with(status, &problem(code), 1).await;
        let outcome = sms_client(&server.url()).send(sms_message()).await.expect("a response");
        let SendOutcome::Refused(refusal) = outcome else { panic!("{status} {outcome:?}") };
        assert_eq!(*refusal.reason(), reason);
        assert_eq!(refusal.error().status(), u16::try_from(status).ok());
        assert_eq!(refusal.error().code(), Some(code));
        assert!(refusal.error().is_definitely_not_sent());
        assert_eq!(refusal.into_message().tag().as_str(), "tag-1");
        mock.assert_async().await;
    }
}

#[tokio::test]
async fn validation_names_the_fields_and_hides_the_texts() {
    let body = r#"{"object":"error","code":"validation_error","message":"09012345678 は不正",
        "errors":{"to":["09012345678 は不正"],"limited_at":["x"],"09012345678":["y"]}}"#;
    let (server, _mock) = server_with(422, body, 1).await;
    let outcome = sms_client(&server.url()).send(sms_message()).await.expect("a response");
    assert_clean(&format!("{outcome:?}"));
    let SendOutcome::Refused(refusal) = outcome else { panic!() };
    let fields = vec!["limited_at".to_owned(), "to".to_owned()];
    assert_eq!(*refusal.reason(), RefusalReason::Validation(fields.clone()));
    let error = refusal.into_error();
    assert_eq!(error.fields(), fields);
    assert_eq!(error.expose_server_text(), Some("09012345678 は不正"));
    assert_clean(&full(&error));
}

#[tokio::test]
async fn a_message_that_may_have_been_sent_is_unknown_and_never_repeated() {
    let rows = [
        (200, String::new(), ErrorKind::Decode),
        (200, "<html>OK</html>".to_owned(), ErrorKind::Decode),
        (200, r#"{"object":"message"}"#.to_owned(), ErrorKind::Decode),
        (200, r#"{"object":"message","id":"../admin"}"#.to_owned(), ErrorKind::Decode),
        (200, r#"{"object":"list","id":"abc"}"#.to_owned(), ErrorKind::Decode),
        (201, MESSAGE.to_owned(), ErrorKind::Decode),
        (302, String::new(), ErrorKind::Redirect),
        (400, "<html>".to_owned(), ErrorKind::Refused),
        (403, "<html>blocked</html>".to_owned(), ErrorKind::Forbidden),
        (408, problem("timeout"), ErrorKind::Refused),
        (500, problem("unknown"), ErrorKind::Server),
        (503, "<html>".to_owned(), ErrorKind::Server),
    ];
    for (status, body, kind) in rows {
        let (server, mock) = server_with(status, &body, 1).await;
        let error = sms_client(&server.url()).send(sms_message()).await.expect_err("no response");
        assert!(error.is_outcome_unknown(), "{status} {body}");
        assert!(!error.error().is_retryable());
        assert_eq!(error.error().kind(), kind, "{status} {body}");
        assert_clean(&full(&error));
        mock.assert_async().await;
    }
}

#[tokio::test]
async fn a_429_is_retried_and_then_refused() {
    let (server, mock) = server_with(429, &problem("too_many"), 3).await;
    let outcome = sms_client(&server.url()).send(sms_message()).await.expect("a response");
    let SendOutcome::Refused(refusal) = outcome else { panic!("{outcome:?}") };
    assert_eq!(*refusal.reason(), RefusalReason::RateLimited(None));
    assert!(refusal.error().is_retryable());
    mock.assert_async().await;
}

#[tokio::test]
async fn a_429_that_asks_for_more_than_the_deadline_ends_at_once() {
    let mut server = Server::new_async().await;
    let mock = server
        .mock("POST", messages().as_str())
        .with_status(429)
        .with_header("retry-after", "60")
        .with_body(problem("too_many"))
        .expect(1)
        .create_async()
        .await;
    let outcome = sms_client(&server.url()).send(sms_message()).await.expect("a response");
    let SendOutcome::Refused(refusal) = outcome else { panic!("{outcome:?}") };
    assert_eq!(refusal.retry_after(), Some(Duration::from_secs(60)));
    mock.assert_async().await;
}

#[tokio::test]
async fn without_a_connection_the_message_comes_back() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let error = sms_client(&url).send(sms_message()).await.expect_err("no server");
    assert!(error.error().is_retryable());
    assert_eq!(error.error().kind(), ErrorKind::Connect);
    assert_clean(&full(&error));
    let SendError::NotSent(not_sent) = error else { panic!() };
    assert_eq!(not_sent.into_message().tag().as_str(), "tag-1");
}

#[tokio::test]
async fn reads_are_retried_after_server_errors() {
    let mut server = Server::new_async().await;
    let path = format!("{}/82bdf9de-a532-4bf5-86bc-c9a1366e5f4a", messages());
    let bad = server.mock("GET", path.as_str()).with_status(500).expect(3).create_async().await;
    let id = sms::MessageId::new("82bdf9de-a532-4bf5-86bc-c9a1366e5f4a").expect("an id");
    let error = sms_client(&server.url()).get(&id).await.expect_err("a fault");
    assert_eq!(error.kind(), ErrorKind::Server);
    assert!(!error.is_outcome_unknown() && error.is_retryable());
    bad.assert_async().await;
    bad.remove_async().await;
    let good = server.mock("GET", path.as_str()).with_body(MESSAGE).expect(1).create_async().await;
    assert!(sms_client(&server.url()).get(&id).await.is_ok());
    good.assert_async().await;
}

#[tokio::test]
async fn a_tag_finds_its_message_only() {
    let mut server = Server::new_async().await;
    let list = |more: bool, tag: &str| {
        let message = MESSAGE.replace("tag-1", tag);
        format!(r#"{{"object":"list","has_more":{more},"data":[{message}]}}"#)
    };
    let path = format!("{}?tag=tag-1&page=1&per_page=100", messages());
    let client = sms_client(&server.url());
    let tag = sms::Tag::new("tag-1").expect("a tag");
    for (body, expected) in [
        (list(false, "tag-1"), Ok(true)),
        (list(true, "tag-1"), Ok(true)),
        // The filter was ignored, so absence is not shown.
        (list(false, "tag-2"), Err(ErrorKind::Decode)),
        (list(true, "tag-2"), Err(ErrorKind::Decode)),
        (r#"{"object":"list","has_more":false,"data":[]}"#.to_owned(), Ok(false)),
    ] {
        let mock = server.mock("GET", path.as_str()).with_body(&body).create_async().await;
        let found = client.find_by_tag(&tag).await.map(|m| m.is_some()).map_err(|e| e.kind());
        assert_eq!(found, expected, "{body}");
        mock.remove_async().await;
    }
}
