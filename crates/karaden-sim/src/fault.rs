//! Faults: how the simulator fails, for which requests and how often.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    operation::{Api, Operation},
    shape::{present, present_status, present_word},
};

/// How the response fails. Each mode says whether the request still takes effect.
///
/// ```
/// use karaden_sim::FaultMode;
///
/// assert_eq!("accept_then_drop".parse(), Ok(FaultMode::AcceptThenDrop));
/// assert_eq!("503".parse(), Ok(FaultMode::Status(503)));
/// assert_eq!(FaultMode::Status(503).to_string(), "503");
/// assert!(FaultMode::AcceptThenDrop.accepts() && !FaultMode::Status(503).accepts());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum FaultMode {
    /// No fault: `PUT /faults` with this mode removes all faults.
    None,
    /// No response; the request has no effect.
    Timeout,
    /// No response; the request takes effect.
    AcceptThenTimeout,
    /// The normal response after a delay (`delay_ms`, default 5,000); the request takes effect.
    Slow,
    /// Closes the connection; the request has no effect.
    Drop,
    /// Closes the connection; the request takes effect.
    AcceptThenDrop,
    /// Closes the connection after half of the normal response's body; the request takes effect.
    DropMidBody,
    /// 200 with truncated JSON; the request takes effect.
    Malformed,
    /// 200 with an empty body; the request takes effect.
    Empty,
    /// An HTML error page with `status` (default 503); the request has no effect.
    Html,
    /// 200 with a JSON string of 1 GiB, streamed; the request takes effect.
    Huge,
    /// 200 with 1.7 MB of gzip that unpack to 256 MiB; the request takes effect.
    GzipBomb,
    /// A redirect with `status` (default 307) to `location` (default: an endpoint of the simulator
    /// that counts its requests); the request has no effect.
    Redirect,
    /// An error that quotes the request with its secrets; the request has no effect.
    EchoError,
    /// This HTTP status, 200 to 599, with the API's error body; the request has no effect. Any other
    /// number acts as 500.
    Status(u16),
}

const NAMES: [(&str, FaultMode); 14] = [
    ("none", FaultMode::None),
    ("timeout", FaultMode::Timeout),
    ("accept_then_timeout", FaultMode::AcceptThenTimeout),
    ("slow", FaultMode::Slow),
    ("drop", FaultMode::Drop),
    ("accept_then_drop", FaultMode::AcceptThenDrop),
    ("drop_mid_body", FaultMode::DropMidBody),
    ("malformed", FaultMode::Malformed),
    ("empty", FaultMode::Empty),
    ("html", FaultMode::Html),
    ("huge", FaultMode::Huge),
    ("gzip_bomb", FaultMode::GzipBomb),
    ("redirect", FaultMode::Redirect),
    ("echo_error", FaultMode::EchoError),
];

impl FaultMode {
    /// Whether the request takes effect although its response fails.
    #[must_use]
    pub const fn accepts(self) -> bool {
        matches!(
            self,
            Self::None
                | Self::AcceptThenTimeout
                | Self::Slow
                | Self::AcceptThenDrop
                | Self::DropMidBody
                | Self::Malformed
                | Self::Empty
                | Self::Huge
                | Self::GzipBomb
        )
    }
}

/// A text is not the name of a [`FaultMode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "a mode is one of none, timeout, accept_then_timeout, slow, drop, accept_then_drop, drop_mid_body, \
     malformed, empty, html, huge, gzip_bomb, redirect, echo_error or an HTTP status from 200 to 599"
)]
#[non_exhaustive]
pub struct InvalidFaultMode;

impl FromStr for FaultMode {
    type Err = InvalidFaultMode;

    fn from_str(name: &str) -> Result<Self, InvalidFaultMode> {
        if let Some((_, mode)) = NAMES.iter().find(|(known, _)| *known == name) {
            return Ok(*mode);
        }
        // `parse` alone would take `+500` and `0500` too.
        let has_three_digits = name.len() == 3 && name.bytes().all(|byte| byte.is_ascii_digit());
        match name.parse() {
            Ok(status @ 200..=599) if has_three_digits => Ok(Self::Status(status)),
            _ => Err(InvalidFaultMode),
        }
    }
}

impl fmt::Display for FaultMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Status(status) = self {
            return write!(f, "{status}");
        }
        let name = NAMES.iter().find(|(_, known)| known == self).map_or("none", |(name, _)| name);
        f.write_str(name)
    }
}

impl TryFrom<String> for FaultMode {
    type Error = InvalidFaultMode;

    fn try_from(name: String) -> Result<Self, InvalidFaultMode> {
        name.parse()
    }
}

impl From<FaultMode> for String {
    fn from(mode: FaultMode) -> Self {
        mode.to_string()
    }
}

/// A fault and the requests that it applies to: those that match all of its filters. `PUT /faults`
/// takes it as JSON with the names of these fields.
///
/// ```
/// use std::time::Duration;
///
/// use karaden_sim::{Fault, FaultMode, Operation};
///
/// let fault: Fault = serde_json::from_str(
///     r#"{"mode":"429","count":2,"operation":"send","retry_after":1}"#,
/// )?;
/// let same = Fault::new(FaultMode::Status(429))
///     .times(2)
///     .with_operation(Operation::Send)
///     .with_retry_after(Duration::from_secs(1));
/// assert_eq!(fault, same);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Fault {
    /// How the response fails.
    pub mode: FaultMode,
    /// For how many requests; `None`: until it is removed.
    #[serde(default)]
    pub count: Option<u64>,
    /// Only this API.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present_word")]
    pub api: Option<Api>,
    /// Only this call.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present_word")]
    pub operation: Option<Operation>,
    /// Only requests about this number.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub to: Option<String>,
    /// Only requests with this tag or tracking code.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub tag: Option<String>,
    /// The seconds in the `Retry-After` header; `None`: no such header.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub retry_after: Option<u64>,
    /// The delay of a slow response in milliseconds, by the system clock. Default 5,000.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub delay_ms: Option<u64>,
    /// The HTTP status of an HTML page (default 503) or of a redirect (default 307): 200 to 599.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present_status")]
    pub status: Option<u16>,
    /// The target of a redirect.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub location: Option<String>,
}

/// Shows neither number nor tag.
impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fault")
            .field("mode", &self.mode)
            .field("count", &self.count)
            .field("api", &self.api)
            .field("operation", &self.operation)
            .finish_non_exhaustive()
    }
}

impl Fault {
    /// Makes a fault that applies to every request until it is removed.
    #[must_use]
    pub const fn new(mode: FaultMode) -> Self {
        Self {
            mode,
            count: None,
            api: None,
            operation: None,
            to: None,
            tag: None,
            retry_after: None,
            delay_ms: None,
            status: None,
            location: None,
        }
    }

    /// Limits the fault to the next `count` requests.
    #[must_use]
    pub const fn times(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    /// Limits the fault to one API.
    #[must_use]
    pub const fn with_api(mut self, api: Api) -> Self {
        self.api = Some(api);
        self
    }

    /// Limits the fault to one call.
    #[must_use]
    pub const fn with_operation(mut self, operation: Operation) -> Self {
        self.operation = Some(operation);
        self
    }

    /// Limits the fault to requests about this number, as eleven digits.
    #[must_use]
    pub fn with_to(mut self, to: impl Into<String>) -> Self {
        self.to = Some(to.into());
        self
    }

    /// Limits the fault to requests with this tag or tracking code.
    #[must_use]
    pub fn with_tag(mut self, tag: impl Into<String>) -> Self {
        self.tag = Some(tag.into());
        self
    }

    /// Adds a `Retry-After` header of whole seconds; a fraction is cut off.
    #[must_use]
    pub const fn with_retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after.as_secs());
        self
    }

    /// Sets the delay of a slow response, in whole milliseconds by the system clock.
    #[must_use]
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.delay_ms = Some(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// Sets the HTTP status of an HTML page or of a redirect.
    #[must_use]
    pub const fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Sets the target of a redirect.
    #[must_use]
    pub fn with_location(mut self, location: impl Into<String>) -> Self {
        self.location = Some(location.into());
        self
    }

    pub(crate) fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms.unwrap_or(5_000))
    }

    fn matches(&self, call: &RequestSummary<'_>) -> bool {
        self.count != Some(0)
            && self.api.is_none_or(|api| api == call.operation.api())
            && self.operation.is_none_or(|operation| operation == call.operation)
            && self.to.as_deref().is_none_or(|to| call.to == Some(to))
            && self.tag.as_deref().is_none_or(|tag| call.tags.contains(&tag))
    }
}

/// The parts of a request that the filters of a fault look at.
pub(crate) struct RequestSummary<'a> {
    pub(crate) operation: Operation,
    pub(crate) to: Option<&'a str>,
    pub(crate) tags: Vec<&'a str>,
}

/// The active faults. The first that matches a request applies.
#[derive(Default, Serialize)]
pub(crate) struct Faults {
    #[serde(rename = "faults")]
    active: Vec<Fault>,
    /// How many requests got a fault.
    hits: u64,
    /// How many requests followed a redirect to the simulator's own endpoint.
    redirects_followed: u64,
}

impl Faults {
    /// Replaces all faults, without those of mode `none` or count 0.
    pub(crate) fn replace(&mut self, faults: Vec<Fault>) {
        self.active = faults;
        self.remove_inactive();
    }

    pub(crate) fn add(&mut self, fault: Fault) {
        self.active.push(fault);
        self.remove_inactive();
    }

    pub(crate) fn len(&self) -> usize {
        self.active.len()
    }

    pub(crate) fn hits(&self) -> u64 {
        self.hits
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    /// Returns the fault for a request and counts it.
    pub(crate) fn take(&mut self, call: &RequestSummary<'_>) -> Option<Fault> {
        let fault = self.active.iter_mut().find(|fault| fault.matches(call))?;
        if let Some(count) = &mut fault.count {
            *count -= 1;
        }
        let taken = fault.clone();
        self.hits += 1;
        self.remove_inactive();
        Some(taken)
    }

    pub(crate) fn count_redirect(&mut self) {
        self.redirects_followed += 1;
    }

    fn remove_inactive(&mut self) {
        self.active.retain(|fault| fault.mode != FaultMode::None && fault.count != Some(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target<'a>(operation: Operation, to: &'a str, tag: &'a str) -> RequestSummary<'a> {
        RequestSummary { operation, to: Some(to), tags: vec![tag] }
    }

    fn faults(json: &str) -> Faults {
        let mut faults = Faults::default();
        faults.replace(serde_json::from_str(json).unwrap());
        faults
    }

    #[test]
    fn every_mode_round_trips_through_its_name() {
        for (name, mode) in NAMES {
            assert_eq!(name.parse(), Ok(mode));
            assert_eq!(mode.to_string(), name);
            assert!(InvalidFaultMode.to_string().contains(name), "{name}");
        }
        assert_eq!("503".parse(), Ok(FaultMode::Status(503)));
        for name in ["", "199", "600", "slowly", "-1", "+500", "0500"] {
            assert_eq!(name.parse::<FaultMode>(), Err(InvalidFaultMode), "{name}");
        }
    }

    #[test]
    fn a_fault_ends_after_its_count() {
        let mut faults = faults(r#"[{"mode":"500","count":2}]"#);
        let call = target(Operation::Send, "09012345678", "a");
        assert!(faults.take(&call).is_some() && faults.take(&call).is_some());
        assert!(faults.take(&call).is_none() && faults.is_empty());
    }

    #[test]
    fn each_filter_limits_the_fault() {
        for (filter, hit, miss) in [
            (
                r#""api":"push""#,
                target(Operation::Queue, "0", ""),
                target(Operation::Send, "0", ""),
            ),
            (
                r#""operation":"send""#,
                target(Operation::Send, "0", ""),
                target(Operation::List, "0", ""),
            ),
            (
                r#""to":"09012345678""#,
                target(Operation::Send, "09012345678", ""),
                target(Operation::Send, "09012345679", ""),
            ),
            (r#""tag":"a""#, target(Operation::Send, "0", "a"), target(Operation::Send, "0", "b")),
        ] {
            let mut faults = faults(&format!(r#"[{{"mode":"500",{filter}}}]"#));
            assert!(faults.take(&miss).is_none(), "{filter}");
            assert!(faults.take(&hit).is_some(), "{filter}");
        }
    }
}
