//! Retries as data: which failures, how often and when.

use std::time::Duration;

use crate::random;

/// How often and for how long a call is retried.
///
/// A failure is retried only if it definitely had no effect: no connection was made, or the server
/// refused the request for its rate (HTTP 429). Calls that only read are also retried after timeouts,
/// broken connections and server errors. A send with an unknown outcome is never retried.
///
/// The wait before retry *n* is random, uniform from zero to `base · 2ⁿ`, at most `cap` ("full
/// jitter"), and never shorter than the server's `Retry-After`. No attempt starts after `deadline`.
///
/// ```
/// use std::time::Duration;
/// use karaden_client::RetryPolicy;
///
/// let policy = RetryPolicy::default();
/// assert_eq!(policy.delay(0, None, 0), Duration::ZERO);
/// assert!(policy.delay(0, None, u64::MAX) <= Duration::from_millis(200));
/// let asked = Some(Duration::from_secs(2));
/// assert!(policy.delay(0, asked, 0) >= Duration::from_secs(2));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    max_attempts: u32,
    base: Duration,
    cap: Duration,
    deadline: Duration,
    is_jittered: bool,
}

impl Default for RetryPolicy {
    /// Three attempts, base 200 ms, cap 2 s, deadline 15 s.
    fn default() -> Self {
        Self {
            max_attempts: 3,
            base: Duration::from_millis(200),
            cap: Duration::from_secs(2),
            deadline: Duration::from_secs(15),
            is_jittered: true,
        }
    }
}

impl RetryPolicy {
    /// Returns a policy with one attempt and no retry.
    pub fn once() -> Self {
        Self { max_attempts: 1, ..Self::default() }
    }

    /// Sets the number of attempts, the first included. Zero counts as one. Default 3.
    #[must_use]
    pub fn with_max_attempts(mut self, max_attempts: u32) -> Self {
        self.max_attempts = max_attempts.max(1);
        self
    }

    /// Sets the longest wait before the first retry. It doubles with each retry. Default 200 ms.
    #[must_use]
    pub fn with_base(mut self, base: Duration) -> Self {
        self.base = base;
        self
    }

    /// Sets the longest wait before any retry, unless the server asks for more. Default 2 s.
    #[must_use]
    pub fn with_cap(mut self, cap: Duration) -> Self {
        self.cap = cap;
        self
    }

    /// Sets the time for all attempts and waits of one call, from its start. Default 15 s.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Waits as long as it may before each retry, without a random part: for tests, and for programs
    /// whose calls cannot fail together.
    #[must_use]
    pub fn without_jitter(mut self) -> Self {
        self.is_jittered = false;
        self
    }

    /// Returns the number of attempts, the first included.
    pub fn max_attempts(&self) -> u32 {
        self.max_attempts
    }

    /// Returns the time for all attempts and waits of one call.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Returns the wait before retry `retry`, with the jitter of this policy.
    pub(crate) fn next_delay(&self, retry: u32, retry_after: Option<Duration>) -> Duration {
        let random = if self.is_jittered { random::jitter() } else { u64::MAX };
        self.delay(retry, retry_after, random)
    }

    /// Returns the wait before retry `retry` (the first is 0), from a uniform random number.
    ///
    /// If the server asked for a wait, the jitter is added to it, so that clients that were refused
    /// together do not return together.
    pub fn delay(&self, retry: u32, retry_after: Option<Duration>, random: u64) -> Duration {
        let doubled = self.base.saturating_mul(1_u32.checked_shl(retry).unwrap_or(u32::MAX));
        let jitter = scale(doubled.min(self.cap), random);
        retry_after.map_or(jitter, |asked| asked.saturating_add(jitter))
    }
}

/// `limit · random / 2⁶⁴`.
fn scale(limit: Duration, random: u64) -> Duration {
    let nanos = limit.as_nanos().min(u128::from(u64::MAX));
    let share = (nanos * u128::from(random)) >> 64;
    Duration::from_nanos(u64::try_from(share).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_the_cap() {
        let policy = RetryPolicy::default();
        let ceilings: Vec<_> =
            (0..6).map(|retry| policy.delay(retry, None, u64::MAX).as_millis()).collect();
        assert_eq!(ceilings, [199, 399, 799, 1599, 1999, 1999]);
    }

    proptest! {
        #[test]
        fn waits_stay_between_zero_and_the_cap(retry in 0_u32..100, random: u64) {
            let policy = RetryPolicy::default();
            prop_assert!(policy.delay(retry, None, random) <= Duration::from_secs(2));
        }

        #[test]
        fn retry_after_is_never_undercut(retry in 0_u32..100, random: u64, asked in 0_u64..100_000) {
            let asked = Duration::from_secs(asked);
            let wait = RetryPolicy::default().delay(retry, Some(asked), random);
            prop_assert!(wait >= asked && wait <= asked + Duration::from_secs(2));
        }
    }
}
