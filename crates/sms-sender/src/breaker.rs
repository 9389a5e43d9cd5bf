//! A circuit breaker around an [`SmsSender`].

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use otp_core::message::TextLimit;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, timeout},
};

use crate::{
    message::{OutgoingSms, Reference},
    outcome::{LookUp, LookUpError, SmsError, SmsOutcome},
    sender::SmsSender,
};

/// When a [`CircuitBreaker`] opens, and how much it lets through.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BreakerSettings {
    /// Failures within `window` that open the breaker. Default 5.
    pub failures: usize,
    /// How long a failure counts. Default 30 s.
    pub window: Duration,
    /// How long it stays open before one call probes the provider. Default 10 s.
    pub open_for: Duration,
    /// Calls to the provider at the same time. Default 32.
    pub concurrent_calls: usize,
    /// How long a call may wait for a permit. Default 1 s.
    pub longest_wait: Duration,
    /// The time limit of a call. Longer than the sender's own limits, so that it acts only if they fail.
    /// Default 12 s.
    pub call_timeout: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            failures: 5,
            window: Duration::from_secs(30),
            open_for: Duration::from_secs(10),
            concurrent_calls: 32,
            longest_wait: Duration::from_secs(1),
            call_timeout: Duration::from_secs(12),
        }
    }
}

/// Bounds the calls to a sender in number and time, and stops them while the provider is down.
///
/// ```text
///            5 failures in 30 s                  10 s later
///   closed ─────────────────────▶ open ─────────────────────▶ one probe
///     ▲                             ▲                            │      │
///     └──────── it succeeded ───────┼────────────────────────────┘      │
///                                   └──────────── it failed ────────────┘
/// ```
///
/// A refusal is a success: the provider responded. Only *not sent* and *unknown* are failures. A call that
/// the breaker rejects is *not sent*.
#[derive(Debug)]
pub struct CircuitBreaker {
    inner: Arc<dyn SmsSender>,
    settings: BreakerSettings,
    permits: Semaphore,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: VecDeque<Instant>,
    open_until: Option<Instant>,
    is_probing: bool,
}

/// Why the breaker rejected a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum BreakerRejection {
    #[error("the circuit breaker is open")]
    Open,
    #[error("too many calls at once")]
    Busy,
}

#[derive(Debug, thiserror::Error)]
#[error("no response in time")]
struct NoResponse;

impl CircuitBreaker {
    /// Creates a closed breaker around `inner`.
    pub fn new(inner: Arc<dyn SmsSender>, settings: BreakerSettings) -> Self {
        let permits = Semaphore::new(settings.concurrent_calls.max(1));
        Self { inner, settings, permits, state: Mutex::default() }
    }

    /// Whether the breaker is open.
    pub fn is_open(&self) -> bool {
        self.state().open_until.is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn permit(&self) -> Option<SemaphorePermit<'_>> {
        timeout(self.settings.longest_wait, self.permits.acquire()).await.ok()?.ok()
    }

    /// Admits a call, or returns how long to wait.
    fn admit(&self) -> Result<Admitted<'_>, Duration> {
        let now = Instant::now();
        let mut state = self.state();
        let Some(open_until) = state.open_until else {
            return Ok(Admitted { breaker: self, is_half_open_probe: false });
        };
        if now < open_until {
            return Err(open_until - now);
        }
        if state.is_probing {
            return Err(self.settings.open_for);
        }
        state.is_probing = true;
        Ok(Admitted { breaker: self, is_half_open_probe: true })
    }
}

/// An admitted call. If it is dropped without an outcome, as when its caller is cancelled, nothing is
/// counted.
struct Admitted<'a> {
    breaker: &'a CircuitBreaker,
    is_half_open_probe: bool,
}

impl Admitted<'_> {
    fn succeeded(self) {
        let mut state = self.breaker.state();
        state.failures.clear();
        state.open_until = None;
    }

    fn failed(self) {
        let settings = &self.breaker.settings;
        let now = Instant::now();
        let mut state = self.breaker.state();
        while state.failures.front().is_some_and(|at| now.duration_since(*at) >= settings.window) {
            state.failures.pop_front();
        }
        state.failures.push_back(now);
        let is_opening =
            self.is_half_open_probe || state.failures.len() >= settings.failures.max(1);
        if is_opening {
            state.open_until = Some(now + settings.open_for);
            state.failures.clear();
            tracing::warn!("circuit breaker opened: the sms provider fails");
        }
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        if self.is_half_open_probe {
            self.breaker.state().is_probing = false;
        }
    }
}

#[async_trait]
impl SmsSender for CircuitBreaker {
    fn text_limit(&self) -> TextLimit {
        self.inner.text_limit()
    }

    async fn send(&self, sms: &OutgoingSms) -> Result<SmsOutcome, SmsError> {
        let Some(_permit) = self.permit().await else {
            let wait = Some(self.settings.longest_wait);
            return Err(SmsError::not_sent(BreakerRejection::Busy).with_retry_after(wait));
        };
        let admitted = self.admit().map_err(|wait| {
            SmsError::not_sent(BreakerRejection::Open).with_retry_after(Some(wait))
        })?;
        let outcome = timeout(self.settings.call_timeout, self.inner.send(sms))
            .await
            .unwrap_or_else(|_| Err(SmsError::unknown(NoResponse)));
        match &outcome {
            Ok(_) => admitted.succeeded(),
            Err(_) => admitted.failed(),
        }
        outcome
    }

    /// A failed look-up is not counted: it says little about sending.
    async fn look_up(
        &self,
        reference: &Reference,
        sent_at: SystemTime,
    ) -> Result<LookUp, LookUpError> {
        if self.state().open_until.is_some_and(|until| Instant::now() < until) {
            return Err(LookUpError::new(BreakerRejection::Open));
        }
        let _permit =
            self.permit().await.ok_or_else(|| LookUpError::new(BreakerRejection::Busy))?;
        timeout(self.settings.call_timeout, self.inner.look_up(reference, sent_at))
            .await
            .unwrap_or_else(|_| Err(LookUpError::new(NoResponse)))
    }
}
