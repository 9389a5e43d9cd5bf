//! The contract of rate limits: messages per number, per user, per address, yen per day.

use std::{
    error::Error,
    fmt::{self, Debug},
    str::FromStr,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use otp_core::{
    InvalidId, SubjectKey,
    gcra::{self, Rate, Tat},
};

use crate::StoreError;

/// The key of a limit: sixteen bytes of a digest, so that a store or its backup names no person.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuotaKey([u8; 16]);

impl QuotaKey {
    /// Derives the key of `value` within `scope`: the first 16 bytes of SHA-256 over both.
    ///
    /// Two limits on the same value, such as per hour and per day, need two scopes.
    ///
    /// The digest of a phone number can be found by trying all numbers. To prevent that, begin the scope with a
    /// *pepper*: a secret of at least 128 random bits, as text. The limits start anew if it changes.
    ///
    /// ```
    /// use otp_cache::QuotaKey;
    ///
    /// let pepper = "a2f0…"; // from your secrets
    /// let (hour, day) = (format!("{pepper}/sms/hour"), format!("{pepper}/sms/day"));
    /// let hourly = QuotaKey::derive(&hour, "+819012345678");
    /// assert_ne!(hourly, QuotaKey::derive(&day, "+819012345678"));
    /// ```
    pub fn derive(scope: &str, value: &str) -> Self {
        // Stores keep quotas under other names than subjects, so both can share the derivation.
        Self(*SubjectKey::derive(scope, value).as_bytes())
    }

    /// Creates a key from other bytes, such as the start of a keyed hash.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the sixteen bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for QuotaKey {
    /// 32 lower-case hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for QuotaKey {
    type Err = InvalidId;

    /// Reads exactly what `Display` writes.
    ///
    /// ```
    /// use otp_cache::QuotaKey;
    ///
    /// let key = QuotaKey::derive("sms", "0k3v9c");
    /// assert_eq!(key.to_string().parse(), Ok(key));
    /// assert!(key.to_string().to_uppercase().parse::<QuotaKey>().is_err());
    /// ```
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        text.parse::<SubjectKey>().map(|key| Self(*key.as_bytes()))
    }
}

impl Debug for QuotaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QuotaKey({self})")
    }
}

/// A number of events that is charged to the rate of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The key.
    pub key: QuotaKey,
    /// The rate that the key allows.
    pub rate: Rate,
    /// How many events are charged at once. 0 checks without charging.
    pub events: u32,
}

impl Charge {
    /// Creates a charge of one event.
    pub const fn new(key: QuotaKey, rate: Rate) -> Self {
        Self { key, rate, events: 1 }
    }

    /// Sets how many events are charged at once, such as the yen of one message.
    #[must_use]
    pub const fn with_events(mut self, events: u32) -> Self {
        self.events = events;
        self
    }
}

/// The receipt of a granted call. [`Quota::refund`] takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "keep it for a refund if the charged event does not happen"]
pub struct Charged {
    granted: Vec<(Charge, Tat)>,
    left: u32,
}

impl Charged {
    /// Creates a receipt, for implementations of [`Quota`]: each charge with the value that it returned, and
    /// the smallest number of events that any key has left.
    pub const fn new(granted: Vec<(Charge, Tat)>, left: u32) -> Self {
        Self { granted, left }
    }

    /// Returns the charges.
    pub fn charges(&self) -> impl ExactSizeIterator<Item = &Charge> {
        self.granted.iter().map(|(charge, _)| charge)
    }

    /// Removes the charges of `keys` from the receipt, so that a refund leaves them charged.
    pub fn without(mut self, keys: &[QuotaKey]) -> Self {
        self.granted.retain(|(charge, _)| !keys.contains(&charge.key));
        self
    }

    /// Returns what a refund at `now` gives back, for implementations of [`Quota`]: each key with the duration
    /// for [`gcra::refund`]. What has refilled since the charge is left out.
    pub fn refunds(&self, now: SystemTime) -> impl Iterator<Item = (QuotaKey, Duration)> {
        self.granted.iter().filter_map(move |(charge, tat)| {
            let span = gcra::refundable(*tat, &charge.rate, charge.events, now);
            (!span.is_zero()).then_some((charge.key, span))
        })
    }

    /// Returns how many more single events would be granted at the same instant.
    pub const fn left(&self) -> u32 {
        self.left
    }
}

/// A charge exceeded its limit. Nothing was charged to any key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaRefused {
    /// The index of the refused charge. If several were refused, the one with the longest wait.
    pub which: usize,
    /// The first instant at which it would be granted, unless its key is charged again before. `None` if it is
    /// never granted, because it exceeds the burst.
    pub until: Option<SystemTime>,
}

impl fmt::Display for QuotaRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.until {
            Some(_) => "the limit is reached for some time",
            None => "more at once than the limit ever allows",
        })
    }
}

impl Error for QuotaRefused {}

/// Keeps the state of rate limits.
///
/// The rule is [`otp_core::gcra`], for several keys at once [`charge_all`](crate::charge_all). The store applies each
/// charge in one atomic step to its key, also to a key that it has never seen.
///
/// # Contract
///
/// Each number has a function in [`conformance::quota`](crate::conformance::quota) (feature `conformance`). Your
/// own store can run it too.
///
/// 1. **Never more.** However many calls run in parallel, on any number of nodes, no key is granted more than its
///    rate: a burst, and what refills ([`Rate`] says how much one period can hold).
/// 2. **All or none.** If one charge is refused, none stays charged. A backend that spreads keys over servers may
///    hold charges for a moment, so that another call is refused. If it dies in that moment, they stay charged:
///    too strict, never too lax.
/// 3. **Fails closed.** An error means refuse, and something may stay charged. The same holds for a call that is
///    dropped before it returns.
/// 4. **The caller's clock decides.** A key is dropped only after its full burst has refilled. If what is stored
///    is ahead of `now` by more than the burst plus [`MAX_CLOCK_LEAD`](otp_core::MAX_CLOCK_LEAD), it refuses nothing.
/// 5. **A refund gives back what was charged**, to the same keys, and no more. What has refilled since the charge
///    is not given back ([`Charged::refunds`]).
/// 6. **Full means refuse**, as for [`ChallengeStore`](crate::ChallengeStore).
/// 7. **Acknowledged means kept**, as for [`ChallengeStore`](crate::ChallengeStore).
/// 8. **In time**, as for [`ChallengeStore`](crate::ChallengeStore).
#[async_trait]
pub trait Quota: Debug + Send + Sync + 'static {
    /// Charges all of `charges`, or none. An empty slice is always granted.
    ///
    /// A key that occurs twice is charged twice, as if one charge came after the other (clause 1).
    ///
    /// # Errors
    ///
    /// The inner [`QuotaRefused`] says which limit is reached and until when. On the outer [`StoreError`], the
    /// limited event must not happen.
    async fn charge(
        &self,
        charges: &[Charge],
        now: SystemTime,
    ) -> Result<Result<Charged, QuotaRefused>, StoreError>;

    /// Gives back charges that were not used, for example because the message was refused.
    ///
    /// Call it once per receipt.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store could not write. Some or all charges stay.
    async fn refund(&self, charged: &Charged, now: SystemTime) -> Result<(), StoreError>;
}

const _: fn(&dyn Quota) = |_| {};
