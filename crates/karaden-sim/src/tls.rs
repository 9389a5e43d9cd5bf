//! HTTPS.

use std::{io, sync::Arc, time::Duration};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::error::SimError;

/// How long a TLS handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The certificate and the private key for HTTPS, both in PEM. `Debug` never shows the key.
#[derive(Clone, Debug)]
pub struct TlsIdentity {
    /// The certificate, followed by its intermediate certificates.
    pub certificates_pem: String,
    /// The private key of the certificate.
    pub key_pem: SecretString,
}

impl TlsIdentity {
    /// Makes a TLS acceptor: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1.
    pub(crate) fn acceptor(&self) -> Result<TlsAcceptor, SimError> {
        let certificates = CertificateDer::pem_slice_iter(self.certificates_pem.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_hidden| SimError::BadIdentity)?;
        let key = PrivateKeyDer::from_pem_slice(self.key_pem.expose_secret().as_bytes())
            .map_err(|_hidden| SimError::BadIdentity)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, key))
            .map_err(|_hidden| SimError::BadIdentity)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// Performs the server's side of the handshake.
pub(crate) async fn accept(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
) -> io::Result<TlsStream<TcpStream>> {
    tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await?
}
