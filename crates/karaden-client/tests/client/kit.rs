//! The transport kit: the transports of this crate pass it, and each clause finds a planted fault that no
//! other clause finds.

use std::{fmt, sync::Arc, time::Duration};

use karaden_client::{
    async_trait,
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
        let _under_way = self.requests.begin();
        self.script.execute(request).await
    }
}

/// What is wrong with a transport: one fault for each clause.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    SendsAgain,
    FollowsRedirects,
    IgnoresTheLimit,
    ClosedIsNotSent,
    LateIsNotSent,
    GoesOn,
    ShowsTheUrl,
}

const FAULTS: [Fault; 7] = [
    Fault::SendsAgain,
    Fault::FollowsRedirects,
    Fault::IgnoresTheLimit,
    Fault::ClosedIsNotSent,
    Fault::LateIsNotSent,
    Fault::GoesOn,
    Fault::ShowsTheUrl,
];

struct Faulty(Fault, Arc<ReqwestTransport>);

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
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

#[async_trait]
impl Transport for Faulty {
    async fn execute(&self, request: Request) -> Result<Response, TransportError> {
        let Self(fault, inner) = self;
        let not_sent = || TransportError::new(TransportErrorKind::Connect);
        if *fault == Fault::GoesOn {
            let inner = Arc::clone(inner);
            return tokio::spawn(async move { inner.execute(request).await })
                .await
                .expect("it runs");
        }
        let (url, limit) = (request.url().to_owned(), request.max_body_bytes());
        let request = match fault {
            Fault::IgnoresTheLimit => changed(&request, &url, usize::MAX),
            _ => request,
        };
        let result = inner.execute(request.clone()).await;
        match (fault, &result) {
            (Fault::SendsAgain, Err(error)) if error.kind() == TransportErrorKind::Interrupted => {
                inner.execute(request).await
            }
            (Fault::FollowsRedirects, Ok(response)) if (300..400).contains(&response.status()) => {
                let url = url.split('?').next().unwrap_or_default().to_owned() + "elsewhere";
                inner.execute(changed(&request, &url, limit)).await
            }
            (Fault::ClosedIsNotSent, Err(error))
                if error.kind() == TransportErrorKind::Interrupted =>
            {
                Err(not_sent())
            }
            (Fault::LateIsNotSent, Err(error)) if error.kind() == TransportErrorKind::Timeout => {
                Err(not_sent())
            }
            (Fault::ShowsTheUrl, Err(error)) => {
                Err(TransportError::new(error.kind()).with_source(format!("no response of {url}")))
            }
            _ => result,
        }
    }
}

/// Runs the check of a clause in a task, and returns what it found.
async fn found(clause: usize, fault: Fault, inner: &Arc<ReqwestTransport>) -> Option<String> {
    let inner = Arc::clone(inner);
    let checked = tokio::spawn(async move {
        let stage = Loopback::new(move || Faulty(fault, Arc::clone(&inner)));
        match clause {
            1 => kit::clause_1_one_attempt(&stage).await,
            2 => kit::clause_2_no_redirects(&stage).await,
            3 => kit::clause_3_bounded(&stage).await,
            4 => kit::clause_4_not_sent_means_not_sent(&stage).await,
            5 => kit::clause_5_the_deadline(&stage).await,
            6 => kit::clause_6_dropping_ends_it(&stage).await,
            7 => kit::clause_7_nothing_shows(&stage).await,
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
    for (at, fault) in FAULTS.into_iter().enumerate() {
        for clause in 1..=7 {
            let found = found(clause, fault, &inner).await;
            if clause == at + 1 {
                let text = found.unwrap_or_else(|| panic!("clause {clause} misses {fault:?}"));
                assert!(text.contains(&format!("clause {clause}:")), "{fault:?}: {text}");
            } else {
                assert_eq!(found, None, "clause {clause} finds {fault:?} too");
            }
        }
    }
}
