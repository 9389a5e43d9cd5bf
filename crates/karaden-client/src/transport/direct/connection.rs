//! One HTTP/1.1 connection and the exchanges over it.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWrite as _};
use url::Position;

use super::framing::Piece;
use super::message::{self, Head, HeadReader};
use super::origin::Origin;
use super::socket::Socket;
use crate::transport::body::Bounded;
use crate::transport::{Request, Response, TransportError, TransportErrorKind};

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
    /// [`TransportErrorKind::Connect`] if nothing of the request was written, otherwise
    /// [`TransportErrorKind::Interrupted`] or [`TransportErrorKind::TooLarge`].
    pub(super) async fn exchange(&mut self, request: &Request) -> Result<Response, TransportError> {
        let mut outgoing = self.prepare(request)?;
        // For good only once there is a whole answer.
        self.keeps_open = false;
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
        let mut body = Bounded::new(request.max_body_bytes, framing.announced())?;
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
            .map_err(|error| TransportError::new(TransportErrorKind::Connect).with_source(error))?;
        let mut rest = body.clone();
        if body.len() <= SMALL_BODY_BYTES {
            self.output.extend_from_slice(body);
            rest.clear();
        }
        Ok(Outgoing { body: rest, written: 0, is_done: false })
    }

    /// Writes what is left to write, and reads at most `count` bytes; zero is the end.
    ///
    /// Both at once: a server may answer before it has read everything, and then read no more.
    async fn fill(&mut self, outgoing: &mut Outgoing, count: usize) -> io::Result<usize> {
        self.input.reserve(count);
        let Self { socket, input, output, .. } = self;
        poll_fn(|cx| {
            let written = outgoing.poll_write(socket, output, cx);
            let read = pin!(socket.read_buf(input)).poll(cx);
            match (written, read) {
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
