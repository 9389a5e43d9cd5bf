//! Live status: what an open page is told while it waits.

use std::time::Duration;

use mfa_demo::Browser;
use tokio::time::timeout;

use crate::harness::{ALICE, Demo, reach_code, type_code};

const EVENTS: &str = "/_mfa/factor/events";

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// An event stream as a page reads it.
struct Stream {
    response: reqwest::Response,
    read: String,
}

impl Stream {
    async fn open(demo: &Demo, browser: &Browser) -> Self {
        let cookies: Vec<String> =
            browser.cookies().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let request = client.get(format!("{}{EVENTS}", demo.gateway));
        let response = request.header("cookie", cookies.join("; ")).send().await;
        Self { response: response.expect("a response"), read: String::new() }
    }

    /// Returns the next event; `None` at the end of the stream.
    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.read = rest;
                if event.starts_with(':') {
                    continue;
                }
                return Some(event);
            }
            let chunk = timeout(PATIENCE, self.response.chunk()).await.expect("an event in time");
            let chunk = chunk.expect("an open connection")?;
            self.read.push_str(std::str::from_utf8(&chunk).expect("text"));
        }
    }
}

#[tokio::test]
async fn an_open_page_is_told_of_the_delivery_and_of_the_end_of_its_login() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    let page = reach_code(&mut browser, ALICE).await;
    let mut stream = Stream::open(&demo, &browser).await;
    let headers = stream.response.headers();
    assert_eq!(headers["content-type"], "text/event-stream");
    assert_eq!(headers["cache-control"], "no-store");
    let first = stream.next().await.expect("the state of now");
    assert!(first.starts_with("event: status\ndata: {\"notice\":null,"), "{first}");
    let news = stream.next().await.expect("the delivery");
    assert!(news.starts_with("event: status\ndata: {\"notice\":\""), "{news}");
    // Another tab completes the login.
    let code = demo.newest_code(ALICE.2).await;
    assert_eq!(type_code(&mut browser, &page, &code).await.status, 303);
    assert_eq!(stream.next().await.as_deref(), Some("event: moved\ndata: {}"));
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn a_stopping_gateway_ends_open_streams() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    reach_code(&mut browser, ALICE).await;
    let mut stream = Stream::open(&demo, &browser).await;
    stream.next().await.expect("the state of now");
    let Demo { process, .. } = demo;
    let (stopped, ended) =
        tokio::join!(tokio::task::spawn_blocking(|| process.terminate()), async {
            while let Some(event) = stream.next().await {
                assert!(event.starts_with("event: status"), "{event}");
            }
        },);
    assert_eq!(((), stopped.expect("no panic").0), (ended, Some(0)));
}

#[tokio::test]
async fn a_browser_without_a_login_gets_no_stream() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    let seen = browser.get(EVENTS).await.expect("a response");
    assert_ne!(seen.header("content-type"), "text/event-stream");
    assert!(seen.status.is_client_error(), "{}", seen.status);
}
