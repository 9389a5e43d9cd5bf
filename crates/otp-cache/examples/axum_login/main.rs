//! A login with a code by SMS, in axum: otp-core, otp-cache and karaden-client.
//!
//! ```text
//! cargo run -p otp-cache --example axum_login
//! ```
//!
//! The program sends no SMS. It starts the simulator of Karaden and its own server on free ports of the loopback
//! address, logs a user in with a scripted client, checks each step, and ends. The server is `server.rs`, and is what
//! to copy. This file is the script. `docs/otp-in-your-own-login.md` explains both.

mod server;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use karaden_client::sms::{self, callback};
use karaden_sim::{Fault, FaultMode, Operation, Sim, SimConfig, SmsProject};
use otp_cache::Notifier as _;
use otp_core::{PhoneNumber, SubjectKey, message::OriginBound};
use tokio::{net::TcpListener, sync::oneshot};

use crate::server::{Failure, SESSION, app, random_text, serve};

/// How many seconds the clock of the script is ahead, so that it need not wait for a cooldown.
static AHEAD: AtomicU64 = AtomicU64::new(0);

#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
fn clock() -> SystemTime {
    SystemTime::now() + Duration::from_secs(AHEAD.load(Ordering::Relaxed))
}

/// A browser that keeps one cookie.
struct Browser {
    http: reqwest::Client,
    url: String,
    cookie: String,
}

impl Browser {
    /// Posts JSON and returns the status and the body. Keeps the cookie that is set.
    async fn post(&mut self, path: &str, body: &str) -> Result<(u16, String), Failure> {
        let request = self.http.post(format!("{}{path}", self.url)).body(body.to_owned());
        let request =
            request.header("content-type", "application/json").header("cookie", &self.cookie);
        let response = request.send().await?;
        if let Some(set) = response.headers().get("set-cookie") {
            let set = set.to_str()?;
            let same_site = if set.starts_with(SESSION) { "Lax" } else { "Strict" };
            assert!(set.ends_with(&format!("; HttpOnly; Secure; SameSite={same_site}; Path=/")));
            set.split(';').next().unwrap_or_default().clone_into(&mut self.cookie);
        }
        Ok((response.status().as_u16(), response.text().await?))
    }

    async fn me(&self) -> Result<(u16, String), Failure> {
        let request = self.http.get(format!("{}/me", self.url)).header("cookie", &self.cookie);
        let response = request.send().await?;
        Ok((response.status().as_u16(), response.text().await?))
    }
}

const NUMBER: &str = "09012345678";

/// Returns the code of the last message that arrived.
fn code_on_phone(sim: &Sim) -> Result<String, Failure> {
    let inbox = sim.inbox(Some(NUMBER)); // the last one first
    let message = inbox.first().ok_or("no message arrived")?;
    let bound = OriginBound::parse(&message.body).ok_or("no line for the browser")?;
    Ok(bound.expose_code().to_owned())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let secret = random_text();
    let project = SmsProject::default().with_callback_url(format!("{url}/karaden/{secret}"));
    let tenant = project.tenant_id.clone();
    let sim = Sim::start(SimConfig::default().with_projects(vec![project])).await?;
    let karaden = sms::Client::builder(tenant, "demo-token", sms::ServiceId::new(1)?)
        .with_base_url(sim.sms_url()) // leave it out for the real service
        .build()?;
    let users = HashMap::from([("alice".to_owned(), PhoneNumber::from_japanese(NUMBER)?)]);
    let app = Arc::new(app(karaden, callback::CallbackSecret::new(&secret)?, users, clock)?);
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async {
        let _ = stopped.await;
    };
    let running = tokio::spawn(serve(listener, Arc::clone(&app), stopped));

    let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).build()?;
    let mut browser = Browser { http, url, cookie: String::new() };
    let mut news = app.notifier.subscribe(SubjectKey::derive("", "alice"))?;

    // The first login. The connection breaks after Karaden has accepted the message: the outcome is unknown, the
    // message is looked up by its tag, and it is not sent twice.
    sim.add_fault(Fault::new(FaultMode::AcceptThenDrop).times(1).with_operation(Operation::Send));
    assert_eq!(browser.post("/login", r#"{"user":"alice"}"#).await?.0, 202);
    news.changed().await; // Karaden reported that the message arrived
    assert_eq!(sim.messages(Some(NUMBER)).len(), 1);
    let code = code_on_phone(&sim)?;

    // What is not a code is not an attempt. A wrong code is.
    assert_eq!(browser.post("/login/code", r#"{"code":"12"}"#).await?.0, 400);
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let answered = browser.post("/login/code", &format!(r#"{{"code":"{wrong}"}}"#)).await?;
    assert_eq!(answered, (422, r#"{"refused":"wrong","attempts_left":4}"#.to_owned()));

    // A resend: too early, then allowed, with the same code.
    let (status, body) = browser.post("/login/resend", "").await?;
    assert_eq!(status, 429);
    assert!(body.starts_with(r#"{"refused":"wait","until":"#));
    AHEAD.store(60, Ordering::Relaxed);
    assert_eq!(browser.post("/login/resend", "").await?.0, 202);
    news.changed().await;
    assert_eq!(sim.messages(Some(NUMBER)).len(), 2);
    assert_eq!(code_on_phone(&sim)?, code);

    // The right code, as people paste it. It works once: a second use is refused.
    assert_eq!(browser.me().await?.0, 401);
    let login = browser.cookie.clone();
    let right = format!(r#"{{"code":"認証コード {code}"}}"#);
    assert_eq!(browser.post("/login/code", &right).await?.0, 204);
    assert_eq!(browser.me().await?, (200, "alice".to_owned()));
    let session = std::mem::replace(&mut browser.cookie, login);
    let used = (410, r#"{"refused":"new_code_needed"}"#.to_owned());
    assert_eq!(browser.post("/login/code", &right).await?, used);
    assert_ne!(browser.cookie, session);

    // An unknown user gets the same answers, and no message is sent.
    assert_eq!(browser.post("/login", r#"{"user":"mallory"}"#).await?.0, 202);
    let answered = browser.post("/login/code", r#"{"code":"000000"}"#).await?;
    assert_eq!(answered, (422, r#"{"refused":"wrong","attempts_left":4}"#.to_owned()));
    assert_eq!(sim.messages(None).len(), 2);

    // The number gets five messages at once, whatever is asked for. Two were sent, and the refused resend was refunded.
    for status in [202, 202, 202, 429] {
        assert_eq!(browser.post("/login", r#"{"user":"alice"}"#).await?.0, status);
    }

    // Ten wrong codes lock a user, known or not. What the lock refuses costs no message: later, three are left of five.
    for last in [r#"{"refused":"wrong","attempts_left":0}"#, r#"{"refused":"wait""#] {
        assert_eq!(browser.post("/login", r#"{"user":"trent"}"#).await?.0, 202);
        let mut answered = String::new();
        for _ in 0..5 {
            answered = browser.post("/login/code", r#"{"code":"000000"}"#).await?.1;
        }
        assert!(answered.starts_with(last), "{answered}");
    }
    for _ in 0..5 {
        assert_eq!(browser.post("/login", r#"{"user":"trent"}"#).await?.0, 429);
    }
    AHEAD.fetch_add(15 * 60, Ordering::Relaxed);
    for _ in 0..3 {
        assert_eq!(browser.post("/login", r#"{"user":"trent"}"#).await?.0, 202);
    }

    // The server stops after its last sends.
    drop(stop);
    running.await??;
    assert_eq!(sim.messages(Some(NUMBER)).len(), 5);
    sim.shutdown().await;
    eprintln!("each step of the login did what it should");
    Ok(())
}
