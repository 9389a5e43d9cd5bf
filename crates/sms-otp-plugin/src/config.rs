//! The settings of the factor, each checked when it is set.

use std::{
    ops::RangeInclusive,
    time::{Duration, SystemTime},
};

use mfa_plugin_api::FactorId;
use otp_core::{AllowedPrefixes, CodeFormat, Policy, Purpose, message::TextLimit};

use crate::{
    limits::SendLimits,
    pseudonym::PseudonymKey,
    text::{InvalidText, SmsPreview, SmsTexts, Templates},
};

/// The name of the factor, unless [set](SmsOtpConfig::with_factor) otherwise: `sms-otp`.
pub const SMS_OTP: FactorId = FactorId::from_static("sms-otp");

const DEFAULT_FORMAT: CodeFormat = match CodeFormat::digits(SmsOtpConfig::DEFAULT_DIGITS) {
    Ok(format) => format,
    Err(_) => panic!("the default is a code format"),
};

/// The settings of the factor. All but the texts and the key have defaults.
#[derive(Debug, Clone)]
pub struct SmsOtpConfig {
    texts: SmsTexts,
    pseudonym_key: PseudonymKey,
    factor: FactorId,
    purpose: Purpose,
    format: CodeFormat,
    lifetime: Duration,
    deadline_margin: Option<Duration>,
    policy: Policy,
    limits: SendLimits,
    prefixes: AllowedPrefixes,
    shown_digits: u8,
    sender_number: Option<String>,
}

/// Why a setting is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidConfig {
    /// A shorter code is easier to guess, a longer one is mistyped more often.
    #[error(
        "a code has {} to {} digits",
        SmsOtpConfig::DIGITS_RANGE.start(),
        SmsOtpConfig::DIGITS_RANGE.end()
    )]
    Digits,
    /// NIST SP 800-63B-4, section 3.1.3.2, allows 10 minutes at most.
    #[error(
        "a code lives {} to {} seconds",
        SmsOtpConfig::LIFETIME_RANGE.start().as_secs(),
        SmsOtpConfig::LIFETIME_RANGE.end().as_secs()
    )]
    Lifetime,
    /// Fewer digits than 2 do not tell numbers apart, more than 4 tell too much.
    #[error(
        "a page shows the last {} to {} digits of a number",
        SmsOtpConfig::SHOWN_DIGITS_RANGE.start(),
        SmsOtpConfig::SHOWN_DIGITS_RANGE.end()
    )]
    ShownDigits,
}

impl SmsOtpConfig {
    /// Default of [`with_digits`](Self::with_digits).
    pub const DEFAULT_DIGITS: u8 = 6;

    /// Allowed values of [`with_digits`](Self::with_digits). NIST SP 800-63B-4, section 3.1.3.2, sets
    /// the start.
    pub const DIGITS_RANGE: RangeInclusive<u8> = 6..=10;

    /// Default of [`with_lifetime`](Self::with_lifetime).
    pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);

    /// Allowed values of [`with_lifetime`](Self::with_lifetime). NIST SP 800-63B-4, section 3.1.3.2,
    /// sets the end.
    pub const LIFETIME_RANGE: RangeInclusive<Duration> =
        Duration::from_secs(60)..=Duration::from_secs(600);

    /// Default of [`with_shown_digits`](Self::with_shown_digits).
    pub const DEFAULT_SHOWN_DIGITS: u8 = 4;

    /// Allowed values of [`with_shown_digits`](Self::with_shown_digits).
    pub const SHOWN_DIGITS_RANGE: RangeInclusive<u8> = 2..=4;

    /// Creates the default settings: 6 digits, 300 s, the default limits and policy, 060, 070, 080 and 090.
    pub fn new(texts: SmsTexts, pseudonym_key: PseudonymKey) -> Self {
        Self {
            texts,
            pseudonym_key,
            factor: SMS_OTP,
            purpose: Purpose::LOGIN,
            format: DEFAULT_FORMAT,
            lifetime: Self::DEFAULT_LIFETIME,
            deadline_margin: Some(Duration::from_secs(10)),
            policy: Policy::default(),
            limits: SendLimits::default(),
            prefixes: AllowedPrefixes::default(),
            shown_digits: Self::DEFAULT_SHOWN_DIGITS,
            sender_number: None,
        }
    }

    /// Sets the id of the factor, for example of a second instance with other settings.
    #[must_use]
    pub fn with_factor(mut self, factor: FactorId) -> Self {
        self.factor = factor;
        self
    }

    /// Sets the purpose of the codes. Default [`Purpose::LOGIN`]. A new code replaces older ones of the same
    /// purpose only.
    #[must_use]
    pub fn with_purpose(mut self, purpose: Purpose) -> Self {
        self.purpose = purpose;
        self
    }

    /// Sets the number of decimal digits: 6 to 10, default 6.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig::Digits`] outside that range.
    pub fn with_digits(mut self, digits: u8) -> Result<Self, InvalidConfig> {
        if !Self::DIGITS_RANGE.contains(&digits) {
            return Err(InvalidConfig::Digits);
        }
        self.format = CodeFormat::digits(digits).map_err(|_| InvalidConfig::Digits)?;
        Ok(self)
    }

    /// Sets the lifetime of a code: 60 to 600 s, default 300 s.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig::Lifetime`] outside that range.
    pub fn with_lifetime(mut self, lifetime: Duration) -> Result<Self, InvalidConfig> {
        if !Self::LIFETIME_RANGE.contains(&lifetime) {
            return Err(InvalidConfig::Lifetime);
        }
        self.lifetime = lifetime;
        Ok(self)
    }

    /// Sets how many of the last digits of the phone number the pages show: 2 to 4, default 4.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig::ShownDigits`] outside that range.
    pub fn with_shown_digits(mut self, digits: u8) -> Result<Self, InvalidConfig> {
        if !Self::SHOWN_DIGITS_RANGE.contains(&digits) {
            return Err(InvalidConfig::ShownDigits);
        }
        self.shown_digits = digits;
        Ok(self)
    }

    /// Sets the number that the messages come from, as the help shows it. By default the help has none.
    #[must_use]
    pub fn with_sender_number(mut self, number: impl Into<String>) -> Self {
        self.sender_number = Some(number.into());
        self
    }

    /// Removes the deadline for sending. By default the provider must send a message at least 10 s before the
    /// code expires.
    #[must_use]
    pub fn without_deadline(mut self) -> Self {
        self.deadline_margin = None;
        self
    }

    /// Sets the limits on wrong codes and resends.
    #[must_use]
    pub fn with_policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets the limits on sending.
    #[must_use]
    pub fn with_limits(mut self, limits: SendLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the prefixes of the numbers that messages are sent to. Default 060, 070, 080 and 090.
    #[must_use]
    pub fn with_prefixes(mut self, prefixes: AllowedPrefixes) -> Self {
        self.prefixes = prefixes;
        self
    }

    /// Checks the words of every language against the limit of a sender, as the plugin does when it is built.
    ///
    /// # Errors
    ///
    /// [`InvalidText`] if a message can be too long, or its words cannot be used.
    pub fn check_texts(&self, limit: TextLimit) -> Result<(), InvalidText> {
        self.templates(limit).map(drop)
    }

    /// Returns the message of each language as a sender with this limit gets it, for the operator to read.
    ///
    /// # Errors
    ///
    /// Those of [`check_texts`](Self::check_texts).
    pub fn previews(&self, limit: TextLimit) -> Result<Vec<SmsPreview>, InvalidText> {
        Ok(self.templates(limit)?.previews(limit))
    }

    pub(crate) fn templates(&self, limit: TextLimit) -> Result<Templates, InvalidText> {
        self.texts.templates(self.format, self.lifetime, limit)
    }

    pub(crate) fn pseudonym_key(&self) -> &PseudonymKey {
        &self.pseudonym_key
    }

    pub(crate) fn factor(&self) -> &FactorId {
        &self.factor
    }

    pub(crate) fn purpose(&self) -> Purpose {
        self.purpose
    }

    pub(crate) fn format(&self) -> &CodeFormat {
        &self.format
    }

    pub(crate) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(crate) fn limits(&self) -> &SendLimits {
        &self.limits
    }

    /// Returns the deadline for sending a code that expires at `expires_at`.
    pub(crate) fn deadline(&self, expires_at: SystemTime) -> Option<SystemTime> {
        expires_at.checked_sub(self.deadline_margin?)
    }

    pub(crate) fn shown_digits(&self) -> u8 {
        self.shown_digits
    }

    pub(crate) fn sender_number(&self) -> Option<&str> {
        self.sender_number.as_deref()
    }

    pub(crate) fn prefixes(&self) -> AllowedPrefixes {
        self.prefixes
    }
}
