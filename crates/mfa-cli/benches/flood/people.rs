//! The people who want to log in.

use std::{sync::Arc, time::Duration};

use karaden_sim::Sim;
use mfa_demo::Browser;
use tokio::time::Instant;

use crate::server::{LOGIN, PASSWORD};

const FACTOR: &str = "/_mfa/factor";
/// What counts as the time of a login that failed.
const NEVER: Duration = Duration::from_secs(60);

/// The name of a person.
pub(crate) fn name(n: usize) -> String {
    format!("person{n}")
}

/// The phone number of a person. No two share the seven digits that the gateway limits.
pub(crate) fn phone(n: usize) -> String {
    format!("090{:04}0000", 1000 + n)
}

/// An address in a network of its own.
pub(crate) fn address(n: usize) -> String {
    format!("100.{n}.0.1")
}

/// Logs in, and returns how long it took.
pub(crate) async fn log_in(mut browser: Browser, sim: Arc<Sim>, n: usize) -> Duration {
    let started = Instant::now();
    match try_log_in(&mut browser, &sim, n).await {
        Some(()) => started.elapsed(),
        None => NEVER,
    }
}

async fn try_log_in(browser: &mut Browser, sim: &Sim, n: usize) -> Option<()> {
    let page = browser.get(LOGIN).await.ok()?;
    let fields = [("username", name(n)), ("password", PASSWORD.to_owned())];
    let fields = fields.each_ref().map(|(field, value)| (*field, value.as_str()));
    let page = browser.post_and_follow(&page, LOGIN, &fields).await.ok()?;
    let messages = sim.inbox(Some(&phone(n)));
    let (_, code) = messages.first()?.body.rsplit_once('#')?;
    let done = browser.post(&page, FACTOR, &[("code", code.trim())]).await.ok()?;
    (done.location.as_deref() == Some("/")).then_some(())
}
