//! Which paths are forwarded, and which verdict their spellings get.

use crate::{
    harness::{
        ALICE, Demo, FACTOR, LOGIN, Process, configure, free_port, log_in, raw, type_code,
        until_listening,
    },
    proxy::echo,
};

/// The status of a `GET` for `path` without a session.
fn status(origin: &str, path: &str) -> String {
    let host = origin.trim_start_matches("http://");
    let head =
        raw(origin, &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
    head.get("HTTP/1.1 ".len()..).and_then(|rest| rest.get(..3)).unwrap_or(&head).to_owned()
}

#[tokio::test]
async fn the_application_gets_the_clients_own_bytes() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    log_in(&demo, &mut browser, ALICE).await;
    for path in [
        "/echo/50%25.pdf",
        "/echo/50%25.txt",
        "/echo/group%2Fproject",
        "/echo/group%2fproject",
        "/echo/a//b",
        "/echo//",
        "/echo/a;v=1/b%3B",
        "/echo/%E5%A3%B2%e4%b8%8a%20100%25.xlsx?x=%2f//",
        "/echo/caf%E9",
        "/echo/Special:Search",
        "/echo/C++",
    ] {
        assert_eq!(echo(&mut browser, path, &[]).await["target"], path);
    }
    assert_eq!(echo(&mut browser, "/echo/%7Ea%2Db", &[]).await["target"], "/echo/~a-b");
}

#[tokio::test]
async fn no_spelling_opens_a_protected_path() {
    let demo = Demo::start();
    for path in [
        "/public/../admin/",
        "/public/%2e%2e/admin/",
        "/public\\..\\admin/",
        "/public/..%5cadmin/",
        "/public/%00",
        "/public/%",
        "/public/a%0Ab",
    ] {
        assert_eq!(status(&demo.gateway, path), "400", "{path}");
    }
    for path in [
        "/public/..%20/admin/",
        "/public/..%2fadmin/",
        "/public/%252e%252e/admin/",
        "/public/..;/admin/",
        "/public/..%255cadmin/",
        "//admin/",
        "/public;x/",
        "/public./",
        "/PUBLIC/",
    ] {
        assert_eq!(status(&demo.gateway, path), "401", "{path}");
    }
    // The application knows one public page.
    assert_eq!(status(&demo.gateway, "/public/"), "200");
    for path in ["/public//", "/public/50%25.pdf", "/public/a%2Fb", "/public/a;x"] {
        assert_eq!(status(&demo.gateway, path), "404", "{path}");
    }
}

#[tokio::test]
async fn a_target_may_have_8_kib() {
    let demo = Demo::start();
    let of_length = |length: usize| format!("/public/{}", "a".repeat(length - "/public/".len()));
    assert_eq!(status(&demo.gateway, &of_length(8192)), "404");
    assert_eq!(status(&demo.gateway, &of_length(8193)), "414");
}

#[tokio::test]
async fn a_long_deep_link_survives_the_login() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    let path = format!("/echo/{}?q=1", "%E5%A3%B2".repeat(900));
    let asked = browser.get(&path).await.expect("an answer");
    let login = asked.location.expect("a redirect");
    let page = browser.get(&login).await.expect("a page");
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.contains(&path), "the form does not keep the destination");
    let fields = [("username", ALICE.0), ("password", ALICE.1), ("return_to", &path)];
    let sent = browser.post(&page, LOGIN, &fields).await.expect("an answer");
    assert_eq!(sent.location.as_deref(), Some(FACTOR), "{}", sent.body);
    let page = browser.get(FACTOR).await.expect("a page");
    let code = demo.newest_code(ALICE.2).await;
    let done = type_code(&mut browser, &page, &code).await;
    assert_eq!(done.location.as_deref(), Some(path.as_str()));

    // The step-up takes the same path, and leads on at once because the factor is fresh.
    let query = login.split_once('?').expect("a query").1;
    let step_up = browser.get(&format!("/_mfa/step-up?{query}")).await.expect("an answer");
    assert_eq!(step_up.location, Some(path));
}

#[tokio::test]
async fn rules_and_paths_are_as_configured() {
    let demo = Demo::start();
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let rules = r#"
[[rule]]
path = "/robots.txt"
access = "public"
[[rule]]
path = "/public/"
access = "public"
[[rule]]
path = "/api/"
allow_preflight = true
"#;
    let file = configure(folder.path(), &demo, port, rules);
    let text = std::fs::read_to_string(&file).expect("text");
    let strict = text.replace("[application]", "[application]\npaths = \"strict\"");
    std::fs::write(&file, strict).expect("a file");
    let gateway = Process::start(&["serve", "--config", &file]);
    until_listening(port).await;
    let origin = format!("http://localhost:{port}");

    assert_eq!(status(&origin, "/robots.txt"), "404", "the application has none");
    assert_eq!(status(&origin, "/robots.txt/x"), "401");
    for path in ["/public//", "/public/50%25.pdf", "/public/a%2Fb", "/public/a;x", "/public/a."] {
        assert_eq!(status(&origin, path), "400", "{path}");
    }
    for path in ["/public/%E5%A3%B2%20x", "/public/a.b"] {
        assert_eq!(status(&origin, path), "404", "{path}");
    }

    let asks = "Origin: https://other.example\r\nAccess-Control-Request-Method: PUT\r\n";
    for (line, headers, expected) in [
        ("OPTIONS /api/x HTTP/1.1", asks, "404"),
        ("OPTIONS /api/x HTTP/1.1", "", "401"),
        ("OPTIONS /other HTTP/1.1", asks, "401"),
        ("PUT /api/x HTTP/1.1", asks, "401"),
    ] {
        let head = raw(
            &origin,
            &format!("{line}\r\nHost: localhost:{port}\r\nConnection: close\r\n{headers}\r\n"),
        );
        assert!(head.starts_with(&format!("HTTP/1.1 {expected} ")), "{line} {headers}: {head}");
    }

    let (_, log) = gateway.terminate();
    for rule in ["/robots.txt", "/public/", "/api/", "default"] {
        assert!(log.contains(&format!("\"rule\":\"{rule}\"")), "{rule} is not in the log: {log}");
    }
}
