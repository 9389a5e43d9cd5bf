#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod config;
mod messages;
mod plugin;
mod prompts;
mod pseudonym;
mod quotas;
mod sender;
mod state;
mod text;

pub use crate::{
    config::{InvalidConfig, SmsOtpConfig},
    messages::MESSAGES,
    plugin::SmsOtpPlugin,
    pseudonym::{PseudonymKey, PseudonymKeyTooShort},
    quotas::{DailyBudget, SendLimitSettings, SendLimits},
    sender::{
        Accepted, BreakerSettings, CircuitBreaker, DeliveryStatus, FailingSender, FailoverSender,
        KaradenPushSender, KaradenSmsSender, LookUp, LookUpError, OutgoingSms, RecordedSms,
        RecordingSender, Reference, RefusedReason, SendError, SendOutcome, SmsSender,
    },
    text::{InvalidText, SmsTexts},
};
