//! The minimum of a client: encode the form, write one request, read one response, parse its id.

use std::{sync::Arc, time::Instant};

use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use serde::Deserialize;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{TENANT, TEXT, Target};

pub(crate) struct Connection {
    addr: std::net::SocketAddr,
    stream: Stream,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connection {
    pub(crate) async fn open(target: &Target) -> Self {
        let stream = TcpStream::connect(target.addr).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let stream = match target.certificate_pem() {
            None => Stream::Plain(stream),
            Some(pem) => {
                let name = ServerName::from(target.addr.ip());
                Stream::Tls(Box::new(connector(&pem).connect(name, stream).await.unwrap()))
            }
        };
        Self { addr: target.addr, stream }
    }

    pub(crate) async fn send(&mut self, at: usize, until: Instant) -> u64 {
        match &mut self.stream {
            Stream::Plain(stream) => send(stream, self.addr, at, until).await,
            Stream::Tls(stream) => send(stream, self.addr, at, until).await,
        }
    }
}

fn connector(pem: &str) -> TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    TlsConnector::from(Arc::new(config))
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

async fn send(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    addr: std::net::SocketAddr,
    at: usize,
    until: Instant,
) -> u64 {
    let mut response = Vec::with_capacity(4096);
    let mut sent = 0;
    while Instant::now() < until {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("service_id", "1")
            .append_pair("to", "09012345678")
            .append_pair("body", TEXT)
            .append_pair("tags[]", &format!("t-{at}-{sent}"))
            .finish();
        let request = format!(
            "POST /api/{TENANT}/messages HTTP/1.1\r\nhost: {addr}\r\n\
             authorization: Bearer demo-token\r\nkaraden-version: 2024-03-01\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            form.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        response.clear();
        let body = loop {
            assert_ne!(stream.read_buf(&mut response).await.unwrap(), 0);
            if let Some(body) = body_of(&response) {
                break body;
            }
        };
        assert!(!serde_json::from_slice::<Id>(body).unwrap().id.is_empty());
        sent += 1;
    }
    sent
}

/// Returns the body once it is complete.
fn body_of(response: &[u8]) -> Option<&[u8]> {
    let end = response.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&response[..end]).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).unwrap();
    response[end..].get(..length.trim().parse().unwrap())
}
