//! A transport that bounds the load on the server.

use std::{
    collections::BTreeSet,
    fmt::Debug,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep_until, timeout_at},
};

use super::{
    contract::{Response, Transport, TransportError, TransportErrorKind},
    request::Request,
};

/// A [`Transport`] that sends at most so many requests at once and per minute. Clones share the limits.
///
/// Without limits, 1,000 sends at once open 1,000 connections. Karaden publishes no limits. Ask for those
/// of your contract. A client integration that was read for this crate keeps to 2 requests at once and 120
/// per minute.
///
/// Requests wait in the order in which they came, and one that is dropped gives its turn to the next that comes.
/// A request that cannot begin before its
/// [deadline](Request::deadline) is [`TransportErrorKind::Connect`]: *not sent*. So also bound how many
/// messages your program hands over at a time, as here:
///
/// ```
/// use futures_util::{StreamExt as _, stream};
/// use karaden_client::{
///     Error, Recipient, push,
///     transport::{Exchange, Limited, ScriptedTransport},
/// };
///
/// #[tokio::main(flavor = "current_thread", start_paused = true)]
/// async fn main() -> Result<(), Error> {
///     // In your program: `ReqwestTransport::builder().build()?`.
///     let script = ScriptedTransport::new((0..100).map(|number| {
///         Exchange::reply(200, format!(r#"{{"status":"100","messageId":"m{number}"}}"#))
///     }));
///     let transport = Limited::new(script).with_at_once(2).with_per_minute(120);
///     let credentials = push::Credentials::new()
///         .with_base_url("https://karaden.example/v2/")
///         .with_token("token")
///         .with_security_code("code");
///     let client = push::Client::builder(credentials).with_transport(transport).build()?;
///
///     let messages = (0..100).map(|number| {
///         let to = Recipient::new(&format!("090123456{number:02}"))?;
///         push::NewMessage::new(to, "本日は18時に閉店します")
///     });
///     let messages: Vec<_> = messages.collect::<Result<_, _>>()?;
///
///     let began = tokio::time::Instant::now();
///     let mut outcomes =
///         stream::iter(messages).map(|message| client.send(message)).buffer_unordered(2);
///     let mut accepted = 0;
///     while let Some(outcome) = outcomes.next().await {
///         if outcome?.is_accepted() {
///             accepted += 1;
///         }
///     }
///     assert_eq!(accepted, 100);
///     assert_eq!(began.elapsed().as_millis(), 99 * 500);
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Limited<T> {
    inner: T,
    at_once: Arc<Semaphore>,
    pace: Option<Arc<Pace>>,
}

/// The distance between the beginnings of two requests.
#[derive(Debug)]
struct Pace {
    interval: Duration,
    turns: Mutex<Turns>,
}

#[derive(Debug, Default)]
struct Turns {
    /// The earliest free turn. `None` before the first request.
    next: Option<Instant>,
    /// Turns before it whose requests were dropped.
    given_back: BTreeSet<Instant>,
}

/// A turn that a request has taken. Dropping it before the request begins gives it back.
struct Turn<'a> {
    pace: &'a Pace,
    at: Instant,
    has_begun: bool,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.has_begun {
            self.pace.turns().given_back.insert(self.at);
        }
    }
}

impl<T: Transport> Limited<T> {
    /// Wraps a transport. Without a call of the setters nothing is limited.
    pub fn new(inner: T) -> Self {
        Self { inner, at_once: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)), pace: None }
    }

    /// Sets how many requests are on their way at once. Over HTTP/1.1 that is also the largest number of
    /// connections. Zero counts as one.
    #[must_use]
    pub fn with_at_once(mut self, requests: usize) -> Self {
        self.at_once = Arc::new(Semaphore::new(requests.clamp(1, Semaphore::MAX_PERMITS)));
        self
    }

    /// Sets how many requests begin per minute. They begin at even distances, such as every 500 ms for 120.
    /// Zero counts as one.
    ///
    /// Every request counts: sends, look-ups and retries.
    #[must_use]
    pub fn with_per_minute(mut self, requests: u32) -> Self {
        let interval = Duration::from_secs(60) / requests.max(1);
        self.pace = Some(Arc::new(Pace { interval, turns: Mutex::default() }));
        self
    }
}

impl Pace {
    /// Waits until a request may begin. Returns `false` if that is not before `deadline`.
    async fn wait(&self, deadline: Option<Instant>) -> bool {
        let Some(mut turn) = self.take(deadline) else { return false };
        sleep_until(turn.at).await;
        turn.has_begun = true;
        true
    }

    /// Takes the earliest turn, if it is before `deadline`.
    fn take(&self, deadline: Option<Instant>) -> Option<Turn<'_>> {
        let now = Instant::now();
        let mut turns = self.turns();
        // Those that are past have no use: the request after them keeps its distance to them.
        turns.given_back = turns.given_back.split_off(&now);
        let given_back = turns.given_back.first().copied();
        let at = given_back.unwrap_or_else(|| turns.next.map_or(now, |next| next.max(now)));
        if deadline.is_some_and(|deadline| at >= deadline) {
            return None;
        }
        if given_back.is_some() {
            turns.given_back.remove(&at);
        } else {
            turns.next = at.checked_add(self.interval);
        }
        Some(Turn { pace: self, at, has_begun: false })
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        // Each step leaves the turns whole.
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl<T: Transport> Transport for Limited<T> {
    async fn execute(&self, request: Request) -> Result<Response, TransportError> {
        let not_sent = || {
            TransportError::new(TransportErrorKind::Connect)
                .with_source("the limit of requests left no time before the deadline")
        };
        let permit = match request.deadline {
            Some(deadline) => timeout_at(deadline, self.at_once.acquire()).await.ok(),
            None => Some(self.at_once.acquire().await),
        };
        // The semaphore is never closed.
        let Some(Ok(_permit)) = permit else { return Err(not_sent()) };
        if let Some(pace) = &self.pace
            && !pace.wait(request.deadline).await
        {
            return Err(not_sent());
        }
        self.inner.execute(request).await
    }
}
