//! Faults on demand: how the simulator misbehaves, for which requests and how often.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::operation::{Api, Operation};

/// What a faulty answer looks like. Each mode says whether the request still has its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum FaultMode {
    /// No fault: `PUT /faults` with it clears all.
    None,
    /// Never answers; nothing happens.
    Timeout,
    /// Never answers; the request has its effect.
    AcceptThenTimeout,
    /// Answers rightly, but late (`delay_ms`, default 5,000, real time).
    Slow,
    /// Cuts the connection; nothing happens.
    Drop,
    /// Cuts the connection after the request had its effect.
    AcceptThenDrop,
    /// Cuts the connection in the middle of the right answer's body.
    DropMidBody,
    /// 200 with broken JSON; the request has its effect.
    Malformed,
    /// 200 with no body; the request has its effect.
    Empty,
    /// An HTML error page, 503 unless `status` says otherwise; nothing happens.
    Html,
    /// 200 with a JSON string of 1 GiB, streamed; the request has its effect.
    Huge,
    /// 200 with a small gzip body that unpacks to 256 MiB; the request has its effect.
    GzipBomb,
    /// 307 (or `status`) to `location`, default a page of the simulator that counts its visitors;
    /// nothing happens.
    Redirect,
    /// An error whose text quotes the request with its secrets; nothing happens.
    EchoError,
    /// This HTTP status with the error body that fits it; nothing happens.
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
    /// Whether the request has its effect although the answer is faulty.
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

impl TryFrom<String> for FaultMode {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        if let Some((_, mode)) = NAMES.iter().find(|(known, _)| *known == name) {
            return Ok(*mode);
        }
        if let Ok(status @ 200..=599) = name.parse() {
            return Ok(Self::Status(status));
        }
        let known: Vec<_> = NAMES.iter().map(|(known, _)| *known).collect();
        Err(format!("a mode is one of {} or an HTTP status from 200 to 599", known.join(", ")))
    }
}

impl From<FaultMode> for String {
    fn from(mode: FaultMode) -> Self {
        if let FaultMode::Status(status) = mode {
            return status.to_string();
        }
        NAMES.iter().find(|(_, known)| *known == mode).map_or("none", |(name, _)| *name).to_owned()
    }
}

/// A fault and the requests it hits: those that match every filter given.
///
/// ```
/// use karaden_sim::{Fault, FaultMode};
///
/// let fault: Fault = serde_json::from_str(
///     r#"{"mode":"429","count":2,"api":"sms","retry_after":1}"#,
/// )?;
/// assert_eq!(fault.mode, FaultMode::Status(429));
/// assert_eq!(fault.count, Some(2));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What happens.
    pub mode: FaultMode,
    /// For how many requests; `None` is for ever.
    #[serde(default)]
    pub count: Option<u64>,
    /// Only this API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<Api>,
    /// Only this call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// Only requests about this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Only requests that bear this tag or tracking code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Seconds for a `Retry-After` header; without it there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// How late a slow answer is, in milliseconds of real time. Default 5,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// The HTTP status of an HTML page (default 503) or a redirect (default 307).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Where a redirect leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
    /// A fault of this mode for every request, for ever.
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

    /// Only for the next `count` requests.
    #[must_use]
    pub const fn times(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    pub(crate) fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms.unwrap_or(5_000))
    }

    fn hits(&self, call: &Target<'_>) -> bool {
        self.count != Some(0)
            && self.api.is_none_or(|api| api == call.operation.api())
            && self.operation.is_none_or(|operation| operation == call.operation)
            && self.to.as_deref().is_none_or(|to| call.to == Some(to))
            && self.tag.as_deref().is_none_or(|tag| call.tags.contains(&tag))
    }
}

/// What a request is about, as far as a fault can ask.
pub(crate) struct Target<'a> {
    pub(crate) operation: Operation,
    pub(crate) to: Option<&'a str>,
    pub(crate) tags: Vec<&'a str>,
}

/// The faults in force, first match first.
#[derive(Default, Serialize)]
pub(crate) struct Faults {
    #[serde(rename = "faults")]
    in_force: Vec<Fault>,
    /// How many requests were hit so far.
    hits: u64,
    /// How many followed a redirect to the simulator's own page.
    redirects_followed: u64,
}

impl Faults {
    /// Replaces all faults; used-up ones and those of mode `none` are left out.
    pub(crate) fn replace(&mut self, faults: Vec<Fault>) {
        self.in_force = faults;
        self.tidy();
    }

    pub(crate) fn add(&mut self, fault: Fault) {
        self.in_force.push(fault);
        self.tidy();
    }

    pub(crate) fn len(&self) -> usize {
        self.in_force.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.in_force.is_empty()
    }

    /// The fault for a request, counted down.
    pub(crate) fn take(&mut self, call: &Target<'_>) -> Option<Fault> {
        let fault = self.in_force.iter_mut().find(|fault| fault.hits(call))?;
        if let Some(count) = &mut fault.count {
            *count -= 1;
        }
        let taken = fault.clone();
        self.hits += 1;
        self.tidy();
        Some(taken)
    }

    pub(crate) fn count_redirect(&mut self) {
        self.redirects_followed += 1;
    }

    fn tidy(&mut self) {
        self.in_force.retain(|fault| fault.mode != FaultMode::None && fault.count != Some(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target<'a>(operation: Operation, to: &'a str, tag: &'a str) -> Target<'a> {
        Target { operation, to: Some(to), tags: vec![tag] }
    }

    fn faults(json: &str) -> Faults {
        let mut faults = Faults::default();
        faults.replace(serde_json::from_str(json).unwrap());
        faults
    }

    #[test]
    fn every_mode_has_a_name_that_reads_back() {
        for (name, mode) in NAMES {
            assert_eq!(FaultMode::try_from(name.to_owned()), Ok(mode));
            assert_eq!(String::from(mode), name);
        }
        assert_eq!(FaultMode::try_from("503".to_owned()), Ok(FaultMode::Status(503)));
        for name in ["", "199", "600", "slowly", "-1"] {
            assert!(FaultMode::try_from(name.to_owned()).is_err(), "{name}");
        }
    }

    #[test]
    fn a_fault_is_used_up() {
        let mut faults = faults(r#"[{"mode":"500","count":2}]"#);
        let call = target(Operation::Send, "09012345678", "a");
        assert!(faults.take(&call).is_some() && faults.take(&call).is_some());
        assert!(faults.take(&call).is_none() && faults.is_empty());
    }

    #[test]
    fn each_filter_narrows() {
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
