//! The columns of the file of a bulk send.

/// A column of the file of a bulk send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BulkColumn {
    /// The service setting.
    ServiceId,
    /// The number, eleven digits.
    To,
    /// The text.
    Body,
    /// The unique tag. Labels have no place in a file.
    Tags,
    /// Whether URLs are shortened: `true`, `false` or empty.
    IsShorten,
    /// The last instant for sending, or empty.
    LimitedAt,
}

impl BulkColumn {
    /// All columns, in the default order.
    pub const ALL: [Self; 6] =
        [Self::ServiceId, Self::To, Self::Body, Self::Tags, Self::IsShorten, Self::LimitedAt];

    /// Returns the default name of the column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ServiceId => "service_id",
            Self::To => "to",
            Self::Body => "body",
            Self::Tags => "tags",
            Self::IsShorten => "is_shorten",
            Self::LimitedAt => "limited_at",
        }
    }
}
