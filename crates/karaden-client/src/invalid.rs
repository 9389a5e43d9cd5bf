//! The result of a local check: which field, which rule, what class of value.

use std::fmt;

/// A value that a local check refused before anything was sent.
///
/// It names the field, the rule and the class of the value found, never the value itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    field: &'static str,
    rule: Rule,
    found: Found,
}

impl Invalid {
    pub(crate) const fn new(field: &'static str, rule: Rule, found: Found) -> Self {
        Self { field, rule, found }
    }

    /// Returns the field in Karaden's spelling, such as `to` or `scheduled_at`.
    pub fn field(&self) -> &'static str {
        self.field
    }

    /// Returns the rule that the value breaks.
    pub fn rule(&self) -> Rule {
        self.rule
    }

    /// Returns the class of the value.
    pub fn found(&self) -> Found {
        self.found
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}, found {}", self.field, self.rule, self.found)
    }
}

impl std::error::Error for Invalid {}

/// The rules that are checked before a request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rule {
    /// Must be a Japanese mobile number.
    MobileNumber,
    /// Must not be empty.
    NotEmpty,
    /// Must not be longer than this many units.
    AtMost(usize),
    /// Must have at least this many units.
    AtLeast(usize),
    /// Must only use characters of the Basic Multilingual Plane. A handset may show others wrongly.
    BasicPlane,
    /// Must not contain control characters other than line breaks.
    NoControl,
    /// Must only use the characters that are safe in this field.
    SafeCharacters,
    /// Must be positive.
    Positive,
    /// Must be in the future.
    InFuture,
    /// Must not be in the future.
    NotInFuture,
    /// Must be at most 30 days ahead.
    Within30Days,
    /// Must be later than `scheduled_at`.
    AfterScheduledAt,
    /// Must fit the number of parts.
    AtMostParts(usize),
    /// Needs this version of the API or a later one.
    NeedsVersion(&'static str),
    /// Must not be set for a long text, whose operation has no such parameter.
    SingleTextOnly,
    /// Must be one of the values that the list can be filtered by.
    ListFilter,
    /// Must be a plain file name: not a path, not a hidden file, not a device.
    FileName,
    /// Must not be set for a row of a bulk send.
    NotInBulk,
    /// Must not have more than this many rows.
    AtMostRows(usize),
    /// Must be a URL that begins with `http:` or `https:`.
    HttpUrl,
    /// Must have a column in the file of a bulk send.
    NeedsColumn,
    /// Must not occur twice.
    Unique,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MobileNumber => f.write_str("must be a Japanese mobile number"),
            Self::NotEmpty => f.write_str("must not be empty"),
            Self::AtMost(units) => write!(f, "must have at most {units} units"),
            Self::AtLeast(units) => write!(f, "must have at least {units} units"),
            Self::BasicPlane => f.write_str("must only use the Basic Multilingual Plane"),
            Self::NoControl => f.write_str("must not contain control characters"),
            Self::SafeCharacters => f.write_str("must only use safe characters"),
            Self::Positive => f.write_str("must be positive"),
            Self::InFuture => f.write_str("must be in the future"),
            Self::NotInFuture => f.write_str("must not be in the future"),
            Self::Within30Days => f.write_str("must be at most 30 days ahead"),
            Self::AfterScheduledAt => f.write_str("must be later than `scheduled_at`"),
            Self::AtMostParts(parts) => write!(f, "must fit into {parts} parts"),
            Self::NeedsVersion(version) => write!(f, "needs API version {version} or later"),
            Self::SingleTextOnly => f.write_str("must not be set for a long text"),
            Self::ListFilter => f.write_str("must be a value that the list can be filtered by"),
            Self::FileName => f.write_str("must be a plain file name"),
            Self::NotInBulk => f.write_str("must not be set for a row of a bulk send"),
            Self::AtMostRows(rows) => write!(f, "must have at most {rows} rows"),
            Self::HttpUrl => f.write_str("must be an http or https URL"),
            Self::NeedsColumn => f.write_str("must have a column"),
            Self::Unique => f.write_str("must not occur twice"),
        }
    }
}

/// The class of the value that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// An empty text.
    Empty,
    /// A text of this many units.
    Units(usize),
    /// This many digits.
    Digits(usize),
    /// A file of this many rows.
    Rows(usize),
    /// A value that is set.
    Set,
    /// The right number of digits, but not the prefix of a mobile number.
    OtherPrefix,
    /// A character that is not allowed.
    ForeignCharacter,
    /// A character outside the Basic Multilingual Plane, such as an emoji.
    SupplementaryCharacter,
    /// A control character.
    ControlCharacter,
    /// An instant in the past.
    Past,
    /// An instant in the future.
    Future,
    /// More than 30 days ahead.
    TooFarAhead,
    /// An instant that is not after the one that it must follow.
    TooEarly,
    /// Zero or a negative number.
    NotPositive,
    /// More parts than this.
    MoreParts,
    /// An earlier version.
    EarlierVersion,
    /// A long text.
    LongText,
    /// Nothing.
    Missing,
    /// A value that was there before.
    Repeated,
    /// Another value.
    OtherValue,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("an empty text"),
            Self::Units(units) => write!(f, "{units} units"),
            Self::Digits(digits) => write!(f, "{digits} digits"),
            Self::Rows(rows) => write!(f, "{rows} rows"),
            Self::Set => f.write_str("a value"),
            Self::OtherPrefix => f.write_str("another prefix"),
            Self::ForeignCharacter => f.write_str("another character"),
            Self::SupplementaryCharacter => f.write_str("a character beyond it"),
            Self::ControlCharacter => f.write_str("a control character"),
            Self::Past => f.write_str("a past instant"),
            Self::Future => f.write_str("a future instant"),
            Self::TooFarAhead => f.write_str("a later instant"),
            Self::TooEarly => f.write_str("an earlier instant"),
            Self::NotPositive => f.write_str("zero or less"),
            Self::MoreParts => f.write_str("more parts"),
            Self::EarlierVersion => f.write_str("an earlier version"),
            Self::LongText => f.write_str("a long text"),
            Self::Missing => f.write_str("none"),
            Self::Repeated => f.write_str("a repeated value"),
            Self::OtherValue => f.write_str("another value"),
        }
    }
}
