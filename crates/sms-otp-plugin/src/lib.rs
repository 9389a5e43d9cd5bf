#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod config;
#[cfg(feature = "karaden")]
mod karaden;
mod limit_notes;
mod limits;
mod messages;
mod plugin;
mod prompts;
mod pseudonym;
mod quotas;
mod recipient;
mod report;
mod state;
mod store_failed;
mod text;
mod trace;

#[cfg(feature = "karaden")]
#[cfg_attr(docsrs, doc(cfg(feature = "karaden")))]
pub use karaden_client;
pub use mfa_plugin_api;
pub use otp_cache;
pub use otp_core;
pub use sms_sender;

#[cfg(feature = "karaden")]
#[cfg_attr(docsrs, doc(cfg(feature = "karaden")))]
pub use crate::karaden::{KaradenPushSender, KaradenSmsSender};
pub use crate::{
    config::{InvalidConfig, SMS_OTP, SmsOtpConfig},
    limits::{DailyBudget, SendLimit, SendLimitSettings, SendLimits},
    messages::MESSAGES,
    plugin::SmsOtpPlugin,
    pseudonym::{PseudonymKey, PseudonymKeyTooShort},
    report::Reported,
    text::{InvalidText, SmsPreview, SmsTexts},
};
