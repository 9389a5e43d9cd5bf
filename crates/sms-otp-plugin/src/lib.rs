//! An SMS one-time-code factor composed of otp-core, otp-cache, mfa-plugin-api and karaden-client
#![cfg_attr(docsrs, feature(doc_cfg))]

mod messages;

pub use crate::messages::MESSAGES;
