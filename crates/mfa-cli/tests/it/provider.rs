//! A Karaden that is down, slow, wrong or over its limit: no login succeeds, no message is sent twice.

use mfa_demo::Browser;
use serde_json::json;

use crate::harness::{
    ACTION, ALICE, BOB, Demo, FACTOR, Process, configure, free_port, log_in, reach_code,
    reference_number, run, send_password, type_code, until_listening,
};

#[tokio::test]
async fn a_failing_provider_gives_a_clear_page_and_no_session() {
    for mode in ["500", "malformed", "html", "drop", "401", "403", "429", "redirect"] {
        let demo = Demo::start();
        demo.fault_once(mode).await;
        let mut browser = demo.browser();
        let sent = send_password(&mut browser, ALICE.0, ALICE.1).await;
        assert_eq!((sent.status.as_u16(), sent.location.as_deref()), (303, Some(FACTOR)), "{mode}");
        let shown = browser.get(FACTOR).await.expect("a page");
        assert!(shown.status == 503 || shown.status == 200, "{mode}: {}", shown.status);
        assert!(!sent.cookie_names().contains("__Host-mfa_session"), "{mode}");
        assert!(
            !shown.body.contains("karaden") && !shown.body.contains("demo-token"),
            "{mode}: {}",
            shown.body
        );
        assert_eq!(browser.get("/").await.expect("an answer").status, 303, "{mode} gave a session");
    }
}

#[tokio::test]
async fn a_message_that_may_have_gone_out_is_not_sent_again() {
    let demo = Demo::start();
    demo.fault_once("accept_then_drop").await;
    let mut browser = demo.browser();
    let sent = send_password(&mut browser, ALICE.0, ALICE.1).await;
    assert_eq!(
        (sent.status.as_u16(), sent.location.as_deref()),
        (303, Some(FACTOR)),
        "{}",
        sent.body
    );
    let page = browser.get(FACTOR).await.expect("a page");
    assert_eq!(demo.inbox(ALICE.2).await.len(), 1);
    let code = demo.newest_code(ALICE.2).await;
    assert_eq!(type_code(&mut browser, &page, &code).await.status, 303);
}

#[tokio::test]
async fn trying_again_after_a_failure_needs_no_new_password() {
    let demo = Demo::start();
    demo.fault(json!({ "mode": "401" })).await;
    let mut browser = demo.browser();
    let sent = send_password(&mut browser, ALICE.0, ALICE.1).await;
    assert_eq!((sent.status.as_u16(), sent.location.as_deref()), (303, Some(FACTOR)));
    let failed = browser.get(FACTOR).await.expect("a page");
    assert_eq!(failed.status, 503, "{}", failed.body);
    demo.fault(json!({ "mode": "none" })).await;
    let again = browser.post(&failed, ACTION, &[("action", "retry")]).await.expect("an answer");
    assert_eq!((again.status.as_u16(), again.location.as_deref()), (303, Some(FACTOR)));
    let page = browser.get(FACTOR).await.expect("a page");
    let code = demo.newest_code(ALICE.2).await;
    assert_eq!(type_code(&mut browser, &page, &code).await.status, 303);
}

/// "Try again" for a number whose rate the provider limits: one call of the provider, and nobody else waits.
#[tokio::test]
async fn clicking_for_a_limited_number_calls_the_provider_once_and_stops_nobody() {
    let demo = Demo::start();
    demo.fault(json!({ "mode": "429" })).await;
    let mut clicker = demo.browser();
    send_password(&mut clicker, ALICE.0, ALICE.1).await;
    let mut page = clicker.get(FACTOR).await.expect("a page");
    for _ in 0..30 {
        assert_eq!(page.status, 503, "{}", page.body);
        page =
            clicker.post_and_follow(&page, ACTION, &[("action", "retry")]).await.expect("a page");
    }
    assert_eq!(demo.audited("otp.not_sent").await, 1);
    assert_eq!(demo.audited("otp.rate_limited").await, 1);
    demo.fault(json!({ "mode": "none" })).await;
    let (_, metrics) = demo.ops("/metrics").await;
    for limit in ["number_paused", "tries_minutely"] {
        let counted = format!("mfa_message_limits_reached_total{{limit=\"{limit}\"}}");
        assert!(metrics.contains(&counted), "{metrics}");
    }
    log_in(&demo, &mut demo.browser(), BOB).await;
}

#[tokio::test]
async fn both_of_karadens_apis_send_the_code() {
    for sender in ["sms", "push"] {
        let demo = Demo::start_with(&["--sender", sender]);
        let mut browser = demo.browser();
        log_in(&demo, &mut browser, ALICE).await;
        let inbox = demo.inbox(ALICE.2).await;
        let api = inbox[0]["api"].as_str().expect("an API").to_owned();
        assert!(api.contains(sender), "{api}");
    }
}

/// A missing number, a refused one and a dead provider cannot be told apart.
#[tokio::test]
async fn the_page_does_not_tell_why_no_message_was_sent() {
    let demo = Demo::start();
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let file = configure(folder.path(), &demo, port, "");
    for (name, phone) in
        [("without", None), ("refused", Some("09011112222")), ("dead", Some("08011112222"))]
    {
        let mut arguments = vec!["user", "add", "--config", &file, name];
        arguments.extend(phone.iter().flat_map(|phone| ["--phone", *phone]));
        let done = run(&arguments, "a-long-password\n");
        assert!(done.status.success(), "{done:?}");
    }
    let _gateway = Process::start(&["serve", "--config", &file]);
    until_listening(port).await;
    let mut seen = Vec::new();
    for name in ["without", "refused", "dead"] {
        match name {
            "refused" => demo.fault(json!({ "mode": "422", "count": 1 })).await,
            "dead" => demo.fault_once("drop").await,
            _ => {}
        }
        let mut browser = Browser::new(&format!("http://localhost:{port}")).expect("a client");
        send_password(&mut browser, name, "a-long-password").await;
        let sent = browser.get(FACTOR).await.expect("a page");
        // Each page has a token and a number of its own.
        let token = sent.form_token().map(str::to_owned).unwrap_or_default();
        let body = sent.body.replace(reference_number(&sent.body).unwrap_or("none"), "");
        let body = if token.is_empty() { body } else { body.replace(&token, "") };
        seen.push((name, sent.status.as_u16(), body));
    }
    assert_eq!((seen[0].1, &seen[0].2), (seen[1].1, &seen[1].2), "refused differs from without");
    assert_eq!(seen[0].1, 503);
}

/// While the provider hangs, everybody else is served.
#[tokio::test]
async fn a_hanging_provider_does_not_block_other_users() {
    let demo = Demo::start();
    demo.fault_once("timeout").await;
    let mut waiting = demo.browser();
    let mut other = demo.browser();
    let hanging = send_password(&mut waiting, ALICE.0, ALICE.1);
    let others = async {
        for _ in 0..20 {
            assert_eq!(other.get("/public/").await.expect("a page").status, 200);
        }
        reach_code(&mut other, crate::harness::BOB).await;
    };
    let (late, ()) = tokio::join!(hanging, others);
    assert!(late.took.as_secs() < 20, "{:?}", late.took);
    assert!(!late.cookie_names().contains("__Host-mfa_session"));
}
