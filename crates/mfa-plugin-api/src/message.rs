//! Texts as keys with arguments, for the host to translate.

use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

/// A translatable text: a key of the host's catalogue and the arguments that the translation uses.
///
/// ```
/// use mfa_plugin_api::{Arg, Message};
///
/// let sent = Message::new("otp-sent").with("to", "***-****-5678").with("digits", 6_u64);
/// assert_eq!(sent.key(), "otp-sent");
/// assert_eq!(sent.args().next(), Some(("to", &Arg::Text("***-****-5678".into()))));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Message {
    key: Cow<'static, str>,
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
    args: Vec<(Cow<'static, str>, Arg)>,
}

impl Message {
    /// Returns the text of `key` without arguments.
    pub fn new(key: impl Into<Cow<'static, str>>) -> Self {
        Self { key: key.into(), args: Vec::new() }
    }

    /// Adds an argument. The host finds it by its name.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Arg>) -> Self {
        self.args.push((name.into(), value.into()));
        self
    }

    /// Returns the key in the host's catalogue.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns name and value of each argument, in the order in which they were added.
    pub fn args(&self) -> impl Iterator<Item = (&str, &Arg)> {
        self.args.iter().map(|(name, value)| (name.as_ref(), value))
    }
}

/// The value of an argument. The host formats it for the reader's language and time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Arg {
    /// A count of things.
    Count(u64),
    /// A length of time, shown in seconds or minutes.
    #[cfg_attr(feature = "serde", serde(rename = "duration_ms", with = "crate::wire::duration"))]
    Duration(Duration),
    /// A point in time, shown as a clock time.
    #[cfg_attr(feature = "serde", serde(rename = "instant_ms", with = "crate::wire::instant"))]
    Instant(SystemTime),
    /// Text that is the same in every language.
    Text(String),
}

impl From<u64> for Arg {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<Duration> for Arg {
    fn from(duration: Duration) -> Self {
        Self::Duration(duration)
    }
}

impl From<SystemTime> for Arg {
    fn from(instant: SystemTime) -> Self {
        Self::Instant(instant)
    }
}

impl From<String> for Arg {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Arg {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
