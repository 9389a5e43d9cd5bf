//! The released versions of the API.

/// A value of the header `Karaden-Version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    /// Send, list, get, cancel, callback.
    V20230101,
    /// Adds `is_shorten_clicked`.
    V20231201,
    /// Adds bulk sending, `error` and the status `processing_error`.
    V20240301,
}

impl Version {
    /// Parses a released version; `None` for any other text.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "2023-01-01" => Some(Self::V20230101),
            "2023-12-01" => Some(Self::V20231201),
            "2024-03-01" => Some(Self::V20240301),
            _ => None,
        }
    }

    pub(crate) const fn has_clicked(self) -> bool {
        matches!(self, Self::V20231201 | Self::V20240301)
    }

    pub(crate) const fn has_bulk(self) -> bool {
        matches!(self, Self::V20240301)
    }
}
