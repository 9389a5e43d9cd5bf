//! SIGHUP: the configuration is read again, and nothing that is under way is lost.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    time::Duration,
};

use mfa_demo::Browser;

use crate::{
    harness::{
        Demo, another, configure, free_port, log_in, raw, reach_code, run, send_password,
        type_code, type_refused_code,
    },
    serving::{Serving, edit},
};

const PASSWORD: &str = "a-long-password";
const CAROL: (&str, &str, &str) = ("carol", PASSWORD, "09033334444");
const DAVE: (&str, &str, &str) = ("dave", PASSWORD, "09033335555");

struct World {
    demo: Demo,
    gateway: Serving,
    file: String,
    origin: String,
    ops: String,
    folder: tempfile::TempDir,
}

impl World {
    async fn start(more: &str) -> Self {
        let (demo, folder) = (Demo::start(), tempfile::tempdir().expect("a folder"));
        let port = free_port();
        let file = configure(folder.path(), &demo, port, more);
        for (name, password, phone) in [CAROL, DAVE] {
            let done = run(&["user", "add", "--config", &file, name, "--phone", phone], password);
            assert!(done.status.success(), "{done:?}");
        }
        let mut gateway = Serving::start(&file, &folder.path().join("log"));
        let ops = gateway.until_started().await;
        let origin = format!("http://localhost:{port}");
        Self { demo, gateway, file, origin, ops, folder }
    }

    fn browser(&self) -> Browser {
        Browser::new(&self.origin).expect("a client")
    }

    async fn login_page(&self) -> String {
        self.browser().get("/_mfa/login").await.expect("a page").body
    }

    async fn metrics(&self) -> String {
        let answer = reqwest::get(format!("{}/metrics", self.ops)).await.expect("an answer");
        answer.text().await.expect("text")
    }
}

#[tokio::test]
async fn a_reload_changes_settings_and_keeps_what_is_under_way() {
    let mut world = World::start("[log]\nfilter = \"info\"\n").await;
    let mut logged_in = world.browser();
    log_in(&world.demo, &mut logged_in, CAROL).await;
    let mut under_way = world.browser();
    let mut page = reach_code(&mut under_way, DAVE).await;
    let code = world.demo.newest_code(DAVE.2).await;
    for _ in 0..3 {
        page = type_refused_code(&mut under_way, &page, &another(&code)).await;
    }
    assert!(!world.gateway.log().contains("\"level\":\"DEBUG\""));
    assert_eq!(world.browser().get("/public/").await.expect("a page").status, 303);

    edit(&world.file, "service_name = \"Test\"", "service_name = \"Renamed\"");
    edit(&world.file, "filter = \"info\"", "filter = \"debug\"");
    edit(
        &world.file,
        "[[otp.key]]",
        "[[rule]]\npath = \"/public/\"\naccess = \"public\"\n[[otp.key]]",
    );
    edit(&world.file, "ops_listen = \"127.0.0.1:0\"", "ops_listen = \"127.0.0.1:1\"");
    edit(&world.file, "data_dir = \".\"", "data_dir = \"elsewhere\"");
    world.gateway.reload("config.reloaded", 1).await;

    assert!(world.login_page().await.contains("Renamed"));
    assert_eq!(world.browser().get("/public/").await.expect("a page").status, 200);
    assert!(world.gateway.log().contains("\"level\":\"DEBUG\""), "the filter is the old one");
    assert_eq!(logged_in.get("/").await.expect("a page").status, 200, "the session is lost");
    // The counted attempts and the open challenge are still there.
    let page = type_refused_code(&mut under_way, &page, &another(&code)).await;
    assert!(page.body.contains("You can try once more"), "{}", page.body);
    assert_eq!(type_code(&mut under_way, &page, &code).await.status, 303);
    let needs_restart = world.gateway.logged("config.restart_needed");
    let keys: Vec<_> = needs_restart.iter().filter_map(|record| record["key"].as_str()).collect();
    assert_eq!(keys, ["gateway.ops_listen", "gateway.data_dir"]);
    assert!(!world.folder.path().join("elsewhere").exists());
    let metrics = world.metrics().await;
    assert!(metrics.contains("mfa_config_reloads_total{result=\"done\"} 1"), "{metrics}");
}

#[tokio::test]
async fn a_bad_file_changes_nothing_and_each_problem_is_in_the_log() {
    let mut world = World::start("").await;
    let good = std::fs::read_to_string(&world.file).expect("the file");
    edit(
        &world.file,
        "service_name = \"Test\"",
        "service_name = \"Renamed\"\ntime_zone = \"Asia/Kyoto\"",
    );
    edit(&world.file, "[[otp.key]]", "[otp]\ndigits = 99\n[[otp.key]]");
    world.gateway.reload("config.reload_failed", 1).await;
    let problems = world.gateway.logged("config.problem");
    let keys: Vec<_> = problems.iter().filter_map(|record| record["key"].as_str()).collect();
    assert_eq!(keys, ["gateway.time_zone", "otp.digits"]);
    assert!(world.login_page().await.contains("Test"));

    // A rule for a factor without a plugin is found after the file was read.
    std::fs::write(
        &world.file,
        format!("{good}\n[[rule]]\npath = \"/a/\"\nfactors = [\"password\", \"passkey\"]\n"),
    )
    .expect("a file");
    let failed = world.gateway.reload("config.reload_failed", 2).await;
    assert!(failed["reason"].as_str().expect("a reason").contains("passkey"), "{failed}");

    std::fs::remove_file(&world.file).expect("the file");
    world.gateway.reload("config.reload_failed", 3).await;
    assert!(world.login_page().await.contains("Test"));
    let metrics = world.metrics().await;
    assert!(metrics.contains("mfa_config_reloads_total{result=\"failed\"} 3"), "{metrics}");

    std::fs::write(&world.file, good.replace("\"Test\"", "\"Renamed\"")).expect("a file");
    world.gateway.reload("config.reloaded", 1).await;
    assert!(world.login_page().await.contains("Renamed"));
}

#[tokio::test]
async fn a_changed_secret_of_the_sender_is_used() {
    let mut world = World::start("").await;
    let token = world.folder.path().join("karaden.token");
    std::fs::write(&token, "another-token").expect("a file");
    world.gateway.reload("config.reloaded", 1).await;
    let mut browser = world.browser();
    send_password(&mut browser, CAROL.0, CAROL.1).await;
    let page = browser.get("/_mfa/factor").await.expect("a page");
    assert_eq!(page.status, 503, "{}", page.body);
    std::fs::write(&token, "demo-token").expect("a file");
    world.gateway.reload("config.reloaded", 2).await;
    log_in(&world.demo, &mut world.browser(), DAVE).await;
}

/// An application that answers with `name` when it is told to.
fn take(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().expect("a connection");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        assert_ne!(stream.read(&mut byte).expect("a head"), 0, "closed");
        head.push(byte[0]);
    }
    stream
}

fn respond(mut stream: TcpStream, name: &str) {
    let text = format!("HTTP/1.1 200 OK\r\nX-Name: {name}\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(text.as_bytes()).expect("it reads");
}

#[tokio::test]
async fn a_request_under_way_ends_with_the_application_it_began_with() {
    let mut world = World::start("[[rule]]\npath = \"/public/\"\naccess = \"public\"\n").await;
    let old = TcpListener::bind("127.0.0.1:0").expect("a port");
    let new = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url =
        |listener: &TcpListener| format!("http://{}", listener.local_addr().expect("an address"));
    edit(&world.file, &world.demo.application, &url(&old));
    world.gateway.reload("config.reloaded", 1).await;
    let origin = world.origin.clone();
    let host = origin.trim_start_matches("http://").to_owned();
    let ask = move || {
        raw(&origin, &format!("GET /public/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
    };
    let first = std::thread::spawn(ask.clone());
    let at_old = take(&old);
    edit(&world.file, &url(&old), &url(&new));
    world.gateway.reload("config.reloaded", 2).await;
    let second = std::thread::spawn(ask);
    respond(take(&new), "new");
    assert!(second.join().expect("no panic").contains("x-name: new"));
    respond(at_old, "old");
    assert!(first.join().expect("no panic").contains("x-name: old"));
}

/// Waits until the process handles SIGHUP.
async fn until_caught(gateway: &Serving) {
    for _ in 0..6000 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.id()));
        let status = status.expect("a running process");
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).map(str::trim);
        let caught = caught.and_then(|mask| u64::from_str_radix(mask, 16).ok()).expect("a mask");
        if caught & 1 == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("SIGHUP is not caught");
}

#[tokio::test]
async fn sighup_ends_neither_a_start_nor_a_stop() {
    let demo = Demo::start();
    let folder = tempfile::tempdir().expect("a folder");
    let file = configure(folder.path(), &demo, free_port(), "");
    edit(
        &file,
        "insecure_http = true\nlisten",
        "insecure_http = true\nstop_timeout = \"1s\"\nlisten",
    );
    let mut gateway = Serving::start(&file, &folder.path().join("log"));
    until_caught(&gateway).await;
    gateway.signal("HUP");
    gateway.signal("HUP");
    gateway.until_logged("config.reloaded", 1).await;
    gateway.signal("HUP");
    gateway.signal("HUP");
    gateway.until_logged("config.reloaded", 2).await;
    gateway.signal("TERM");
    gateway.signal("HUP");
    gateway.signal("HUP");
    assert_eq!(gateway.ended().await, Some(0), "{}", gateway.log());
    assert_eq!(gateway.logged("gateway.stopped").len(), 1);
}
