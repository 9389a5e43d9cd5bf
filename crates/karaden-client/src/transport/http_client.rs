//! The transport over reqwest.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::{
    body::Bounded,
    contract::{Request, Response, Transport, TransportError, TransportErrorKind},
};
use crate::{error::Error, options::Options};

/// HTTP over [`reqwest`]. Needs a Tokio runtime. Cheap to clone; clones share their connections.
#[derive(Clone, Debug)]
pub struct ReqwestTransport {
    http: reqwest::Client,
}

impl ReqwestTransport {
    /// A client with the time-outs, proxy and certificates of `options`: no redirects, no retries,
    /// no proxy from the environment, no decompression.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if a certificate or the proxy URL cannot be
    /// read, or if TLS cannot be set up.
    pub fn new(options: &Options) -> Result<Self, Error> {
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(options.connect_timeout)
            .pool_idle_timeout(options.pool_idle_timeout)
            .tcp_nodelay(true)
            .no_proxy();
        if let Some(proxy) = &options.proxy {
            let proxy = reqwest::Proxy::all(proxy.0.as_str())
                .map_err(|_hidden| Error::config("the proxy URL cannot be used"))?;
            builder = builder.proxy(proxy);
        }
        builder = Self::trust(builder, options)?;
        let http = builder.build().map_err(|error| {
            Error::config("the HTTP client cannot be built").with_source(error.without_url())
        })?;
        Ok(Self { http })
    }

    /// Uses a client of yours, with your settings for connecting, TLS and proxies.
    ///
    /// Set it up without redirects and without retries (`reqwest::retry::never()`): a send that is
    /// repeated below this crate is billed and delivered twice.
    pub fn from_client(http: reqwest::Client) -> Self {
        Self { http }
    }

    #[cfg(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls"))]
    fn trust(
        mut builder: reqwest::ClientBuilder,
        options: &Options,
    ) -> Result<reqwest::ClientBuilder, Error> {
        let mut roots = Vec::new();
        for pem in &options.root_certificates {
            let bundle = reqwest::Certificate::from_pem_bundle(pem)
                .map_err(|_hidden| Error::config("a root certificate cannot be read"))?;
            if bundle.is_empty() {
                return Err(Error::config("a root certificate text holds no certificate"));
            }
            roots.extend(bundle);
        }
        builder = builder.tls_version_min(reqwest::tls::Version::TLS_1_2);
        Ok(match (options.only_given_roots, roots.is_empty()) {
            (true, _) => builder.tls_certs_only(roots),
            (false, false) => builder.tls_certs_merge(roots),
            (false, true) => builder,
        })
    }

    #[cfg(not(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls")))]
    fn trust(
        builder: reqwest::ClientBuilder,
        options: &Options,
    ) -> Result<reqwest::ClientBuilder, Error> {
        if options.only_given_roots || !options.root_certificates.is_empty() {
            return Err(Error::config("certificates need one of the TLS features"));
        }
        Ok(builder)
    }
}

#[async_trait]
impl Transport for ReqwestTransport {
    async fn execute(&self, request: Request) -> Result<Response, TransportError> {
        let Request { method, url, headers, body, max_body_bytes, .. } = request;
        let mut outgoing = reqwest::Request::new(method, Arc::unwrap_or_clone(url));
        *outgoing.headers_mut() = Arc::unwrap_or_clone(headers);
        if !body.is_empty() {
            *outgoing.body_mut() = Some(body.into());
        }
        let mut answer = self.http.execute(outgoing).await.map_err(hide)?;
        let status = answer.status().as_u16();
        let headers = std::mem::take(answer.headers_mut());
        let body = read_bounded(&mut answer, max_body_bytes).await?;
        Ok(Response::new(status, body).with_headers(headers))
    }
}

async fn read_bounded(
    answer: &mut reqwest::Response,
    limit: usize,
) -> Result<Bytes, TransportError> {
    let announced = answer.content_length();
    let mut body = Bounded::new(limit, announced)?;
    // Without a length, even an empty frame may have others after it.
    while announced != Some(body.len() as u64) {
        match answer.chunk().await.map_err(hide)? {
            Some(chunk) => body.push(chunk)?,
            None => break,
        }
    }
    Ok(body.into_bytes())
}

/// The error without its URL, whose query may hold the credentials.
fn hide(error: reqwest::Error) -> TransportError {
    let kind = if error.is_builder() {
        TransportErrorKind::Unusable
    } else if error.is_connect() {
        TransportErrorKind::Connect
    } else if error.is_timeout() {
        TransportErrorKind::Timeout
    } else {
        TransportErrorKind::Interrupted
    };
    TransportError::new(kind).with_source(error.without_url())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;
    use http_body_util::StreamBody;
    use hyper::body::Frame;

    use super::*;

    /// An answer of these frames, without a length, as HTTP/2 may bring it.
    fn answer(frames: &'static [&[u8]]) -> reqwest::Response {
        let frame = |bytes: &&'static [u8]| Ok::<_, Infallible>(Frame::data(Bytes::from(*bytes)));
        let body = StreamBody::new(stream::iter(frames.iter().map(frame)));
        http::Response::new(reqwest::Body::wrap(body)).into()
    }

    #[tokio::test]
    async fn an_empty_frame_does_not_end_a_body_without_a_length() {
        const BODIES: [&[&[u8]]; 3] = [&[b"", b"{}"], &[b"{", b"", b"}"], &[b"{}", b""]];
        for frames in BODIES {
            let body = read_bounded(&mut answer(frames), 2).await.expect("it fits");
            assert_eq!(body, "{}", "{frames:?}");
            let error = read_bounded(&mut answer(frames), 1).await.expect_err("too long");
            assert_eq!(error.kind(), TransportErrorKind::TooLarge, "{frames:?}");
        }
    }
}
