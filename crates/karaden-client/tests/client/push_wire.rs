//! Requests and responses of 空電プッシュ.

use crate::{common::{SECURITY_CODE, TOKEN, assert_clean, contract, full, now, number, push_message}, clients::push_client};
use karaden_client::{ErrorKind, RefusalReason, Rule, SendOutcome, push, transport::{Exchange, ScriptedTransport}};
use mockito::{Matcher, Server, ServerGuard};

async fn server_with(status: usize, body: &str, hits: usize) -> (ServerGuard, mockito::Mock) {
    let mut server = Server::new_async().await;
    let mock = server
        .mock("POST", "/v2/karadenqueue.json")
        .with_status(status)
        .with_body(body)
        .expect(hits)
        .create_async()
        .await;
    (server, mock)
}

fn pair(name: &str, value: &str) -> Matcher {
    Matcher::UrlEncoded(name.to_owned(), value.to_owned())
}

#[tokio::test]
async fn send_fills_every_carrier_and_the_credentials() {
    let mut server = Server::new_async().await;
    let mock = server
        .mock("POST", "/v2/karadenqueue.json")
        .match_header("content-type", "application/x-www-form-urlencoded")
        .match_body(Matcher::AllOf(vec![
            pair("Token", TOKEN),
            pair("SecurityCode", SECURITY_CODE),
            pair("To", "09012345678"),
            pair("DocomoMessage", "本文&+%"),
            pair("SoftbankMessage", "本文&+%"),
            pair("AuMessage", "短文"),
            pair("OptionMessage", "本文&+%"),
            pair("RakutenMessage", "本文&+%"),
            pair("ShorturlFlg", "0"),
            pair("PermitDate", "20270115"),
            pair("TrackingCode", "12345678"),
            pair("format", "json"),
        ]))
        .with_body(r#"{"messageId":"m01ABC","status":"100"}"#)
        .expect(1)
        .create_async()
        .await;
    let texts = push::CarrierTexts::same("本文&+%").with_au("短文").with_rakuten_field();
    let message = push::NewMessage::per_carrier(number(), texts)
        .expect("valid")
        .with_tracking_code(push::TrackingCode::new("12345678").expect("a code"))
        .without_short_urls()
        .and_then(|message| message.with_permit_date(now(), now()))
        .expect("a single text, not in the future");
    let outcome = push_client(&server.url()).send(message).await.expect("a response");
    let SendOutcome::Accepted(accepted) = outcome else { panic!("{outcome:?}") };
    assert_eq!(accepted.message_id.as_str(), "m01ABC");
    mock.assert_async().await;
}

#[tokio::test]
async fn a_long_text_goes_in_numbered_parts() {
    let mut server = Server::new_async().await;
    let (first, second) = ("あ".repeat(70), "い".repeat(5));
    let mock = server
        .mock("POST", "/v2/sepakaradenqueue.json")
        .match_body(Matcher::AllOf(vec![pair("message1", &first), pair("message2", &second)]))
        .with_body(r#"{"messageId":7,"status":100}"#)
        .expect(1)
        .create_async()
        .await;
    let message = push::NewMessage::long(number(), format!("{first}{second}")).expect("valid");
    assert_eq!(message.parts(), 2);
    let outcome = push_client(&server.url()).send(message).await.expect("a response");
    let accepted = outcome.into_accepted().expect("accepted");
    assert_eq!((accepted.message_id.as_str(), accepted.parts), ("7", 2));
    mock.assert_async().await;
}

#[tokio::test]
async fn a_text_is_sent_in_the_fields_of_the_client() {
    use push::CarrierField as Field;
    let all = ["DocomoMessage", "SoftbankMessage", "AuMessage", "OptionMessage", "RakutenMessage"];
    let every = [Field::Rakuten, Field::Option, Field::Au, Field::Softbank, Field::Docomo];
    let same = || push::CarrierTexts::same("本文");
    let three = [all[0], all[1], all[4]];
    for (fields, texts, expected) in [
        (None, same(), &all[..4]),
        (None, same().with_rakuten("本文"), &all[..]),
        (Some(&every[..]), same(), &all[..]),
        (Some(&every[2..]), same(), &all[..3]),
        (Some(&every[3..]), same().with_rakuten_field(), &three[..]),
    ] {
        let script =
            ScriptedTransport::new([Exchange::reply(200, r#"{"status":"100","messageId":"1"}"#)]);
        let mut builder = push::Client::builder(contract("https://karaden.example/v2"))
            .with_transport(script.clone());
        if let Some(fields) = fields {
            builder = builder.with_carrier_fields(fields.iter().copied());
        }
        let message = push::NewMessage::per_carrier(number(), texts).expect("valid");
        let client = builder.build().expect("a client");
        client.send(message).await.expect("a response").into_accepted().expect("accepted");
        let sent: Vec<_> = url::form_urlencoded::parse(script.requests()[0].body())
            .filter(|(name, _)| name.ends_with("Message"))
            .map(|(name, text)| {
                assert_eq!(text, "本文");
                name.into_owned()
            })
            .collect();
        assert_eq!(sent, expected);
    }
    let none = push::Client::builder(contract("https://karaden.example/v2"))
        .with_carrier_fields([])
        .build();
    assert_eq!(none.expect_err("no fields").kind(), ErrorKind::Config);
}

#[tokio::test]
async fn a_refused_text_or_code_comes_with_a_hint() {
    for (status, hint) in [
        ("301", Some("with_carrier_fields")),
        ("205", Some("without_tracking_code")),
        ("202", None),
    ] {
        let (server, _mock) = server_with(200, &format!(r#"{{"status":"{status}"}}"#), 1).await;
        let outcome = push_client(&server.url()).send(push_message()).await.expect("a response");
        let SendOutcome::Refused(refusal) = outcome else { panic!("{outcome:?}") };
        assert_eq!(refusal.reason().hint().is_some(), hint.is_some());
        let shown = full(refusal.error());
        assert_eq!(hint.is_some_and(|hint| shown.contains(hint)), hint.is_some(), "{shown}");
    }
}

#[test]
fn parameters_of_single_texts_are_refused_for_long_ones() {
    let long = || push::NewMessage::long(number(), "本文").expect("valid");
    for (refused, field) in [
        (long().with_short_urls(), "ShorturlFlg"),
        (long().without_short_urls(), "ShorturlFlg"),
        (long().with_permit_date(now(), now()), "PermitDate"),
    ] {
        let invalid = refused.expect_err("no such parameter");
        assert_eq!((invalid.field(), invalid.rule()), (field, Rule::SingleTextOnly));
    }
}

#[test]
fn a_random_code_has_the_form_that_is_known() {
    for _ in 0..1000 {
        let code = push::TrackingCode::random();
        assert!(code.is_unique() && code.as_str().len() == 8, "{code:?}");
        assert!(code.as_str().bytes().all(|digit| digit.is_ascii_digit()), "{code:?}");
    }
}

#[tokio::test]
async fn a_response_that_is_not_json_is_shown_only_on_request() {
    let page =
        "<html><h1>502 Bad Gateway</h1> To=09012345678 Token=tok-SECRET-7f3a-and-more</html>";
    for (http, kind) in [(502, ErrorKind::Server), (200, ErrorKind::Decode)] {
        let (server, _mock) = server_with(http, page, 1).await;
        let error = push_client(&server.url()).send(push_message()).await.expect_err("no response");
        assert_eq!(error.error().kind(), kind);
        assert_clean(&full(&error));
        assert!(!full(&error).contains("Gateway"), "{}", full(&error));
        let excerpt = error.error().expose_server_text().expect("an excerpt");
        assert!(excerpt.contains("Bad Gateway"), "{excerpt}");
        assert_clean(excerpt);
    }
}

#[tokio::test]
async fn refusals_are_typed() {
    let rows = [
        (200, "\"201\"", RefusalReason::Unauthenticated),
        (200, "202", RefusalReason::InvalidNumber),
        (200, "\" 203 \"", RefusalReason::Restricted),
        (200, "205", RefusalReason::InvalidTrackingCode),
        (200, "209", RefusalReason::SplitNotEnabled),
        (200, "301", RefusalReason::InvalidText),
        // The code counts under every HTTP status that is not a server error.
        (400, "\"202\"", RefusalReason::InvalidNumber),
        (401, "201", RefusalReason::Unauthenticated),
        (403, "203", RefusalReason::Restricted),
    ];
    for (http, status, reason) in rows {
        let (server, mock) = server_with(http, &format!(r#"{{"status":{status}}}"#), 1).await;
        let outcome = push_client(&server.url()).send(push_message()).await.expect("a response");
        let SendOutcome::Refused(refusal) = outcome else { panic!("{outcome:?}") };
        assert_eq!(*refusal.reason(), reason);
        mock.assert_async().await;
    }
}

#[tokio::test]
async fn a_message_that_may_have_been_sent_is_unknown_and_never_repeated() {
    let rows = [
        (200, r#"{"status":"100"}"#, ErrorKind::Decode),
        (200, r#"{"status":"100","messageId":""}"#, ErrorKind::Decode),
        (200, r#"{"status":"999"}"#, ErrorKind::Server),
        (200, r#"{"status":"500"}"#, ErrorKind::Decode),
        (200, r#"{"status":"202","messageId":"m1"}"#, ErrorKind::Decode),
        (200, r#"{"status":200}"#, ErrorKind::Decode),
        (200, r#"{"status":400}"#, ErrorKind::Decode),
        // The codes between the documented ones have unknown meanings.
        (200, r#"{"status":"204"}"#, ErrorKind::Decode),
        (200, r#"{"status":"207"}"#, ErrorKind::Decode),
        (200, r#"{"status":208}"#, ErrorKind::Decode),
        (200, r#"{"status":"302"}"#, ErrorKind::Decode),
        (200, r#"{"status":399}"#, ErrorKind::Decode),
        // A refusal under a server error may come from a proxy.
        (500, r#"{"status":301}"#, ErrorKind::Refused),
        (502, r#"{"status":"201"}"#, ErrorKind::Unauthenticated),
        (408, r#"{"status":"202"}"#, ErrorKind::Refused),
        (302, r#"{"status":"202"}"#, ErrorKind::Refused),
        (201, r#"{"status":"202"}"#, ErrorKind::Refused),
        (401, r#"{"status":"201","messageId":"m1"}"#, ErrorKind::Decode),
        // A success under a server error is neither a success nor a failure.
        (502, r#"{"status":"100","messageId":"m1"}"#, ErrorKind::Server),
        (201, r#"{"status":"100","messageId":"m1"}"#, ErrorKind::Decode),
        (401, r#"{"status":"100","messageId":"m1"}"#, ErrorKind::Unauthenticated),
        (404, r#"{"status":100}"#, ErrorKind::NotFound),
        (429, r#"{"status":"100","messageId":"m1"}"#, ErrorKind::RateLimited),
        // For codes that are not Karaden's the HTTP status decides.
        (502, r#"{"status":502}"#, ErrorKind::Server),
        (400, r#"{"status":"400"}"#, ErrorKind::Refused),
        (500, r#"{"status":"999"}"#, ErrorKind::Server),
        (200, r#"{"status":""}"#, ErrorKind::Decode),
        (200, "", ErrorKind::Decode),
        (200, "<html>", ErrorKind::Decode),
        (503, "<html>", ErrorKind::Server),
        (307, "", ErrorKind::Redirect),
    ];
    for (http, body, kind) in rows {
        let (server, mock) = server_with(http, body, 1).await;
        let error = push_client(&server.url()).send(push_message()).await.expect_err("unknown");
        assert!(error.is_outcome_unknown(), "{http} {body}");
        assert_eq!(error.error().kind(), kind, "{http} {body}");
        assert_clean(&full(&error));
        mock.assert_async().await;
    }
}

#[tokio::test]
async fn an_inquiry_reads_codes_as_strings_or_numbers() {
    let bodies = [
        r#"{"auMessage":"本文","carrier":"2","click":"0","docomoMessage":"本文","messagestatus":"1",
           "optionMessage":"本文","resultstatus":"1","senddate":"2018/03/13 22:04:48",
           "softbankMessage":"ソフト","status":"100"}"#,
        r#"{"carrier":2,"click":0,"messagestatus":1,"resultstatus":1,
           "senddate":"2018/03/13 22:04:48","softbankMessage":"ソフト","status":100}"#,
    ];
    for body in bodies {
        let mut server = Server::new_async().await;
        let mock = server
            .mock("GET", "/v2/karadeninquiry.json")
            .match_query(Matcher::AllOf(vec![
                pair("Token", TOKEN),
                pair("SecurityCode", SECURITY_CODE),
                pair("messageId", "a+b/&"),
            ]))
            .with_body(body)
            .expect(1)
            .create_async()
            .await;
        let id = push::MessageId::new("a+b/&").expect("an id");
        let delivery = push_client(&server.url()).inquire(&id).await.expect("a response");
        assert_eq!(delivery.message_status, Some(push::MessageStatus::Sent));
        assert_eq!(delivery.result_status, Some(push::ResultStatus::Received));
        assert_eq!(delivery.carrier, Some(push::Carrier::Softbank));
        assert_eq!(delivery.text.as_deref(), Some("ソフト"));
        assert_eq!(delivery.clicks, Some(0));
        assert!(delivery.is_final(now()) && delivery.is_received());
        assert!(!format!("{delivery:?}").contains("ソフト"));
        mock.assert_async().await;
    }
}

#[tokio::test]
async fn tracking_codes_are_read_page_by_page() {
    let mut server = Server::new_async().await;
    let page = |ids: &[u32], max: u32| {
        let list: Vec<_> = ids
            .iter()
            .map(|id| format!(r#"{{"messageId":"m{id}","messagestatus":"0","resultstatus":""}}"#))
            .collect();
        format!(r#"{{"status":"100","maxrecord":"{max}","list":[{}]}}"#, list.join(","))
    };
    let mut mocks = Vec::new();
    for (start, body) in [("1", page(&[1, 2], 3)), ("3", page(&[3], 3))] {
        let mock = server
            .mock("GET", "/v2/karadeninquiry_tr.json")
            .match_query(Matcher::AllOf(vec![
                pair("TrackingCode", "12345678"),
                pair("Startcount", start),
                pair("Startdate", "202701151700"),
                pair("Enddate", "202701151701"),
            ]))
            .with_body(body)
            .expect(1)
            .create_async()
            .await;
        mocks.push(mock);
    }
    let code = push::TrackingCode::new("12345678").expect("a code");
    let to = now() + std::time::Duration::from_secs(60);
    let found = push_client(&server.url())
        .find_by_tracking_code(&code, now(), to)
        .await
        .expect("a response");
    let ids: Vec<_> = found.iter().map(|tracked| tracked.message_id.as_str()).collect();
    assert_eq!(ids, ["m1", "m2", "m3"]);
    for mock in mocks {
        mock.assert_async().await;
    }
}

#[tokio::test]
async fn absence_is_believed_under_http_200_only() {
    let code = push::TrackingCode::new("12345678").expect("a code");
    let none = r#"{"status":"100","maxrecord":"0","list":[]}"#;
    for (http, kind) in [(404, ErrorKind::NotFound), (203, ErrorKind::Decode)] {
        let (server, mock) = tracked_with(http, none).await;
        let found = push_client(&server.url()).find_by_tracking_code(&code, now(), now()).await;
        assert_eq!(found.expect_err("no proof").kind(), kind, "{http}");
        mock.assert_async().await;
    }
    let (server, _mock) = tracked_with(200, none).await;
    let found = push_client(&server.url()).find_by_tracking_code(&code, now(), now()).await;
    assert_eq!(found.expect("a list"), []);
}

async fn tracked_with(status: usize, body: &str) -> (ServerGuard, mockito::Mock) {
    let mut server = Server::new_async().await;
    let mock = server
        .mock("GET", "/v2/karadeninquiry_tr.json")
        .match_query(Matcher::Any)
        .with_status(status)
        .with_body(body)
        .expect(1)
        .create_async()
        .await;
    (server, mock)
}

#[tokio::test]
async fn an_inquiry_reads_the_code_whatever_the_http_status() {
    let rows = [
        (500, r#"{"status":"206"}"#, ErrorKind::NotFound),
        (404, r#"{"status":206}"#, ErrorKind::NotFound),
        (400, r#"{"status":"201"}"#, ErrorKind::Unauthenticated),
        (503, r#"{"status":503}"#, ErrorKind::Server),
        (404, r#"{"error":"no such page"}"#, ErrorKind::NotFound),
    ];
    for (http, body, kind) in rows {
        let mut server = Server::new_async().await;
        let mock = server.mock("GET", Matcher::Any).with_status(http).with_body(body);
        let _mock = mock.create_async().await;
        let id = push::MessageId::new("m1").expect("an id");
        let error = push_client(&server.url()).inquire(&id).await.expect_err("an error");
        assert_eq!(error.kind(), kind, "{http} {body}");
        assert!(error.is_definitely_not_sent());
    }
}

/// Looks a code up where the server has these pages, keyed by the number of their first record.
async fn found_on(pages: &[(&str, &str)]) -> Result<Vec<String>, ErrorKind> {
    let mut server = Server::new_async().await;
    let mut mocks = Vec::new();
    for (start, body) in pages {
        let mock = server
            .mock("GET", "/v2/karadeninquiry_tr.json")
            .match_query(pair("Startcount", start))
            .with_body(body);
        mocks.push(mock.create_async().await);
    }
    let code = push::TrackingCode::new("12345678").expect("a code");
    let found = push_client(&server.url()).find_by_tracking_code(&code, now(), now()).await;
    for mock in mocks {
        mock.assert_async().await;
    }
    let ids = |all: Vec<push::Tracked>| all.iter().map(|t| t.message_id.to_string()).collect();
    found.map(ids).map_err(|error| error.kind())
}

#[tokio::test]
async fn pages_are_read_until_one_is_empty_and_what_was_found_is_kept() {
    const TWO: &str = r#""list":[{"messageId":"m1"},{"messageId":"m2"}]"#;
    let announced = format!(r#"{{"status":"100","maxrecord":"3",{TWO}}}"#);
    let open = format!(r#"{{"status":"100",{TWO}}}"#);
    let none = r#"{"status":"100","maxrecord":"3","list":[]}"#;
    let two = Ok(vec!["m1".to_owned(), "m2".to_owned()]);
    // One announced record is missing.
    assert_eq!(found_on(&[("1", &announced), ("3", none)]).await, two);
    // Without a count, the empty page is the last one.
    let third = r#"{"status":"100","list":[{"messageId":"m3"}]}"#;
    let end = r#"{"status":"100","list":[]}"#;
    let all = Ok(["m1", "m2", "m3"].map(String::from).to_vec());
    assert_eq!(found_on(&[("1", &open), ("3", third), ("4", end)]).await, all);
    // A service without pages repeats the same records.
    assert_eq!(found_on(&[("1", &open), ("3", &open)]).await, two);
    assert_eq!(found_on(&[("1", &announced), ("3", &announced)]).await, two);
    // A page without records and without a count is not the last one.
    assert_eq!(
        found_on(&[("1", &open), ("3", r#"{"status":"100"}"#)]).await,
        Err(ErrorKind::Decode)
    );
}

#[tokio::test]
async fn the_text_of_an_unlisted_carrier_is_rakutens() {
    let texts =
        r#""docomoMessage":"ド","softbankMessage":"ソ","auMessage":"エ","optionMessage":"オ""#;
    for (carrier, rakuten, expected) in [
        ("6", "ラ", "ラ"),
        ("7", "ラ", "ラ"),
        ("6", "", "ド"),
        ("5", "ラ", "ド"),
        ("", "ラ", "ド"),
        ("4", "ラ", "オ"),
        ("2", "ラ", "ソ"),
    ] {
        let mut server = Server::new_async().await;
        let body = format!(
            r#"{{"status":"100","carrier":"{carrier}",{texts},"rakutenMessage":"{rakuten}"}}"#
        );
        let mock = server.mock("GET", Matcher::Any).with_body(body);
        let _mock = mock.create_async().await;
        let id = push::MessageId::new("m1").expect("an id");
        let delivery = push_client(&server.url()).inquire(&id).await.expect("a response");
        assert_eq!(delivery.text.as_deref(), Some(expected), "{carrier} {rakuten}");
    }
}

#[tokio::test]
async fn errors_of_calls_with_secrets_in_the_url_hide_them() {
    let mut server = Server::new_async().await;
    let _mock =
        server.mock("GET", Matcher::Any).with_status(500).with_body("no").create_async().await;
    let id = push::MessageId::new("m1").expect("an id");
    let error = push_client(&server.url()).inquire(&id).await.expect_err("a fault");
    assert_clean(&full(&error));
    // No server at all: the error comes from the HTTP library.
    let gone = push_client("http://127.0.0.1:1");
    let error = gone.inquire(&id).await.expect_err("no server");
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert_clean(&full(&error));
    assert!(!full(&error).contains("messageId"), "{}", full(&error));
}
