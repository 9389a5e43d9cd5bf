//! A circuit breaker around an [`SmsSender`].

use std::{
    collections::{VecDeque, hash_map::RandomState},
    hash::BuildHasher as _,
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
    trace,
};

/// When a [`CircuitBreaker`] opens, and how much it lets through. [`CircuitBreaker::new`] checks the values.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BreakerSettings {
    /// Failures within `window` that open the breaker: 2 or more. Default 5.
    pub failures: usize,
    /// How long a failure counts: more than 0, at most a day. Default 30 s.
    pub window: Duration,
    /// How long it stays open before one call probes the provider: more than 0, at most a day. Default 10 s.
    pub open_for: Duration,
    /// Calls to the provider at the same time: 1 to 10,000. Default 32.
    pub concurrent_calls: usize,
    /// How long a call may wait for a permit: at most a day. Default 1 s.
    pub longest_wait: Duration,
    /// The time limit of a call: more than 0, at most a day. Longer than the sender's own limits, so that it
    /// acts only if they fail. Default 12 s.
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

impl BreakerSettings {
    /// Sets how many `failures` within `window` open the breaker.
    #[must_use]
    pub fn with_failures(self, failures: usize, window: Duration) -> Self {
        Self { failures, window, ..self }
    }

    /// Sets how long the breaker stays open.
    #[must_use]
    pub fn with_open_for(self, open_for: Duration) -> Self {
        Self { open_for, ..self }
    }

    /// Sets how many calls run at the same time, and how long a further one may wait for its turn.
    #[must_use]
    pub fn with_concurrent_calls(self, concurrent_calls: usize, longest_wait: Duration) -> Self {
        Self { concurrent_calls, longest_wait, ..self }
    }

    /// Sets the time limit of a call.
    #[must_use]
    pub fn with_call_timeout(self, call_timeout: Duration) -> Self {
        Self { call_timeout, ..self }
    }
}

/// Why settings are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidBreakerSettings {
    /// A duration is 0 or longer than a day.
    #[error("a duration of the circuit breaker is 0 or longer than a day")]
    Duration,
    /// With fewer than 2 failures one user could open the breaker for all.
    #[error("the circuit breaker opens after 2 or more failures")]
    Failures,
    /// There is no call, or there are too many at the same time.
    #[error("the circuit breaker lets 1 to 10,000 calls run at the same time")]
    ConcurrentCalls,
}

/// The longest time that rate limits keep a breaker open, whatever the provider asks for.
const MAX_RATE_LIMITED: Duration = Duration::from_secs(60);
const MAX_CONCURRENT_CALLS: usize = 10_000;
/// The longest duration of a setting. A longer one is a mistake, and too long for an [`Instant`].
const MAX_DURATION: Duration = Duration::from_secs(24 * 60 * 60);

/// Bounds the calls to a sender in number and time, and stops them while the provider is down.
///
/// ```text
///            5 failures in 30 s                  10 s later
///   closed ─────────────────────▶ open ─────────────────────▶ one probe
///     ▲                             ▲                            │      │
///     └── the provider responded ───┼────────────────────────────┘      │
///                                   └──────────── it failed ────────────┘
/// ```
///
/// | outcome of a call | counts as |
/// |---|---|
/// | accepted, refused | a response: it resets the count, unless the breaker opened meanwhile |
/// | *not sent*, *unknown* | a failure |
/// | *rate limited* | neither: the provider works |
///
/// One user cannot open the breaker for the others. Of the failures that open it, at most all but one are
/// about the same number. A rate limit (HTTP 429) for one number never opens it. If as many *different*
/// numbers as `failures` are rate limited within `window`, the limit is about the account. Then the breaker
/// opens for as long as the provider asks: `open_for` to 60 s.
///
/// A call that the breaker rejects is *not sent*.
#[derive(Debug)]
pub struct CircuitBreaker {
    inner: Arc<dyn SmsSender>,
    settings: BreakerSettings,
    permits: Semaphore,
    state: Mutex<State>,
    /// Numbers are kept as keyed hashes only.
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct State {
    failures: Incidents,
    rate_limits: Incidents,
    open_until: Option<Instant>,
    /// How often the breaker has opened.
    openings: u64,
    is_probing: bool,
}

/// Recent incidents, each with the hash of the number that it was about.
#[derive(Debug, Default)]
struct Incidents(VecDeque<(Instant, u64)>);

impl Incidents {
    /// Adds one and removes those older than `window`. Of one number at most `per_number` count.
    fn add(&mut self, number: u64, now: Instant, window: Duration, per_number: usize) {
        self.0.retain(|(at, _)| now.duration_since(*at) < window);
        if self.0.iter().filter(|(_, other)| *other == number).count() >= per_number
            && let Some(oldest) = self.0.iter().position(|(_, other)| *other == number)
        {
            self.0.remove(oldest);
        }
        self.0.push_back((now, number));
    }
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
    ///
    /// # Errors
    ///
    /// [`InvalidBreakerSettings`] for a value out of its range.
    pub fn new(
        inner: Arc<dyn SmsSender>,
        settings: BreakerSettings,
    ) -> Result<Self, InvalidBreakerSettings> {
        if settings.failures < 2 {
            return Err(InvalidBreakerSettings::Failures);
        }
        if !(1..=MAX_CONCURRENT_CALLS).contains(&settings.concurrent_calls) {
            return Err(InvalidBreakerSettings::ConcurrentCalls);
        }
        let durations = [settings.window, settings.open_for, settings.call_timeout];
        if durations.contains(&Duration::ZERO)
            || durations.into_iter().chain([settings.longest_wait]).any(|d| d > MAX_DURATION)
        {
            return Err(InvalidBreakerSettings::Duration);
        }
        let permits = Semaphore::new(settings.concurrent_calls);
        Ok(Self { inner, settings, permits, state: Mutex::default(), hasher: RandomState::new() })
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
            let openings = state.openings;
            return Ok(Admitted { breaker: self, openings, is_half_open_probe: false });
        };
        if now < open_until {
            return Err(open_until - now);
        }
        if state.is_probing {
            return Err(self.settings.open_for);
        }
        state.is_probing = true;
        Ok(Admitted { breaker: self, openings: state.openings, is_half_open_probe: true })
    }
}

/// An admitted call. If it is dropped without an outcome, as when its caller is cancelled, nothing is
/// counted.
struct Admitted<'a> {
    breaker: &'a CircuitBreaker,
    /// How often the breaker had opened by then.
    openings: u64,
    is_half_open_probe: bool,
}

impl Admitted<'_> {
    fn ended(self, number: u64, outcome: &Result<SmsOutcome, SmsError>) {
        let mut state = self.breaker.state();
        match outcome {
            // A call from before the opening says nothing about the provider since then.
            Ok(_) if self.openings == state.openings => state.close(),
            Ok(_) => {}
            Err(error) if error.is_rate_limited() => {
                if self.is_half_open_probe && self.openings == state.openings {
                    state.close();
                }
                self.rate_limited(&mut state, number, error.retry_after());
            }
            Err(_) => self.failed(&mut state, number),
        }
    }

    fn failed(&self, state: &mut State, number: u64) {
        let settings = &self.breaker.settings;
        let now = Instant::now();
        state.failures.add(number, now, settings.window, settings.failures - 1);
        if self.is_half_open_probe || state.failures.0.len() >= settings.failures {
            state.open(now + settings.open_for);
            trace::opened("the provider fails");
        }
    }

    fn rate_limited(&self, state: &mut State, number: u64, retry_after: Option<Duration>) {
        let settings = &self.breaker.settings;
        let now = Instant::now();
        state.rate_limits.add(number, now, settings.window, 1);
        if state.rate_limits.0.len() >= settings.failures {
            let wait = retry_after.unwrap_or_default().min(MAX_RATE_LIMITED);
            state.open(now + wait.max(settings.open_for));
            trace::opened("the provider limits the rate of many numbers");
        }
    }
}

impl State {
    fn close(&mut self) {
        self.failures.0.clear();
        self.open_until = None;
    }

    /// Opens, and never for a shorter time than before.
    fn open(&mut self, until: Instant) {
        self.open_until = self.open_until.max(Some(until));
        self.openings += 1;
        self.failures.0.clear();
        self.rate_limits.0.clear();
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

    fn checks_number_history(&self) -> bool {
        self.inner.checks_number_history()
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
        admitted.ended(self.hasher.hash_one(sms.to()), &outcome);
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
