//! A sender for a provider with an HTTP API: every outcome, the contract, and a delivery report.
//!
//! ```text
//! cargo run -p sms-sender --features sender-kit --example another_provider
//! ```
//!
//! The provider is invented, and part of this program. No SMS is sent.
#![expect(clippy::print_stdout, reason = "the program shows what happens")]

use std::{
    collections::HashMap,
    error::Error,
    future::{Future, pending},
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body, Incoming},
    header,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use otp_core::{ChallengeId, PhoneNumber};
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use sms_sender::{
    DeliveryStatus, LookUp, LookUpError, OutgoingSms, Reference, RefusedReason, SmsAccepted,
    SmsError, SmsOutcome, SmsReport, SmsSender, TextLimit,
    sender_kit::{Candidate, ProviderMode, TakenSms, check_contract},
};
use tokio::{
    net::TcpListener,
    sync::mpsc,
    task::{JoinHandle, JoinSet},
};

type Cause = Box<dyn Error + Send + Sync>;

/// The largest response, request or report that is read, in bytes.
const MAX_BYTES: usize = 16 * 1024;

// --- the sender ---------------------------------------------------------------------------------

/// Sends through the provider.
#[derive(Debug)]
struct Sender {
    http: reqwest::Client,
    /// The address of the API, without a slash at the end.
    api: String,
}

impl Sender {
    /// Returns a sender for the API at `api`, whose calls end after `timeout`.
    fn new(api: &str, token: &str, timeout: Duration) -> Result<Self, Box<dyn Error>> {
        let mut authorization = HeaderValue::try_from(format!("Bearer {token}"))?;
        // `Debug` of the client shows its headers, but not those that are sensitive.
        authorization.set_sensitive(true);
        let http = reqwest::Client::builder()
            .default_headers(HeaderMap::from_iter([(header::AUTHORIZATION, authorization)]))
            .connect_timeout(timeout / 2)
            .timeout(timeout)
            // A request that may have taken effect is never made again.
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .build()?;
        Ok(Self { http, api: api.to_owned() })
    }
}

#[async_trait]
impl SmsSender for Sender {
    /// One message of the mobile network.
    fn text_limit(&self) -> TextLimit {
        TextLimit::new(70, 1)
    }

    async fn send(&self, sms: &OutgoingSms) -> Result<SmsOutcome, SmsError> {
        if !sms.fits(self.text_limit()) {
            return Ok(SmsOutcome::Refused(RefusedReason::Message));
        }
        if sms.is_past_deadline() {
            return Err(SmsError::not_sent("the deadline has passed"));
        }
        let message = json!({
            "to": sms.to().as_e164(),
            "text": sms.expose_text(),
            "reference": sms.reference().as_str(),
        });
        let sent = self.http.post(format!("{}/messages", self.api)).json(&message).send().await;
        let response = match sent {
            Ok(response) => response,
            // Without a connection nothing was sent. After that, the message may be on its way.
            Err(error) if error.is_connect() => {
                return Err(SmsError::not_sent(error.without_url()));
            }
            Err(error) => return Err(SmsError::unknown(error.without_url())),
        };
        // The manual of the provider says what each status means. What it does not name is unknown.
        match response.status() {
            StatusCode::CREATED => Ok(SmsOutcome::Accepted(accepted(response.headers()))),
            StatusCode::UNAUTHORIZED => Ok(SmsOutcome::Refused(RefusedReason::Account)),
            StatusCode::UNPROCESSABLE_ENTITY => Ok(SmsOutcome::Refused(RefusedReason::Number)),
            StatusCode::TOO_MANY_REQUESTS => Err(SmsError::rate_limited("too many requests")
                .with_retry_after(retry_after(response.headers()))),
            status => Err(SmsError::unknown(format!("HTTP {status}"))),
        }
    }

    async fn look_up(&self, reference: &Reference, _: SystemTime) -> Result<LookUp, LookUpError> {
        let url = format!("{}/messages/{}", self.api, reference.as_str());
        let found = self.http.get(url).send().await;
        let response = found.map_err(|error| LookUpError::new(error.without_url()))?;
        match response.status() {
            StatusCode::OK => {
                let body = read(reqwest::Body::from(response)).await.map_err(LookUpError::new)?;
                let message = serde_json::from_slice(&body).map_err(LookUpError::new)?;
                Ok(LookUp::Present(SmsReport::new(status_in(&message))))
            }
            // Only because the manual says that 404 means: no message has this reference.
            StatusCode::NOT_FOUND => Ok(LookUp::Absent),
            status => Err(LookUpError::new(format!("HTTP {status}"))),
        }
    }
}

/// Reads the provider's id of a message.
fn accepted(headers: &HeaderMap) -> SmsAccepted {
    let id = headers.get(header::LOCATION).and_then(|place| place.to_str().ok());
    id.map_or_else(SmsAccepted::default, SmsAccepted::new)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Reads a whole body.
async fn read<B: Body<Error: Into<Cause>>>(body: B) -> Result<Bytes, Cause> {
    Ok(Limited::new(body, MAX_BYTES).collect().await?.to_bytes())
}

/// Returns the delivery status in a message or report. A status that this program does not know says nothing.
fn status_in(message: &Value) -> DeliveryStatus {
    match message["status"].as_str() {
        Some("delivered") => DeliveryStatus::Delivered,
        Some("out_of_range") => DeliveryStatus::OutOfRange,
        Some("failed") => DeliveryStatus::Failed,
        _ => DeliveryStatus::Pending,
    }
}

// --- its delivery reports -----------------------------------------------------------------------

/// Takes a request to the route for delivery reports, which is `path`. Returns the reference and the status of a
/// message.
///
/// It needs no web framework: each of them has such a request, or its parts. The reports of this provider are not
/// signed. So `path` ends in a secret, and a report is only a reason to look the message up.
///
/// # Errors
///
/// The HTTP status to respond with.
fn take_report(
    request: &Request<Bytes>,
    path: &str,
) -> Result<(String, DeliveryStatus), StatusCode> {
    if request.uri().path() != path {
        return Err(StatusCode::NOT_FOUND);
    }
    if request.method() != Method::POST {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    let report: Value =
        serde_json::from_slice(request.body()).map_err(|_| StatusCode::BAD_REQUEST)?;
    let reference = report["reference"].as_str().ok_or(StatusCode::BAD_REQUEST)?;
    Ok((reference.to_owned(), status_in(&report)))
}

// --- the provider, and its contract with the sender ---------------------------------------------

/// The provider. It knows the status of each message by its reference.
#[derive(Debug)]
struct Provider {
    mode: ProviderMode,
    requests: usize,
    messages: HashMap<String, &'static str>,
    last: Option<TakenSms>,
}

type Shared = Arc<Mutex<Provider>>;

fn lock(provider: &Shared) -> MutexGuard<'_, Provider> {
    provider.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Responds to a request of the sender. An error breaks the connection.
async fn respond(
    provider: Shared,
    request: Request<Bytes>,
) -> Result<Response<Full<Bytes>>, Cause> {
    let mode = lock(&provider).mode;
    if request.method() == Method::GET {
        match mode {
            ProviderMode::FailingAfterTaking => {
                return response(StatusCode::INTERNAL_SERVER_ERROR, None);
            }
            ProviderMode::Garbled => return Ok(Response::new("<html>".into())),
            ProviderMode::Stalling => return pending().await,
            _ => {}
        }
        let reference = request.uri().path().trim_start_matches("/messages/");
        let status = lock(&provider).messages.get(reference).copied();
        return response(status.map_or(StatusCode::NOT_FOUND, |_| StatusCode::OK), status);
    }
    lock(&provider).requests += 1;
    match mode {
        ProviderMode::RateLimiting => return response(StatusCode::TOO_MANY_REQUESTS, None),
        ProviderMode::Refusing => return response(StatusCode::UNPROCESSABLE_ENTITY, None),
        _ => {}
    }
    let message: Value = serde_json::from_slice(request.body())?;
    let field = |name: &str| message[name].as_str().ok_or("a field is missing");
    lock(&provider).messages.insert(field("reference")?.to_owned(), "sent");
    lock(&provider).last = Some(TakenSms::new(field("to")?.parse()?, field("text")?));
    match mode {
        ProviderMode::FailingAfterTaking => response(StatusCode::INTERNAL_SERVER_ERROR, None),
        ProviderMode::Garbled => Ok(Response::new("<html>".into())),
        ProviderMode::Losing => Err("the connection breaks".into()),
        ProviderMode::Stalling => pending().await,
        _ => response(StatusCode::CREATED, Some("sent")),
    }
}

fn response(
    code: StatusCode,
    status: Option<&'static str>,
) -> Result<Response<Full<Bytes>>, Cause> {
    let body = json!({ "status": status }).to_string();
    let response = Response::builder().status(code).header(header::RETRY_AFTER, 30);
    Ok(response.header(header::LOCATION, "/messages/17").body(body.into())?)
}

/// A server on this machine. It ends when it is dropped.
#[derive(Debug)]
struct Server {
    url: String,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve<F, R>(respond: F) -> io::Result<Server>
where
    F: Fn(Request<Bytes>) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<Response<Full<Bytes>>, Cause>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let task = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let respond = respond.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let respond = respond.clone();
                async move {
                    let (head, body) = request.into_parts();
                    respond(Request::from_parts(head, read(body).await?)).await
                }
            });
            connections
                .spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    Ok(Server { url, task })
}

const TOKEN: &str = "token-of-the-example";

/// The sender and its provider, for the checks of the contract.
#[derive(Debug)]
struct Checked {
    provider: Shared,
    _server: Server,
    sender: Sender,
    /// Its calls end soon, so that a stalled provider costs little time.
    hurried: Sender,
    /// Sends to a port on which nobody listens.
    lost: Sender,
}

impl Checked {
    async fn start() -> Result<Self, Box<dyn Error>> {
        let mode = ProviderMode::Accepting;
        let provider = Provider { mode, requests: 0, messages: HashMap::new(), last: None };
        let provider = Arc::new(Mutex::new(provider));
        let shared = Arc::clone(&provider);
        let server = serve(move |request| respond(Arc::clone(&shared), request)).await?;
        let timeout = Duration::from_secs(10);
        Ok(Self {
            provider,
            sender: Sender::new(&server.url, TOKEN, timeout)?,
            hurried: Sender::new(&server.url, TOKEN, Duration::from_millis(250))?,
            lost: Sender::new("http://127.0.0.1:1", TOKEN, timeout)?,
            _server: server,
        })
    }
}

impl Candidate for Checked {
    fn sender(&self) -> &dyn SmsSender {
        match lock(&self.provider).mode {
            ProviderMode::Down => &self.lost,
            ProviderMode::Stalling => &self.hurried,
            _ => &self.sender,
        }
    }

    fn set_mode(&self, mode: ProviderMode) {
        lock(&self.provider).mode = mode;
    }

    fn requests(&self) -> usize {
        lock(&self.provider).requests
    }

    fn messages(&self) -> usize {
        lock(&self.provider).messages.len()
    }

    fn last_message(&self) -> Option<TakenSms> {
        lock(&self.provider).last.clone()
    }

    fn secrets(&self) -> Vec<String> {
        vec![TOKEN.to_owned()]
    }
}

// --- a walk through it --------------------------------------------------------------------------

/// Returns the `nth` message of a login.
fn message(nth: u8, now: SystemTime) -> Result<OutgoingSms, Box<dyn Error>> {
    let to = PhoneNumber::from_japanese("090-1234-5678")?;
    let reference = Reference::new(ChallengeId::from_bytes([7; 16]), nth);
    let text = "みどり銀行 認証コード 123456\n他人に教えないでください".to_owned();
    Ok(OutgoingSms::new(to, text, reference, now).with_deadline(now + Duration::from_secs(290)))
}

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::disallowed_methods, reason = "a program reads the clock, a library does not")]
async fn main() -> Result<(), Box<dyn Error>> {
    let now = SystemTime::now();
    let phone = Checked::start().await?;
    let sender = &phone.sender;

    let sms = message(0, now)?;
    let SmsOutcome::Accepted(accepted) = sender.send(&sms).await? else {
        return Err("refused".into());
    };
    println!("accepted as {}", accepted.id.ok_or("no id")?);

    // The message arrives at the phone, and the provider posts its report.
    let (reports, mut received) = mpsc::channel(100);
    let route = "/reports/0f8fad5bd9cb469fa165708677281950";
    let program = serve(move |request| {
        // The response does not wait. If the queue is full, the provider reports again.
        let queued = take_report(&request, route).and_then(|report| {
            reports.try_send(report).map_err(|_| StatusCode::SERVICE_UNAVAILABLE)
        });
        let code = queued.err().unwrap_or(StatusCode::NO_CONTENT);
        async move { Ok(Response::builder().status(code).body(Full::default())?) }
    })
    .await?;
    let reference = sms.reference().as_str().to_owned();
    let report = json!({ "reference": reference, "status": "delivered" });
    lock(&phone.provider).messages.insert(reference, "delivered");
    let http = reqwest::Client::builder().no_proxy().build()?;
    let posted = http.post(format!("{}{route}", program.url)).json(&report).send().await?;
    assert_eq!(posted.status(), StatusCode::NO_CONTENT);
    let (reference, status) = received.recv().await.ok_or("no report")?;
    assert_eq!((reference.as_str(), status), (sms.reference().as_str(), DeliveryStatus::Delivered));
    let found = sender.look_up(sms.reference(), now).await?;
    assert_eq!(found, LookUp::Present(SmsReport::new(DeliveryStatus::Delivered)));
    println!("reported and looked up: delivered");

    // The response is lost. The message is not sent again, but looked up.
    phone.set_mode(ProviderMode::Losing);
    let sms = message(1, now)?;
    let lost = sender.send(&sms).await.err().ok_or("a lost response was taken for one")?;
    assert!(!lost.is_not_sent());
    assert!(matches!(sender.look_up(sms.reference(), now).await?, LookUp::Present(_)));
    assert_eq!(phone.messages(), 2);
    println!("{lost}; looked up: the provider has it");

    check_contract(async || Checked::start().await.expect("a server on this machine")).await;
    println!("the sender keeps the contract");
    Ok(())
}
