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

pub use crate::config::{InvalidConfig, SmsOtpConfig};
pub use crate::messages::MESSAGES;
pub use crate::plugin::SmsOtpPlugin;
pub use crate::pseudonym::{PseudonymKey, PseudonymKeyTooShort};
pub use crate::quotas::{DailyBudget, SendLimitSettings, SendLimits};
pub use crate::sender::{
    Accepted, BreakerSettings, CircuitBreaker, DeliveryStatus, FailingSender, FailoverSender,
    KaradenPushSender, KaradenSmsSender, LookUp, LookUpError, OutgoingSms, RecordedSms,
    RecordingSender, Reference, RefusedReason, SendError, SendOutcome, SmsSender,
};
pub use crate::text::{InvalidText, SmsTexts};
