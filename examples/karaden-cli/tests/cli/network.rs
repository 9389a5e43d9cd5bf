//! Network conditions: faults while following, Ctrl-C, a proxy, a private certificate authority.

use std::{process::Stdio, sync::Arc};

use karaden_sim::{Fault, FaultMode, Operation};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
};

use crate::{NUMBER, TEXT, command, command_at, run, sim};

const MESSAGE: &str = r#"{"object":"message","id":"m-1","status":"done"}"#;

/// Reads the head of a request.
async fn head_of(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a request"));
    }
    String::from_utf8(head).expect("ASCII")
}

fn response() -> String {
    let length = MESSAGE.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{MESSAGE}")
}

#[tokio::test]
async fn list_follow_goes_on_after_faults_and_shows_changes() {
    let sim = sim().await;
    let list = |mode, count| Fault::new(mode).with_operation(Operation::List).times(count);
    // More faults than one call of the client retries.
    sim.set_faults(vec![list(FaultMode::Status(503), 4)]);
    let mut follow = command(&sim, &["list", "--follow", "--every", "20ms"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program");
    let mut errors = BufReader::new(follow.stderr.take().expect("a pipe")).lines();
    let mut lines = BufReader::new(follow.stdout.take().expect("a pipe")).lines();
    let error = errors.next_line().await.expect("readable").expect("a line");
    assert!(error.contains("retrying"), "{error}");

    let (_, sent, _) = run(command(&sim, &["--json", "send", NUMBER, TEXT, "--at", "1h"])).await;
    let id = sent.split('"').skip_while(|part| *part != "id").nth(2).expect("an id").to_owned();
    let line = lines.next_line().await.expect("readable").expect("a line");
    assert!(line.contains(&id) && line.contains("waiting"), "{line}");
    assert_eq!(run(command(&sim, &["cancel", &id])).await.0, 0);
    let line = lines.next_line().await.expect("readable").expect("a line");
    assert!(line.contains(&id) && line.contains("canceled"), "{line}");

    // An error that is not retryable ends it.
    sim.set_faults(vec![Fault::new(FaultMode::Status(401)).with_operation(Operation::List)]);
    let ended = follow.wait().await.expect("an end");
    assert_eq!(ended.code(), Some(3));
}

#[tokio::test]
async fn list_follow_ends_on_ctrl_c_while_it_reads() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let mut follow = command_at(&url, &["list", "--follow"]).spawn().expect("the program");
    let (mut stream, _) = listener.accept().await.expect("a connection");
    assert!(head_of(&mut stream).await.starts_with("GET /api/"));
    // It now waits for a response that does not come.
    let id = follow.id().expect("running").to_string();
    let signal = tokio::process::Command::new("kill").args(["-INT", &id]).status().await;
    assert!(signal.expect("kill").success());
    let ended = follow.wait().await.expect("an end");
    assert_eq!(ended.code(), Some(0));
}

#[tokio::test]
async fn given_proxy_is_used() {
    let proxy = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = proxy.local_addr().expect("an address");
    let head = tokio::spawn(async move {
        let (mut stream, _) = proxy.accept().await.expect("a connection");
        let head = head_of(&mut stream).await;
        stream.write_all(response().as_bytes()).await.expect("written");
        head
    });
    // No server listens on port 1, so a response can come only through the proxy.
    let mut command = command_at("http://127.0.0.1:1", &["status", "m-1"]);
    command.env("KARADEN_PROXY", format!("http://user:pw@{at}"));
    let (code, out, err) = run(command).await;
    assert!(code == 0 && out.contains("m-1"), "{code} {out} {err}");
    let head = head.await.expect("a request").to_ascii_lowercase();
    assert!(head.starts_with("get http://127.0.0.1:1/api/"), "{head}");
    assert!(head.contains("proxy-authorization: basic dxnlcjpwdw=="), "{head}");
    let mut command = command_at("http://127.0.0.1:1", &["status", "m-1"]);
    command.env("KARADEN_PROXY", "no proxy");
    assert_eq!(run(command).await.0, 1);
}

#[tokio::test]
async fn given_certificate_authority_is_trusted() {
    let certified =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = rustls::pki_types::PrivateKeyDer::try_from(certified.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key.expect("a key"))
        .expect("a configuration");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            head_of(&mut stream).await;
            stream.write_all(response().as_bytes()).await.expect("written");
            stream.shutdown().await.expect("closed");
        }
    });
    let url = format!("https://localhost:{port}");
    let (code, _, err) = run(command_at(&url, &["status", "m-1"])).await;
    assert!(code == 1 && err.contains("no connection"), "{code} {err}");

    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), certified.cert.pem()).expect("written");
    let mut trusting = command_at(&url, &["status", "m-1"]);
    trusting.env("KARADEN_CA_FILE", file.path());
    let (code, out, err) = run(trusting).await;
    assert!(code == 0 && out.contains("m-1"), "{code} {out} {err}");

    std::fs::write(file.path(), "not a certificate").expect("written");
    for path in [file.path(), std::path::Path::new("/nowhere.pem")] {
        let mut unusable = command_at(&url, &["status", "m-1"]);
        unusable.env("KARADEN_CA_FILE", path);
        let (code, _, err) = run(unusable).await;
        assert!(code == 1 && !err.contains("no connection"), "{code} {err}");
    }
}
