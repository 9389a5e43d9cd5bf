//! 空電プッシュ v2: order of checks, tolerance, both inquiries, the send list, quirks.

use std::time::Duration;

use crate::support::{Bench, NUMBER, manual, start};
use karaden_sim::{ListRule, PushAccount, Quirks, SimConfig, TrackingRule, UnknownCode};
use reqwest::Method;
use serde_json::{Value, json};

async fn raw(bench: &Bench, path: &str, body: &str) -> Value {
    let request = bench.request(Method::POST, path).body(body.to_owned());
    let request = request.header("Content-Type", "application/x-www-form-urlencoded");
    crate::support::ok(request.send().await.unwrap()).await
}

async fn queue(bench: &Bench, to: &str, more: &[(&str, &str)]) -> String {
    let mut fields = vec![("To", to), ("DocomoMessage", "認証コード 123456")];
    fields.extend(more);
    let queued = bench.push("karadenqueue", &fields).await;
    assert_eq!(queued["status"], "100", "{queued}");
    queued["messageId"].as_str().unwrap().to_owned()
}

async fn inquire(bench: &Bench, id: &str) -> Value {
    bench.push("karadeninquiry", &[("messageId", id)]).await
}

#[tokio::test]
async fn checks_run_in_the_documented_order() {
    let account = PushAccount::default()
        .with_long_split(false)
        .with_list_rule(ListRule::AllowOnly)
        .with_tracking(TrackingRule::Refused);
    let bench = start(SimConfig::default().with_push_accounts([account])).await;
    // Each request also fails all later checks.
    let wrong = raw(&bench, "/v2/sepakaradenqueue.json", "Token=x&SecurityCode=demo-code").await;
    assert_eq!(wrong, json!({"status": "201"}));
    let status = async |operation: &str, to: &str| {
        let fields = [("To", to), ("TrackingCode", "1"), ("DocomoMessage", "")];
        bench.push(operation, &fields).await["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(status("sepakaradenqueue", "bad").await, "209");
    assert_eq!(status("karadenqueue", "bad").await, "202");
    assert_eq!(status("karadenqueue", NUMBER).await, "203");
    let list = json!({"token": "demo-push", "securitycode": "demo-code", "type": "1",
        "list": [{"phonenumber": NUMBER, "status": "1"}]});
    bench.request(Method::POST, "/v2/karadensetfilter.json").json(&list).send().await.unwrap();
    assert_eq!(status("karadenqueue", NUMBER).await, "205");
    let untracked = bench.push("karadenqueue", &[("To", NUMBER), ("DocomoMessage", "")]).await;
    assert_eq!(untracked["status"], "301");
}

#[tokio::test]
async fn every_call_needs_both_secrets() {
    let bench = start(SimConfig::default()).await;
    for (token, code) in
        [("demo-push", "x"), ("x", "demo-code"), ("", ""), ("demo-code", "demo-push")]
    {
        for operation in ["karadeninquiry", "karadeninquiry_tr"] {
            let path = format!("/v2/{operation}.json?Token={token}&SecurityCode={code}");
            assert_eq!(bench.get_json(&path).await["status"], "201");
        }
        for operation in ["karadenqueue", "sepakaradenqueue"] {
            let body = format!("Token={token}&SecurityCode={code}&To={NUMBER}");
            let response = raw(&bench, &format!("/v2/{operation}.json"), &body).await;
            assert_eq!(response["status"], "201");
        }
        let list = json!({"token": token, "securitycode": code, "type": "1", "list": []});
        let request = bench.request(Method::POST, "/v2/karadensetfilter.json").json(&list);
        assert_eq!(crate::support::ok(request.send().await.unwrap()).await["status"], "201");
    }
}

#[tokio::test]
async fn raw_utf8_extra_slashes_and_trailing_ampersands_are_accepted() {
    let bench = start(SimConfig::default()).await;
    let body = format!(
        "Token=demo-push&SecurityCode=demo-code&To={NUMBER}&message1=認証コード 1&message2=二&\
         message3=&TrackingCode=20260101&Unknown=x&"
    );
    let queued = raw(&bench, "/v2//sepakaradenqueue.json", &body).await;
    assert_eq!(queued["status"], "100");
    let id = queued["messageId"].as_str().unwrap();
    assert!(id.contains(|c: char| c.is_ascii_alphabetic()), "{id}");
    assert_eq!(bench.sim.inbox(None)[0].body, "認証コード 1二");
    assert_eq!(bench.sim.inbox(None)[0].parts, 2);
}

#[tokio::test]
async fn texts_up_to_the_limit_are_accepted() {
    let bench = start(SimConfig::default()).await;
    let (fits, too_long) = ("あ".repeat(70), "あ".repeat(71));
    for (field, text, expected) in [
        ("AuMessage", fits.as_str(), "100"),
        ("AuMessage", too_long.as_str(), "301"),
        ("AuMessage", "", "301"),
        ("Unknown", "x", "301"),
    ] {
        let response = bench.push("karadenqueue", &[("To", NUMBER), (field, text)]).await;
        assert_eq!(response["status"], expected, "{field}");
    }
    for (fields, expected) in [
        (&[("message1", fits.as_str()), ("message10", &fits)][..], "100"),
        (&[("message1", &fits), ("message2", &too_long)], "301"),
        (&[("message2", &fits)], "301"),
        (&[("message1", "a\nb")], "100"),
    ] {
        let mut all = vec![("To", NUMBER)];
        all.extend(fields);
        assert_eq!(bench.push("sepakaradenqueue", &all).await["status"], expected);
    }
}

#[tokio::test]
async fn a_line_break_counts_as_the_account_says() {
    for (account, units) in
        [(PushAccount::default(), 3), (PushAccount::default().with_line_break_units(1), 1)]
    {
        let bench = start(SimConfig::default().with_push_accounts([account])).await;
        let status = async |length: usize| {
            let text = format!("\n{}", "あ".repeat(length));
            let fields = [("To", NUMBER), ("AuMessage", &text), ("message1", &text)];
            let single = bench.push("karadenqueue", &fields).await["status"].clone();
            assert_eq!(bench.push("sepakaradenqueue", &fields).await["status"], single);
            single
        };
        assert_eq!(status(70 - units).await, "100", "{units}");
        assert_eq!(status(71 - units).await, "301", "{units}");
    }
}

#[tokio::test]
async fn a_permit_date_after_the_number_changed_hands_passes() {
    let bench = start(manual()).await;
    let changed = json!({"changed_hands_on": "20250101"});
    assert_eq!(bench.put("/delivery", &changed).await.status(), 200);
    for (permit_date, message, result) in [
        ("20241231", "3", "0"),
        ("20250101", "3", "0"),
        ("20250102", "1", "1"),
        ("not a day", "1", "1"),
    ] {
        let id = queue(&bench, "09000000006", &[("PermitDate", permit_date)]).await;
        let found = inquire(&bench, &id).await;
        let state = (&found["messagestatus"], &found["resultstatus"]);
        assert_eq!(state, (&json!(message), &json!(result)), "{permit_date}");
        let has_carrier = found["carrier"] != "" && found["senddate"] != "";
        assert_eq!(has_carrier, message == "1", "{found}");
    }
}

#[tokio::test]
async fn each_carrier_gets_its_own_text() {
    let bench = start(SimConfig::default()).await;
    let texts = [
        ("DocomoMessage", "d"),
        ("SoftbankMessage", "s"),
        ("AuMessage", "a"),
        ("OptionMessage", "o"),
        ("RakutenMessage", "r"),
    ];
    for (number, carrier, text) in [
        ("09000000011", "1", "d"),
        ("09000000012", "2", "s"),
        ("09000000013", "3", "a"),
        ("09000000014", "6", "r"),
        ("09000000015", "4", "o"),
        ("09000000016", "7", "o"),
    ] {
        let mut fields = vec![("To", number)];
        fields.extend(texts);
        let queued = bench.push("karadenqueue", &fields).await;
        let found = inquire(&bench, queued["messageId"].as_str().unwrap()).await;
        assert_eq!(found["carrier"], carrier);
        assert_eq!(found["docomoMessage"], "d");
        assert_eq!(found["rakutenMessage"], "r");
        assert_eq!(bench.sim.inbox(Some(number))[0].body, text);
    }
}

#[tokio::test]
async fn an_account_can_require_text_parameters() {
    let account = PushAccount::default().with_required_texts(["RakutenMessage"]);
    let bench = start(SimConfig::default().with_push_accounts([account])).await;
    let four = [("To", NUMBER), ("DocomoMessage", "x"), ("AuMessage", "x")];
    assert_eq!(bench.push("karadenqueue", &four).await["status"], "301");
    let five = [("To", NUMBER), ("DocomoMessage", "x"), ("RakutenMessage", "x")];
    assert_eq!(bench.push("karadenqueue", &five).await["status"], "100");
}

#[tokio::test]
async fn a_message_goes_from_accepted_to_sent_to_arrived() {
    let mut config = manual();
    config.delivery.sent_after = Duration::from_secs(2);
    config.delivery.result_after = Duration::from_secs(3);
    let bench = start(config).await;
    let id = queue(&bench, NUMBER, &[]).await;
    let state = async || {
        let found = inquire(&bench, &id).await;
        ["messagestatus", "resultstatus", "carrier", "senddate"]
            .map(|name| found[name].as_str().unwrap().to_owned())
    };
    assert_eq!(state().await, ["0", "0", "5", ""]);
    bench.sim.advance(Duration::from_millis(1_999)).unwrap();
    assert_eq!(state().await[0], "0");
    bench.sim.advance(Duration::from_millis(1)).unwrap();
    let sent = state().await;
    assert_eq!(sent, ["1", "0", "5", "2026/01/01 09:00:02"]);
    bench.sim.set_quirks(Quirks::default().with_push_empty_carrier(true));
    assert_eq!(state().await[2], "");
    bench.sim.advance(Duration::from_millis(1_500)).unwrap();
    let found = state().await;
    assert_eq!(found[..2], ["1", "0"]);
    assert!(["1", "2", "3", "6"].contains(&&*found[2]), "{found:?}");
    bench.sim.advance(Duration::from_millis(1_500)).unwrap();
    assert_eq!(state().await[..2], ["1", "1"]);
}

#[tokio::test]
async fn an_inquiry_returns_only_the_given_texts() {
    let bench = start(SimConfig::default()).await;
    let id = queue(&bench, "09000000014", &[("OptionMessage", "認証コード 123456")]).await;
    let found = inquire(&bench, &id).await;
    for (name, text) in [
        ("docomoMessage", "認証コード 123456"),
        ("softbankMessage", ""),
        ("auMessage", ""),
        ("optionMessage", "認証コード 123456"),
        ("rakutenMessage", ""),
    ] {
        assert_eq!(found[name], text, "{name}");
    }
}

#[tokio::test]
async fn a_body_with_another_media_type_is_ignored() {
    let bench = start(SimConfig::default()).await;
    let form = format!("Token=demo-push&SecurityCode=demo-code&To={NUMBER}&AuMessage=x");
    let list = r#"{"token":"demo-push","securitycode":"demo-code","type":"0","list":[]}"#;
    for (operation, body, media_type, status) in [
        ("karadenqueue", form.as_str(), "application/x-www-form-urlencoded; charset=UTF-8", "100"),
        ("karadenqueue", form.as_str(), "text/plain", "201"),
        ("karadensetfilter", list, "application/json; charset=utf-8", "100"),
        ("karadensetfilter", list, "text/plain", "999"),
    ] {
        let request = bench.request(Method::POST, &format!("/v2/{operation}.json"));
        let request = request.header("Content-Type", media_type).body(body.to_owned());
        let response = crate::support::ok(request.send().await.unwrap()).await;
        let expected = if (operation, status) == ("karadensetfilter", "100") {
            ["100", "903"].contains(&response["status"].as_str().unwrap())
        } else {
            response["status"] == status
        };
        assert!(expected, "{operation} {media_type}: {response}");
    }
}

#[tokio::test]
async fn an_internal_error_is_code_999_and_has_no_effect() {
    let bench = start(SimConfig::default()).await;
    bench.fault(json!({"mode": "200", "api": "push", "count": 1})).await;
    let fields = [("To", NUMBER), ("AuMessage", "x")];
    assert_eq!(bench.push("karadenqueue", &fields).await["status"], "999");
    assert_eq!(bench.sim.inbox(None).len(), 0);
    assert_eq!(bench.push("karadenqueue", &fields).await["status"], "100");
}

#[tokio::test]
async fn magic_numbers_select_the_outcome() {
    let bench = start(manual()).await;
    for (number, message, result) in [
        ("09000000001", "1", "1"),
        ("09000000002", "1", "2"),
        ("09000000003", "1", "3"),
        ("09000000004", "1", "99"),
        ("09000000005", "1", "0"),
        ("09000000006", "3", "0"),
        ("09000000007", "2", "0"),
        ("09000000008", "1", "2"),
        ("09000000009", "9", "0"),
    ] {
        let id = queue(&bench, number, &[("PermitDate", "20250101")]).await;
        let found = inquire(&bench, &id).await;
        assert_eq!(found["messagestatus"], message, "{number}");
        assert_eq!(found["resultstatus"], result, "{number}");
    }
    let unchecked = queue(&bench, "09000000006", &[]).await;
    assert_eq!(inquire(&bench, &unchecked).await["resultstatus"], "1");
    let refused = bench.push("karadenqueue", &[("To", "09000000010"), ("AuMessage", "x")]).await;
    assert_eq!(refused["status"], "203");
    let late = queue(&bench, "09000000008", &[]).await;
    bench.sim.advance(Duration::from_secs(60)).unwrap();
    assert_eq!(inquire(&bench, &late).await["resultstatus"], "1");
}

#[tokio::test]
async fn a_tracking_inquiry_returns_all_messages_by_page() {
    let bench = start(manual()).await;
    let mut sent = Vec::new();
    for _ in 0..105 {
        sent.push(queue(&bench, NUMBER, &[("TrackingCode", "20260101")]).await);
    }
    queue(&bench, NUMBER, &[("TrackingCode", "20260102")]).await;
    let find = async |more: &[(&str, &str)]| {
        let mut fields = vec![("TrackingCode", "20260101")];
        fields.extend(more);
        bench.push("karadeninquiry_tr", &fields).await
    };
    let mut found = Vec::new();
    for start in ["1", "101"] {
        let page = find(&[("Startcount", start)]).await;
        assert_eq!(page["maxrecord"], "105");
        let ids = page["list"].as_array().unwrap().iter();
        found.extend(ids.map(|one| one["messageId"].as_str().unwrap().to_owned()));
    }
    assert_eq!(found, sent);
    assert_eq!(find(&[("Startcount", "106")]).await["list"], json!([]));
    for (start, end, expected) in [
        ("202601010900", "202601010900", "105"),
        ("202601010000", "202601010859", "0"),
        ("202601010901", "202601012359", "0"),
    ] {
        let page = find(&[("Startdate", start), ("Enddate", end)]).await;
        assert_eq!(page["maxrecord"], expected, "{start}-{end}");
    }
    let none = bench.push("karadeninquiry_tr", &[("TrackingCode", "")]).await;
    assert_eq!(none["status"], "205");
}

#[tokio::test]
async fn tracking_codes_follow_the_accounts_rule() {
    let any = PushAccount::default().with_tracking(TrackingRule::Any);
    for (account, nine_digits, word) in
        [(PushAccount::default(), "205", "205"), (any, "100", "100")]
    {
        let bench = start(SimConfig::default().with_push_accounts([account])).await;
        for (code, expected) in
            [("20260101", "100"), ("202601011", nine_digits), ("login-1", word), ("", "100")]
        {
            let fields = [("To", NUMBER), ("AuMessage", "x"), ("TrackingCode", code)];
            assert_eq!(bench.push("karadenqueue", &fields).await["status"], expected, "{code}");
        }
    }
}

#[tokio::test]
async fn a_quirk_ignores_the_tracking_codes_of_single_messages() {
    let bench = start(SimConfig::default()).await;
    bench.sim.set_quirks(Quirks::default().with_push_single_untracked(true));
    queue(&bench, NUMBER, &[("TrackingCode", "not even valid")]).await;
    queue(&bench, NUMBER, &[("TrackingCode", "20260101")]).await;
    let find = async || bench.push("karadeninquiry_tr", &[("TrackingCode", "20260101")]).await;
    assert_eq!(find().await["maxrecord"], "0");
    let long = [("To", NUMBER), ("message1", "x"), ("TrackingCode", "20260101")];
    assert_eq!(bench.push("sepakaradenqueue", &long).await["status"], "100");
    assert_eq!(find().await["maxrecord"], "1");
    assert_eq!(bench.sim.inbox(None).len(), 3);
}

#[tokio::test]
async fn sepakaradenqueue_ignores_shorturlflg_and_permitdate() {
    let bench = start(manual()).await;
    let fields = [
        ("To", "09000000006"),
        ("message1", "https://example.jp/x"),
        ("ShorturlFlg", "1"),
        ("PermitDate", "20250101"),
    ];
    let id =
        bench.push("sepakaradenqueue", &fields).await["messageId"].as_str().unwrap().to_owned();
    let found = inquire(&bench, &id).await;
    // Neither shortened nor stopped by the number-history check.
    assert_eq!(found["docomoMessage"], "https://example.jp/x");
    assert_eq!((&found["messagestatus"], &found["resultstatus"]), (&json!("1"), &json!("1")));
}

#[tokio::test]
async fn a_message_of_another_account_is_unknown() {
    let second = PushAccount::default().with_token("second").with_security_code("second-code");
    let push_accounts = vec![PushAccount::default(), second];
    let bench = start(SimConfig::default().with_push_accounts(push_accounts)).await;
    let id = queue(&bench, NUMBER, &[("TrackingCode", "1")]).await;
    let secrets = "Token=second&SecurityCode=second-code";
    let found = bench.get_json(&format!("/v2/karadeninquiry.json?{secrets}&messageId={id}")).await;
    assert_eq!(found, json!({"status": "206"}));
    let found =
        bench.get_json(&format!("/v2/karadeninquiry_tr.json?{secrets}&TrackingCode=1")).await;
    assert_eq!(found["maxrecord"], "0");
    for unknown in ["", "12345", "km00000000000000000000000000000000"] {
        assert_eq!(inquire(&bench, unknown).await["status"], "206");
    }
    // A message of the SMS API is unknown here.
    let sent = bench.send(NUMBER, &[]).await;
    let foreign = format!("km{}", sent["id"].as_str().unwrap().replace('-', ""));
    assert_eq!(inquire(&bench, &foreign).await["status"], "206");
}

#[tokio::test]
async fn the_send_list_can_be_extended_and_replaced_and_bad_rows_are_reported() {
    let account = PushAccount::default().with_list_rule(ListRule::AllowOnly);
    let bench = start(SimConfig::default().with_push_accounts([account])).await;
    let set = async |kind: &str, numbers: &[&str]| {
        let rows: Vec<_> =
            numbers.iter().map(|n| json!({"phonenumber": n, "status": "1"})).collect();
        let body = json!({"token": "demo-push", "securitycode": "demo-code", "type": kind,
            "list": rows});
        let request = bench.request(Method::POST, "/v2/karadensetfilter.json").json(&body);
        crate::support::ok(request.send().await.unwrap()).await
    };
    let response = set("1", &[NUMBER, "bad", NUMBER]).await;
    assert_eq!(
        response,
        json!({"status": "900", "request": "3", "success": "1", "error": "2", "errors": [
            {"errorrow": "2", "erroritem": "phonenumber", "errorstatus": "202"},
            {"errorrow": "3", "erroritem": "phonenumber", "errorstatus": "901"},
        ]})
    );
    queue(&bench, NUMBER, &[]).await;
    assert_eq!(set("0", &["08011112222"]).await["status"], "100");
    let refused = bench.push("karadenqueue", &[("To", NUMBER), ("AuMessage", "x")]).await;
    assert_eq!(refused["status"], "203");
    assert_eq!(set("1", &[]).await["errors"][0]["errorstatus"], "903");
    assert_eq!(set("2", &[NUMBER]).await["status"], "999");
}

#[tokio::test]
async fn a_send_to_a_number_on_the_block_list_is_rejected() {
    let account = PushAccount::default().with_list_rule(ListRule::Block);
    let bench = start(SimConfig::default().with_push_accounts([account])).await;
    queue(&bench, NUMBER, &[]).await;
    let body = json!({"token": "demo-push", "securitycode": "demo-code", "type": "1",
        "list": [{"phonenumber": NUMBER, "status": "1"}]});
    bench.request(Method::POST, "/v2/karadensetfilter.json").json(&body).send().await.unwrap();
    let refused = bench.push("karadenqueue", &[("To", NUMBER), ("AuMessage", "x")]).await;
    assert_eq!(refused["status"], "203");
}

#[tokio::test]
async fn quirks_change_the_wire_format() {
    let bench = start(manual()).await;
    let id = queue(&bench, "09000000004", &[]).await;
    let usual = inquire(&bench, &id).await;
    assert!(usual.as_object().unwrap().values().all(Value::is_string), "{usual}");
    let with = async |quirks: Quirks| {
        bench.sim.set_quirks(quirks);
        inquire(&bench, &id).await
    };
    let found = with(Quirks::default().with_push_numbers(true)).await;
    assert_eq!((&found["status"], &found["resultstatus"]), (&json!(100), &json!(99)));
    let found = with(Quirks::default().with_push_unknown(UnknownCode::Four)).await;
    assert_eq!(found["resultstatus"], "4");
    let found = with(Quirks::default().with_push_no_carrier(true)).await;
    assert!(found.get("carrier").is_none());
    bench.sim.set_quirks(Quirks::default().with_push_empty_result(true));
    let silent = queue(&bench, "09000000005", &[]).await;
    assert_eq!(inquire(&bench, &silent).await["resultstatus"], "");
    let response = bench.put("/quirks", &json!({"push_numbers": true})).await;
    assert_eq!(response.status(), 200);
    assert_eq!(bench.get_json("/quirks").await["push_numbers"], json!(true));
    assert_eq!(bench.put("/quirks", &json!({"nonsense": true})).await.status(), 400);
}

#[tokio::test]
async fn urls_are_shortened_on_request_and_clicks_are_counted() {
    let bench = start(SimConfig::default()).await;
    let text = ("AuMessage", "https://example.jp/x");
    let id = queue(&bench, "09000000013", &[text, ("ShorturlFlg", "1")]).await;
    let found = inquire(&bench, &id).await;
    let short = found["auMessage"].as_str().unwrap();
    let key = short.strip_prefix("https://kps.ms/").unwrap();
    bench.request(Method::GET, &format!("/s/{key}")).send().await.unwrap();
    assert_eq!(inquire(&bench, &id).await["click"], "1");
    let plain = queue(&bench, "09000000013", &[text, ("ShorturlFlg", "0")]).await;
    assert_eq!(inquire(&bench, &plain).await["auMessage"], "https://example.jp/x");
}

#[tokio::test]
async fn wrong_methods_and_paths_are_plain_http_errors() {
    let bench = start(SimConfig::default()).await;
    for (method, path, status) in [
        (Method::GET, "/v2/karadenqueue.json", 405),
        (Method::POST, "/v2/karadeninquiry.json", 405),
        (Method::GET, "/v2/nothing.json", 404),
        (Method::GET, "/v2/karadeninquiry.xml", 404),
    ] {
        let response = bench.request(method, path).send().await.unwrap();
        assert_eq!(response.status(), status, "{path}");
    }
}

#[tokio::test]
async fn the_fields_of_an_inquiry_come_in_a_fixed_order() {
    let bench = start(manual()).await;
    let id = queue(&bench, "09000000001", &[]).await;
    let path = "/v2/karadeninquiry.json?Token=demo-push&SecurityCode=demo-code&messageId=";
    let found = bench.request(Method::GET, &format!("{path}{id}")).send().await.unwrap();
    let expected = r#"{"status":"100","messagestatus":"1","resultstatus":"1","#.to_owned()
        + r#""senddate":"2026/01/01 09:00:00","carrier":"1","#
        + r#""docomoMessage":"認証コード 123456","softbankMessage":"","auMessage":"","#
        + r#""optionMessage":"","rakutenMessage":"","click":"0"}"#;
    assert_eq!(found.text().await.unwrap(), expected);
}
