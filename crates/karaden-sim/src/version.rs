//! The released versions of the SMS API.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A value of the header `Karaden-Version`.
///
/// ```
/// use karaden_sim::ApiVersion;
///
/// assert_eq!("2024-03-01".parse(), Ok(ApiVersion::V20240301));
/// assert_eq!(ApiVersion::default().to_string(), "2024-03-01");
/// assert!("2022-01-01".parse::<ApiVersion>().is_err());
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[non_exhaustive]
pub enum ApiVersion {
    /// Send, list, get, cancel, callback.
    #[serde(rename = "2023-01-01")]
    V20230101,
    /// Adds `is_shorten_clicked`.
    #[serde(rename = "2023-12-01")]
    V20231201,
    /// Adds bulk sending, `error` and the status `processing_error`. The default.
    #[default]
    #[serde(rename = "2024-03-01")]
    V20240301,
}

/// A text is not a released version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a released version: 2023-01-01, 2023-12-01 or 2024-03-01")]
#[non_exhaustive]
pub struct InvalidApiVersion;

impl ApiVersion {
    /// Returns the version as the header has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V20230101 => "2023-01-01",
            Self::V20231201 => "2023-12-01",
            Self::V20240301 => "2024-03-01",
        }
    }

    pub(crate) const fn has_clicked(self) -> bool {
        matches!(self, Self::V20231201 | Self::V20240301)
    }

    pub(crate) const fn has_bulk(self) -> bool {
        matches!(self, Self::V20240301)
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ApiVersion {
    type Err = InvalidApiVersion;

    fn from_str(text: &str) -> Result<Self, InvalidApiVersion> {
        [Self::V20230101, Self::V20231201, Self::V20240301]
            .into_iter()
            .find(|version| version.as_str() == text)
            .ok_or(InvalidApiVersion)
    }
}
