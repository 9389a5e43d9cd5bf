//! Connections to hosts that a response chose.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    time::Duration,
};

use karaden_client::{
    http::Method,
    transport::{Request, ReqwestTransport, Transport as _, TransportErrorKind},
};

use crate::common::full;

/// A request to `localhost`, a name that every resolver turns into an address of this machine.
fn request(listener: &TcpListener) -> karaden_client::transport::RequestBuilder {
    let port = listener.local_addr().expect("an address").port();
    Request::builder(Method::GET, &format!("http://localhost:{port}/?sig=SECRET"))
}

#[tokio::test]
async fn a_name_without_a_public_address_gets_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let transport = ReqwestTransport::builder().build().expect("a transport");
    // A connection, which the listener leaves without a response, would end at the deadline.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    let asked = request(&listener).with_only_public_addresses().with_deadline(deadline.into());
    let asked = asked.build().expect("a request");
    let error = transport.execute(asked).await.expect_err("not public");
    assert_eq!(error.kind(), TransportErrorKind::Connect);
    assert!(full(&error).contains("no public address"), "{}", full(&error));
    assert!(!full(&error).contains("SECRET"), "{}", full(&error));
    listener.set_nonblocking(true).expect("set");
    listener.accept().expect_err("no connection");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_same_name_is_connected_to_if_the_caller_chose_it() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let asked = request(&listener).build().expect("a request");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("set");
        let _head = stream.read(&mut [0; 4096]).expect("a request");
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").expect("written");
    });
    let transport = ReqwestTransport::builder().build().expect("a transport");
    assert_eq!(transport.execute(asked).await.expect("a response").status(), 204);
}
