//! Finding out if the gateway still responds, for a service manager.

use std::time::Duration;

use http::{Request, StatusCode, header::HOST};
use http_body_util::Empty;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use mfa_proxy::ListenAddress;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    task::AbortHandle,
    time::timeout,
};

/// A gateway that takes longer than this does not respond.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Finds out if the gateway still responds. It asks the operations listener, whose connections have places of their
/// own: a flood on the public listener must not look like a gateway that hangs.
#[derive(Debug, Clone)]
pub struct SelfCheck {
    ops_addresses: Vec<ListenAddress>,
    public_server: AbortHandle,
}

impl SelfCheck {
    pub(crate) fn new(ops_addresses: Vec<ListenAddress>, public_server: AbortHandle) -> Self {
        Self { ops_addresses, public_server }
    }

    /// Whether the operations listener responds to `/healthz` within 5 s, and the public listener is served.
    pub async fn responds(&self) -> bool {
        let asked = async {
            match self.ops_addresses.first() {
                Some(ListenAddress::Socket(address)) => {
                    is_healthy(TcpStream::connect(address).await.ok()?).await
                }
                Some(ListenAddress::Unix(path)) => {
                    is_healthy(UnixStream::connect(path).await.ok()?).await
                }
                Some(ListenAddress::Host { .. }) | None => None,
            }
        };
        !self.public_server.is_finished()
            && timeout(TIMEOUT, asked).await.is_ok_and(|is| is.is_some())
    }
}

async fn is_healthy<T>(stream: T) -> Option<()>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
    let request = Request::get("/healthz").header(HOST, "localhost");
    let request = request.body(Empty::<&'static [u8]>::new()).ok()?;
    // It owns the sender: without it, the connection ends.
    let asked = async move {
        let response = sender.send_request(request).await.ok()?;
        (response.status() == StatusCode::OK).then_some(())
    };
    let (is_ok, _) = tokio::join!(asked, connection);
    is_ok
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
        task::JoinHandle,
    };

    use super::*;

    /// A check of an operations listener with this response, beside a public server that runs.
    async fn check(response: Option<&'static str>) -> (SelfCheck, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut head = [0; 1024];
            let _ = stream.read(&mut head).await;
            match response {
                Some(text) => stream.write_all(text.as_bytes()).await.expect("it reads"),
                None => std::future::pending().await,
            }
        });
        let server = tokio::spawn(std::future::pending());
        (SelfCheck::new(vec![address.into()], server.abort_handle()), server)
    }

    const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n";

    #[tokio::test]
    async fn a_gateway_that_responds_is_alive() {
        let (check, _server) = check(Some(OK)).await;
        assert!(check.responds().await);
    }

    #[tokio::test]
    async fn a_public_listener_that_is_not_served_is_noticed() {
        let (check, server) = check(Some(OK)).await;
        server.abort();
        server.await.expect_err("aborted");
        assert!(!check.responds().await);
    }

    #[tokio::test]
    async fn a_wrong_response_and_a_closed_port_are_noticed() {
        for response in ["HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "no HTTP\r\n\r\n", ""] {
            let (check, _server) = check(Some(response)).await;
            assert!(!check.responds().await, "{response:?}");
        }
        let (check, _server) = check(Some(OK)).await;
        assert!(check.responds().await);
        assert!(!check.responds().await, "the listener is closed");
    }

    /// The clock moves on by itself while all wait.
    #[tokio::test(start_paused = true)]
    async fn a_gateway_that_hangs_is_noticed() {
        let (check, _server) = check(None).await;
        let began = tokio::time::Instant::now();
        assert!(!check.responds().await);
        assert_eq!(began.elapsed(), TIMEOUT);
    }
}
