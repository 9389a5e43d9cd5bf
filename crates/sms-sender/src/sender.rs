//! Sending one text message: the port that providers implement.
//!
//! ```text
//!              ┌─ Ok(Accepted)        the provider has it: wait for it to arrive
//!  send(sms) ──┼─ Ok(Refused)         surely not sent, and asking again will not help
//!              ├─ Err(not sent)       surely not sent, and asking later may help
//!              └─ Err(unknown) ─┐     it may be on its way: never send it again
//!                               └─ look_up(reference): Present or Absent
//! ```

use std::{
    error::Error as StdError,
    fmt,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use otp_core::{ChallengeId, PhoneNumber};
use zeroize::Zeroizing;

/// Sends text messages through one provider.
///
/// # Contract
///
/// 1. [`send`](Self::send) makes at most one message, ever. It does not try again by itself once the
///    message may have left.
/// 2. Whenever it is not certain that nothing was sent, the answer is an error of kind *unknown*.
/// 3. Both calls end within a bound of their own, whatever the provider does.
/// 4. Neither number nor text appears in logs, errors or `Debug`.
///
/// # Cancel safety
///
/// A dropped `send` may have sent: treat it as *unknown*.
#[async_trait]
pub trait SmsSender: fmt::Debug + Send + Sync + 'static {
    /// Hands one message to the provider.
    ///
    /// # Errors
    ///
    /// [`SendError::is_not_sent`] tells the two kinds apart: only then may it be sent again.
    async fn send(&self, sms: &OutgoingSms) -> Result<SendOutcome, SendError>;

    /// Asks what became of the message with this `reference`, sent at about `sent_at`.
    ///
    /// # Errors
    ///
    /// [`LookUpError`] if the provider did not tell.
    async fn look_up(
        &self,
        reference: &Reference,
        sent_at: SystemTime,
    ) -> Result<LookUp, LookUpError>;
}

const _: fn(&dyn SmsSender) = |_| {};

/// One text message, ready to go. `Debug` shows neither number nor text.
#[derive(Clone)]
pub struct OutgoingSms {
    to: PhoneNumber,
    text: Zeroizing<String>,
    now: SystemTime,
    deadline: Option<SystemTime>,
    reference: Reference,
}

impl OutgoingSms {
    /// A message of `text` to the number `to`, to be sent `now` and found again by `reference`.
    pub fn new(to: PhoneNumber, text: String, reference: Reference, now: SystemTime) -> Self {
        Self { to, text: Zeroizing::new(text), now, deadline: None, reference }
    }

    /// The same message, not to be sent any more at `deadline` or later.
    #[must_use]
    pub fn with_deadline(mut self, deadline: SystemTime) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The number.
    pub fn to(&self) -> &PhoneNumber {
        &self.to
    }

    /// The text. It holds the code: give it to the provider and to nothing else.
    pub fn expose_text(&self) -> &str {
        &self.text
    }

    /// When it is handed over.
    pub fn now(&self) -> SystemTime {
        self.now
    }

    /// The last moment for sending, if the message has one (Karaden's `limited_at`).
    pub fn deadline(&self) -> Option<SystemTime> {
        self.deadline
    }

    /// The name to find it again by.
    pub fn reference(&self) -> &Reference {
        &self.reference
    }
}

impl fmt::Debug for OutgoingSms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutgoingSms")
            .field("reference", &self.reference)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// The unique name of one message at the provider: a tag or a tracking code.
///
/// 26 characters from `0` to `9` and `a` to `z`, which both Karaden APIs accept. Not secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference(String);

impl Reference {
    /// The name of the message that carries the code of `challenge` for the `nth` time, from 0 on.
    pub fn new(challenge: ChallengeId, nth: u8) -> Self {
        let mut rest = u128::from_be_bytes(*challenge.as_bytes());
        let mut name = [b'0'; 26];
        name[25] = digit(u128::from(nth));
        for place in name[..25].iter_mut().rev() {
            *place = digit(rest);
            rest /= 36;
        }
        Self(name.iter().copied().map(char::from).collect())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The last digit of `number` in base 36.
fn digit(number: u128) -> u8 {
    let digits = b"0123456789abcdefghijklmnopqrstuvwxyz";
    digits[usize::try_from(number % 36).unwrap_or_default()]
}

/// How a send ended that got a clear answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendOutcome {
    /// The provider has the message.
    Accepted(Accepted),
    /// The provider said no; the message is surely not sent.
    Refused(RefusedReason),
}

/// What the provider says of a message it took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accepted {
    /// The provider's own id of the message.
    pub id: Option<String>,
    /// How many messages it will bill for this one, if it told.
    pub charged_count: Option<u32>,
}

impl Accepted {
    /// Accepted under the provider's `id`.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: Some(id.into()), charged_count: None }
    }

    /// The same with the number of messages that will be billed.
    #[must_use]
    pub fn with_charged_count(mut self, count: u32) -> Self {
        self.charged_count = Some(count);
        self
    }
}

/// Why a provider refused a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedReason {
    /// Our account there: credentials, plan, rights. An operator has to look; another provider helps.
    Account,
    /// The text or another part of the request that we made. An operator has to look.
    Message,
    /// The number: invalid, barred, or of another owner. Another provider would only repeat it.
    Number,
}

impl RefusedReason {
    /// A word for logs and the audit trail.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Message => "message",
            Self::Number => "number",
        }
    }
}

/// A send without a clear answer.
#[derive(Debug)]
pub struct SendError {
    is_not_sent: bool,
    retry_after: Option<Duration>,
    source: Box<dyn StdError + Send + Sync>,
}

impl SendError {
    /// The message surely never reached the provider.
    pub fn not_sent(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { is_not_sent: true, retry_after: None, source: source.into() }
    }

    /// The message may have reached the provider.
    pub fn unknown(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { is_not_sent: false, retry_after: None, source: source.into() }
    }

    /// The same error with how long the provider asks to be left alone.
    #[must_use]
    pub fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.retry_after = retry_after;
        self
    }

    /// Whether the message surely was not sent. If not, it must never be sent again blindly.
    pub fn is_not_sent(&self) -> bool {
        self.is_not_sent
    }

    /// How long the provider asks to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_not_sent {
            "the message was not sent"
        } else {
            "it is unknown whether the message was sent"
        })
    }
}

impl StdError for SendError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(self.source.as_ref())
    }
}

/// What the provider knows of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookUp {
    /// It has no message of this reference. A request may still be on its way to it.
    Absent,
    /// It has the message.
    Present(DeliveryStatus),
}

/// How far a message got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryStatus {
    /// No result yet.
    Pending,
    /// It arrived on the phone.
    Delivered,
    /// The phone is off or out of range.
    OutOfRange,
    /// It will not arrive.
    Failed,
    /// The provider itself does not know.
    Unknown,
}

/// The provider did not tell what became of a message.
#[derive(Debug, thiserror::Error)]
#[error("the provider does not say what became of the message")]
pub struct LookUpError(#[source] Box<dyn StdError + Send + Sync>);

impl LookUpError {
    /// The look-up failed because of `source`.
    pub fn new(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(source.into())
    }
}
