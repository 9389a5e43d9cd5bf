//! A server with the route to which Karaden posts delivery reports.
//!
//! ```text
//! cargo run -p karaden-client --example delivery_callback
//! ```
//!
//! `karaden-sim` takes Karaden's place: it receives a message and posts its report. No SMS is sent.
#![expect(clippy::print_stdout, reason = "the program shows what happens")]

use std::{error::Error, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{Method, StatusCode, Uri},
    routing::any,
};
use karaden_client::{
    Recipient,
    sms::{
        self, MessageId,
        callback::{CallbackSecret, MAX_REPORT_BYTES, Received, receive},
    },
};
use karaden_sim::{Sim, SimConfig, SmsProject};
use rand::{TryRng as _, rngs::SysRng};
use tokio::{net::TcpListener, sync::mpsc, time::timeout};

/// What the route needs.
#[derive(Debug)]
struct Reports {
    secret: CallbackSecret,
    ids: mpsc::Sender<MessageId>,
}

/// Takes a request to the route. It only queues the id: the message is read outside the request.
async fn take(
    State(reports): State<Arc<Reports>>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> StatusCode {
    let received = receive(method.as_str(), uri.path(), &body, &reports.secret);
    let status = received.status();
    if let Received::Report(report) = received {
        // A report is a hint. If one is lost, the program still learns the state when it polls.
        if reports.ids.try_send(report.message_id().clone()).is_err() {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
    }
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
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
    // `any`, so that a wrong method with a wrong path is a 404 as well.
    let routes = Router::new()
        .route("/karaden/{secret}", any(take))
        .layer(DefaultBodyLimit::max(MAX_REPORT_BYTES))
        .with_state(reports);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    // Register this URL with Karaden, with `https` and your public name.
    let url = format!("http://{}/karaden/{secret}", listener.local_addr()?);
    let server = tokio::spawn(async move { axum::serve(listener, routes).await });

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
    let id = timeout(Duration::from_secs(10), received.recv()).await?.ok_or("the server ended")?;
    assert_eq!(id, sent.id);
    let message = client.get(&id).await?;
    assert!(message.is_received(), "{message:?}");
    println!("reported and read: {} arrived", message.id);

    sim.shutdown().await;
    server.abort();
    Ok(())
}
