//! The transport of our own: what a send needs and nothing else.

mod connect;
mod connection;
mod origin;
mod pool;
mod socket;
mod tls;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::HOST;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Uri};
use http_body_util::Full;
use url::Position;

use self::connect::Connector;
use self::connection::{Failure, HttpRequest};
use self::origin::Origin;
use self::pool::Pool;
use super::{Request, Response, Transport, TransportError, TransportErrorKind};
use crate::error::Error;
use crate::options::Options;

/// HTTP/1.1 without a detour: hyper's parser, connections of our own. Needs a Tokio runtime with
/// I/O and time. Cheap to clone; clones share their connections.
///
/// It costs about half the processor time of [`ReqwestTransport`](super::ReqwestTransport), since
/// the task that sends also does the reading and writing. It knows no proxies and no HTTP/2.
///
/// A connection carries one request at a time. Afterwards it waits for the next one, if the answer
/// was complete and the server keeps it open, for at most
/// [`with_pool_idle_timeout`](Options::with_pool_idle_timeout); at most 128 wait. Before a request
/// is written to a connection that waited, the socket is looked at: if the server closed it in the
/// meantime, or said anything, the request goes over another one. That is no second try, since
/// nothing of the request was written. Only a server that closes in the very moment of writing leaves the
/// outcome unknown.
///
/// All addresses of a name are tried, IPv6 and IPv4 in turns, the next one beside the last after
/// 250 ms. An answer's head may have 100 headers and 64 KiB.
#[derive(Clone)]
pub struct DirectTransport {
    inner: Arc<Inner>,
}

struct Inner {
    connector: Connector,
    pool: Pool,
}

impl DirectTransport {
    /// A transport with the time-outs and certificates of `options`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if a certificate cannot be read, if TLS
    /// cannot be set up, or if `options` name a proxy.
    pub fn new(options: &Options) -> Result<Self, Error> {
        if options.proxy.is_some() {
            return Err(Error::config("a proxy needs the transport over reqwest"));
        }
        let connector = Connector::new(options)?;
        let pool = Pool::new(options.pool_idle_timeout);
        Ok(Self { inner: Arc::new(Inner { connector, pool }) })
    }
}

impl fmt::Debug for DirectTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirectTransport").field("pool", &self.inner.pool).finish_non_exhaustive()
    }
}

#[async_trait]
impl Transport for DirectTransport {
    async fn execute(&self, request: Request) -> Result<Response, TransportError> {
        let Inner { connector, pool } = &*self.inner;
        let Request { method, url, headers, body, max_body_bytes, time_limit: _ } = request;
        let mut outgoing = HttpRequest::new(Full::new(body));
        *outgoing.method_mut() = method;
        *outgoing.uri_mut() = target(&url[Position::BeforePath..Position::AfterQuery])?;
        *outgoing.headers_mut() = with_room_for_host(&headers);
        loop {
            let (mut connection, is_new) = match pool.take(&url) {
                Some(connection) => (connection, false),
                // In a box, because it is long and seldom needed.
                None => (Box::pin(connector.connect(Origin::of(&url)?)).await?, true),
            };
            if !is_new && !connection.is_open().await {
                continue;
            }
            outgoing.headers_mut().insert(HOST, connection.origin().header.clone());
            match connection.exchange(outgoing, max_body_bytes).await {
                Ok(answer) => {
                    if connection.is_idle() {
                        pool.put(connection);
                    }
                    return Ok(answer);
                }
                Err(Failure::Broken(error)) => return Err(error),
                Err(Failure::NotStarted(_, closed)) if is_new => {
                    return Err(
                        TransportError::new(TransportErrorKind::Connect).with_source(closed)
                    );
                }
                // Closed since we looked, and nothing was written.
                Err(Failure::NotStarted(back, _closed)) => outgoing = *back,
            }
        }
    }
}

/// A copy of `headers` that can take two more, `Host` and `Content-Length`, without growing.
///
/// `Host` comes first, as RFC 9110, section 7.2, advises.
fn with_room_for_host(headers: &HeaderMap) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(headers.len() + 2);
    map.insert(HOST, HeaderValue::from_static(""));
    map.extend(headers.iter().map(|(name, value)| (name.clone(), value.clone())));
    map
}

/// Path and query as they stand in the request line.
fn target(path_and_query: &str) -> Result<Uri, TransportError> {
    PathAndQuery::from_maybe_shared(Bytes::copy_from_slice(path_and_query.as_bytes()))
        .map(Uri::from)
        // The error would not show the query, but nobody has promised that.
        .map_err(|_hidden| TransportError::new(TransportErrorKind::Connect))
}
