//! HTTPS.

use karaden_sim::{Sim, SimConfig, SimError, TlsIdentity};
use reqwest::Method;
use secrecy::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Bench, NUMBER, ok, start};

fn identity() -> TlsIdentity {
    let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    TlsIdentity {
        certificates_pem: certified.cert.pem(),
        key_pem: SecretString::from(certified.signing_key.serialize_pem()),
    }
}

#[tokio::test]
async fn with_a_certificate_it_serves_https_and_its_urls_are_https() {
    let identity = identity();
    let root = reqwest::Certificate::from_pem(identity.certificates_pem.as_bytes()).unwrap();
    let plain = start(SimConfig { tls: Some(identity), ..SimConfig::default() }).await;
    let client = reqwest::Client::builder().tls_certs_only([root]).no_proxy().build().unwrap();
    let bench = Bench { client, ..plain };
    assert!(bench.sim.url().starts_with("https://127.0.0.1:"), "{}", bench.sim.url());
    bench.send(NUMBER, &[]).await;
    assert_eq!(bench.sim.inbox(Some(NUMBER)).len(), 1);
    // The URLs in its responses use HTTPS too.
    let file = ok(bench.sms(Method::POST, "/messages/bulks/files").send().await.unwrap()).await;
    assert!(file["url"].as_str().unwrap().starts_with(&bench.sim.url()), "{file}");
}

#[tokio::test]
async fn http_and_untrusting_clients_get_no_response() {
    let bench = start(SimConfig { tls: Some(identity()), ..SimConfig::default() }).await;
    bench.request(Method::GET, "/healthz").send().await.unwrap_err();
    let mut stream = tokio::net::TcpStream::connect(bench.sim.addr()).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut response = Vec::new();
    let _reset = stream.read_to_end(&mut response).await;
    assert!(!response.starts_with(b"HTTP/"), "{response:?}");
}

#[tokio::test]
async fn a_silent_client_does_not_delay_the_shutdown() {
    let bench = start(SimConfig { tls: Some(identity()), ..SimConfig::default() }).await;
    let silent = tokio::net::TcpStream::connect(bench.sim.addr()).await.unwrap();
    bench.sim.shutdown().await;
    drop(silent);
}

#[tokio::test]
async fn a_certificate_without_its_key_is_rejected_and_debug_hides_the_key() {
    let (one, other) = (identity(), identity());
    let shown = format!("{one:?}");
    assert!(!shown.contains("PRIVATE KEY"), "{shown}");
    let mixed = TlsIdentity { key_pem: other.key_pem, ..one.clone() };
    let none = TlsIdentity { certificates_pem: String::new(), ..one.clone() };
    let no_key = TlsIdentity { key_pem: SecretString::from("nonsense"), ..one };
    for tls in [mixed, none, no_key] {
        let started = Sim::start(SimConfig { tls: Some(tls), ..SimConfig::default() }).await;
        assert!(matches!(started, Err(SimError::BadIdentity)));
    }
}
