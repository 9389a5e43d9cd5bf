//! Requests and responses of listing and cancelling.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use karaden_client::{Error, ErrorKind, RefusalReason, sms::{ListQuery, MessageId, MessageResult, SentResult, ServiceId, Status}};
use mockito::{Matcher, Mock, Server, ServerGuard};

use crate::{common::{TENANT, now, number}, clients::sms_client};

fn messages() -> String {
    format!("/api/{TENANT}/messages")
}

fn list(ids: &[u32], has_more: bool) -> String {
    let data: Vec<_> =
        ids.iter().map(|id| format!(r#"{{"object":"message","id":"m-{id}"}}"#)).collect();
    format!(r#"{{"object":"list","has_more":{has_more},"data":[{}]}}"#, data.join(","))
}

async fn page(server: &mut ServerGuard, number: u32, body: &str) -> Mock {
    server
        .mock("GET", messages().as_str())
        .match_query(Matcher::UrlEncoded("page".to_owned(), number.to_string()))
        .with_body(body)
        .expect(1)
        .create_async()
        .await
}

async fn ids(server: &ServerGuard) -> (Vec<String>, Option<ErrorKind>) {
    let mut stream = sms_client(&server.url()).list_all(ListQuery::default());
    let mut ids = Vec::new();
    loop {
        match stream.try_next().await {
            Ok(Some(message)) => ids.push(message.id.to_string()),
            Ok(None) => return (ids, None),
            Err(error) => return (ids, Some(error.kind())),
        }
    }
}

#[tokio::test]
async fn every_condition_goes_into_the_query() {
    let mut server = Server::new_async().await;
    let mock = server
        .mock("GET", messages().as_str())
        .match_query(Matcher::Exact(
            "service_id=3&to=09012345678&status=canceled&result=done\
             &sent_result=unconnected&tag=a%2Bb&start_at=2027-01-15T17%3A00%3A00%2B09%3A00\
             &end_at=2027-01-15T17%3A01%3A00%2B09%3A00&page=2&per_page=100"
                .to_owned(),
        ))
        .with_body(list(&[], false))
        .expect(1)
        .create_async()
        .await;
    let query = ListQuery::default()
        .with_service_id(ServiceId::new(3).expect("positive"))
        .with_to(number())
        .with_status(Status::Canceled)
        .with_result(MessageResult::Done)
        .with_sent_result(SentResult::Unconnected)
        .with_tag("a+b")
        .with_start_at(now())
        .with_end_at(now() + Duration::from_secs(60))
        .with_page(2)
        .with_per_page(500);
    let page = sms_client(&server.url()).list(&query).await.expect("a page");
    assert!(page.messages.is_empty() && !page.has_more);
    mock.assert_async().await;
}

#[tokio::test]
async fn a_status_without_a_filter_is_refused_locally() {
    let mut server = Server::new_async().await;
    let mock = server.mock("GET", Matcher::Any).expect(0).create_async().await;
    let client = sms_client(&server.url());
    let query = ListQuery::default().with_status(Status::ProcessingError);
    let error = client.list(&query).await.expect_err("not a filter");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(error.invalid().map(karaden_client::Invalid::field), Some("status"));
    let error = client.list_all(query).try_next().await.expect_err("not a filter");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    mock.assert_async().await;
}

#[tokio::test]
async fn codes_that_are_empty_are_absent() {
    let mut server = Server::new_async().await;
    let body = r#"{"object":"message","id":"m-1","status":"","result":" ","sent_result":"",
        "carrier":""}"#;
    let _mock = server.mock("GET", Matcher::Any).with_body(body).create_async().await;
    let id = MessageId::new("m-1").expect("an id");
    let message = sms_client(&server.url()).get(&id).await.expect("a message");
    assert_eq!((message.status, message.result), (None, None));
    assert_eq!((message.sent_result, message.carrier), (None, None));
}

#[tokio::test]
async fn the_stream_reads_page_by_page_and_drops_what_comes_twice() {
    let mut server = Server::new_async().await;
    let mocks = [
        page(&mut server, 1, &list(&[1, 2, 3], true)).await,
        // A message arrived meanwhile and shifted the pages.
        page(&mut server, 2, &list(&[3, 4], true)).await,
        page(&mut server, 3, &list(&[5], false)).await,
    ];
    assert_eq!(
        ids(&server).await,
        (["m-1", "m-2", "m-3", "m-4", "m-5"].map(String::from).to_vec(), None)
    );
    for mock in mocks {
        mock.assert_async().await;
    }
}

#[tokio::test]
async fn pages_that_were_pushed_back_whole_do_not_end_the_stream() {
    let mut server = Server::new_async().await;
    let _pages = [
        page(&mut server, 1, &list(&[1, 2], true)).await,
        // So many messages arrived meanwhile that two pages repeat known ones.
        page(&mut server, 2, &list(&[1, 2], true)).await,
        page(&mut server, 3, &list(&[2, 1], true)).await,
        page(&mut server, 4, &list(&[3], false)).await,
    ];
    assert_eq!(ids(&server).await, (["m-1", "m-2", "m-3"].map(String::from).to_vec(), None));
}

#[tokio::test]
async fn a_list_that_never_ends_ends() {
    let mut server = Server::new_async().await;
    let again = server
        .mock("GET", Matcher::Any)
        .with_body(list(&[1], true))
        .expect(101)
        .create_async()
        .await;
    assert_eq!(ids(&server).await, (vec!["m-1".to_owned()], Some(ErrorKind::Decode)));
    again.assert_async().await;
}

#[tokio::test]
async fn the_stream_ends_after_an_error() {
    let mut server = Server::new_async().await;
    let _first = page(&mut server, 1, &list(&[1], true)).await;
    let broken = "<html>";
    let _second = page(&mut server, 2, broken).await;
    let client = sms_client(&server.url());
    let mut stream = client.list_all(ListQuery::default());
    assert!(stream.try_next().await.expect("the first").is_some());
    assert_eq!(stream.try_next().await.expect_err("broken").kind(), ErrorKind::Decode);
    assert!(stream.try_next().await.expect("the end").is_none());
}

#[tokio::test]
async fn elements_without_an_id_are_counted_and_left_out() {
    let mut server = Server::new_async().await;
    let body = r#"{"object":"list","has_more":false,"data":[{"object":"message"},
        {"object":"message","id":"m-1","carrier":"povo","tags":null,"is_shorten":"true"}]}"#;
    let _mock = page(&mut server, 1, body).await;
    let page = sms_client(&server.url()).list(&ListQuery::default()).await.expect("a page");
    assert_eq!(page.unreadable, 1);
    let message = &page.messages[0];
    assert_eq!(message.carrier.as_ref().map(karaden_client::sms::Carrier::as_str), Some("povo"));
    assert_eq!(message.is_shorten, Some(true));
}

async fn cancel_responses(status: usize, body: &str) -> (ServerGuard, Mock) {
    let mut server = Server::new_async().await;
    let mock = server
        .mock("POST", format!("{}/m-1/cancel", messages()).as_str())
        .match_header("content-length", "0")
        .with_status(status)
        .with_body(body)
        .expect(1)
        .create_async()
        .await;
    (server, mock)
}

#[tokio::test]
async fn cancel_returns_the_message() {
    let body = r#"{"object":"message","id":"m-1","status":"canceled"}"#;
    let (server, mock) = cancel_responses(200, body).await;
    let id = MessageId::new("m-1").expect("an id");
    let message = sms_client(&server.url()).cancel(&id).await.expect("cancelled");
    assert_eq!(message.status, Some(Status::Canceled));
    assert!(message.is_final(now()));
    mock.assert_async().await;
}

#[tokio::test]
async fn too_late_to_cancel_is_a_refusal() {
    let body = r#"{"object":"error","code":"can_not_cancel_message","message":"だめ"}"#;
    let (server, mock) = cancel_responses(400, body).await;
    let id = MessageId::new("m-1").expect("an id");
    let error = sms_client(&server.url()).cancel(&id).await.expect_err("too late");
    assert_eq!(error.refusal(), Some(&RefusalReason::NotCancellable));
    assert_eq!(error.operation(), Some(("sms", "cancel")));
    mock.assert_async().await;
}

#[tokio::test]
async fn a_second_cancel_of_a_cancelled_message_succeeds() {
    let refusal = r#"{"object":"error","code":"can_not_cancel_message","message":"だめ"}"#;
    let id = MessageId::new("m-1").expect("an id");
    for (status, cancelled) in [("canceled", true), ("done", false)] {
        let (mut server, mock) = cancel_responses(400, refusal).await;
        let read = server
            .mock("GET", format!("{}/m-1", messages()).as_str())
            .with_body(format!(r#"{{"object":"message","id":"m-1","status":"{status}"}}"#))
            .expect(1)
            .create_async()
            .await;
        let result = sms_client(&server.url()).cancel(&id).await;
        assert_eq!(result.is_ok(), cancelled, "{result:?}");
        let not_cancellable =
            |error: &Error| error.refusal() == Some(&RefusalReason::NotCancellable);
        assert!(result.err().is_none_or(|error| not_cancellable(&error)));
        mock.assert_async().await;
        read.assert_async().await;
    }
}

#[tokio::test]
async fn a_response_about_another_message_is_refused() {
    let mut server = Server::new_async().await;
    let id = MessageId::new("m-1").expect("an id");
    let other = r#"{"object":"message","id":"m-2","status":"canceled","sent_result":"received"}"#;
    let _read = server
        .mock("GET", format!("{}/m-1", messages()).as_str())
        .with_body(other)
        .create_async()
        .await;
    let _cancel = server
        .mock("POST", format!("{}/m-1/cancel", messages()).as_str())
        .with_body(other)
        .create_async()
        .await;
    let client = sms_client(&server.url());
    assert_eq!(client.get(&id).await.expect_err("another id").kind(), ErrorKind::Decode);
    let error = client.cancel(&id).await.expect_err("another id");
    assert!(error.is_outcome_unknown(), "{error:?}");
    // The spelling of the id may differ.
    let mut server = Server::new_async().await;
    let _read = server
        .mock("GET", format!("{}/m-1", messages()).as_str())
        .with_body(r#"{"object":"message","id":"M-1"}"#)
        .create_async()
        .await;
    assert!(sms_client(&server.url()).get(&id).await.is_ok());
}

#[tokio::test]
async fn a_lost_response_to_cancel_is_settled_by_reading_the_message() {
    let id = MessageId::new("m-1").expect("an id");
    for (status, cancelled) in [("canceled", true), ("waiting", false)] {
        let (mut server, mock) = cancel_responses(502, "").await;
        let read = server
            .mock("GET", format!("{}/m-1", messages()).as_str())
            .with_body(format!(r#"{{"object":"message","id":"m-1","status":"{status}"}}"#))
            .expect(1)
            .create_async()
            .await;
        let result = sms_client(&server.url()).cancel(&id).await;
        assert_eq!(result.is_ok(), cancelled);
        assert!(result.err().is_none_or(|error| error.is_outcome_unknown()));
        mock.assert_async().await;
        read.assert_async().await;
    }
}
