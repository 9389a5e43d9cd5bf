//! The route for delivery reports without a web framework: a function of an HTTP request, served by hyper.
//!
//! ```text
//! cargo run -p karaden-client --example delivery_callback_hyper
//! ```
//!
//! `karaden-sim` takes Karaden's place: it receives a message and posts its report. No SMS is sent.
#![expect(clippy::print_stdout, reason = "the program shows what happens")]

use std::{error::Error, sync::Arc, time::Duration};

use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{
    body::{Body, Bytes},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use karaden_client::{
    Recipient,
    sms::{
        self, MessageId,
        callback::{CallbackSecret, MAX_REPORT_BYTES, Received, receive},
    },
};
use karaden_sim::{Sim, SimConfig, SmsProject};
use rand::{TryRng as _, rngs::SysRng};
use tokio::{net::TcpListener, sync::mpsc, task::JoinSet, time::timeout};

/// How long a request may take, and a connection may be idle.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What the route needs.
#[derive(Debug)]
struct Reports {
    secret: CallbackSecret,
    ids: mpsc::Sender<MessageId>,
}

/// Takes a request, from whichever server. It only queues the id: the message is read outside the request.
async fn take<B>(reports: &Reports, request: Request<B>) -> StatusCode
where
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>>,
{
    let (head, body) = request.into_parts();
    let Ok(Ok(body)) = timeout(TIMEOUT, Limited::new(body, MAX_REPORT_BYTES).collect()).await
    else {
        return StatusCode::BAD_REQUEST;
    };
    let received =
        receive(head.method.as_str(), head.uri.path(), &body.to_bytes(), &reports.secret);
    let status = received.status();
    if let Received::Report(report) = received {
        // A report is a hint. If one is lost, the program still learns the state when it polls.
        if reports.ids.try_send(report.message_id().clone()).is_err() {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
    }
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Serves the route until the task is aborted.
async fn serve(listener: TcpListener, reports: Arc<Reports>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let reports = Arc::clone(&reports);
        let service = service_fn(move |request| {
            let reports = Arc::clone(&reports);
            async move {
                let status = take(&reports, request).await;
                Response::builder().status(status).body(Empty::<Bytes>::new())
            }
        });
        let mut server = http1::Builder::new();
        server.timer(TokioTimer::new()).header_read_timeout(TIMEOUT);
        connections.spawn(server.serve_connection(TokioIo::new(stream), service));
        // Forget the connections that have ended.
        while connections.try_join_next().is_some() {}
    }
}

/// Returns 32 hexadecimal digits. Your program reads the secret from its configuration instead.
fn random_secret() -> Result<String, Box<dyn Error>> {
    let mut bytes = [0; 16];
    SysRng.try_fill_bytes(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let secret = random_secret()?;
    let (ids, mut received) = mpsc::channel(1_000);
    let reports = Arc::new(Reports { secret: CallbackSecret::new(&secret)?, ids });

    // Requests that are not reports, without a server.
    let probe = |method, path: &str| {
        Request::builder().method(method).uri(path).body(Empty::<Bytes>::new())
    };
    assert_eq!(take(&reports, probe("GET", "/karaden/guessed")?).await, StatusCode::NOT_FOUND);

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    // Register this URL with Karaden, with `https` and your public name.
    let url = format!("http://{}/karaden/{secret}", listener.local_addr()?);
    let server = tokio::spawn(serve(listener, reports));

    let project = SmsProject::default().with_callback_url(url);
    let tenant = project.tenant_id.clone();
    let sim = Sim::start(SimConfig::default().with_projects([project])).await?;
    let client = sms::Client::builder(tenant, "demo-token", sms::ServiceId::new(1)?)
        .with_base_url(sim.sms_url())
        .build()?;

    let to = Recipient::new("090-1234-5678")?;
    let message = sms::NewMessage::new(to, "認証コード 123456")?;
    let sent = client.send(message).await?.into_accepted()?;

    // Anyone who knows the path can post an id. So check that the message is yours, and read its state from Karaden.
    let id = timeout(TIMEOUT, received.recv()).await?.ok_or("the server ended")?;
    assert_eq!(id, sent.id);
    let message = client.get(&id).await?;
    assert!(message.is_received(), "{message:?}");
    println!("reported and read: {} arrived", message.id);

    sim.shutdown().await;
    server.abort();
    Ok(())
}
