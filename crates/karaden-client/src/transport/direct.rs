//! The transport of our own: what a send needs and nothing else.

mod connect;
mod connection;
mod framing;
mod message;
mod origin;
mod pool;
mod socket;
mod tls;

use std::{fmt, sync::Arc};

use self::{connect::Connector, connection::Connection, origin::Origin, pool::Pool};
use super::{Request, Response, Transport, TransportError, TransportErrorKind};
use crate::{error::Error, options::Options};
use async_trait::async_trait;

/// HTTP/1.1 without a detour. Needs a Tokio runtime with I/O and time. Cheap to clone; clones share
/// their connections.
///
/// A send costs less processor time than over [`ReqwestTransport`](super::ReqwestTransport), since the
/// task that sends also does the reading and writing and nothing is prepared that a send does not
/// need. It knows no proxies and no HTTP/2.
///
/// A connection carries one request at a time. Afterwards it waits for the next one, if the answer
/// was complete and the server keeps it open, for at most
/// [`with_pool_idle_timeout`](Options::with_pool_idle_timeout); at most 128 wait. A task in the
/// runtime of the connection closes it then, so that a runtime that nobody drives keeps its
/// connections until the next request.
///
/// Before a request is written to a connection, the socket is looked at: if the server closed it in
/// the meantime, or said anything, the request goes over another one. That is no second try, since
/// nothing of the request was written; nor is it one if the system does not take the first byte.
/// Only a server that closes in the very moment of writing leaves the outcome unknown. A connection
/// that cannot be made within [`with_total_timeout`](Options::with_total_timeout) is *not sent*
/// like one that fails.
///
/// All addresses of a name are tried, IPv6 and IPv4 in turns, the next one beside the last after
/// 250 ms. An answer's head may have 100 headers and 64 KiB, what its chunks say beside their data
/// 16 KiB. An answer whose length is in doubt (two lengths, a transfer coding other than `chunked`,
/// a chunk without a length) is no answer.
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
                match exchange(pool, connection, &request).await {
                    // It broke in the meantime, and nothing of the request was written.
                    Err(error) if error.kind() == TransportErrorKind::Connect => {}
                    result => return result,
                }
            }
        }
        // In a box, because it is long and seldom needed.
        let origin = Origin::of(&request.url)?;
        let mut connection = Box::pin(connector.connect(origin, request.deadline)).await?;
        if !connection.is_open().await {
            let error = TransportError::new(TransportErrorKind::Connect);
            return Err(
                error.with_source("the server ended the connection, or spoke, before it was asked")
            );
        }
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

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::{Shutdown, TcpListener},
    };

    use http::Method;
    use socket2::SockRef;
    use tokio::net::TcpStream;
    use url::Url;

    use super::{
        connection::tests::request,
        socket::{Socket, Tcp},
        *,
    };

    #[tokio::test]
    async fn a_connection_that_takes_no_byte_of_the_request_is_replaced_by_another() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let url = Url::parse(&format!("http://{address}/")).expect("a URL");
        // It looks open, but nothing can be written to it any more.
        let stream = TcpStream::connect(address).await.expect("connected");
        SockRef::from(&stream).shutdown(Shutdown::Write).expect("shut");
        let origin = Origin::of(&url).expect("an origin");
        let broken = Connection::new(origin, Socket::Plain(Tcp::new(stream)));
        let transport = DirectTransport::new(&Options::default()).expect("a transport");
        transport.inner.pool.put(Box::new(broken));
        let server = std::thread::spawn(move || {
            let (mut first, _) = listener.accept().expect("the broken one");
            let (mut second, _) = listener.accept().expect("another one");
            second.read_exact(&mut [0; 10]).expect("a request");
            second.write_all(b"HTTP/1.1 204 No\r\nconnection: close\r\n\r\n").expect("written");
            let _end = second.read(&mut [0; 1000]);
            first.read(&mut [0; 1]).expect("the end")
        });
        let request = request(Method::GET, url, "");
        let answer = transport.execute(request).await.expect("an answer");
        assert_eq!(answer.status(), 204);
        assert_eq!(server.join().expect("no panic"), 0, "nothing came over the broken one");
    }
}
