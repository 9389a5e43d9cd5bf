//! HTTPS.

use karaden_sim::{InvalidIdentity, SimConfig, TlsIdentity};
use reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Bench, NUMBER, ok, start};

/// A certificate for the simulator and its key, both in PEM.
fn pems() -> [String; 2] {
    let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    [certified.cert.pem(), certified.signing_key.serialize_pem()]
}

fn identity() -> TlsIdentity {
    let [certificate, key] = pems();
    TlsIdentity::new(&certificate, &key).unwrap()
}

#[tokio::test]
async fn with_a_certificate_it_serves_https_and_its_urls_are_https() {
    let [certificate, key] = pems();
    let root = reqwest::Certificate::from_pem(certificate.as_bytes()).unwrap();
    let identity = TlsIdentity::new(&certificate, &key).unwrap();
    let plain = start(SimConfig::default().with_tls(identity)).await;
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
    let bench = start(SimConfig::default().with_tls(identity())).await;
    bench.request(Method::GET, "/healthz").send().await.unwrap_err();
    let mut stream = tokio::net::TcpStream::connect(bench.sim.addr()).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut response = Vec::new();
    let _reset = stream.read_to_end(&mut response).await;
    assert!(!response.starts_with(b"HTTP/"), "{response:?}");
}

#[tokio::test]
async fn a_silent_client_does_not_delay_the_shutdown() {
    let bench = start(SimConfig::default().with_tls(identity())).await;
    let silent = tokio::net::TcpStream::connect(bench.sim.addr()).await.unwrap();
    bench.sim.shutdown().await;
    drop(silent);
}

#[test]
fn a_certificate_without_its_key_is_rejected_and_debug_hides_both() {
    let [[certificate, key], [_, other]] = [pems(), pems()];
    let shown = format!("{:?}", TlsIdentity::new(&certificate, &key).unwrap());
    assert_eq!(shown, "TlsIdentity { .. }");
    for (certificate, key) in [(&*certificate, &*other), ("", &key), (&certificate, "nonsense")] {
        assert!(matches!(TlsIdentity::new(certificate, key), Err(InvalidIdentity { .. })));
    }
}
