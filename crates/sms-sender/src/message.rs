//! The message and its reference.

use std::{fmt, time::SystemTime};

use otp_core::{ChallengeId, PhoneNumber};
use zeroize::Zeroizing;

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
