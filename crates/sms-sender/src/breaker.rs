//! A circuit breaker around an [`SmsSender`].

use std::{
    collections::{HashMap, HashSet, hash_map::RandomState},
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
    /// How many numbers have to fail within `window` to open the breaker: 2 or more. Default 5.
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
    /// Sets how many numbers have to fail within `window` to open the breaker.
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
    #[error("the circuit breaker opens after failures of 2 or more numbers")]
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
///       5 numbers failed in 30 s                 10 s later
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
/// One user cannot open the breaker for the others, or keep it open:
///
/// - Each number counts once among the failures. Between them the provider has responded to nobody.
/// - The numbers that opened it probe apart from all others. If such a probe fails, the others need not wait
///   longer, and while it runs another number may probe too.
/// - A rate limit (HTTP 429) for one number never opens it. If as many *different* numbers as `failures` are
///   rate limited within `window`, the limit is about the account. Then the breaker opens for as long as the
///   provider asks: `open_for` to 60 s.
///
/// A call that the breaker rejects is *not sent*.
#[derive(Debug)]
pub struct CircuitBreaker {
    inner: Arc<dyn SmsSender>,
    settings: BreakerSettings,
    permits: Arc<Semaphore>,
    state: Arc<Mutex<State>>,
    /// Numbers are kept as keyed hashes only.
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct State {
    failures: Incidents,
    rate_limits: Incidents,
    open: Option<Open>,
    /// How often the breaker has opened.
    openings: u64,
}

/// An open breaker.
#[derive(Debug)]
struct Open {
    /// The hashes of the numbers that opened it.
    causes: HashSet<u64>,
    of_causes: Wait,
    of_others: Wait,
}

/// When a group of numbers may probe the provider.
#[derive(Debug)]
struct Wait {
    until: Instant,
    is_probing: bool,
}

/// Whose probe a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Probe {
    /// Of a number that opened the breaker.
    Cause,
    /// Of another number.
    Other,
}

impl Open {
    fn probe_of(&self, number: u64) -> Probe {
        if self.causes.contains(&number) { Probe::Cause } else { Probe::Other }
    }

    fn wait(&mut self, probe: Probe) -> &mut Wait {
        match probe {
            Probe::Cause => &mut self.of_causes,
            Probe::Other => &mut self.of_others,
        }
    }
}

/// Recent incidents: the last one of each number, by its hash.
#[derive(Debug, Default)]
struct Incidents(HashMap<u64, Instant>);

impl Incidents {
    /// Adds one and removes those older than `window`. Returns how many numbers are left.
    fn add(&mut self, number: u64, now: Instant, window: Duration) -> usize {
        self.0.retain(|_, at| now.duration_since(*at) < window);
        self.0.insert(number, now);
        self.0.len()
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
        let permits = Arc::new(Semaphore::new(settings.concurrent_calls));
        Ok(Self { inner, settings, permits, state: Arc::default(), hasher: RandomState::new() })
    }

    /// Returns a breaker around another sender to the same provider, such as one with a new API key.
    ///
    /// Both share what is known about the provider, and the number of calls at the same time.
    #[must_use]
    pub fn with_sender(&self, inner: Arc<dyn SmsSender>) -> Self {
        Self {
            inner,
            settings: self.settings.clone(),
            permits: Arc::clone(&self.permits),
            state: Arc::clone(&self.state),
            hasher: self.hasher.clone(),
        }
    }

    /// Whether the breaker is open.
    pub fn is_open(&self) -> bool {
        self.state().open.is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn permit(&self) -> Option<SemaphorePermit<'_>> {
        timeout(self.settings.longest_wait, self.permits.acquire()).await.ok()?.ok()
    }

    /// Admits a call, or returns how long to wait.
    fn admit(&self, number: u64) -> Result<Admitted<'_>, Duration> {
        let now = Instant::now();
        let mut state = self.state();
        let openings = state.openings;
        let Some(open) = &mut state.open else {
            return Ok(Admitted { breaker: self, number, openings, probe: None });
        };
        let probe = open.probe_of(number);
        let wait = open.wait(probe);
        if now < wait.until {
            return Err(wait.until - now);
        }
        if wait.is_probing {
            return Err(self.settings.open_for);
        }
        wait.is_probing = true;
        Ok(Admitted { breaker: self, number, openings, probe: Some(probe) })
    }
}

/// An admitted call. If it is dropped without an outcome, as when its caller is cancelled, nothing is
/// counted.
struct Admitted<'a> {
    breaker: &'a CircuitBreaker,
    /// The hash of the number.
    number: u64,
    /// How often the breaker had opened by then.
    openings: u64,
    probe: Option<Probe>,
}

impl Admitted<'_> {
    fn ended(self, outcome: &Result<SmsOutcome, SmsError>) {
        let mut state = self.breaker.state();
        // A call from before the opening says nothing about the provider since then.
        let is_current = self.openings == state.openings;
        match outcome {
            Ok(_) if is_current => state.close(),
            Ok(_) => {}
            Err(error) if error.is_rate_limited() => {
                if self.probe.is_some() && is_current {
                    state.close();
                }
                self.rate_limited(&mut state, error.retry_after());
            }
            Err(_) => self.failed(&mut state, is_current),
        }
    }

    fn failed(&self, state: &mut State, is_current: bool) {
        let settings = &self.breaker.settings;
        let now = Instant::now();
        let until = now + settings.open_for;
        match (self.probe, &mut state.open) {
            // It fails for a number that failed before. That says nothing about the other numbers.
            (Some(Probe::Cause), Some(open)) if is_current => open.of_causes.until = until,
            (Some(Probe::Other), Some(_)) if is_current => {
                state.open([self.number], until);
                trace::opened("the provider still fails");
            }
            _ => {
                let numbers = state.failures.add(self.number, now, settings.window);
                if numbers >= settings.failures {
                    let causes: Vec<u64> = state.failures.0.keys().copied().collect();
                    state.open(causes, until);
                    trace::opened("the provider fails");
                }
            }
        }
    }

    fn rate_limited(&self, state: &mut State, retry_after: Option<Duration>) {
        let settings = &self.breaker.settings;
        let now = Instant::now();
        let numbers = state.rate_limits.add(self.number, now, settings.window);
        if numbers >= settings.failures {
            let wait = retry_after.unwrap_or_default().min(MAX_RATE_LIMITED);
            let causes: Vec<u64> = state.rate_limits.0.keys().copied().collect();
            state.open(causes, now + wait.max(settings.open_for));
            trace::opened("the provider limits the rate of many numbers");
        }
    }
}

impl State {
    fn close(&mut self) {
        self.failures.0.clear();
        self.open = None;
    }

    /// Opens because of these numbers, and never for a shorter time than before.
    fn open(&mut self, causes: impl IntoIterator<Item = u64>, until: Instant) {
        let before = self.open.take();
        let wait = |before: Option<&Wait>| Wait {
            until: before.map_or(until, |before| before.until.max(until)),
            is_probing: false,
        };
        let of_causes = wait(before.as_ref().map(|open| &open.of_causes));
        let of_others = wait(before.as_ref().map(|open| &open.of_others));
        let mut all = before.map(|open| open.causes).unwrap_or_default();
        all.extend(causes);
        self.open = Some(Open { causes: all, of_causes, of_others });
        self.openings += 1;
        self.failures.0.clear();
        self.rate_limits.0.clear();
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        let Some(probe) = self.probe else { return };
        let mut state = self.breaker.state();
        if self.openings == state.openings
            && let Some(open) = &mut state.open
        {
            open.wait(probe).is_probing = false;
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
        let number = self.hasher.hash_one(sms.to());
        let admitted = self.admit(number).map_err(|wait| {
            SmsError::not_sent(BreakerRejection::Open).with_retry_after(Some(wait))
        })?;
        let outcome = timeout(self.settings.call_timeout, self.inner.send(sms))
            .await
            .unwrap_or_else(|_| Err(SmsError::unknown(NoResponse)));
        admitted.ended(&outcome);
        outcome
    }

    /// A failed look-up is not counted: it says little about sending.
    async fn look_up(
        &self,
        reference: &Reference,
        sent_at: SystemTime,
    ) -> Result<LookUp, LookUpError> {
        let is_waiting = |open: &Open| Instant::now() < open.of_others.until;
        if self.state().open.as_ref().is_some_and(is_waiting) {
            return Err(LookUpError::new(BreakerRejection::Open));
        }
        let _permit =
            self.permit().await.ok_or_else(|| LookUpError::new(BreakerRejection::Busy))?;
        timeout(self.settings.call_timeout, self.inner.look_up(reference, sent_at))
            .await
            .unwrap_or_else(|_| Err(LookUpError::new(NoResponse)))
    }
}
