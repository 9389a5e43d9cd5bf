#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod breaker;
mod failover;
mod fakes;
mod message;
mod outcome;
mod sender;
#[cfg(feature = "sender-kit")]
#[cfg_attr(docsrs, doc(cfg(feature = "sender-kit")))]
pub mod sender_kit;
mod trace;

pub use otp_core::{self, DeliveryStatus, message::TextLimit};

pub use crate::{
    breaker::{BreakerSettings, CircuitBreaker, InvalidBreakerSettings},
    failover::FailoverSender,
    fakes::{FailingSender, RecordedSms, RecordingSender},
    message::{OutgoingSms, Reference},
    outcome::{LookUp, LookUpError, RefusedReason, SmsAccepted, SmsError, SmsOutcome, SmsReport},
    sender::SmsSender,
};
