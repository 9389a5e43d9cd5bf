//! Redis over TLS: with a certificate we trust, with one we do not, and with one of our own.

use std::sync::Arc;

use otp_cache::{
    StoreErrorKind, conformance,
    redis::{RedisConfig, RedisStore},
};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use tempfile::TempDir;

use crate::{
    redis_store::patient,
    support::redis::{Cluster, Server, Watched},
};

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
        self.issue_until(names, 4096)
    }

    /// The same, good up to this year.
    fn issue_until(&self, names: &[&str], year: i32) -> (String, String) {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).expect("valid names");
        params.distinguished_name.push(DnType::CommonName, "peer");
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("signs");
        (certificate.pem(), key.serialize_pem())
    }
}

/// A folder with the authority's certificate and one of these names, and the arguments of a server
/// that shows it and asks clients for one of the authority.
fn certificates(authority: &Authority, (certificate, key): (String, String)) -> Certificates {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut args = Vec::new();
    for (option, name, text) in [
        ("--tls-ca-cert-file", "ca.pem", &authority.pem),
        ("--tls-cert-file", "cert.pem", &certificate),
        ("--tls-key-file", "key.pem", &key),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("writable");
        args.extend([option.to_owned(), path.display().to_string()]);
    }
    Certificates { args, _folder: folder }
}

struct Certificates {
    args: Vec<String>,
    _folder: TempDir,
}

impl Certificates {
    fn args(&self) -> Vec<&str> {
        self.args.iter().map(String::as_str).collect()
    }
}

/// A server that speaks TLS only.
fn start(authority: &Authority, names: &[&str]) -> (Server, Certificates) {
    let certificates = certificates(authority, authority.issue(names));
    (Server::start_tls(&certificates.args()), certificates)
}

fn config(server: &Server, host: &str) -> RedisConfig {
    RedisConfig::standalone(format!("rediss://{host}:{}", server.port))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn with_certificates_on_both_sides_it_conforms() {
    let authority = Authority::new();
    let (server, _folder) = start(&authority, &["localhost", "127.0.0.1"]);
    let config = trusting(config(&server, "localhost"), &authority);
    let store = Arc::new(RedisStore::connect(config).await.expect("both trust each other"));
    conformance::run(|| async { Arc::clone(&store) }).await;
}

/// Trusts the authority and shows a certificate of it.
fn trusting(config: RedisConfig, authority: &Authority) -> RedisConfig {
    let (certificate, key) = authority.issue(&["client"]);
    let config = patient(config).with_root_certificate(authority.pem.clone());
    config.with_client_certificate(certificate, key.into())
}

const USER: &str = "otp";
const PASSWORD: &str = "a-long-password";

/// A user with these rights and no others.
fn let_in(server: &Server, rights: &str) {
    let password = format!(">{PASSWORD}");
    let mut words = vec!["ACL", "SETUSER", USER, "on", &password, "-@all"];
    words.extend(rights.split(' '));
    server.command(&words).expect("an administrator's connection");
}

/// What the documentation says that a user needs: everywhere, in a cluster too, and at a Sentinel.
const RIGHTS: &str = "~otp:* +get +set +del +eval +evalsha +wait +info +hello +ping";
const IN_A_CLUSTER: &str = "+cluster|slots +asking";
const AT_A_SENTINEL: &str = "+hello +role +sentinel|masters";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cluster_with_tls_and_only_the_documented_rights_conforms() {
    let authority = Authority::new();
    let certificates = certificates(&authority, authority.issue(&["127.0.0.1"]));
    let cluster = Cluster::start_tls(&certificates.args());
    for node in &cluster.nodes {
        let_in(node, &format!("{RIGHTS} {IN_A_CLUSTER}"));
    }
    let urls = cluster.nodes.iter().map(Server::tls_url);
    let config = RedisConfig::cluster(urls).with_credentials(USER, PASSWORD.to_owned().into());
    let config = trusting(config, &authority);
    let store = Arc::new(RedisStore::connect(config).await.expect("both trust each other"));
    conformance::run(|| async { Arc::clone(&store) }).await;

    let plain = RedisConfig::cluster(cluster.nodes.iter().map(Server::tls_url));
    let refused = RedisStore::connect(plain).await.expect_err("of an authority we do not know");
    assert_eq!(refused.kind(), StoreErrorKind::Unavailable);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sentinels_with_tls_and_passwords_conform() {
    let authority = Authority::new();
    let certificates = certificates(&authority, authority.issue(&["127.0.0.1"]));
    let watched = Watched::start_tls(&certificates.args(), "the-sentinels-password");
    for server in [&watched.primary, &watched.replica] {
        let_in(server, RIGHTS);
    }
    for sentinel in &watched.sentinels {
        let_in(sentinel, AT_A_SENTINEL);
    }
    let config = RedisConfig::sentinel(watched.sentinels.iter().map(Server::tls_url), "otp")
        .with_credentials(USER, PASSWORD.to_owned().into());
    let with = |user: &str, password: &str| {
        let config = config.clone().with_sentinel_credentials(user, password.to_owned().into());
        trusting(config, &authority)
    };
    let by_password = RedisStore::connect(with("", "the-sentinels-password")).await;
    drop(by_password.expect("all trust each other"));
    let store = RedisStore::connect(with(USER, PASSWORD)).await;
    let store = Arc::new(store.expect("all trust each other"));
    conformance::run(|| async { Arc::clone(&store) }).await;

    for config in [with(USER, "not-the-password"), trusting(config.clone(), &authority)] {
        let refused = RedisStore::connect(config).await.expect_err("the Sentinels say no");
        assert_eq!(refused.kind(), StoreErrorKind::Misconfigured, "{refused:?}");
        assert!(!format!("{refused:?}").contains("not-the-password"), "{refused:?}");
    }
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
    let late = certificates(&authority, authority.issue_until(&["localhost"], 2020));
    let late = Server::start_tls(&late.args());
    let cases = cases
        .into_iter()
        .chain([("past its end", with(self::config(&late, "localhost"), &authority.pem))]);
    for (what, config) in cases {
        let refused = RedisStore::connect(config).await.expect_err(what);
        assert_eq!(refused.kind(), StoreErrorKind::Unavailable, "{what}: {refused:?}");
    }
}
