//! A message to be sent, checked while it is built.

use std::{fmt, str::FromStr, time::SystemTime};

use crate::{
    invalid::{Found, Invalid, Rule},
    random,
    recipient::Recipient,
    text::{self, PartRule, Plane, TextRule},
    time,
};

/// The longest single text, and the longest part of a long one.
pub(super) const PART_UNITS: usize = 70;
/// The most parts of a long text.
pub(super) const MAX_PARTS: usize = 10;
/// How many UTF-16 units of a text a line break counts as: 3.
///
/// What the service counts is **not published**. Public code of its customers has the limit of 70 for a part, and
/// the strictest of it counts 3 for a line break. A text that fits here fits by every count that is known.
pub const LINE_BREAK_UNITS: usize = 3;

/// The caller's code of a message: how to be idempotent without an idempotency key.
///
/// 空電プッシュ has no idempotency key. After an unknown outcome, a look-up by the code tells whether
/// the service has the message. So [`NewMessage::new`] draws a random one.
///
/// A code is not secret, but Karaden stores it: it must not identify the user.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(into = "StoredCode", try_from = "StoredCode"))]
pub struct TrackingCode {
    code: String,
    is_unique: bool,
}

impl TrackingCode {
    /// Checks a code that no other message of the same days has: 1 to 32 ASCII letters or digits.
    ///
    /// Eight digits are the only form in public integrations. A contract may refuse others with
    /// [`InvalidTrackingCode`]. The message can then be sent
    /// [without a code](NewMessage::without_tracking_code).
    ///
    /// [`InvalidTrackingCode`]: crate::RefusalReason::InvalidTrackingCode
    ///
    /// # Errors
    ///
    /// [`Rule::NotEmpty`], [`Rule::AtMost`] or [`Rule::SafeCharacters`] on field `TrackingCode`.
    pub fn new(code: &str) -> Result<Self, Invalid> {
        Ok(Self { code: checked(code)?, is_unique: true })
    }

    /// Checks a code that many messages share, such as a campaign or a day. It cannot resolve an
    /// unknown outcome.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    pub fn shared(code: &str) -> Result<Self, Invalid> {
        Ok(Self { code: checked(code)?, is_unique: false })
    }

    /// Draws a code of eight digits from the system's generator. It counts as unique.
    ///
    /// Eight digits are the only form in public integrations. With 10,000 messages in the two days of a
    /// look-up, one look-up in 10,000 finds the code of another message. If your contract accepts
    /// longer codes, make one and pass it to [`new`](Self::new).
    ///
    /// # Panics
    ///
    /// If the system has no randomness.
    pub fn random() -> Self {
        let number = u64::from_be_bytes(random::bytes()) % 100_000_000;
        Self { code: format!("{number:08}"), is_unique: true }
    }

    /// Returns the code as text.
    pub fn as_str(&self) -> &str {
        &self.code
    }

    /// Returns whether the code is unique.
    pub fn is_unique(&self) -> bool {
        self.is_unique
    }
}

impl AsRef<str> for TrackingCode {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for TrackingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TrackingCode {
    type Err = Invalid;

    /// Checks a unique code, as [`new`](Self::new) does.
    fn from_str(code: &str) -> Result<Self, Invalid> {
        Self::new(code)
    }
}

/// A [`TrackingCode`] as it is stored. Not a plain text: a shared code must not come back as a unique one.
#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
struct StoredCode {
    code: String,
    is_unique: bool,
}

#[cfg(feature = "serde")]
impl From<TrackingCode> for StoredCode {
    fn from(TrackingCode { code, is_unique }: TrackingCode) -> Self {
        Self { code, is_unique }
    }
}

#[cfg(feature = "serde")]
impl TryFrom<StoredCode> for TrackingCode {
    type Error = Invalid;

    fn try_from(StoredCode { code, is_unique }: StoredCode) -> Result<Self, Invalid> {
        if is_unique { Self::new(&code) } else { Self::shared(&code) }
    }
}

fn checked(code: &str) -> Result<String, Invalid> {
    let refuse = |rule, found| Err(Invalid::new("TrackingCode", rule, found));
    match code.len() {
        0 => refuse(Rule::NotEmpty, Found::Empty),
        length if length > 32 => refuse(Rule::AtMost(32), Found::Units(length)),
        _ if !code.bytes().all(|b| b.is_ascii_alphanumeric()) => {
            refuse(Rule::SafeCharacters, Found::ForeignCharacter)
        }
        _ => Ok(code.to_owned()),
    }
}

/// The parameters that carry the text of a single message, one for each carrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CarrierField {
    /// `DocomoMessage`, for NTT docomo.
    Docomo,
    /// `SoftbankMessage`, for SoftBank.
    Softbank,
    /// `AuMessage`, for au.
    Au,
    /// `OptionMessage`, for the optional carrier of the contract.
    Option,
    /// `RakutenMessage`, for Rakuten Mobile. No public integration sends it; it is inferred from a
    /// field of the responses.
    Rakuten,
}

impl CarrierField {
    /// All parameters, in the order of the form.
    const ALL: [Self; 5] = [Self::Docomo, Self::Softbank, Self::Au, Self::Option, Self::Rakuten];
    /// Those of a public integration: the default of
    /// [`ClientBuilder::with_carrier_fields`](super::ClientBuilder::with_carrier_fields).
    pub const USUAL: [Self; 4] = [Self::Docomo, Self::Softbank, Self::Au, Self::Option];

    /// Returns the parameter's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Docomo => "DocomoMessage",
            Self::Softbank => "SoftbankMessage",
            Self::Au => "AuMessage",
            Self::Option => "OptionMessage",
            Self::Rakuten => "RakutenMessage",
        }
    }
}

/// The text for each carrier.
///
/// [`ClientBuilder::with_carrier_fields`](super::ClientBuilder::with_carrier_fields) decides which of
/// them are sent.
///
/// ```
/// use karaden_client::push::CarrierTexts;
///
/// let texts = CarrierTexts::same("認証コード 123456").with_au("認証 123456").with_rakuten_field();
/// # let _ = texts;
/// ```
#[derive(Clone)]
pub struct CarrierTexts {
    docomo: String,
    softbank: String,
    au: String,
    option: String,
    rakuten: Option<String>,
}

impl CarrierTexts {
    /// Sets one text for docomo, SoftBank, au and the optional carrier.
    pub fn same(text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            docomo: text.clone(),
            softbank: text.clone(),
            au: text.clone(),
            option: text,
            rakuten: None,
        }
    }

    /// Sets the text for docomo.
    #[must_use]
    pub fn with_docomo(mut self, text: impl Into<String>) -> Self {
        self.docomo = text.into();
        self
    }

    /// Sets the text for SoftBank.
    #[must_use]
    pub fn with_softbank(mut self, text: impl Into<String>) -> Self {
        self.softbank = text.into();
        self
    }

    /// Sets the text for au.
    #[must_use]
    pub fn with_au(mut self, text: impl Into<String>) -> Self {
        self.au = text.into();
        self
    }

    /// Sets the text for the optional carrier.
    #[must_use]
    pub fn with_option(mut self, text: impl Into<String>) -> Self {
        self.option = text.into();
        self
    }

    /// Sets the text for Rakuten Mobile, sent in the field `RakutenMessage`.
    ///
    /// That field is inferred, so it is left out by default. Add it here, or for all messages with
    /// [`ClientBuilder::with_carrier_fields`](super::ClientBuilder::with_carrier_fields).
    #[must_use]
    pub fn with_rakuten(mut self, text: impl Into<String>) -> Self {
        self.rakuten = Some(text.into());
        self
    }

    /// Sends the docomo text in the field `RakutenMessage` too.
    ///
    /// Try this if a valid text is refused as [`InvalidText`](crate::RefusalReason::InvalidText).
    #[must_use]
    pub fn with_rakuten_field(self) -> Self {
        let text = self.docomo.clone();
        self.with_rakuten(text)
    }

    /// Returns the text for a field, if it is set.
    fn given(&self, field: CarrierField) -> Option<&str> {
        match field {
            CarrierField::Docomo => Some(&self.docomo),
            CarrierField::Softbank => Some(&self.softbank),
            CarrierField::Au => Some(&self.au),
            CarrierField::Option => Some(&self.option),
            CarrierField::Rakuten => self.rakuten.as_deref(),
        }
    }

    /// Returns all texts that are set.
    fn all(&self) -> impl Iterator<Item = (&'static str, &str)> {
        CarrierField::ALL.into_iter().filter_map(|field| Some((field.as_str(), self.given(field)?)))
    }

    /// Returns the texts for these fields, and Rakuten's if it is set.
    fn sent_in(&self, fields: &[CarrierField]) -> impl Iterator<Item = (&'static str, &str)> {
        CarrierField::ALL.into_iter().filter_map(|field| {
            let text = match (field, fields.contains(&field)) {
                (CarrierField::Rakuten, false) => self.rakuten.as_deref(),
                (_, false) => None,
                (_, true) => self.given(field).or(Some(&self.docomo)),
            };
            Some((field.as_str(), text?))
        })
    }

    fn map(self, change: impl Fn(String) -> String) -> Self {
        Self {
            docomo: change(self.docomo),
            softbank: change(self.softbank),
            au: change(self.au),
            option: change(self.option),
            rakuten: self.rakuten.map(change),
        }
    }
}

impl fmt::Debug for CarrierTexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CarrierTexts").finish_non_exhaustive()
    }
}

/// A message to be sent through 空電プッシュ.
///
/// It is not `Clone`: sending consumes it, and it comes back only if it was not sent.
/// `Debug` hides number and text.
pub struct NewMessage {
    to: Recipient,
    text: Text,
    tracking_code: Option<TrackingCode>,
    short_urls: Option<bool>,
    permit_date: Option<String>,
}

enum Text {
    Single(CarrierTexts),
    Parts(Vec<String>),
}

impl NewMessage {
    /// Creates a message with one text for every carrier, and a [random](TrackingCode::random) tracking
    /// code. At most 70 UTF-16 units, where a line break counts as [`LINE_BREAK_UNITS`].
    ///
    /// # Errors
    ///
    /// On field `DocomoMessage`, the first one with the text: [`Rule::NotEmpty`],
    /// [`Rule::AtMost`], [`Rule::NoControl`], [`Rule::BasicPlane`].
    ///
    /// # Panics
    ///
    /// If the system has no randomness, as all constructors of a message.
    pub fn new(to: Recipient, text: impl Into<String>) -> Result<Self, Invalid> {
        Self::per_carrier(to, CarrierTexts::same(text))
    }

    /// Creates a message with a text for each carrier, each of at most 70 units.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new); the field is the carrier's, such as `AuMessage`.
    pub fn per_carrier(to: Recipient, texts: CarrierTexts) -> Result<Self, Invalid> {
        Self::per_carrier_up_to(to, texts, PART_UNITS)
    }

    /// Like [`per_carrier`](Self::per_carrier), with `max_units` UTF-16 units per text, for contracts
    /// that allow longer single texts.
    ///
    /// # Errors
    ///
    /// As for [`per_carrier`](Self::per_carrier).
    pub fn per_carrier_up_to(
        to: Recipient,
        texts: CarrierTexts,
        max_units: usize,
    ) -> Result<Self, Invalid> {
        let texts = texts.map(text::with_plain_line_breaks);
        for (field, text) in texts.all() {
            let line_break_units = LINE_BREAK_UNITS;
            let rule = TextRule { field, max_units, line_break_units, plane: Plane::Basic };
            text::check(text, rule)?;
        }
        Ok(Self::with_text(to, Text::Single(texts)))
    }

    /// Creates a message with a long text, split into up to ten parts of 70 units (長文分割送信).
    ///
    /// There are never more parts than if each of them were as long as possible, because each is billed. Within
    /// that number, a part ends after a line break, a sentence, a comma or a space, if there is one near its
    /// limit. Otherwise it ends as late as possible, but not between a character and its combining marks. The
    /// parts joined are the text. So 700 units always fit, unless a line break ([`LINE_BREAK_UNITS`]) is at the end
    /// of a part.
    ///
    /// # Errors
    ///
    /// On field `message`: [`Rule::NotEmpty`], [`Rule::NoControl`], [`Rule::BasicPlane`],
    /// [`Rule::AtMostParts`].
    pub fn long(to: Recipient, text: impl Into<String>) -> Result<Self, Invalid> {
        let text = text::with_plain_line_breaks(text.into());
        let rule = TextRule {
            field: "message",
            max_units: usize::MAX,
            line_break_units: LINE_BREAK_UNITS,
            plane: Plane::Basic,
        };
        text::check(&text, rule)?;
        let rule = PartRule {
            max_parts: MAX_PARTS,
            max_units: PART_UNITS,
            line_break_units: LINE_BREAK_UNITS,
        };
        let refuse = || Invalid::new("message", Rule::AtMostParts(MAX_PARTS), Found::MoreParts);
        let parts = text::split(&text, rule).ok_or_else(refuse)?;
        Ok(Self::with_text(to, Text::Parts(parts)))
    }

    fn with_text(to: Recipient, text: Text) -> Self {
        let tracking_code = Some(TrackingCode::random());
        Self { to, text, tracking_code, short_urls: None, permit_date: None }
    }

    /// Replaces the random tracking code by your own.
    ///
    /// A service may ignore the code of a single message, see
    /// [`ClientBuilder::with_tracked_single_messages`](super::ClientBuilder::with_tracked_single_messages).
    #[must_use]
    pub fn with_tracking_code(mut self, code: TrackingCode) -> Self {
        self.tracking_code = Some(code);
        self
    }

    /// Removes the tracking code, for a contract that refuses it as
    /// [`InvalidTrackingCode`](crate::RefusalReason::InvalidTrackingCode).
    ///
    /// If the outcome is then unknown, it stays unknown: nothing can be looked up.
    #[must_use]
    pub fn without_tracking_code(mut self) -> Self {
        self.tracking_code = None;
        self
    }

    /// Replaces the URLs in the text by short ones. Not for one-time codes.
    ///
    /// # Errors
    ///
    /// [`Rule::SingleTextOnly`] on field `ShorturlFlg` for a [long](Self::long) text, whose
    /// operation has no such parameter.
    pub fn with_short_urls(mut self) -> Result<Self, Invalid> {
        self.check_is_single("ShorturlFlg")?;
        self.short_urls = Some(true);
        Ok(self)
    }

    /// Leaves the URLs in the text as they are.
    ///
    /// # Errors
    ///
    /// As for [`with_short_urls`](Self::with_short_urls).
    pub fn without_short_urls(mut self) -> Result<Self, Invalid> {
        self.check_is_single("ShorturlFlg")?;
        self.short_urls = Some(false);
        Ok(self)
    }

    /// Requests a check of the number's history: the message is not sent if the number was reassigned
    /// since `consented_at`, the instant of its owner's consent. The day is that of Japan.
    ///
    /// The refusal comes later, as
    /// [`MessageStatus::ChangedHands`](super::MessageStatus::ChangedHands).
    ///
    /// # Errors
    ///
    /// On field `PermitDate`: [`Rule::NotInFuture`] if `consented_at` is after `now`,
    /// [`Rule::SingleTextOnly`] for a [long](Self::long) text, whose operation has no such
    /// parameter.
    pub fn with_permit_date(
        mut self,
        consented_at: SystemTime,
        now: SystemTime,
    ) -> Result<Self, Invalid> {
        self.check_is_single("PermitDate")?;
        let day = time::day(consented_at).filter(|_| consented_at <= now);
        let refuse = || Invalid::new("PermitDate", Rule::NotInFuture, Found::Future);
        self.permit_date = Some(day.ok_or_else(refuse)?);
        Ok(self)
    }

    fn check_is_single(&self, field: &'static str) -> Result<(), Invalid> {
        match self.text {
            Text::Single(_) => Ok(()),
            Text::Parts(_) => Err(Invalid::new(field, Rule::SingleTextOnly, Found::LongText)),
        }
    }

    /// Returns the recipient's number.
    pub fn to(&self) -> &Recipient {
        &self.to
    }

    /// Returns the tracking code.
    pub fn tracking_code(&self) -> Option<&TrackingCode> {
        self.tracking_code.as_ref()
    }

    /// Returns the number of parts.
    pub fn parts(&self) -> usize {
        match &self.text {
            Text::Single(_) => 1,
            Text::Parts(parts) => parts.len(),
        }
    }

    /// Returns whether the operation for long texts sends it.
    pub(super) fn is_long(&self) -> bool {
        matches!(self.text, Text::Parts(_))
    }

    /// Appends everything but the credentials. `fields` carry a single text.
    pub(super) fn append_to(
        &self,
        form: &mut url::form_urlencoded::Serializer<'_, String>,
        fields: &[CarrierField],
    ) {
        form.append_pair("To", self.to.expose_digits());
        match &self.text {
            Text::Single(texts) => {
                form.extend_pairs(texts.sent_in(fields));
            }
            Text::Parts(parts) => {
                for (at, part) in parts.iter().enumerate() {
                    form.append_pair(&format!("message{}", at + 1), part);
                }
            }
        }
        if let Some(flag) = self.short_urls {
            form.append_pair("ShorturlFlg", if flag { "1" } else { "0" });
        }
        if let Some(day) = &self.permit_date {
            form.append_pair("PermitDate", day);
        }
        if let Some(code) = &self.tracking_code {
            form.append_pair("TrackingCode", code.as_str());
        }
    }
}

impl fmt::Debug for NewMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewMessage")
            .field("to", &self.to)
            .field("parts", &self.parts())
            .field("tracking_code", &self.tracking_code)
            .finish_non_exhaustive()
    }
}
