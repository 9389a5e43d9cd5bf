//! A full disk: what goes on, what is refused, and that no restart is needed.

use std::{path::PathBuf, time::Duration};

use mfa_demo::Browser;
use testkit::small_disk::{self, Filler};

use crate::harness::{
    BINARY, Demo, Process, configure, free_port, log_in, send_password, until_listening,
};

const PASSWORD: &str = "a-long-password";
const CAROL: (&str, &str, &str) = ("carol", PASSWORD, "09033334444");

/// The gateway on a disk of 2 MiB that only its process sees.
struct World {
    demo: Demo,
    gateway: Process,
    /// The disk, seen from outside.
    disk: PathBuf,
    origin: String,
    ops: String,
    _folder: tempfile::TempDir,
}

impl World {
    async fn start() -> Self {
        let (demo, folder) = (Demo::start(), tempfile::tempdir().expect("a folder"));
        let (port, ops_port) = (free_port(), free_port());
        let file = configure(folder.path(), &demo, port, "");
        let disk = folder.path().join("disk");
        std::fs::create_dir(&disk).expect("a folder");
        let settings = std::fs::read_to_string(&file).expect("the configuration");
        let settings = settings
            .replace("127.0.0.1:0", &format!("127.0.0.1:{ops_port}"))
            .replace("data_dir = \".\"", &format!("data_dir = \"{}\"", disk.display()));
        let limits = "\n[disk]\nwarn_below_mib = 0\nreserve_mib = 0\n";
        std::fs::write(&file, settings + limits).expect("a file");
        let script = "printf %s \"$4\" | \"$1\" user add --config \"$2\" \"$3\" --phone \"$5\" && \
             exec \"$1\" serve --config \"$2\"";
        let mut command = small_disk::command(&disk, "sh");
        command.args(["-c", script, "sh", BINARY, &file, CAROL.0, CAROL.1, CAROL.2]);
        let gateway = Process::spawn(command);
        until_listening(port).await;
        // The shells have become the gateway, so this is the disk that the gateway sees.
        let disk = PathBuf::from(format!("/proc/{}/root{}", gateway.id(), disk.display()));
        let origin = format!("http://localhost:{port}");
        let ops = format!("http://127.0.0.1:{ops_port}");
        Self { demo, gateway, disk, origin, ops, _folder: folder }
    }

    fn browser(&self) -> Browser {
        Browser::new(&self.origin).expect("a client")
    }

    async fn until_ready_is(&self, status: u16) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        loop {
            let answer = reqwest::get(format!("{}/readyz", self.ops)).await.expect("an answer");
            if answer.status().as_u16() == status {
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "/readyz is not {status}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test]
async fn a_full_disk_stops_logins_and_nothing_else() {
    let world = World::start().await;
    world.until_ready_is(200).await;
    let mut user = world.browser();
    log_in(&world.demo, &mut user, CAROL).await;
    for _ in 0..2 {
        let filler = Filler::next_to(&world.disk.join("auth.db"));
        world.until_ready_is(503).await;
        assert_eq!(user.get("/").await.expect("a page").status, 200, "the session goes on");
        // A write can fit into space that SQLite has already.
        let mut refused = 0;
        for _ in 0..40 {
            let seen = send_password(&mut world.browser(), CAROL.0, CAROL.1).await;
            refused += usize::from(seen.status == 503);
        }
        assert!(refused >= 10, "{refused} of 40");
        drop(filler);
        world.until_ready_is(200).await;
        log_in(&world.demo, &mut world.browser(), CAROL).await;
    }
    assert_eq!(user.get("/").await.expect("a page").status, 200);
    let (_, log) = world.gateway.terminate();
    let count = |event: &str| log.matches(&format!("\"event\":\"{event}\"")).count();
    assert_eq!((count("store.unavailable"), count("store.recovered")), (2, 2), "{log}");
    assert!(count("audit.record_lost") <= 2, "{log}");
}
