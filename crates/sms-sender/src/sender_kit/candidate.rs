//! What a check needs, and what it finds.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use otp_core::PhoneNumber;

use crate::sender::SmsSender;

/// What the provider does with requests to send a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProviderMode {
    /// It takes the message and confirms that.
    Accepting,
    /// It cannot be reached: no request arrives.
    Down,
    /// It takes the message and responds that it failed, such as with HTTP 500.
    FailingAfterTaking,
    /// It takes the message, and its response does not confirm that. Examples are HTTP 200 with half a body, or
    /// with an error that the sender does not know.
    Garbled,
    /// It takes the message, and the connection breaks before its response arrives.
    Losing,
    /// It refuses the request, because there are too many.
    RateLimiting,
    /// It refuses the message.
    Refusing,
    /// It takes the message and never responds.
    Stalling,
}

impl ProviderMode {
    /// Every mode.
    pub const ALL: [Self; 8] = [
        Self::Accepting,
        Self::Down,
        Self::FailingAfterTaking,
        Self::Garbled,
        Self::Losing,
        Self::RateLimiting,
        Self::Refusing,
        Self::Stalling,
    ];
}

/// A message as the provider took it. `Debug` does not show the text.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TakenSms {
    /// The number that it goes to.
    pub to: PhoneNumber,
    /// The text.
    pub text: String,
}

impl TakenSms {
    /// Creates the message of `text` to the number `to`.
    pub fn new(to: PhoneNumber, text: impl Into<String>) -> Self {
        Self { to, text: text.into() }
    }
}

impl fmt::Debug for TakenSms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TakenSms").field("to", &self.to).finish_non_exhaustive()
    }
}

/// A sender to check, and the provider that it sends through.
///
/// Look-ups work while the provider is [`Accepting`](ProviderMode::Accepting),
/// [`Losing`](ProviderMode::Losing), [`RateLimiting`](ProviderMode::RateLimiting) or
/// [`Refusing`](ProviderMode::Refusing). In the other modes the provider should treat them as it treats a request
/// to send.
///
/// The provider refuses what its manual refuses: texts that are too long or have other characters. Otherwise
/// clause 8 does not find a [`text_limit`](SmsSender::text_limit) that is too high.
pub trait Candidate: fmt::Debug + Send + Sync {
    /// Returns the sender.
    fn sender(&self) -> &dyn SmsSender;

    /// Makes the provider behave like this from now on, or at least for the next request. It begins with
    /// [`Accepting`](ProviderMode::Accepting).
    fn set_mode(&self, mode: ProviderMode);

    /// Returns how many requests to send a message have reached the provider so far. A test double that
    /// cannot count those that it refused returns the same as [`messages`](Self::messages).
    fn requests(&self) -> usize;

    /// Returns how many messages the provider has taken so far.
    fn messages(&self) -> usize;

    /// Returns the last message that the provider has taken; `None` if there is none.
    fn last_message(&self) -> Option<TakenSms>;

    /// Returns the modes that the provider has. Default: all. Clauses that need another mode are not checked.
    fn modes(&self) -> &[ProviderMode] {
        &ProviderMode::ALL
    }

    /// Whether the provider keeps a record of messages that look-ups find. Default: yes.
    fn keeps_record(&self) -> bool {
        true
    }

    /// Returns a number that the provider sends to. Default: +819012345678.
    ///
    /// # Panics
    ///
    /// The default does not.
    fn recipient(&self) -> PhoneNumber {
        PhoneNumber::from_japanese("09012345678").expect("a mobile number of Japan")
    }

    /// Returns the instant that is now for the provider. Default: 2026-01-01 00:00:00 UTC.
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600)
    }

    /// Returns the time limit that the sender states for each call. Default: 30 s.
    ///
    /// If the sender uses Tokio's timer only, pause it: then no check waits.
    fn time_limit(&self) -> Duration {
        Duration::from_secs(30)
    }

    /// Returns the sender's credentials, which must not appear anywhere. Default: none.
    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A clause that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Breach {
    /// The number of the clause in the contract of [`SmsSender`].
    pub clause: u8,
    /// What happened.
    pub what: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "contract {}: {}", self.clause, self.what)
    }
}
