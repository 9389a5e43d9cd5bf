#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod breaker;
mod failover;
mod fakes;
mod sender;

pub use crate::{
    breaker::{BreakerSettings, CircuitBreaker},
    failover::FailoverSender,
    fakes::{FailingSender, RecordedSms, RecordingSender},
    sender::{
        Accepted, DeliveryStatus, LookUp, LookUpError, OutgoingSms, Reference, RefusedReason,
        SendError, SendOutcome, SmsSender,
    },
};
