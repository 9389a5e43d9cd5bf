#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod breaker;
mod failover;
mod fakes;
mod message;
mod outcome;
mod sender;

pub use otp_core::{DeliveryStatus, message::TextLimit};

pub use crate::{
    breaker::{BreakerSettings, CircuitBreaker},
    failover::FailoverSender,
    fakes::{FailingSender, RecordedSms, RecordingSender},
    message::{OutgoingSms, Reference},
    outcome::{LookUp, LookUpError, RefusedReason, SmsAccepted, SmsError, SmsOutcome},
    sender::SmsSender,
};
