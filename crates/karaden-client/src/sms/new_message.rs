//! A message to be sent, checked while it is built.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use url::form_urlencoded::Serializer;

#[cfg(feature = "bulk-csv")]
use super::bulk_column::BulkColumn;
use crate::{
    invalid::{Found, Invalid, Rule},
    random,
    recipient::Recipient,
    text::{self, Plane, TextRule},
    text_type::text_type,
    time,
};

/// The longest text of the SMS API, in UTF-16 units.
const MAX_UNITS: usize = 660;
/// How long in advance a message may be reserved.
const MAX_AHEAD: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The id of a service setting: a positive number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ServiceId(u32);

impl ServiceId {
    /// Checks the id of a service setting.
    ///
    /// # Errors
    ///
    /// [`Rule::Positive`] on field `service_id` for zero.
    pub fn new(id: u32) -> Result<Self, Invalid> {
        if id == 0 {
            return Err(Invalid::new("service_id", Rule::Positive, Found::NotPositive));
        }
        Ok(Self(id))
    }

    /// Returns the number.
    pub fn as_u32(self) -> u32 {
        self.0
    }
}

/// A tag that no other message has: how to be idempotent without an idempotency key.
///
/// Karaden has no idempotency key. After an unknown outcome, a look-up by the tag tells whether Karaden
/// has the message. That proves something only if no other message ever had the same tag. So
/// [`NewMessage::new`] draws a random one. Give your own only if your program already has a unique id
/// of the message, such as the id of a job: then the message can be found without storing the tag.
///
/// A tag is not secret, but Karaden stores it: it must not identify the user.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tag(String);

impl Tag {
    /// Checks your own tag: 1 to 64 of `A-Z a-z 0-9 - _ . :`. It must be unique.
    ///
    /// # Errors
    ///
    /// [`Rule::NotEmpty`], [`Rule::AtMost`] or [`Rule::SafeCharacters`] on field `tags`.
    pub fn new(tag: &str) -> Result<Self, Invalid> {
        check_tag(tag, |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':'))?;
        Ok(Self(tag.to_owned()))
    }

    /// Draws a tag of 128 random bits from the system's generator.
    ///
    /// # Panics
    ///
    /// If the system has no randomness.
    pub fn random() -> Self {
        Self(format!("kc-{:032x}", u128::from_be_bytes(random::bytes())))
    }

    /// Returns the tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

text_type!(Tag);

fn check_tag(tag: &str, allowed: impl Fn(char) -> bool) -> Result<(), Invalid> {
    let refuse = |rule, found| Err(Invalid::new("tags", rule, found));
    match tag.chars().count() {
        0 => refuse(Rule::NotEmpty, Found::Empty),
        length if length > 64 => refuse(Rule::AtMost(64), Found::Units(length)),
        _ if !tag.chars().all(allowed) => refuse(Rule::SafeCharacters, Found::ForeignCharacter),
        _ => Ok(()),
    }
}

/// A message to be sent through the SMS API.
///
/// It is not `Clone`: sending consumes it, and it comes back only if it was not sent.
/// `Debug` hides number and text.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use karaden_client::{Recipient, sms};
///
/// let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
/// let message = sms::NewMessage::new(Recipient::new("090-1234-5678")?, "認証コード 123456")?
///     .with_limited_at(now + Duration::from_secs(290), now)?;
/// assert!(!format!("{message:?}").contains("123456"));
/// # Ok::<(), karaden_client::Invalid>(())
/// ```
pub struct NewMessage {
    service_id: Option<ServiceId>,
    to: Recipient,
    body: String,
    tag: Tag,
    labels: Vec<String>,
    is_shorten: Option<bool>,
    scheduled_at: Option<SystemTime>,
    limited_at: Option<SystemTime>,
}

impl NewMessage {
    /// Creates a message to `to` with a [random](Tag::random) tag. CR LF becomes LF.
    ///
    /// # Errors
    ///
    /// On field `body`: [`Rule::NotEmpty`], [`Rule::AtMost`] 660 UTF-16 units,
    /// [`Rule::NoControl`], [`Rule::BasicPlane`].
    ///
    /// # Panics
    ///
    /// If the system has no randomness.
    pub fn new(to: Recipient, body: impl Into<String>) -> Result<Self, Invalid> {
        Self::checked(to, body.into(), Plane::Basic)
    }

    /// Creates a message whose text may have characters beyond the Basic Multilingual Plane, such as
    /// emoji. Each counts as two units. Handsets may show them wrongly.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new), without [`Rule::BasicPlane`].
    ///
    /// # Panics
    ///
    /// As for [`new`](Self::new).
    pub fn with_any_characters(to: Recipient, body: impl Into<String>) -> Result<Self, Invalid> {
        Self::checked(to, body.into(), Plane::Any)
    }

    fn checked(to: Recipient, body: String, plane: Plane) -> Result<Self, Invalid> {
        let body = text::with_plain_line_breaks(body);
        let rule = TextRule { field: "body", max_units: MAX_UNITS, line_break_units: 1, plane };
        text::check(&body, rule)?;
        Ok(Self {
            service_id: None,
            to,
            body,
            tag: Tag::random(),
            labels: Vec::new(),
            is_shorten: None,
            scheduled_at: None,
            limited_at: None,
        })
    }

    /// Replaces the random tag by your own. No other message may have it.
    #[must_use]
    pub fn with_tag(mut self, tag: Tag) -> Self {
        self.tag = tag;
        self
    }

    /// Uses this service setting instead of the client's.
    #[must_use]
    pub fn with_service_id(mut self, service_id: ServiceId) -> Self {
        self.service_id = Some(service_id);
        self
    }

    /// Adds a tag that many messages may share, such as a campaign: at most 64 characters.
    ///
    /// # Errors
    ///
    /// [`Rule::NotEmpty`], [`Rule::AtMost`] or [`Rule::SafeCharacters`] (no control characters) on
    /// field `tags`.
    pub fn with_label(mut self, label: &str) -> Result<Self, Invalid> {
        check_tag(label, |c| !c.is_control())?;
        self.labels.push(label.to_owned());
        Ok(self)
    }

    /// Replaces the URLs in the text by short ones. Without this call the service setting decides.
    #[must_use]
    pub fn with_short_urls(mut self) -> Self {
        self.is_shorten = Some(true);
        self
    }

    /// Leaves the URLs in the text as they are. Without this call the service setting decides.
    #[must_use]
    pub fn without_short_urls(mut self) -> Self {
        self.is_shorten = Some(false);
        self
    }

    /// Reserves the message for `at`: after `now` and at most 30 days later. The fraction of a second is
    /// dropped before the comparison.
    ///
    /// # Errors
    ///
    /// [`Rule::InFuture`] or [`Rule::Within30Days`] on field `scheduled_at`;
    /// [`Rule::AfterScheduledAt`] on field `limited_at` if that is not later.
    pub fn with_scheduled_at(mut self, at: SystemTime, now: SystemTime) -> Result<Self, Invalid> {
        let refuse = |rule, found| Err(Invalid::new("scheduled_at", rule, found));
        let at = time::whole_seconds(at);
        if at <= now {
            return refuse(Rule::InFuture, Found::Past);
        }
        if at > now + MAX_AHEAD {
            return refuse(Rule::Within30Days, Found::TooFarAhead);
        }
        self.scheduled_at = Some(at);
        self.check_order()?;
        Ok(self)
    }

    /// Sets the last instant for sending: after `now` and after `scheduled_at`.
    ///
    /// For a one-time code, use the code's expiry. The fraction of a second is dropped before the
    /// comparison.
    ///
    /// # Errors
    ///
    /// [`Rule::InFuture`] or [`Rule::AfterScheduledAt`] on field `limited_at`.
    pub fn with_limited_at(mut self, at: SystemTime, now: SystemTime) -> Result<Self, Invalid> {
        let at = time::whole_seconds(at);
        if at <= now {
            return Err(Invalid::new("limited_at", Rule::InFuture, Found::Past));
        }
        self.limited_at = Some(at);
        self.check_order()?;
        Ok(self)
    }

    fn check_order(&self) -> Result<(), Invalid> {
        match (self.scheduled_at, self.limited_at) {
            (Some(scheduled), Some(limited)) if limited <= scheduled => {
                Err(Invalid::new("limited_at", Rule::AfterScheduledAt, Found::TooEarly))
            }
            _ => Ok(()),
        }
    }

    /// Removes the last instant for sending, for a service setting that refuses `limited_at` (a
    /// [`Validation`](crate::RefusalReason::Validation) that names it).
    #[must_use]
    pub fn without_limited_at(mut self) -> Self {
        self.limited_at = None;
        self
    }

    /// Returns the recipient's number.
    pub fn to(&self) -> &Recipient {
        &self.to
    }

    /// Returns the length of the text in UTF-16 units, at most 660.
    pub fn body_units(&self) -> usize {
        text::units(&self.body, 1)
    }

    /// Returns the unique tag.
    pub fn tag(&self) -> &Tag {
        &self.tag
    }

    #[cfg(feature = "bulk-csv")]
    pub(super) fn is_scheduled(&self) -> bool {
        self.scheduled_at.is_some()
    }

    /// Returns the value for a column of a bulk file. Empty if it is not set.
    #[cfg(feature = "bulk-csv")]
    pub(super) fn cell(&self, column: BulkColumn, service_id: ServiceId) -> String {
        match column {
            BulkColumn::ServiceId => self.service_id.unwrap_or(service_id).as_u32().to_string(),
            BulkColumn::To => self.to.expose_digits().to_owned(),
            BulkColumn::Body => self.body.clone(),
            BulkColumn::Tags => self.tag.as_str().to_owned(),
            BulkColumn::IsShorten => {
                self.is_shorten.map_or_else(String::new, |flag| flag.to_string())
            }
            BulkColumn::LimitedAt => self.limited_at.and_then(time::iso).unwrap_or_default(),
        }
    }

    /// Makes the form of a send. Unset values are left out.
    pub(super) fn to_form(&self, service_id: ServiceId) -> String {
        // Enough room: a `String` that grows leaves a copy of number and text in freed memory.
        let labels: usize = self.labels.iter().map(|label| label.len() * 3 + 10).sum();
        let mut form = Serializer::new(String::with_capacity(400 + labels + self.body.len() * 3));
        let service_id = self.service_id.unwrap_or(service_id).as_u32().to_string();
        form.append_pair("service_id", &service_id);
        form.append_pair("to", self.to.expose_digits());
        form.append_pair("body", &self.body);
        form.append_pair("tags[]", self.tag.as_str());
        for label in &self.labels {
            form.append_pair("tags[]", label);
        }
        if let Some(flag) = self.is_shorten {
            form.append_pair("is_shorten", if flag { "true" } else { "false" });
        }
        if let Some(at) = self.scheduled_at.and_then(time::iso) {
            form.append_pair("scheduled_at", &at);
        }
        if let Some(at) = self.limited_at.and_then(time::iso) {
            form.append_pair("limited_at", &at);
        }
        form.finish()
    }
}

impl fmt::Debug for NewMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewMessage")
            .field("to", &self.to)
            .field("body_units", &self.body_units())
            .field("tag", &self.tag)
            .finish_non_exhaustive()
    }
}
