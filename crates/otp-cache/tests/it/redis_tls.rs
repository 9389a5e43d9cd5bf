//! Redis over TLS: with a certificate we trust, with one we do not, and with one of our own.

use std::sync::Arc;

use otp_cache::redis::{RedisConfig, RedisStore};
use otp_cache::{StoreErrorKind, conformance};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use crate::support::redis::Server;

/// A certificate authority, made for one test.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, "authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("signs itself").pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// Certificate and key for these names.
    fn issue(&self, names: &[&str]) -> (String, String) {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).expect("valid names");
        params.distinguished_name.push(DnType::CommonName, "peer");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("signs");
        (certificate.pem(), key.serialize_pem())
    }
}

/// A server that speaks TLS only and asks clients for a certificate of the authority.
fn start(authority: &Authority, names: &[&str]) -> (Server, TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (certificate, key) = authority.issue(names);
    let mut paths = Vec::new();
    for (name, text) in [("ca.pem", &authority.pem), ("cert.pem", &certificate), ("key.pem", &key)]
    {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("writable");
        paths.push(path.display().to_string());
    }
    let server = Server::start_tls(&[
        "--tls-ca-cert-file",
        &paths[0],
        "--tls-cert-file",
        &paths[1],
        "--tls-key-file",
        &paths[2],
    ]);
    (server, folder)
}

fn config(server: &Server, host: &str) -> RedisConfig {
    RedisConfig::standalone(format!("rediss://{host}:{}", server.port))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn with_certificates_on_both_sides_it_conforms() {
    let authority = Authority::new();
    let (server, _folder) = start(&authority, &["localhost", "127.0.0.1"]);
    let (certificate, key) = authority.issue(&["client"]);
    let config = config(&server, "localhost")
        .with_root_certificate(authority.pem.clone())
        .with_client_certificate(certificate, key.into());
    let store = RedisStore::connect(config).await.expect("both trust each other");
    let store = Arc::new(store);
    conformance::run(|| async { Arc::clone(&store) }).await;
}

#[tokio::test]
async fn strangers_are_refused() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let (server, _folder) = start(&authority, &["localhost"]);
    let (certificate, key) = authority.issue(&["client"]);
    let with = |config: RedisConfig, root: &str| {
        let config = config.with_root_certificate(root.to_owned());
        config.with_client_certificate(certificate.clone(), key.clone().into())
    };
    let cases = [
        ("signed by a stranger", with(config(&server, "localhost"), &stranger.pem)),
        ("of another name", with(config(&server, "127.0.0.1"), &authority.pem)),
        (
            "without our certificate",
            config(&server, "localhost").with_root_certificate(authority.pem.clone()),
        ),
        ("without TLS", RedisConfig::standalone(server.url())),
    ];
    for (what, config) in cases {
        let refused = RedisStore::connect(config).await.expect_err(what);
        assert_eq!(refused.kind(), StoreErrorKind::Unavailable, "{what}: {refused:?}");
    }
}
