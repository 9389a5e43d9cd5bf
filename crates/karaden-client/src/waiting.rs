//! Waiting until the state of a message or a bulk send is final.

use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep};

use crate::{
    error::{Effect, Error},
    error_kind::ErrorKind,
};

/// How long after the beginning of a wait *not found* counts as *not yet*.
const UNSEEN_WINDOW: Duration = Duration::from_secs(30);

/// The shortest wait between two look-ups. A shorter one loads the server, and tells the user nothing sooner.
pub(crate) const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);

/// When to look a state up, and when to stop waiting.
///
/// The wait ends after the timeout. To end it earlier, drop the future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollPolicy {
    initial_delay: Duration,
    interval: Duration,
    longest_interval: Duration,
    timeout: Duration,
    unseen_window: Duration,
}

impl Default for PollPolicy {
    /// For deliveries: look-ups after 5 s, then after 15 s, 30 s, 30 s …; timeout 5 min.
    fn default() -> Self {
        Self {
            initial_delay: Duration::from_secs(5),
            interval: Duration::from_secs(15),
            longest_interval: Duration::from_secs(30),
            timeout: Duration::from_secs(300),
            unseen_window: UNSEEN_WINDOW,
        }
    }
}

impl PollPolicy {
    /// Returns a policy for bulk sends: look-ups at once, then every 20 s; timeout 30 min.
    pub fn bulk() -> Self {
        Self {
            initial_delay: Duration::ZERO,
            interval: Duration::from_secs(20),
            longest_interval: Duration::from_secs(20),
            timeout: Duration::from_secs(1800),
            unseen_window: UNSEEN_WINDOW,
        }
    }

    /// Sets the wait before the first look-up.
    #[must_use]
    pub fn with_initial_delay(mut self, initial_delay: Duration) -> Self {
        self.initial_delay = initial_delay;
        self
    }

    /// Sets the wait after the first look-up, which doubles up to `longest`. Less than 100 ms counts as 100 ms.
    #[must_use]
    pub fn with_intervals(mut self, first: Duration, longest: Duration) -> Self {
        self.interval = first.max(SHORTEST_INTERVAL);
        self.longest_interval = longest.max(SHORTEST_INTERVAL);
        self
    }

    /// Sets how long after the beginning of the wait *not found* counts as *not yet*. Default 30 s.
    ///
    /// A message that was just accepted may not be visible in every copy of the service's data. At the
    /// end of the window itself, and later, *not found* ends the wait.
    #[must_use]
    pub fn with_unseen_window(mut self, unseen_window: Duration) -> Self {
        self.unseen_window = unseen_window;
        self
    }

    /// Sets how long to wait in all.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// How a wait ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "the state may not be final"]
pub enum Waited<T> {
    /// The state is final.
    Final(T),
    /// The timeout passed. This is the last state seen.
    TimedOut(T),
}

impl<T> Waited<T> {
    /// Returns the last state seen.
    pub fn into_inner(self) -> T {
        match self {
            Self::Final(state) | Self::TimedOut(state) => state,
        }
    }

    /// Returns whether the state is final.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Final(_))
    }
}

/// Looks the state up until it is final. Temporary errors do not end the wait. `is_final` gets the
/// present instant, for a caller whose instant at the beginning is `now`.
pub(crate) async fn poll_at<T, F>(
    policy: &PollPolicy,
    now: SystemTime,
    look_up: impl Fn() -> F,
    is_final: impl Fn(&T, SystemTime) -> bool,
) -> Result<Waited<T>, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let began = Instant::now();
    let present = || now.checked_add(began.elapsed()).unwrap_or(now);
    poll(policy, look_up, |state| is_final(state, present())).await
}

/// Looks the state up until it is final. Temporary errors do not end the wait.
pub(crate) async fn poll<T, F>(
    policy: &PollPolicy,
    look_up: impl Fn() -> F,
    is_final: impl Fn(&T) -> bool,
) -> Result<Waited<T>, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let began = Instant::now();
    let mut seen = None;
    let mut failure = None;
    let mut wait = policy.initial_delay;
    let mut interval = policy.interval;
    let is_unseen = |error: &Error| {
        error.kind() == ErrorKind::NotFound && began.elapsed() < policy.unseen_window
    };
    while began.elapsed().saturating_add(wait) <= policy.timeout {
        sleep(wait).await;
        wait = interval;
        match look_up().await {
            Ok(state) if is_final(&state) => return Ok(Waited::Final(state)),
            Ok(state) => seen = Some(state),
            Err(error) if !error.is_transient() && !is_unseen(&error) => return Err(error),
            Err(error) => {
                wait = wait.max(error.retry_after().unwrap_or_default());
                failure = Some(error);
            }
        }
        interval = interval.saturating_mul(2).min(policy.longest_interval);
    }
    match (seen, failure) {
        (Some(state), _) => Ok(Waited::TimedOut(state)),
        (None, Some(error)) => Err(Error::new(ErrorKind::GaveUp, Effect::None).with_source(error)),
        (None, None) => Err(Error::new(ErrorKind::GaveUp, Effect::None)),
    }
}
