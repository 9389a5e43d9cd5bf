//! What people and browsers do that is no attack: two tabs, double clicks, lost sessions.

use futures_util::future::join_all;
use mfa_demo::{Browser, Seen};

use crate::harness::{
    ACTION, ALICE, Demo, FACTOR, LOGIN, Process, another, configure, free_port, log_in, raw,
    reach_code, run, send_password, type_code, type_refused_code, until_listening,
};

#[tokio::test]
async fn a_code_in_an_older_tab_leads_to_the_login_that_stands() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    let older = reach_code(&mut browser, ALICE).await;
    let code = demo.newest_code(ALICE.2).await;
    reach_code(&mut browser, ALICE).await;
    let posted = type_code(&mut browser, &older, &code).await;
    assert_eq!(posted.status, 303);
    let page = browser.get(posted.location.as_deref().expect("a location")).await.expect("a page");
    assert!(
        page.status == 200 && page.body.contains("Another sign-in was started"),
        "{}",
        page.body
    );
    let code = demo.newest_code(ALICE.2).await;
    assert_eq!(type_code(&mut browser, &page, &code).await.location.as_deref(), Some("/"));
    // Nothing of it holds for another browser.
    let mut other = demo.browser();
    reach_code(&mut other, ALICE).await;
    assert_eq!(type_code(&mut other, &older, &code).await.status, 403);
}

#[tokio::test]
async fn a_login_form_that_is_posted_twice_at_once_begins_one_login() {
    let demo = Demo::start();
    let browser = demo.browser();
    let mut first = browser.clone();
    let page = first.get(LOGIN).await.expect("a page");
    let posts = (0..5).map(|_| {
        let (mut tab, page) = (first.clone(), &page);
        async move {
            let fields = [("username", ALICE.0), ("password", ALICE.1)];
            let posted = tab.post(page, LOGIN, &fields).await.expect("an answer");
            assert_eq!(posted.location.as_deref(), Some(FACTOR));
            tab.cookie("__Host-mfa_login").expect("a cookie").to_owned()
        }
    });
    let cookies = join_all(posts).await;
    assert!(cookies.iter().all(|cookie| *cookie == cookies[0]), "one login for all posts");
    assert_eq!(demo.inbox(ALICE.2).await.len(), 1);
    assert_eq!(demo.audited("login.opened").await, 1);
    // Another name or password from the same page is another attempt.
    let fields = [("username", ALICE.0), ("password", "wrong-password")];
    let posted = first.post(&page, LOGIN, &fields).await.expect("an answer");
    assert_eq!(posted.location.as_deref(), Some(LOGIN));
}

async fn ask_for_new_codes(tabs: Vec<Browser>, page: &Seen) {
    let posts = tabs.into_iter().map(|mut tab| async move {
        let posted = tab.post(page, ACTION, &[("action", "new-code")]).await.expect("an answer");
        assert_eq!(posted.location.as_deref(), Some(FACTOR), "{}", posted.body);
        let shown = tab.get(FACTOR).await.expect("a page");
        assert_eq!(shown.status, 200, "{}", shown.body);
        assert!(shown.body.contains("name=\"code\""), "{}", shown.body);
    });
    join_all(posts).await;
}

async fn use_up(demo: &Demo, browser: &mut Browser, page: Seen) -> Seen {
    let wrong = another(&demo.newest_code(ALICE.2).await);
    let mut page = page;
    for _ in 0..5 {
        page = type_refused_code(browser, &page, &wrong).await;
    }
    page
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_code_asked_for_in_parallel_is_sent_once_and_all_see_its_page() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    let page = reach_code(&mut browser, ALICE).await;
    let page = use_up(&demo, &mut browser, page).await;
    ask_for_new_codes(vec![browser; 12], &page).await;
    assert_eq!(demo.inbox(ALICE.2).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_code_asked_for_at_two_gateways_over_one_store_is_sent_once() {
    let demo = Demo::start();
    let folder = tempfile::tempdir().expect("a folder");
    let ports = [free_port(), free_port()];
    let file = configure(folder.path(), &demo, ports[0], "");
    let added =
        run(&["user", "add", "--config", &file, "alice", "--phone", ALICE.2], "a-long-password\n");
    assert!(added.status.success(), "{added:?}");
    let second = file.replace("gateway.toml", "second.toml");
    let text = std::fs::read_to_string(&file).expect("a file");
    std::fs::write(&second, text.replace(&ports[0].to_string(), &ports[1].to_string()))
        .expect("a file");
    let _gateways = [&file, &second].map(|file| Process::start(&["serve", "--config", file]));
    let mut browsers = Vec::new();
    for port in ports {
        until_listening(port).await;
        browsers.push(Browser::new(&format!("http://localhost:{port}")).expect("a client"));
    }
    let page = reach_code(&mut browsers[0], (ALICE.0, "a-long-password", ALICE.2)).await;
    let page = use_up(&demo, &mut browsers[0], page).await;
    let cookies: Vec<(String, String)> = browsers[0].cookies().clone().into_iter().collect();
    for (name, value) in &cookies {
        browsers[1].set_cookie(name, value);
    }
    let tabs = (0..12).map(|n| browsers[n % 2].clone()).collect();
    ask_for_new_codes(tabs, &page).await;
    assert_eq!(demo.inbox(ALICE.2).await.len(), 2);
}

#[tokio::test]
async fn a_form_without_a_session_is_said_not_to_be_sent() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    let page = browser.get(LOGIN).await.expect("a page");
    let seen = browser.post(&page, "/echo/save", &[("text", "long")]).await.expect("an answer");
    assert_eq!(seen.status, 401);
    assert!(
        seen.body.contains("This has not been sent") && seen.body.contains("target=\"_blank\"")
    );
    assert!(seen.body.contains("href=\"/_mfa/login\""), "{}", seen.body);
    let host = demo.gateway.trim_start_matches("http://");
    let post = |more: &str| {
        raw(
            &demo.gateway,
            &format!(
                "POST /echo/save HTTP/1.1\r\nHost: {host}\r\n{more}Content-Length: 1\r\nConnection: close\r\n\r\nx"
            ),
        )
    };
    let head = post("Accept: application/json\r\n").to_ascii_lowercase();
    assert!(
        head.starts_with("http/1.1 401") && head.contains("application/problem+json"),
        "{head}"
    );
    // It leads back to the page of the form.
    log_in(&demo, &mut browser, ALICE).await;
    let saved = browser.post(&page, "/echo/save", &[("text", "long")]).await.expect("an answer");
    assert_eq!(saved.status, 200, "sent again, it arrives");
}

#[tokio::test]
async fn a_browser_without_cookies_is_told_so() {
    let demo = Demo::start();
    let page = demo.browser().get(LOGIN).await.expect("a page");
    let fields = [("username", ALICE.0), ("password", ALICE.1)];
    let seen = demo.browser().post(&page, LOGIN, &fields).await.expect("an answer");
    assert!(seen.status == 403 && seen.body.contains("does not keep cookies"), "{}", seen.body);
    assert!(seen.body.contains("href=\"/_mfa/login\"") && demo.inbox(ALICE.2).await.is_empty());
}

#[tokio::test]
async fn a_head_request_leaves_the_message_for_the_page() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    send_password(&mut browser, ALICE.0, "wrong-password").await;
    let flash = browser.cookie("__Host-mfa_flash").expect("a message").to_owned();
    let host = demo.gateway.trim_start_matches("http://");
    for (method, clears) in [("HEAD", false), ("GET", true)] {
        let head = raw(
            &demo.gateway,
            &format!(
                "{method} {LOGIN} HTTP/1.1\r\nHost: {host}\r\nCookie: __Host-mfa_flash={flash}\r\nConnection: close\r\n\r\n"
            ),
        );
        assert_eq!(head.contains("__Host-mfa_flash=;"), clears, "{method}: {head}");
    }
}

/// A front proxy or a privacy setting has removed the origin.
#[tokio::test]
async fn our_own_form_is_accepted_with_an_origin_of_null() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    let page = reach_code(&mut browser, ALICE).await;
    let code = demo.newest_code(ALICE.2).await;
    let host = demo.gateway.trim_start_matches("http://");
    let cookies: Vec<String> =
        browser.cookies().iter().map(|(name, value)| format!("{name}={value}")).collect();
    let token = page.form_token().expect("a form");
    let form = format!("csrf={token}&factor=sms-otp&code={code}");
    let post = |site: &str| {
        raw(
            &demo.gateway,
            &format!(
                "POST {FACTOR} HTTP/1.1\r\nHost: {host}\r\nCookie: {}\r\nOrigin: null\r\n{site}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{form}",
                cookies.join("; "),
                form.len(),
            ),
        )
    };
    for site in ["", "Sec-Fetch-Site: cross-site\r\n", "Sec-Fetch-Site: same-site\r\n"] {
        assert!(post(site).starts_with("HTTP/1.1 403"), "{site}");
    }
    let head = post("Sec-Fetch-Site: same-origin\r\n");
    assert!(head.starts_with("HTTP/1.1 303") && head.contains("__Host-mfa_session="), "{head}");
}
