//! Connections that are kept, closed, cut, or written to between two requests.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};

use karaden_client::{ErrorKind, RetryPolicy, sms, transport::ReqwestTransport};
use socket2::SockRef;
use tokio::runtime::Runtime;

use crate::{
    clients::{sms_client, sms_client_over, sms_client_with},
    common::{NUMBER, TENANT, TOKEN, options, sms_message},
};

/// A server in its own threads, which runs while no runtime does.
struct Server {
    addr: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
    /// Receives a message when the server closes a connection.
    ended: Receiver<()>,
}

impl Server {
    /// Handles the requests of a connection in turn. `respond` gets the numbers of the connection and
    /// of the request on it, both from 1.
    fn start(
        response: impl Fn(usize, usize, &mut TcpStream) -> After + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let addr = listener.local_addr().expect("an address");
        let (tell, ended) = channel();
        let this = Self { addr, connections: Arc::default(), requests: Arc::default(), ended };
        let (connections, requests) = (this.connections.clone(), this.requests.clone());
        let response = Arc::new(response);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.expect("a connection");
                let number = connections.fetch_add(1, Ordering::SeqCst) + 1;
                let (response, requests, tell) = (response.clone(), requests.clone(), tell.clone());
                let response = move |nth: usize, stream: &mut TcpStream| response(number, nth, stream);
                std::thread::spawn(move || serve(stream, &requests, &tell, response));
            }
        });
        this
    }

    fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    fn counts(&self) -> (usize, usize) {
        (self.connections.load(Ordering::SeqCst), self.requests.load(Ordering::SeqCst))
    }

    fn wait_for_end(&self) {
        self.ended.recv_timeout(Duration::from_secs(10)).expect("the connection ended");
    }
}

/// What the server does after a response.
enum After {
    Close,
    Next,
    Reset,
}

fn serve(
    mut stream: TcpStream,
    requests: &AtomicUsize,
    ended: &Sender<()>,
    response: impl Fn(usize, &mut TcpStream) -> After,
) {
    for nth in 1.. {
        if !read_request(&mut stream) {
            break;
        }
        requests.fetch_add(1, Ordering::SeqCst);
        match response(nth, &mut stream) {
            After::Next => continue,
            After::Close => {}
            After::Reset => SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("set"),
        }
        break;
    }
    drop(stream);
    let _nobody_waits = ended.send(());
}

/// Returns whether a whole request came before the end of the connection.
fn read_request(stream: &mut TcpStream) -> bool {
    let mut read = Vec::new();
    let mut buffer = [0_u8; 4096];
    loop {
        // Every request here is a form that ends in the tag.
        if read.ends_with(b"tag-1") {
            return true;
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return false,
            Ok(got) => read.extend_from_slice(&buffer[..got]),
        }
    }
}

fn body(id: &str) -> String {
    format!(r#"{{"object":"message","id":"{id}","tags":["tag-1"]}}"#)
}

fn whole(id: &str, headers: &str) -> String {
    let body = body(id);
    format!("HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

fn write(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).expect("written");
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

async fn send(client: &sms::Client) -> String {
    let sent = client.send(sms_message()).await.expect("a response").into_accepted().expect("accepted");
    sent.id.as_str().to_owned()
}

#[test]
fn a_connection_that_the_server_closed_gets_no_request() {
    for after in [|| After::Close, || After::Reset] {
        let server = Server::start(move |_, _, stream| {
            write(stream, &whole("m-1", ""));
            // A reset would discard a response that the client has not read yet.
            stream.set_read_timeout(Some(Duration::from_millis(50))).expect("set");
            let _nothing_comes = stream.read(&mut [0; 1]);
            after()
        });
        // This runtime does not run between two calls, so it has not seen the end of the connection.
        let (client, runtime) = (sms_client_with(&server.url(), options()), runtime());
        for _ in 0..5 {
            runtime.block_on(send(&client));
            server.wait_for_end();
        }
        assert_eq!(server.counts(), (5, 5));
    }
}

/// Uses up this much of the task's budget at each poll.
async fn spend(units: usize) {
    std::future::poll_fn(move |cx| {
        for _ in 0..units {
            let (tell, mut told) = tokio::sync::oneshot::channel();
            tell.send(()).expect("somebody listens");
            let _spent = std::pin::Pin::new(&mut told).poll(cx);
        }
        std::task::Poll::<()>::Pending
    })
    .await;
}

#[tokio::test]
async fn a_task_that_used_up_its_budget_gets_its_response() {
    let server = Server::start(|_, _, stream| {
        write(stream, &whole("m-1", "connection: close\r\n"));
        After::Close
    });
    let client = sms_client_with(&server.url(), options());
    for units in 100..=127 {
        tokio::select! {
            biased;
            () = spend(units) => unreachable!("it never ends"),
            id = send(&client) => assert_eq!(id, "m-1", "{units}"),
        }
    }
}

#[tokio::test]
async fn unrequested_bytes_are_not_the_response_to_the_next_request() {
    // With the response, and after the client has read it.
    for later in [false, true] {
        let (go, may_go) = channel::<()>();
        let may_go = std::sync::Mutex::new(may_go);
        let (tell, written) = channel();
        let server = Server::start(move |connection, _, stream| {
            let (good, foreign) = (whole(&format!("m-{connection}"), ""), whole("foreign", ""));
            if later {
                write(stream, &good);
                may_go.lock().expect("a lock").recv().expect("told");
                write(stream, &foreign);
            } else {
                write(stream, &(good + &foreign));
            }
            tell.send(()).expect("somebody waits");
            After::Next
        });
        let client = sms_client_with(&server.url(), options());
        for number in 1..=3 {
            assert_eq!(send(&client).await, format!("m-{number}"));
            if later {
                go.send(()).expect("a server");
            }
            written.recv_timeout(Duration::from_secs(10)).expect("written");
        }
        assert_eq!(server.counts(), (3, 3));
    }
}

#[tokio::test]
async fn responses_of_every_form_are_read_and_keep_the_connection() {
    let forms = [
        whole("m-1", ""),
        format!("HTTP/1.1 100 Continue\r\n\r\n{}", whole("m-1", "")),
        format!(
            "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n{}",
            whole("m-1", "")
        ),
        chunked(&body("m-1"), ""),
        chunked(&body("m-1"), "x-check: 1\r\n"),
        whole("m-1", "connection: keep-alive\r\n"),
    ];
    let count = forms.len();
    let server = Server::start(move |_, nth, stream| {
        write(stream, &forms[nth - 1]);
        After::Next
    });
    let client = sms_client_with(&server.url(), options());
    for at in 0..count {
        assert_eq!(send(&client).await, "m-1", "{at}");
    }
    assert_eq!(server.counts(), (1, count));
}

/// A response in chunks of three bytes, with these trailers.
fn chunked(body: &str, trailers: &str) -> String {
    let chunks = body.as_bytes().chunks(3).map(|chunk| {
        let chunk = std::str::from_utf8(chunk).expect("ASCII");
        format!("{:x}\r\n{chunk}\r\n", chunk.len())
    });
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    format!("{head}{}0\r\n{trailers}\r\n", chunks.collect::<String>())
}

#[tokio::test]
async fn a_connection_that_the_server_will_close_is_not_used_again() {
    let plain = body("m-1");
    let forms = [
        whole("m-1", "connection: close\r\n"),
        whole("m-1", "").replace("HTTP/1.1", "HTTP/1.0"),
        // The end of the connection is the end of the body.
        format!("HTTP/1.1 200 OK\r\n\r\n{plain}"),
        format!("HTTP/1.0 200 OK\r\n\r\n{plain}"),
    ];
    for form in forms {
        let until_close = !form.contains("content-length");
        let response = form.clone();
        let server = Server::start(move |_, _, stream| {
            write(stream, &response);
            if until_close { After::Close } else { After::Next }
        });
        let client = sms_client_with(&server.url(), options());
        for _ in 0..3 {
            assert_eq!(send(&client).await, "m-1", "{form}");
        }
        assert_eq!(server.counts(), (3, 3), "{form}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_before_or_within_the_response_is_unknown() {
    type Act = fn(&mut TcpStream) -> After;
    let rows: [(&str, Act); 4] = [
        ("half closed", |stream| {
            stream.shutdown(Shutdown::Write).expect("shut");
            // The other direction stays open until the client closes.
            let _end = stream.read(&mut [0; 1]);
            After::Close
        }),
        ("garbage", |stream| {
            write(stream, "\u{16}\u{3}\u{1} this is no HTTP\r\n\r\n");
            After::Close
        }),
        ("a status that is none", |stream| {
            write(stream, "HTTP/1.1 9 OK\r\ncontent-length: 0\r\n\r\n");
            After::Close
        }),
        ("a chunk that is none", |stream| {
            write(
                stream,
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n",
            );
            After::Next
        }),
    ];
    for (name, act) in rows {
        let server = Server::start(move |_, _, stream| act(stream));
        let client = sms_client_with(&server.url(), options());
        let error = client.send(sms_message()).await.expect_err(name);
        assert!(error.is_outcome_unknown(), "{name}: {error:?}");
        assert_eq!(error.error().kind(), ErrorKind::Interrupted, "{name}: {error:?}");
        assert_eq!(server.counts(), (1, 1), "{name}");
    }
}

#[tokio::test]
async fn a_reset_after_the_first_bytes_is_unknown_and_one_before_the_connection_is_not() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        stream.read_exact(&mut [0; 10]).expect("the first bytes");
        SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("set");
    });
    let client = sms_client_with(&url, options());
    let error = client.send(sms_message()).await.expect_err("a reset");
    assert!(error.is_outcome_unknown(), "{error:?}");
    server.join().expect("no panic");
    // Now the port is closed.
    let error = client.send(sms_message()).await.expect_err("no server listens");
    assert!(error.is_definitely_not_sent(), "{error:?}");
    assert_eq!(error.error().kind(), ErrorKind::Connect);
}

/// Reads up to the end of a head.
fn read_head(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a head");
        read.push(byte[0]);
    }
    String::from_utf8(read).expect("ASCII")
}

/// The response with an address to upload a file to.
fn upload_address(url: &str) -> String {
    let body = format!(
        r#"{{"object":"bulk_file","id":"82bdf9de-a532-4bf5-86bc-c9a1366e5f4a","url":"{url}/file"}}"#
    );
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn an_empty_file_is_sent_with_its_length() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let address = upload_address(&url);
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        read_head(&mut stream);
        write(&mut stream, &address);
        let head = read_head(&mut stream);
        write(&mut stream, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        head
    });
    let client = sms_client_with(&url, options());
    let address = client.create_bulk_file().await.expect("an address");
    client.upload_bulk(address, "").await.expect("uploaded");
    let head = server.join().expect("no panic").to_ascii_lowercase();
    assert_eq!(head.matches("\r\ncontent-length: 0\r\n").count(), 1, "{head}");
}

#[tokio::test]
async fn a_response_before_the_whole_request_was_read_counts() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let address = upload_address(&url);
    let (tell, may_end) = channel::<()>();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        read_head(&mut stream);
        write(&mut stream, &address);
        read_head(&mut stream);
        // The rest of the file is not read, so writing it would block.
        write(&mut stream, "HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n");
        let _end = may_end.recv();
    });
    let client = sms_client_with(&url, options());
    let address = client.create_bulk_file().await.expect("an address");
    let error = client.upload_bulk(address, vec![b'x'; 32 << 20]).await.expect_err("too large");
    assert_eq!(error.status(), Some(413), "{error:?}");
    drop(tell);
}

#[tokio::test]
async fn idle_connections_are_closed_after_the_idle_timeout() {
    let server = Server::start(|_, _, stream| {
        write(stream, &whole("m-1", ""));
        After::Next
    });
    let limit = Duration::from_millis(100);
    let transport = ReqwestTransport::builder().with_pool_idle_timeout(limit);
    let client = sms_client_over(&server.url(), options(), transport);
    send(&client).await;
    send(&client).await;
    assert_eq!(server.counts().0, 1);
    // No request is made: the pool's own timer closes the connection.
    let server = tokio::task::spawn_blocking(move || {
        server.wait_for_end();
        server
    });
    let server = server.await.expect("no panic");
    send(&client).await;
    assert_eq!(server.counts(), (2, 3));

    let transport = ReqwestTransport::builder().with_pool_idle_timeout(Duration::ZERO);
    let client = sms_client_over(&server.url(), options(), transport);
    send(&client).await;
    send(&client).await;
    assert_eq!(server.counts(), (4, 5));
}

#[tokio::test]
async fn dropping_the_client_closes_its_connections() {
    let server = Server::start(|_, _, stream| {
        write(stream, &whole("m-1", ""));
        After::Next
    });
    let client = sms_client_with(&server.url(), options());
    send(&client).await;
    drop(client);
    tokio::task::spawn_blocking(move || server.wait_for_end()).await.expect("it ended");
}

#[tokio::test]
async fn dropping_a_call_closes_its_connection() {
    let (tell, asked) = tokio::sync::oneshot::channel();
    let tell = std::sync::Mutex::new(Some(tell));
    let server = Server::start(move |_, _, stream| {
        if let Some(tell) = tell.lock().expect("a lock").take() {
            tell.send(()).expect("somebody waits");
        }
        let _end = stream.read(&mut [0; 1]);
        After::Close
    });
    let client = sms_client_with(&server.url(), options());
    tokio::select! {
        outcome = client.send(sms_message()) => panic!("{outcome:?}"),
        asked = asked => asked.expect("asked"),
    }
    tokio::task::spawn_blocking(move || server.wait_for_end()).await.expect("it ended");
}

#[test]
fn a_client_outlives_the_runtime_of_its_connections() {
    let server = Server::start(|_, _, stream| {
        write(stream, &whole("m-1", ""));
        After::Next
    });
    let client = sms_client(&server.url());
    for count in 1..=3 {
        runtime().block_on(send(&client));
        assert_eq!(server.counts(), (count, count));
    }
}

#[test]
fn a_connection_of_a_runtime_that_stands_still_takes_no_request_now_or_later() {
    let server = Server::start(|_, _, stream| {
        write(stream, &whole("m-1", ""));
        After::Next
    });
    let short = options().with_total_timeout(Duration::from_millis(200));
    let client = sms_client_with(&server.url(), short.with_retry(RetryPolicy::once()));
    let first = runtime();
    first.block_on(send(&client));
    let error = runtime().block_on(client.send(sms_message())).expect_err("it stands still");
    assert!(error.is_definitely_not_sent(), "{error:?}");
    assert_eq!(error.error().kind(), ErrorKind::Connect, "{error:?}");
    // Its connection finds the withdrawn request in its queue.
    first.block_on(send(&client));
    assert_eq!(server.counts().1, 2);
}

/// A server on which no connection is accepted, because others fill its queue.
struct FullServer {
    url: String,
    _queue: (socket2::Socket, Vec<TcpStream>),
}

impl FullServer {
    fn start() -> Self {
        let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let listener = listener.expect("a socket");
        let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
        listener.bind(&any.into()).expect("a port");
        listener.listen(0).expect("listening");
        let addr = listener.local_addr().expect("an address").as_socket().expect("IPv4");
        let connect = |_| TcpStream::connect_timeout(&addr, Duration::from_millis(100)).ok();
        let filling: Vec<_> = (0..8).map_while(connect).collect();
        assert!(filling.len() < 8, "the queue is full");
        Self { url: format!("http://{addr}"), _queue: (listener, filling) }
    }
}

#[tokio::test]
async fn a_connection_that_is_not_made_means_not_sent_under_every_time_limit() {
    let server = FullServer::start();
    let (short, long) = (Duration::from_millis(150), Duration::from_secs(60));
    let once = |deadline| RetryPolicy::once().with_deadline(deadline);
    for (connect, total, deadline) in [
        (short, long, long),
        (long, short, long),
        (long, long, short),
        (short, short, short),
        (long, short, short),
    ] {
        let options = options().with_total_timeout(total).with_retry(once(deadline));
        let transport = ReqwestTransport::builder().with_connect_timeout(connect);
        let client = sms_client_over(&server.url, options, transport);
        let name = format!("{connect:?} {total:?} {deadline:?}");
        let error = client.send(sms_message()).await.expect_err(&name);
        assert!(error.is_definitely_not_sent(), "{name}: {error:?}");
        assert_eq!(error.error().kind(), ErrorKind::Connect, "{name}: {error:?}");
        // A request without a body, too.
        let error = client.cancel(&sms::MessageId::new("m-1").expect("an id")).await;
        assert!(error.expect_err(&name).is_definitely_not_sent(), "{name}");
    }
}

#[test]
fn proxies_of_the_environment_are_ignored() {
    const TARGET: &str = "KARADEN_TEST_TARGET";
    #[expect(clippy::disallowed_methods, reason = "a test that runs itself in another process")]
    let target = std::env::var(TARGET);
    if let Ok(url) = target {
        let runtime = runtime();
        runtime.block_on(send(&sms_client(&url)));
        return;
    }
    let server = Server::start(|_, _, stream| {
        write(stream, &whole("m-1", ""));
        After::Next
    });
    let proxy = Server::start(|_, _, _| After::Close);
    let mut child = Command::new(std::env::current_exe().expect("this test"));
    child.args(["connections::proxies_of_the_environment_are_ignored", "--exact"]);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        child.env(name, proxy.url()).env(name.to_lowercase(), proxy.url());
    }
    child.env_remove("NO_PROXY").env_remove("no_proxy").env(TARGET, server.url());
    let output = child.output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(proxy.counts(), (0, 0));
    assert_eq!(server.counts(), (1, 1));
}

#[tokio::test]
async fn nothing_of_a_message_shows_in_debug() {
    let server = Server::start(|_, _, stream| {
        write(stream, &whole("m-1", ""));
        After::Next
    });
    let transport = ReqwestTransport::builder().build().expect("a transport");
    let client = sms::Client::builder(TENANT, TOKEN, sms::ServiceId::new(1).expect("positive"))
        .with_base_url(server.url())
        .with_transport(transport.clone())
        .build()
        .expect("a client");
    send(&client).await;
    let settings = ReqwestTransport::builder().with_proxy("http://user:pw-SECRET@127.0.0.1:3128");
    let proxied = settings.clone().build().expect("a transport");
    let shown = format!("{transport:?} {client:?} {proxied:?} {settings:?}");
    for secret in [NUMBER, TOKEN, "SECRET"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
