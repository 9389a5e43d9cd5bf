//! The message and its reference.

use std::{fmt, time::SystemTime};

use otp_core::{ChallengeId, PhoneNumber, message::TextLimit};
use tokio::time::Instant;
use zeroize::Zeroizing;

/// One text message to send. `Debug` shows neither the number nor the text.
#[derive(Clone)]
pub struct OutgoingSms {
    to: PhoneNumber,
    text: Zeroizing<String>,
    now: SystemTime,
    created: Instant,
    deadline: Option<SystemTime>,
    phone_since: Option<SystemTime>,
    reference: Reference,
}

impl OutgoingSms {
    /// Creates a message of `text` to the number `to`, found again by `reference`. `now` is the current
    /// instant.
    pub fn new(to: PhoneNumber, text: String, reference: Reference, now: SystemTime) -> Self {
        Self {
            to,
            text: Zeroizing::new(text),
            now,
            created: Instant::now(),
            deadline: None,
            phone_since: None,
            reference,
        }
    }

    /// Sets the deadline: the provider must not send the message at `deadline` or later.
    #[must_use]
    pub fn with_deadline(mut self, deadline: SystemTime) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sets since when the number is the recipient's: the instant of their consent.
    ///
    /// A provider with a number-history check then sends nothing if the number was reassigned to another
    /// person after that, and the status is
    /// [`DeliveryStatus::ChangedHands`](crate::DeliveryStatus::ChangedHands). A sender
    /// [without such a check](crate::SmsSender::checks_number_history) ignores it.
    #[must_use]
    pub fn with_phone_since(mut self, since: SystemTime) -> Self {
        self.phone_since = Some(since);
        self
    }

    /// Returns the recipient.
    pub fn to(&self) -> &PhoneNumber {
        &self.to
    }

    /// Returns the text. It contains the code: pass it to the provider only.
    pub fn expose_text(&self) -> &str {
        &self.text
    }

    /// Returns the current instant: the one given to [`new`](Self::new) plus the time since then.
    ///
    /// Tokio's clock measures that time, so a test can pause it.
    pub fn now(&self) -> SystemTime {
        self.now.checked_add(self.created.elapsed()).unwrap_or(self.now)
    }

    /// Returns the deadline for sending, if there is one (Karaden's `limited_at`).
    pub fn deadline(&self) -> Option<SystemTime> {
        self.deadline
    }

    /// Whether the deadline has passed [by now](Self::now): at the deadline itself it has. Such a message is not
    /// sent.
    pub fn is_past_deadline(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= self.now())
    }

    /// Whether the text is within `limit`, in length and characters. A text that is not is refused.
    ///
    /// A text of white space alone fits no limit, nor does one with a control character other than a line break
    /// (LF): phones do not show them.
    pub fn fits(&self, limit: TextLimit) -> bool {
        !self.text.trim().is_empty()
            && !self.text.contains(|c: char| c.is_control() && c != '\n')
            && limit.excluded(&self.text).is_none()
            && limit.split(&self.text).is_ok()
    }

    /// Returns since when the number is the recipient's, if that is known.
    pub fn phone_since(&self) -> Option<SystemTime> {
        self.phone_since
    }

    /// Returns the unique name of the message at the provider.
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

/// The unique name of one message at the provider: Karaden's tag or tracking code.
///
/// 26 characters, `0`–`9` and `a`–`z`, which both Karaden APIs accept. It is not secret. From the 37th message of a
/// challenge on it has 27.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference(String);

impl Reference {
    /// Names the message that carries the code of `challenge` for the `nth` time, counted from 0.
    pub fn new(challenge: ChallengeId, nth: u8) -> Self {
        let mut rest = u128::from_be_bytes(*challenge.as_bytes());
        let mut name = [b'0'; 27];
        for place in name[..25].iter_mut().rev() {
            *place = digit(rest);
            rest /= 36;
        }
        let nth = u128::from(nth);
        // The challenge always has 25 digits, so that the rest of the name belongs to `nth`.
        let length = if nth < 36 {
            name[25] = digit(nth);
            26
        } else {
            name[25] = digit(nth / 36);
            name[26] = digit(nth);
            27
        };
        Self(name[..length].iter().copied().map(char::from).collect())
    }

    /// Returns the reference as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns the last digit of `number` in base 36.
fn digit(number: u128) -> u8 {
    let digits = b"0123456789abcdefghijklmnopqrstuvwxyz";
    digits[usize::try_from(number % 36).unwrap_or_default()]
}
