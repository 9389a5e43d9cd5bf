//! Pages about errors: each leads on, and the log has its reference number.

use std::{
    collections::BTreeSet,
    io::{Read as _, Write as _},
    net::TcpStream,
};

use crate::harness::{
    Demo, Process, configure, free_port, reference_number, run, until_listening, words,
};

/// Sends a request and returns the whole response.
fn exchange(port: u16, line: &str, more: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    let timeout = Some(std::time::Duration::from_secs(20));
    stream.set_read_timeout(timeout).expect("a socket");
    let head = format!(
        "{line} HTTP/1.1\r\nAccept: text/html\r\nAccept-Language: en\r\nConnection: close\r\n{more}\r\n{body}"
    );
    stream.write_all(head.as_bytes()).expect("it reads");
    let mut response = Vec::new();
    // A refused body may reset the connection after the response.
    let _ = stream.read_to_end(&mut response);
    String::from_utf8(response).expect("UTF-8")
}

#[tokio::test]
async fn every_error_leads_on_and_its_number_is_in_the_log() {
    let demo = Demo::start();
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let public = "[[rule]]\npath = \"/\"\naccess = \"public\"\nwithout_second_factor = true\n";
    let file = configure(folder.path(), &demo, port, public);
    // Nothing listens where the application should be.
    let dead = format!("http://127.0.0.1:{}/", free_port());
    let text = std::fs::read_to_string(&file).expect("a file").replace(&demo.application, &dead);
    std::fs::write(&file, text).expect("a file");
    let gateway = Process::start(&["serve", "--config", &file]);
    until_listening(port).await;

    let host = format!("Host: localhost:{port}\r\n");
    let origin = format!("{host}Origin: http://localhost:{port}\r\n");
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let long = format!("GET /{}", "a".repeat(9_000));
    let body = "a".repeat(100_000);
    let large = format!("{origin}{form}Content-Length: {}\r\n", body.len());
    let cases = [
        ("GET /%", host.as_str(), "", 400),
        ("POST /_mfa/login", &host.replace("Host", "Origin: http://evil.example\r\nHost"), "", 403),
        ("GET /_mfa/no-such-page", &host, "", 404),
        ("POST /_mfa/account", &origin, "", 405),
        ("TRACE /", &host, "", 405),
        // The body never comes.
        ("POST /_mfa/login", &large, "", 408),
        ("POST /_mfa/login", &large, &body, 413),
        (&long, &host, "", 414),
        ("GET /", "Host: other.example\r\n", "", 421),
        ("GET /", &host, "", 502),
    ];
    let mut shown = BTreeSet::new();
    for (line, more, body, status) in cases {
        let page = exchange(port, line, more, body);
        assert!(page.starts_with(&format!("HTTP/1.1 {status} ")), "{line:.60}: {page:.200}");
        assert!(page.contains("<a class=\"primary\" href=\""), "{line:.60} is a dead end: {page}");
        assert!(
            shown.insert(reference_number(&page).expect("a number").to_owned()),
            "{line:.60}: a number came twice"
        );
    }
    let misdirected = exchange(port, "GET /", "Host: other.example\r\n", "");
    let home = format!("<a class=\"primary\" href=\"http://localhost:{port}/\">");
    assert!(misdirected.contains(&home), "{misdirected}");

    let (_, log) = gateway.terminate();
    for reference in &shown {
        let lines = || log.lines().filter(|line| line.contains(reference.as_str()));
        assert!(lines().any(|line| line.contains("http.request")), "{reference} is not in {log}");
    }
    let down = log.lines().find(|line| line.contains("proxy.failed")).expect("a line of the fault");
    assert!(shown.iter().any(|reference| down.contains(reference.as_str())), "{down}");
}

#[tokio::test]
async fn the_operator_reads_the_messages_and_brings_texts_of_their_own() {
    let demo = Demo::start();
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let more = "[texts]\nen = \"en.ftl\"\n[pages]\nsupport_phone = \"0120-000-000\"\n\
                [sms.text]\nen = \"{service} login code {code}\"\n";
    let file = configure(folder.path(), &demo, port, more);
    let texts = folder.path().join("en.ftl");
    std::fs::write(&texts, "login-titel = Welcome\n").expect("a file");
    let done = run(&["check-config", "--config", &file], "");
    let said = words(&done.stderr);
    assert!(!done.status.success() && said.contains("texts.en: en.ftl:1: login-titel"), "{said}");

    std::fs::write(&texts, "login-title = Welcome\n").expect("a file");
    let done = run(&["check-config", "--config", &file], "");
    let said = words(&done.stdout);
    assert!(done.status.success(), "{}", words(&done.stderr));
    for expected in [
        "gateway.toml: OK\n\nSMS (ja): 54 of 70 characters, 1 part (54字／70字、1通)\n",
        "  【Test】認証コード 000000\n  他人に教えないでください\n  @localhost #000000\n",
        "\nSMS (en): 43 of 70 characters, 1 part (43字／70字、1通)\n",
        "  Test login code 000000\n  @localhost #000000\n",
    ] {
        assert!(said.contains(expected), "{expected} is missing in {said}");
    }

    let gateway = Process::start(&["serve", "--config", &file]);
    until_listening(port).await;
    let page = exchange(port, "GET /_mfa/login", &format!("Host: localhost:{port}\r\n"), "");
    assert!(page.contains("<h1>Welcome</h1>"), "{page}");
    assert!(page.contains("<a href=\"tel:0120000000\">0120-000-000</a>"), "{page}");
    gateway.terminate();

    let built_in = words(&run(&["check-config", "--texts", "ja"], "").stdout);
    assert!(built_in.contains("\nlogin-title = ログイン\n"), "{built_in}");
}
