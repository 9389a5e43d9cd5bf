#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod config;
mod karaden;
mod messages;
mod plugin;
mod prompts;
mod pseudonym;
mod quotas;
mod report;
mod state;
mod store_failed;
mod text;

pub use crate::{
    config::{InvalidConfig, SMS_OTP, SmsOtpConfig},
    karaden::{KaradenPushSender, KaradenSmsSender},
    messages::MESSAGES,
    plugin::SmsOtpPlugin,
    pseudonym::{PseudonymKey, PseudonymKeyTooShort},
    quotas::{DailyBudget, SendLimitSettings, SendLimits},
    report::Reported,
    text::{InvalidText, SmsTexts},
};
