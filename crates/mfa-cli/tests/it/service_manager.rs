//! What a service manager learns, over a real socket.

use std::{os::unix::net::UnixDatagram, process::Command, time::Duration};

use tokio::time::Instant;

use crate::{
    harness::{BINARY, Demo, configure, free_port, words},
    serving::{Serving, edit},
};

/// The service manager's side.
struct Manager(UnixDatagram);

impl Manager {
    /// Waits for the next message that contains `line`, and returns its lines. Passes over signs of life.
    fn next(&self, line: &str) -> Vec<String> {
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            let lines = self.any();
            if lines.iter().any(|each| each == line) {
                return lines;
            }
            assert_eq!(lines, ["WATCHDOG=1"], "before {line}");
        }
        panic!("no {line}");
    }

    fn any(&self) -> Vec<String> {
        let mut bytes = [0; 4096];
        let count = self.0.recv(&mut bytes).expect("a message in time");
        let text = std::str::from_utf8(&bytes[..count]).expect("text");
        text.lines().map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn a_service_manager_learns_of_start_reload_life_and_stop() {
    let demo = Demo::start();
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let file = configure(folder.path(), &demo, port, "");
    edit(
        &file,
        "insecure_http = true\nlisten",
        "insecure_http = true\nstop_timeout = \"1s\"\nlisten",
    );
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    let manager = Manager(socket);
    let mut command = Command::new(BINARY);
    command.args(["serve", "--config", &file]);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "200000");
    let mut gateway = Serving::spawn(command, &folder.path().join("log"));

    assert_eq!(manager.next("READY=1"), ["READY=1", "STATUS=serving requests"]);
    let ops = gateway.until_started().await;
    let ready = reqwest::get(format!("{ops}/readyz")).await.expect("an answer");
    assert_eq!(ready.status(), 200);
    for _ in 0..3 {
        assert_eq!(manager.any(), ["WATCHDOG=1"]);
    }
    for (from, to, status) in [
        (
            "\"Test\"",
            "\" \"",
            "serving requests; the changed configuration was refused, see the log",
        ),
        ("\" \"", "\"Renamed\"", "serving requests; the configuration was read again"),
    ] {
        edit(&file, from, to);
        gateway.signal("HUP");
        let reloading = manager.next("RELOADING=1");
        let at = reloading[1].strip_prefix("MONOTONIC_USEC=").expect("an instant");
        assert!(at.parse::<u64>().expect("a number") > 0);
        assert_eq!(manager.next("READY=1")[1], format!("STATUS={status}"));
    }
    gateway.signal("TERM");
    assert_eq!(manager.next("STOPPING=1")[1], "STATUS=finishing requests");
    assert_eq!(gateway.ended().await, Some(0), "{}", gateway.log());
}

const UNIT: &str = include_str!("../../systemd/mfa-gateway.service");

/// Returns the settings of the unit file, without comments.
fn settings(unit: &str) -> Vec<(&str, &str)> {
    let lines = unit.lines().filter(|line| !line.is_empty() && !line.starts_with(['#', '[']));
    lines.map(|line| line.split_once('=').expect(line)).collect()
}

#[test]
fn the_unit_file_starts_the_gateway_and_shuts_it_in() {
    let found = settings(UNIT);
    for expected in [
        ("Type", "notify"),
        ("ExecStart", "/usr/bin/mfa-gateway serve --config /etc/mfa-gateway/config.toml"),
        ("ExecReload", "/bin/kill -HUP $MAINPID"),
        ("DynamicUser", "yes"),
        ("LimitCORE", "0"),
        ("LimitNOFILE", "32768"),
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
    ] {
        assert!(found.contains(&expected), "{expected:?} is missing");
    }
    let sections: Vec<&str> = UNIT.lines().filter(|line| line.starts_with('[')).collect();
    assert_eq!(sections, ["[Unit]", "[Service]", "[Install]"]);
}

/// Where systemd is installed, it reads the file.
#[test]
fn systemd_accepts_the_unit_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let verify = |unit: &str| {
        let file = folder.path().join("mfa-gateway.service");
        std::fs::write(&file, unit.replace("/usr/bin/mfa-gateway", BINARY)).expect("a file");
        Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(file).output().ok()
    };
    let (Some(good), Some(bad)) =
        (verify(UNIT), verify(&UNIT.replace("Type=notify", "Type=unknown")))
    else {
        return;
    };
    let said = |output: &std::process::Output| words(&output.stderr);
    assert!(
        good.status.success() && !said(&good).contains("mfa-gateway.service"),
        "{}",
        said(&good)
    );
    assert!(said(&bad).contains("Failed to parse service type"), "{}", said(&bad));
}
