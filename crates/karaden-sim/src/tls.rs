//! HTTPS.

use std::{fmt, io, sync::Arc, time::Duration};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// How long a TLS handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// A certificate and its private key for HTTPS: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1. `Debug` shows
/// neither.
///
/// ```
/// use karaden_sim::{InvalidIdentity, SimConfig, TlsIdentity};
///
/// let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
/// let identity = TlsIdentity::new(&made.cert.pem(), &made.signing_key.serialize_pem())?;
/// assert!(SimConfig::default().with_tls(identity).tls.is_some());
///
/// assert!(matches!(TlsIdentity::new(&made.cert.pem(), "no key"), Err(InvalidIdentity { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct TlsIdentity(Arc<ServerConfig>);

/// A certificate or its key cannot be parsed, or they do not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the certificate and its key cannot be used")]
#[non_exhaustive]
pub struct InvalidIdentity;

impl TlsIdentity {
    /// Reads a certificate, followed by its intermediate certificates, and its private key, both in PEM.
    ///
    /// # Errors
    ///
    /// [`InvalidIdentity`]: one of them cannot be parsed, or they do not match.
    pub fn new(certificates_pem: &str, key_pem: &str) -> Result<Self, InvalidIdentity> {
        let certificates = CertificateDer::pem_slice_iter(certificates_pem.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_hidden| InvalidIdentity)?;
        let key =
            PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).map_err(|_hidden| InvalidIdentity)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, key))
            .map_err(|_hidden| InvalidIdentity)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.0))
    }
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsIdentity").finish_non_exhaustive()
    }
}

/// Performs the server's side of the handshake.
pub(crate) async fn accept(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
) -> io::Result<TlsStream<TcpStream>> {
    tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await?
}
