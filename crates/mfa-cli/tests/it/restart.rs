//! What survives a restart and a crash, and what the log never holds.

use mfa_demo::Browser;
use testkit::LeakScanner;

use crate::harness::{
    ALICE, Demo, Process, another, configure, free_port, log_in, reach_code, run, send_password,
    type_code, type_refused_code, until_listening,
};

const PASSWORD: &str = "a-long-password";
const CAROL: (&str, &str, &str) = ("carol", PASSWORD, "09033334444");

fn add_carol(file: &str) {
    let done = run(&["user", "add", "--config", file, CAROL.0, "--phone", CAROL.2], PASSWORD);
    assert!(done.status.success(), "{done:?}");
}

#[tokio::test]
async fn a_crash_loses_no_attempt_and_no_session() {
    let demo = Demo::start();
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let file = configure(folder.path(), &demo, port, "");
    add_carol(&file);
    let gateway = Process::start(&["serve", "--config", &file]);
    until_listening(port).await;
    let origin = format!("http://localhost:{port}");
    let mut browser = Browser::new(&origin).expect("a client");
    let mut page = reach_code(&mut browser, CAROL).await;
    let code = demo.newest_code(CAROL.2).await;
    for _ in 0..3 {
        page = type_refused_code(&mut browser, &page, &another(&code)).await;
    }
    gateway.kill();
    let gateway = Process::start(&["serve", "--config", &file]);
    until_listening(port).await;
    let seen = type_refused_code(&mut browser, &page, &another(&code)).await;
    assert!(seen.body.contains("You can try once more"), "{}", seen.body);
    let done = type_code(&mut browser, &seen, &code).await;
    assert_eq!(done.status, 303, "the open challenge is lost: {}", done.body);
    gateway.kill();
    let _gateway = Process::start(&["serve", "--config", &file]);
    until_listening(port).await;
    assert_eq!(browser.get("/").await.expect("an answer").status, 200, "the session is lost");
}

#[tokio::test]
async fn nothing_secret_reaches_the_log_or_the_disk() {
    let demo = Demo::start();
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let file = configure(folder.path(), &demo, port, "[log]\nfilter = \"trace\"\n");
    add_carol(&file);
    let gateway = Process::start(&["serve", "--config", &file]);
    until_listening(port).await;
    let mut browser = Browser::new(&format!("http://localhost:{port}")).expect("a client");
    send_password(&mut browser, CAROL.0, "another-secret-password").await;
    let page = reach_code(&mut browser, CAROL).await;
    let code = demo.newest_code(CAROL.2).await;
    let wrong = another(&code);
    let page = type_refused_code(&mut browser, &page, &wrong).await;
    let pending = browser.cookie("__Host-mfa_login").expect("a cookie").to_owned();
    assert_eq!(type_code(&mut browser, &page, &code).await.status, 303);
    browser.get("/").await.expect("a page");
    let session = browser.cookie("__Host-mfa_session").expect("a cookie").to_owned();
    let (_, log) = gateway.terminate();
    assert!(log.contains("http.request"), "no log was written: {log:.500}");
    let scanner = LeakScanner::new()
        .with_secret("password", PASSWORD)
        .with_secret("wrong password", "another-secret-password")
        .with_secret("pending cookie", &pending)
        .with_secret("session cookie", &session)
        .with_secret("api token", "demo-token")
        .with_secret("master key", "0123456789abcdef0123456789abcdef");
    scanner.assert_clean("log", &log);
    let with_number = LeakScanner::new()
        .with_secret("code", &code)
        .with_secret("wrong code", &wrong)
        .with_phone_number("number", CAROL.2);
    with_number.assert_clean("log", &log);
    let on_disk = LeakScanner::new()
        .with_secret("session cookie", &session)
        .with_secret("pending cookie", &pending)
        .with_secret("password", PASSWORD);
    for database in ["auth.db", "auth.db-wal", "otp.db", "otp.db-wal"] {
        let bytes = std::fs::read(folder.path().join(database)).unwrap_or_default();
        assert!(on_disk.scan_bytes(&bytes).is_empty(), "a secret is in {database}");
    }
}

#[tokio::test]
async fn a_polite_stop_ends_with_success_and_leaves_nothing_behind() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    log_in(&demo, &mut browser, ALICE).await;
    let folder = demo.data_dir.clone();
    assert!(std::path::Path::new(&folder).exists());
    let (code, log) = demo.process.terminate();
    assert_eq!(code, Some(0), "{log}");
    assert!(!std::path::Path::new(&folder).exists(), "the temporary folder is still there");
}

#[tokio::test]
async fn a_demo_with_a_folder_of_its_own_remembers() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().display().to_string();
    let flags = ["--data-dir", path.as_str()];
    let demo = Demo::start_with(&flags);
    let mut browser = demo.browser();
    let page = reach_code(&mut browser, ALICE).await;
    let code = demo.newest_code(ALICE.2).await;
    type_code(&mut browser, &page, &another(&code)).await;
    assert_eq!(demo.process.terminate().0, Some(0));
    let demo = Demo::start_with(&flags);
    let mut browser = demo.browser();
    log_in(&demo, &mut browser, ALICE).await;
}
