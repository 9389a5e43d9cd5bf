//! Messages, and a breaker with the default settings.

use std::{sync::Arc, time::SystemTime};

use otp_core::{ChallengeId, PhoneNumber};
use sms_sender::{BreakerSettings, CircuitBreaker, OutgoingSms, Reference, SmsSender};

pub(crate) fn sms() -> OutgoingSms {
    sms_to(0)
}

/// A message to the `n`th user.
pub(crate) fn sms_to(n: u32) -> OutgoingSms {
    let to = PhoneNumber::from_japanese(&format!("0901234{n:04}")).unwrap();
    let reference = Reference::new(ChallengeId::from_bytes([3; 16]), 1);
    OutgoingSms::new(to, "text".to_owned(), reference, SystemTime::UNIX_EPOCH)
}

/// A message with this text.
pub(crate) fn sms_of(text: &str) -> OutgoingSms {
    text_to(0, text)
}

/// A message with this text to the `n`th user.
pub(crate) fn text_to(n: u32, text: &str) -> OutgoingSms {
    let sms = sms_to(n);
    OutgoingSms::new(sms.to().clone(), text.to_owned(), sms.reference().clone(), sms.now())
}

pub(crate) fn breaker(inner: impl SmsSender) -> CircuitBreaker {
    CircuitBreaker::new(Arc::new(inner), BreakerSettings::default()).unwrap()
}
