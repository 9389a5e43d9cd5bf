//! Stopping: in time, whatever hangs, and at once on a second signal.

use std::{
    io::Write as _,
    net::{TcpListener, TcpStream},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    harness::{Demo, configure, free_port, raw},
    serving::{Serving, edit},
};

struct World {
    gateway: Serving,
    port: u16,
    folder: tempfile::TempDir,
    _demo: Demo,
}

impl World {
    async fn start(stop_timeout: &str, application: Option<&TcpListener>) -> Self {
        let (demo, folder) = (Demo::start(), tempfile::tempdir().expect("a folder"));
        let port = free_port();
        let more = "[[rule]]\npath = \"/public/\"\naccess = \"public\"\n";
        let file = configure(folder.path(), &demo, port, more);
        let with_timeout =
            format!("insecure_http = true\nstop_timeout = \"{stop_timeout}\"\nlisten");
        edit(&file, "insecure_http = true\nlisten", &with_timeout);
        if let Some(application) = application {
            let address = application.local_addr().expect("an address");
            edit(&file, &demo.application, &format!("http://{address}"));
        }
        let mut gateway = Serving::start(&file, &folder.path().join("log"));
        gateway.until_started().await;
        Self { gateway, port, folder, _demo: demo }
    }
}

#[tokio::test]
async fn a_second_signal_ends_the_process_at_once() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    for (first, second) in [("TERM", "TERM"), ("INT", "TERM"), ("TERM", "INT")] {
        let mut world = World::start("10m", Some(&silent)).await;
        let mut hanging = TcpStream::connect(("127.0.0.1", world.port)).expect("it listens");
        let head = format!("GET /public/ HTTP/1.1\r\nHost: localhost:{}\r\n\r\n", world.port);
        hanging.write_all(head.as_bytes()).expect("it reads");
        let _taken = silent.accept().expect("a connection");
        world.gateway.signal(first);
        world.gateway.until_logged("gateway.stopping", 1).await;
        world.gateway.signal(second);
        assert_eq!(world.gateway.ended().await, Some(130), "{}", world.gateway.log());
    }
}

#[tokio::test]
async fn a_database_that_hangs_does_not_prolong_the_stop() {
    let mut world = World::start("2s", None).await;
    let database = rusqlite::Connection::open(world.folder.path().join("auth.db")).expect("the DB");
    database.execute_batch("BEGIN EXCLUSIVE").expect("the lock");
    // A request for an unknown host leaves an audit record, which cannot be written.
    let origin = format!("http://127.0.0.1:{}", world.port);
    let refused =
        raw(&origin, "GET / HTTP/1.1\r\nHost: unknown.example\r\nConnection: close\r\n\r\n");
    assert!(refused.starts_with("HTTP/1.1 421"), "{refused}");
    let began = Instant::now();
    world.gateway.signal("TERM");
    assert_eq!(world.gateway.ended().await, Some(1), "{}", world.gateway.log());
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert_eq!(world.gateway.logged("audit.finish_failed").len(), 1);
}

#[tokio::test]
async fn a_signal_during_the_start_ends_it() {
    let (demo, folder) = (Demo::start(), tempfile::tempdir().expect("a folder"));
    let file = configure(folder.path(), &demo, free_port(), "");
    // The start waits for this lock.
    let database = rusqlite::Connection::open(folder.path().join("auth.db")).expect("the DB");
    database.execute_batch("PRAGMA journal_mode = WAL; BEGIN EXCLUSIVE").expect("the lock");
    let mut gateway = Serving::start(&file, &folder.path().join("log"));
    gateway.until_logged("gateway.starting", 1).await;
    gateway.signal("TERM");
    assert_eq!(gateway.ended().await, Some(0), "{}", gateway.log());
    assert_eq!(gateway.logged("gateway.started").len(), 0);
}
