//! The transport kit: the transports of this crate pass it, and each clause finds a planted fault that no
//! other clause finds.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::future::join_all;
use karaden_client::{
    async_trait,
    bytes::Bytes,
    http::{self, Method},
    transport::{
        Exchange, Limited, Request, ReqwestTransport, Response, ScriptedTransport, Transport,
        TransportError, TransportErrorKind,
    },
    transport_kit::{self as kit, Behaviour, Counter, Loopback, Scene, Stage},
};

fn usual() -> ReqwestTransport {
    ReqwestTransport::builder().build().expect("a transport")
}

#[tokio::test]
async fn the_transport_over_reqwest_keeps_the_contract() {
    let transport = usual();
    kit::check_all(&Loopback::new(move || transport.clone())).await;
}

#[tokio::test]
async fn the_limited_transport_keeps_the_contract() {
    let transport = Limited::new(usual()).with_at_once(2).with_per_minute(60_000);
    kit::check_all(&Loopback::new(move || transport.clone())).await;
}

#[tokio::test(start_paused = true)]
async fn the_scripted_transport_keeps_the_contract() {
    kit::check_all(&Script).await;
}

/// The stage of a transport that needs no server.
#[derive(Debug)]
struct Script;

#[async_trait]
impl Stage for Script {
    async fn set(&self, behaviours: Vec<Behaviour>) -> Scene {
        let script =
            ScriptedTransport::new(behaviours.into_iter().map(|behaviour| match behaviour {
                Behaviour::Absent => Exchange::fail(TransportErrorKind::Connect),
                Behaviour::Endless => Exchange::reply(200, vec![b'x'; 1 << 20]),
                Behaviour::Redirect(status) => {
                    Exchange::reply(status, "").with_header("location", "/elsewhere")
                }
                Behaviour::Respond(status, body) => Exchange::reply(status, body),
                Behaviour::Silence => Exchange::reply(200, "").after(Duration::from_secs(3600)),
                Behaviour::Unannounced(body) => Exchange::reply(200, body),
                _ => Exchange::fail(TransportErrorKind::Interrupted),
            }));
        let requests = Counter::new();
        let counted = Counted { script, requests: requests.clone() };
        Scene::new(counted, "http://karaden.example/", requests, ())
    }
}

#[derive(Debug)]
struct Counted {
    script: ScriptedTransport,
    requests: Counter,
}

#[async_trait]
impl Transport for Counted {
    async fn execute(&self, request: Request) -> Result<Response, TransportError> {
        let under_way = self.requests.begin();
        let mut seen = http::Request::new(request.body().clone());
        *seen.method_mut() = request.method().clone();
        *seen.uri_mut() = request.url().parse().expect("a URL is a URI");
        *seen.headers_mut() = request.headers().clone();
        under_way.receive(seen);
        self.script.execute(request).await
    }
}

/// What is wrong with a transport.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    SendsAgain,
    SendsAgainOnAKeptConnection,
    FollowsRedirects,
    DropsLocation,
    IgnoresTheLimit,
    ReadsAllFirst,
    ClosedIsNotSent,
    CutIsNotSent,
    OwnTimeoutIsNotSent,
    LateIsNotSent,
    GoesOn,
    ShowsTheUrl,
    CutIsWhole,
    DropsHeaders,
    DropsBody,
    DropsQuery,
    SendsPost,
}

/// Each fault with the clause that finds it.
const FAULTS: [(Fault, usize); 17] = [
    (Fault::SendsAgain, 1),
    (Fault::SendsAgainOnAKeptConnection, 1),
    (Fault::FollowsRedirects, 2),
    (Fault::DropsLocation, 2),
    (Fault::IgnoresTheLimit, 3),
    (Fault::ReadsAllFirst, 3),
    (Fault::ClosedIsNotSent, 4),
    (Fault::CutIsNotSent, 4),
    (Fault::OwnTimeoutIsNotSent, 4),
    (Fault::LateIsNotSent, 5),
    (Fault::GoesOn, 6),
    (Fault::ShowsTheUrl, 7),
    (Fault::CutIsWhole, 8),
    (Fault::DropsHeaders, 8),
    (Fault::DropsBody, 8),
    (Fault::DropsQuery, 8),
    (Fault::SendsPost, 8),
];

struct Faulty {
    fault: Fault,
    inner: Arc<ReqwestTransport>,
    plain: reqwest::Client,
    calls: AtomicUsize,
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.fault)
    }
}

/// The same request with another URL and another limit.
fn changed(request: &Request, url: &str, max_body_bytes: usize) -> Request {
    let mut builder = Request::builder(request.method().clone(), url)
        .with_body(request.body().clone())
        .with_max_body_bytes(max_body_bytes);
    if let Some(deadline) = request.deadline() {
        builder = builder.with_deadline(deadline);
    }
    let mut changed = builder.build().expect("a URL");
    *changed.headers_mut() = request.headers().clone();
    changed
}

fn not_sent() -> TransportError {
    TransportError::new(TransportErrorKind::Connect)
}

impl Faulty {
    /// Takes the end of the connection for the end of the body, unless nothing came.
    async fn execute_until_it_closes(&self, request: Request) -> Result<Response, TransportError> {
        let interrupted = |error: reqwest::Error| {
            let is_connect = error.is_connect();
            let kind = if is_connect {
                TransportErrorKind::Connect
            } else {
                TransportErrorKind::Interrupted
            };
            TransportError::new(kind)
        };
        let call = self.plain.request(request.method().clone(), request.url());
        let call = call.headers(request.headers().clone()).body(request.body().clone());
        let mut response = call.send().await.map_err(interrupted)?;
        let mut body = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() > request.max_body_bytes() {
                return Err(TransportError::new(TransportErrorKind::TooLarge));
            }
        }
        let headers = std::mem::take(response.headers_mut());
        Ok(Response::new(response.status().as_u16(), body).with_headers(headers))
    }
}

#[async_trait]
impl Transport for Faulty {
    async fn execute(&self, mut request: Request) -> Result<Response, TransportError> {
        let Self { fault, inner, .. } = self;
        let is_first = self.calls.fetch_add(1, SeqCst) == 0;
        let (url, limit) = (request.url().to_owned(), request.max_body_bytes());
        let without_query = url.split('?').next().unwrap_or_default();
        match fault {
            Fault::GoesOn => {
                let inner = Arc::clone(inner);
                return tokio::spawn(async move { inner.execute(request).await })
                    .await
                    .expect("it runs");
            }
            Fault::OwnTimeoutIsNotSent => {
                let timeout = tokio::time::timeout(Duration::from_secs(2), inner.execute(request));
                return timeout.await.unwrap_or_else(|_elapsed| Err(not_sent()));
            }
            Fault::CutIsWhole => return self.execute_until_it_closes(request).await,
            Fault::IgnoresTheLimit | Fault::ReadsAllFirst => {
                request = changed(&request, &url, usize::MAX);
            }
            Fault::DropsQuery => request = changed(&request, without_query, limit),
            Fault::DropsHeaders => request.headers_mut().clear(),
            Fault::DropsBody | Fault::SendsPost => {
                let is_sent = *fault != Fault::DropsBody;
                let method = if is_sent { &Method::POST } else { request.method() };
                let body = if is_sent { request.body().clone() } else { Bytes::new() };
                let mut builder = Request::builder(method.clone(), &url).with_body(body);
                if let Some(deadline) = request.deadline() {
                    builder = builder.with_deadline(deadline);
                }
                let mut other = builder.with_max_body_bytes(limit).build().expect("a URL");
                *other.headers_mut() = request.headers().clone();
                request = other;
            }
            _ => {}
        }
        let result = inner.execute(request.clone()).await;
        let failed = result.as_ref().err().map(TransportError::kind);
        match (fault, result) {
            (Fault::SendsAgain, Err(_)) if failed == Some(TransportErrorKind::Interrupted) => {
                inner.execute(request).await
            }
            (Fault::SendsAgainOnAKeptConnection, Err(_)) if !is_first => {
                inner.execute(request).await
            }
            (Fault::FollowsRedirects, Ok(response)) if (300..400).contains(&response.status()) => {
                let url = without_query.to_owned() + "elsewhere";
                inner.execute(changed(&request, &url, limit)).await
            }
            (Fault::DropsLocation, Ok(response)) => {
                Ok(Response::new(response.status(), response.body().clone()))
            }
            (Fault::ReadsAllFirst, Ok(response)) if response.body().len() > limit => {
                Err(TransportError::new(TransportErrorKind::TooLarge))
            }
            (Fault::ClosedIsNotSent, Err(_)) if failed == Some(TransportErrorKind::Interrupted) => {
                Err(not_sent())
            }
            // reqwest takes a body that breaks off for one that it cannot decode.
            (Fault::CutIsNotSent, Err(error)) if format!("{error:?}").contains("Decode") => {
                Err(not_sent())
            }
            (Fault::LateIsNotSent, Err(_)) if failed == Some(TransportErrorKind::Timeout) => {
                Err(not_sent())
            }
            (Fault::ShowsTheUrl, Err(error)) => {
                Err(TransportError::new(error.kind()).with_source(format!("no response of {url}")))
            }
            (_, result) => result,
        }
    }
}

/// Runs the check of a clause, and returns what it found.
async fn found(
    clause: usize,
    fault: Fault,
    inner: Arc<ReqwestTransport>,
    plain: reqwest::Client,
) -> Option<String> {
    let stage = Loopback::new(move || {
        let (inner, plain) = (Arc::clone(&inner), plain.clone());
        Faulty { fault, inner, plain, calls: AtomicUsize::new(0) }
    });
    let checked = tokio::spawn(async move {
        match clause {
            1 => kit::clause_1_one_attempt(&stage).await,
            2 => kit::clause_2_no_redirects(&stage).await,
            3 => kit::clause_3_bounded(&stage).await,
            4 => kit::clause_4_not_sent_means_not_sent(&stage).await,
            5 => kit::clause_5_the_deadline(&stage).await,
            6 => kit::clause_6_dropping_ends_it(&stage).await,
            7 => kit::clause_7_nothing_shows(&stage).await,
            8 => kit::clause_8_whole(&stage).await,
            _ => panic!("there is no such clause"),
        }
    });
    let panic = checked.await.err()?.into_panic();
    let text = panic.downcast_ref::<String>().cloned();
    Some(
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_default(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_planted_fault_is_found_by_its_clause_alone() {
    // One for all: reading the system's certificates is most of the work of making one.
    let inner = Arc::new(usual());
    let plain = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
    let plain = plain.build().expect("a client");
    // All at once, because clause 4 waits for silent servers.
    let faults = FAULTS.map(|(fault, its_clause)| {
        let (inner, plain) = (Arc::clone(&inner), plain.clone());
        tokio::spawn(async move {
            let check = |clause| found(clause, fault, Arc::clone(&inner), plain.clone());
            for (clause, found) in (1..=8).zip(join_all((1..=8).map(check)).await) {
                if clause == its_clause {
                    let text = found.unwrap_or_else(|| panic!("clause {clause} misses {fault:?}"));
                    assert!(text.contains(&format!("clause {clause}:")), "{fault:?}: {text}");
                } else {
                    assert_eq!(found, None, "clause {clause} finds {fault:?} too");
                }
            }
        })
    });
    for fault in faults {
        fault.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    }
}
