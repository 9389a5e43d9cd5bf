//! The transport of our own: what a send needs and nothing else.

mod connect;
mod connection;
mod framing;
mod message;
mod origin;
mod pool;
mod socket;
mod tls;

use std::fmt;
use std::sync::Arc;

use self::connect::Connector;
use self::connection::Connection;
use self::origin::Origin;
use self::pool::Pool;
use super::{Request, Response, Transport, TransportError};
use crate::error::Error;
use crate::options::Options;
use async_trait::async_trait;

/// HTTP/1.1 without a detour. Needs a Tokio runtime with I/O and time. Cheap to clone; clones share
/// their connections.
///
/// A send costs less than half the processor time that it takes over
/// [`ReqwestTransport`](super::ReqwestTransport), since the task that sends also does the reading and
/// writing and nothing is prepared that a send does not need. It knows no proxies and no HTTP/2.
///
/// A connection carries one request at a time. Afterwards it waits for the next one, if the answer
/// was complete and the server keeps it open, for at most
/// [`with_pool_idle_timeout`](Options::with_pool_idle_timeout); at most 128 wait. Before a request
/// is written to a connection that waited, the socket is looked at: if the server closed it in the
/// meantime, or said anything, the request goes over another one. That is no second try, since
/// nothing of the request was written. Only a server that closes in the very moment of writing
/// leaves the outcome unknown.
///
/// All addresses of a name are tried, IPv6 and IPv4 in turns, the next one beside the last after
/// 250 ms. An answer's head may have 100 headers and 64 KiB. An answer whose length is in doubt
/// (two lengths, a transfer coding other than `chunked`) is no answer.
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
        while let Some(mut connection) = pool.take(&request.url) {
            if connection.is_open().await {
                return exchange(pool, connection, &request).await;
            }
        }
        // In a box, because it is long and seldom needed.
        let connection = Box::pin(connector.connect(Origin::of(&request.url)?)).await?;
        exchange(pool, connection, &request).await
    }
}

/// One request and its answer. The connection is kept if it is still good.
async fn exchange(
    pool: &Pool,
    mut connection: Box<Connection>,
    request: &Request,
) -> Result<Response, TransportError> {
    let answer = connection.exchange(request).await?;
    if connection.keeps_open() {
        pool.put(connection);
    }
    Ok(answer)
}
