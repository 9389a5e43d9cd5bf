//! Where the gateway listens besides an IP address.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
};

use crate::{
    harness::{Demo, configure, free_port},
    serving::{Serving, edit},
};

const FORWARDED: &str = "GET / HTTP/1.1\r\nHost: unknown.example\r\nX-Forwarded-For: 198.51.100.9\r\n\
                         Connection: close\r\n\r\n";

#[tokio::test]
async fn a_unix_socket_serves_and_its_peer_is_believed_if_it_is_listed() {
    for (trusted, client) in [("[\"unix\"]", "198.51.100.9"), ("[]", "::")] {
        let (demo, folder) = (Demo::start(), tempfile::tempdir().expect("a folder"));
        let port = free_port();
        let file = configure(folder.path(), &demo, port, "");
        edit(
            &file,
            &format!("listen = \"127.0.0.1:{port}\""),
            &format!(
                "listen = \"unix:gateway.sock\"\ntrusted_proxies = {trusted}\nsocket_mode = \"0600\""
            ),
        );
        edit(&file, "ops_listen = \"127.0.0.1:0\"", "ops_listen = \"unix:ops.sock\"");
        let mut gateway = Serving::start(&file, &folder.path().join("log"));
        gateway.until_logged("gateway.ops_started", 1).await;
        let socket = folder.path().join("gateway.sock");
        let mode = fs::symlink_metadata(&socket).expect("a socket").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let ask = |socket: &str, head: &str| {
            let mut stream = UnixStream::connect(folder.path().join(socket)).expect("it listens");
            stream.write_all(head.as_bytes()).expect("it reads");
            let mut text = String::new();
            stream.read_to_string(&mut text).expect("text");
            text
        };
        let refused = ask("gateway.sock", FORWARDED);
        assert!(refused.starts_with("HTTP/1.1 421"), "{refused}");
        let logged = gateway.until_logged("http.refused", 1).await;
        assert_eq!(logged["client"], client, "{trusted}");
        let ready =
            ask("ops.sock", "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        assert!(ready.starts_with("HTTP/1.1 200"), "{ready}");
        gateway.signal("TERM");
        assert_eq!(gateway.ended().await, Some(0), "{}", gateway.log());
        assert!(!socket.exists(), "the socket is still there");
    }
}

#[tokio::test]
async fn a_host_name_is_listened_on() {
    let (demo, folder) = (Demo::start(), tempfile::tempdir().expect("a folder"));
    let port = free_port();
    let file = configure(folder.path(), &demo, port, "");
    edit(
        &file,
        &format!("listen = \"127.0.0.1:{port}\""),
        &format!("listen = \"localhost:{port}\""),
    );
    let mut gateway = Serving::start(&file, &folder.path().join("log"));
    gateway.until_started().await;
    TcpStream::connect(("localhost", port)).expect("it listens");
}
