//! How often something may happen: messages per number, per user, per address, yen per day.

use std::{
    error::Error,
    fmt::{self, Debug},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use otp_core::{
    SubjectKey,
    gcra::{self, Rate, Tat},
};

use crate::StoreError;

/// What a limit counts by: sixteen bytes, so that a store or its backup names nobody.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuotaKey([u8; 16]);

impl QuotaKey {
    /// The key of `value` within `scope`: the first 16 bytes of a SHA-256 over both.
    ///
    /// Two limits on the same value, such as per hour and per day, need two scopes. A digest of a
    /// phone number can be searched for: whoever minds gives a keyed hash of it as `value`.
    ///
    /// ```
    /// use otp_cache::QuotaKey;
    ///
    /// let hourly = QuotaKey::derive("sms/user/hour", "alice");
    /// assert_ne!(hourly, QuotaKey::derive("sms/user/day", "alice"));
    /// ```
    pub fn derive(scope: &str, value: &str) -> Self {
        // Tenants and subjects are hashed with lengths and a domain of their own; quotas are kept
        // under other names than subjects, so sharing the derivation mixes nothing up.
        Self(*SubjectKey::derive(scope, value).as_bytes())
    }

    /// A key made elsewhere, such as the head of a keyed hash.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The sixteen bytes.
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

impl Debug for QuotaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QuotaKey({self})")
    }
}

/// So many events against the rate of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// What the rate counts by.
    pub key: QuotaKey,
    /// How much the key allows.
    pub rate: Rate,
    /// How many events at once; 0 asks without charging.
    pub events: u32,
}

impl Charge {
    /// One event.
    pub const fn new(key: QuotaKey, rate: Rate) -> Self {
        Self { key, rate, events: 1 }
    }

    /// The same with this many events at once, such as the yen of one message.
    #[must_use]
    pub const fn with_events(mut self, events: u32) -> Self {
        self.events = events;
        self
    }
}

/// Receipt for charges that were granted, all of them: what [`Quota::refund`] gives back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "keep it for the case that what was charged for does not happen"]
pub struct Charged {
    granted: Vec<(Charge, Tat)>,
    left: u32,
}

impl Charged {
    /// A receipt, for those who write a [`Quota`]: each charge with the mark that it gave, and the least
    /// that any key has left.
    pub const fn new(granted: Vec<(Charge, Tat)>, left: u32) -> Self {
        Self { granted, left }
    }

    /// What was charged.
    pub fn charges(&self) -> impl ExactSizeIterator<Item = &Charge> {
        self.granted.iter().map(|(charge, _)| charge)
    }

    /// What a refund at `now` gives back, for those who write a [`Quota`]: the keys, and by how much the
    /// mark of each goes back ([`gcra::refund`]). What has refilled by itself is left out.
    pub fn refunds(&self, now: SystemTime) -> impl Iterator<Item = (QuotaKey, Duration)> {
        self.granted.iter().filter_map(move |(charge, mark)| {
            let span = gcra::refundable(*mark, &charge.rate, charge.events, now);
            (!span.is_zero()).then_some((charge.key, span))
        })
    }

    /// How many more single events would be granted at the same instant.
    pub const fn left(&self) -> u32 {
        self.left
    }
}

/// A charge was over its limit. Nothing was charged, to no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaRefused {
    /// Which of the charges, by its place in the slice; of several the one that has to wait longest.
    pub which: usize,
    /// The first instant at which it would be granted if nobody else comes first; `None` if never,
    /// because it is more at once than the rate has.
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

/// Keeps the marks of rate limits.
///
/// The rule is [`otp_core::gcra`]; the store makes each charge an atomic step on its key.
///
/// # Contract
///
/// Every number has its function in [`conformance::quota`](crate::conformance::quota) (feature
/// `conformance`), which a store of your own can run too.
///
/// 1. **Never more.** However many calls run in parallel, on any number of nodes, no key is granted
///    more than its rate: a burst, and what refills ([`Rate`] says what one period can hold).
/// 2. **All or none.** If one charge is refused, none stays charged. A backend that spreads keys over
///    servers may hold them charged for a moment meanwhile, so that somebody else is refused; if it
///    dies in that moment they stay charged: too strict, never too lax.
/// 3. **Fails closed.** An error means refuse, and that something may stay charged. So does a call that
///    is dropped before it answers.
/// 4. **The caller's clock decides**, and a mark is forgotten only once it says nothing.
/// 5. **A refund gives back what was charged**, to the same keys, and no more: what has refilled by
///    itself by then does not come back once more ([`Charged::refunds`]).
/// 6. **Full means refuse**, as for [`ChallengeStore`](crate::ChallengeStore).
/// 7. **Acknowledged means kept**, as for [`ChallengeStore`](crate::ChallengeStore).
#[async_trait]
pub trait Quota: Debug + Send + Sync + 'static {
    /// Charges all of `charges`, or none. None at all is granted.
    ///
    /// A key that occurs twice is charged twice, as if one charge came after the other (clause 1).
    ///
    /// # Errors
    ///
    /// The inner error says which limit is reached and until when; the outer that the store could
    /// not tell, in which case what is to be limited must not happen.
    async fn charge(
        &self,
        charges: &[Charge],
        now: SystemTime,
    ) -> Result<Result<Charged, QuotaRefused>, StoreError>;

    /// Gives back what was charged and not used, say because the message was refused.
    ///
    /// Call it once for a receipt.
    ///
    /// # Errors
    ///
    /// When the store could not do it: what was charged stays charged, in part or whole.
    async fn refund(&self, charged: &Charged, now: SystemTime) -> Result<(), StoreError>;
}

const _: fn(&dyn Quota) = |_| {};
