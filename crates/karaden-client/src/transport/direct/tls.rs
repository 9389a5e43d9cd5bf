//! TLS by rustls, or none.

#[cfg(not(feature = "rustls-no-provider"))]
pub(super) use off::Tls;
#[cfg(feature = "rustls-no-provider")]
pub(super) use on::Tls;

#[cfg(feature = "rustls-no-provider")]
mod on {
    use std::{fmt, io, net::IpAddr, sync::Arc};

    use rustls::{
        ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier,
        crypto::CryptoProvider,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    };
    use rustls_platform_verifier::Verifier;
    use tokio_rustls::TlsConnector;
    use url::Host;

    use super::super::socket::{Socket, Tcp};
    use crate::{error::Error, options::Options};

    /// TLS 1.2 or later with the platform's certificates, those given, or both.
    pub(in super::super) struct Tls(TlsConnector);

    impl Tls {
        /// Whether https is spoken here.
        pub(in super::super) const IS_THERE: bool = true;

        pub(in super::super) fn new(options: &Options) -> Result<Self, Error> {
            let provider = provider()?;
            let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
                .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
                .map_err(|error| unusable().with_source(error))?;
            let given = certificates(&options.root_certificates)?;
            let builder = if options.only_given_roots {
                builder.with_root_certificates(only(given)?)
            } else {
                platform_and(builder, given, provider)?
            };
            let mut config = builder.with_no_client_auth();
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            Ok(Self(TlsConnector::from(Arc::new(config))))
        }

        pub(in super::super) async fn wrap(
            &self,
            tcp: Tcp,
            host: &Host<String>,
        ) -> io::Result<Socket> {
            let name = match host {
                Host::Domain(name) => {
                    ServerName::try_from(name.clone()).map_err(io::Error::other)?
                }
                Host::Ipv4(address) => ServerName::from(IpAddr::V4(*address)),
                Host::Ipv6(address) => ServerName::from(IpAddr::V6(*address)),
            };
            Ok(Socket::Tls(Box::new(self.0.connect(name, tcp).await?)))
        }
    }

    impl fmt::Debug for Tls {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Tls")
        }
    }

    fn unusable() -> Error {
        Error::config("TLS cannot be set up")
    }

    /// What the program installed; if nothing, ours.
    fn provider() -> Result<Arc<CryptoProvider>, Error> {
        CryptoProvider::get_default()
            .cloned()
            .or_else(ours)
            .ok_or_else(|| Error::config("no rustls crypto provider is installed"))
    }

    #[cfg(feature = "rustls")]
    #[expect(clippy::unnecessary_wraps, reason = "without the feature there is none")]
    fn ours() -> Option<Arc<CryptoProvider>> {
        Some(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
    }

    #[cfg(not(feature = "rustls"))]
    fn ours() -> Option<Arc<CryptoProvider>> {
        None
    }

    fn certificates(texts: &[Vec<u8>]) -> Result<Vec<CertificateDer<'static>>, Error> {
        let mut all = Vec::new();
        for pem in texts {
            let before = all.len();
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate
                    .map_err(|_hidden| Error::config("a root certificate cannot be read"))?;
                all.push(certificate);
            }
            if all.len() == before {
                return Err(Error::config("a root certificate text holds no certificate"));
            }
        }
        // Tells what is no certificate, wherever the certificates go afterwards.
        only(all.clone())?;
        Ok(all)
    }

    fn only(given: Vec<CertificateDer<'static>>) -> Result<RootCertStore, Error> {
        let mut roots = RootCertStore::empty();
        for certificate in given {
            roots.add(certificate).map_err(|error| {
                Error::config("a root certificate cannot be read").with_source(error)
            })?;
        }
        Ok(roots)
    }

    type WithVerifier = ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>;

    fn platform_and(
        builder: ConfigBuilder<ClientConfig, WantsVerifier>,
        given: Vec<CertificateDer<'static>>,
        provider: Arc<CryptoProvider>,
    ) -> Result<WithVerifier, Error> {
        let verifier = if given.is_empty() {
            Verifier::new(provider)
        } else {
            with_extra_roots(given, provider)?
        };
        let verifier = verifier.map_err(|error| unusable().with_source(error))?;
        Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)))
    }

    #[cfg(not(target_os = "android"))]
    #[expect(clippy::unnecessary_wraps, reason = "not every platform can do this")]
    fn with_extra_roots(
        given: Vec<CertificateDer<'static>>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Result<Verifier, rustls::Error>, Error> {
        Ok(Verifier::new_with_extra_roots(given, provider))
    }

    #[cfg(target_os = "android")]
    fn with_extra_roots(
        _given: Vec<CertificateDer<'static>>,
        _provider: Arc<CryptoProvider>,
    ) -> Result<Result<Verifier, rustls::Error>, Error> {
        Err(Error::config(
            "this platform takes either its own root certificates or only those given",
        ))
    }
}

#[cfg(not(feature = "rustls-no-provider"))]
mod off {
    use std::io;

    use url::Host;

    use super::super::socket::{Socket, Tcp};
    use crate::{error::Error, options::Options};

    /// Plain HTTP only, for tests.
    #[derive(Debug)]
    pub(in super::super) struct Tls;

    impl Tls {
        /// Whether https is spoken here.
        pub(in super::super) const IS_THERE: bool = false;

        pub(in super::super) fn new(options: &Options) -> Result<Self, Error> {
            if options.only_given_roots || !options.root_certificates.is_empty() {
                return Err(Error::config("certificates need one of the TLS features"));
            }
            Ok(Self)
        }

        #[expect(clippy::unused_async, reason = "with TLS it waits")]
        pub(in super::super) async fn wrap(
            &self,
            _tcp: Tcp,
            _host: &Host<String>,
        ) -> io::Result<Socket> {
            Err(io::Error::new(io::ErrorKind::Unsupported, "https needs one of the TLS features"))
        }
    }
}
