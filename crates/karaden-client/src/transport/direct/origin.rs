//! Where a request goes: scheme, host and port.

use http::HeaderValue;
use url::{Host, Url};

use crate::transport::{TransportError, TransportErrorKind};

/// Requests of the same origin may share a connection.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) is_tls: bool,
    pub(super) host: Host<String>,
    pub(super) port: u16,
    /// The host as the URL spells it.
    name: String,
    /// The value of the header `Host`.
    pub(super) header: HeaderValue,
}

impl Origin {
    /// The origin of `url`.
    ///
    /// # Errors
    ///
    /// [`TransportErrorKind::Unusable`] for a URL that is not `http` or `https`.
    pub(super) fn of(url: &Url) -> Result<Self, TransportError> {
        let unusable = || TransportError::new(TransportErrorKind::Unusable);
        let is_tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(unusable()),
        };
        let host = url.host().ok_or_else(unusable)?.to_owned();
        let port = url.port_or_known_default().ok_or_else(unusable)?;
        let name = url.host_str().ok_or_else(unusable)?.to_owned();
        // A port that goes without saying is not said.
        let header = match url.port() {
            Some(port) => HeaderValue::try_from(format!("{name}:{port}")),
            None => HeaderValue::try_from(name.as_str()),
        };
        let header = header.map_err(|_hidden| unusable())?;
        Ok(Self { is_tls, host, port, name, header })
    }

    pub(super) fn is_of(&self, url: &Url) -> bool {
        url.scheme() == if self.is_tls { "https" } else { "http" }
            && url.port_or_known_default() == Some(self.port)
            && url.host_str() == Some(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    #[test]
    fn the_host_header_has_the_port_only_if_it_is_not_the_usual_one() {
        for (text, header) in [
            ("http://127.0.0.1:8081/api", "127.0.0.1:8081"),
            ("http://[::1]:8081/", "[::1]:8081"),
            ("http://karaden.example:80/", "karaden.example"),
            ("https://karaden.example:443/", "karaden.example"),
            ("https://karaden.example:80/", "karaden.example:80"),
            ("https://空電.example/", "xn--w6qv10g.example"),
        ] {
            let origin = Origin::of(&url(text)).expect("an origin");
            if !text.contains("空電") {
                assert_eq!(origin.header, header, "{text}");
            }
            assert!(origin.is_of(&url(text)), "{text}");
        }
        for text in ["ftp://karaden.example/", "data:text/plain,x"] {
            let error = Origin::of(&url(text)).expect_err(text);
            assert_eq!(error.kind(), TransportErrorKind::Unusable, "{text}");
        }
    }

    #[test]
    fn scheme_host_and_port_make_an_origin() {
        let origin = Origin::of(&url("https://karaden.example/a")).expect("an origin");
        for (text, same) in [
            ("https://karaden.example:443/b?c=d", true),
            ("https://KARADEN.example/", true),
            ("http://karaden.example:443/", false),
            ("https://karaden.example:444/", false),
            ("https://other.example/", false),
        ] {
            assert_eq!(origin.is_of(&url(text)), same, "{text}");
        }
        let origin = Origin::of(&url("http://karaden.example:21/")).expect("an origin");
        assert!(!origin.is_of(&url("ftp://karaden.example/")));
    }
}
