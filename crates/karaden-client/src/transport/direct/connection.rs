//! One HTTP/1.1 connection and the exchanges over it.

use std::{
    future::poll_fn,
    io,
    pin::{Pin, pin},
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWrite as _};
use url::Position;

use super::{
    framing::Piece,
    message::{self, Head, HeadReader},
    origin::Origin,
    socket::Socket,
};
use crate::transport::{Request, Response, TransportError, TransportErrorKind, body::Bounded};

/// A body up to this size goes out together with the head, in one piece.
const SMALL_BODY_BYTES: usize = 16 * 1024;
/// How much is read at a time: answers are short, files are not.
const READ_BYTES: usize = 4 * 1024;
const READ_MOST_BYTES: usize = 64 * 1024;

/// A connection to an origin, with no request under way except within [`exchange`](Self::exchange).
///
/// Nothing happens to a connection that lies in the pool, and dropping the future of an exchange
/// closes it: whoever waits for an answer does the reading and writing.
#[derive(Debug)]
pub(super) struct Connection {
    origin: Origin,
    socket: Socket,
    /// What came in and is not used yet.
    input: BytesMut,
    /// What goes out. Kept for its memory.
    output: Vec<u8>,
    /// Whether another request may follow.
    keeps_open: bool,
}

impl Connection {
    pub(super) fn new(origin: Origin, socket: Socket) -> Self {
        Self { origin, socket, input: BytesMut::new(), output: Vec::new(), keeps_open: true }
    }

    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether the last answer left the connection open and in order.
    ///
    /// Bytes that nobody asked for must not pass for the answer to the next request.
    pub(super) fn keeps_open(&self) -> bool {
        self.keeps_open && self.input.is_empty()
    }

    /// Whether the connection can take a request: it is open, as far as this machine knows, and the
    /// server said nothing since its last answer.
    pub(super) async fn is_open(&mut self) -> bool {
        poll_fn(|cx| Poll::Ready(self.socket.is_silent(cx))).await
    }

    /// Sends one request and reads the whole answer.
    ///
    /// # Errors
    ///
    /// [`TransportErrorKind::Connect`] if surely nothing of the request was written: it may go over
    /// another connection. [`TransportErrorKind::Unusable`] if it may go over none. Otherwise
    /// [`TransportErrorKind::Interrupted`] or [`TransportErrorKind::TooLarge`].
    pub(super) async fn exchange(&mut self, request: &Request) -> Result<Response, TransportError> {
        let outgoing = self.prepare(request)?;
        // For good only once there is a whole answer.
        self.keeps_open = false;
        self.socket.begin();
        let result = self.ask(outgoing, request.max_body_bytes).await;
        let has_written = self.socket.has_written();
        result.map_err(|error| {
            if has_written { error } else { error.with_kind(TransportErrorKind::Connect) }
        })
    }

    async fn ask(
        &mut self,
        mut outgoing: Outgoing,
        max_body_bytes: usize,
    ) -> Result<Response, TransportError> {
        let mut reader = HeadReader::default();
        let head = loop {
            if let Some(head) = reader.next(&mut self.input).map_err(broken)? {
                break head;
            }
            if self.fill(&mut outgoing, READ_BYTES).await.map_err(broken)? == 0 {
                return Err(broken(io::Error::from(io::ErrorKind::UnexpectedEof)));
            }
        };
        let Head { status, headers, mut framing, keeps_open } = head;
        let mut body = Bounded::new(max_body_bytes, framing.announced())?;
        loop {
            match framing.next(&mut self.input).map_err(broken)? {
                Piece::Body(chunk) => body.push(chunk)?,
                Piece::End => break,
                Piece::More => {
                    let count = read_size(framing.announced());
                    if self.fill(&mut outgoing, count).await.map_err(broken)? > 0 {
                        continue;
                    }
                    if framing.ends_with_connection() {
                        break;
                    }
                    return Err(broken(io::Error::from(io::ErrorKind::UnexpectedEof)));
                }
            }
        }
        // What is left of the request would be taken for the beginning of the next one.
        self.keeps_open = keeps_open && outgoing.is_done;
        Ok(Response::new(status, body.into_bytes()).with_headers(headers))
    }

    /// Puts the head together, with the body if it is small.
    fn prepare(&mut self, request: &Request) -> Result<Outgoing, TransportError> {
        let Request { method, url, headers, body, .. } = request;
        let target = &url[Position::BeforePath..Position::AfterQuery];
        self.output.clear();
        let host = &self.origin.header;
        message::write_head(&mut self.output, (method, target), host, headers, body.len())
            .map_err(|error| {
                TransportError::new(TransportErrorKind::Unusable).with_source(error)
            })?;
        let rest = if body.len() <= SMALL_BODY_BYTES {
            self.output.extend_from_slice(body);
            Bytes::new()
        } else {
            body.clone()
        };
        Ok(Outgoing { body: rest, written: 0, is_done: false })
    }

    /// Writes what is left to write, and reads at most `count` bytes; zero is the end.
    ///
    /// Both at once: a server may answer before it has read everything, and then read no more. But
    /// what comes before the first byte was written answers nothing of ours.
    async fn fill(&mut self, outgoing: &mut Outgoing, count: usize) -> io::Result<usize> {
        self.input.reserve(count);
        let Self { socket, input, output, .. } = self;
        poll_fn(|cx| {
            let written = outgoing.poll_write(socket, output, cx);
            let read = pin!(socket.read_buf(input)).poll(cx);
            match (written, read) {
                (_, Poll::Ready(Ok(1..))) if !socket.has_written() => {
                    Poll::Ready(Err(io::Error::other("the server spoke before it was asked")))
                }
                (_, Poll::Ready(Ok(count))) if count > 0 => Poll::Ready(Ok(count)),
                (Poll::Ready(Err(error)), _) => Poll::Ready(Err(error)),
                (_, read) => read,
            }
        })
        .await
    }
}

/// A request on its way.
#[derive(Debug)]
struct Outgoing {
    /// What follows the connection's `output`.
    body: Bytes,
    /// How much of both together has been written.
    written: usize,
    is_done: bool,
}

impl Outgoing {
    fn poll_write(
        &mut self,
        socket: &mut Socket,
        output: &[u8],
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.is_done {
            let left = match self.written.checked_sub(output.len()) {
                None => &output[self.written..],
                Some(of_body) => &self.body[of_body..],
            };
            let mut socket = Pin::new(&mut *socket);
            if left.is_empty() {
                std::task::ready!(socket.poll_flush(cx))?;
                self.is_done = true;
            } else {
                match std::task::ready!(socket.as_mut().poll_write(cx, left))? {
                    0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    count => self.written += count,
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

fn read_size(announced: Option<u64>) -> usize {
    announced
        .map_or(READ_MOST_BYTES, |left| usize::try_from(left).unwrap_or(READ_MOST_BYTES))
        .clamp(READ_BYTES, READ_MOST_BYTES)
}

fn broken(cause: impl std::error::Error + Send + Sync + 'static) -> TransportError {
    TransportError::new(TransportErrorKind::Interrupted).with_source(cause)
}

#[cfg(test)]
pub(super) mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::Shutdown,
        sync::Arc,
    };

    use http::{HeaderMap, Method};
    use socket2::SockRef;
    use tokio::net::TcpStream;
    use url::Url;

    use super::{super::socket::Tcp, *};

    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";

    pub(in crate::transport::direct) fn request(
        method: Method,
        url: Url,
        body: impl Into<Bytes>,
    ) -> Request {
        Request {
            method,
            url: Arc::new(url),
            headers: Arc::new(HeaderMap::new()),
            body: body.into(),
            max_body_bytes: 1000,
            time_limit: None,
            deadline: None,
        }
    }

    /// A connection, and the server's end of it.
    fn pair() -> (Connection, std::net::TcpStream, Request) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let url = Url::parse(&url).expect("a URL");
        let address = listener.local_addr().expect("an address");
        let stream = std::net::TcpStream::connect(address).expect("connected");
        stream.set_nonblocking(true).expect("set");
        let tcp = Tcp::new(TcpStream::from_std(stream).expect("a stream"));
        let origin = Origin::of(&url).expect("an origin");
        let (server, _) = listener.accept().expect("accepted");
        let request = request(Method::POST, url, "a=b");
        (Connection::new(origin, Socket::Plain(tcp)), server, request)
    }

    impl Connection {
        fn tcp(&self) -> SockRef<'_> {
            match &self.socket {
                Socket::Plain(tcp) => tcp.raw(),
                #[cfg(feature = "rustls-no-provider")]
                Socket::Tls(_) => unreachable!("these tests speak in the clear"),
            }
        }

        /// Writes until the system takes no more, so that no byte of a request can follow.
        fn stuff(&self) {
            while self.tcp().send(&[0; 4096]).is_ok() {}
        }

        async fn until_something_came(&mut self) {
            while self.is_open().await {
                tokio::task::yield_now().await;
            }
        }
    }

    #[tokio::test]
    async fn what_comes_before_the_request_is_no_answer_and_nothing_was_sent() {
        let (mut connection, mut server, request) = pair();
        connection.stuff();
        server.write_all(ANSWER).expect("written");
        connection.until_something_came().await;
        let error = connection.exchange(&request).await.expect_err("no answer to it");
        assert_eq!(error.kind(), TransportErrorKind::Connect, "{error:?}");
    }

    #[tokio::test]
    async fn an_end_before_the_first_byte_was_written_means_not_sent() {
        /// What is given back stays open.
        type End = fn(std::net::TcpStream) -> Option<std::net::TcpStream>;
        let ends: [(&str, bool, End); 2] = [
            ("a reset", false, |server| {
                SockRef::from(&server).set_linger(Some(std::time::Duration::ZERO)).expect("set");
                None
            }),
            ("the end, and no room to write", true, |server| {
                server.shutdown(Shutdown::Write).expect("shut");
                Some(server)
            }),
        ];
        for (name, is_full, end) in ends {
            let (mut connection, server, request) = pair();
            if is_full {
                connection.stuff();
            }
            let _open = end(server);
            connection.until_something_came().await;
            let error = connection.exchange(&request).await.expect_err(name);
            assert_eq!(error.kind(), TransportErrorKind::Connect, "{name}: {error:?}");
        }
    }

    #[tokio::test]
    async fn an_end_after_the_first_byte_was_written_is_an_interruption() {
        // The end was there before, but the system took the request all the same.
        let (mut connection, server, request) = pair();
        server.shutdown(Shutdown::Write).expect("shut");
        connection.until_something_came().await;
        let error = connection.exchange(&request).await.expect_err("an end");
        assert_eq!(error.kind(), TransportErrorKind::Interrupted, "{error:?}");
    }

    #[tokio::test]
    async fn a_connection_with_part_of_a_request_unwritten_is_not_kept() {
        let (mut connection, mut server, mut request) = pair();
        for (bytes, is_kept) in [(SMALL_BODY_BYTES, true), (64 << 20, false)] {
            request.body = vec![b'x'; bytes].into();
            // The server answers as soon as it has the head, and reads the rest of a small one.
            let serve = std::thread::spawn(move || {
                let mut seen = vec![0; if is_kept { bytes } else { 100 }];
                server.read_exact(&mut seen).expect("the beginning");
                server.write_all(ANSWER).expect("written");
                server
            });
            let answer = connection.exchange(&request).await.expect("an answer");
            assert_eq!(answer.status(), 200);
            assert_eq!(connection.keeps_open(), is_kept, "{bytes}");
            server = serve.join().expect("no panic");
        }
    }
}
