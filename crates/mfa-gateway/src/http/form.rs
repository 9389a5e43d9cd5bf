//! Reads the body of a form, within limits of size and time.

use std::time::Duration;

use http::{HeaderMap, header::CONTENT_TYPE};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use mfa_proxy::BoxError;

pub(crate) use super::fields::{Form, FormError};
use crate::target;

/// Room for the target of the application in a hidden field, and 8 KiB for all other fields.
pub(crate) const MAX_BYTES: u64 = target::MAX_OWN_BYTES as u64 + 8 * 1024;
/// The time limit for the whole body.
const TIMEOUT: Duration = Duration::from_secs(15);

impl Form {
    /// Reads the body of a form post.
    pub(crate) async fn read(
        headers: &HeaderMap,
        body: axum::body::Body,
    ) -> Result<Self, FormError> {
        let content_type =
            headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(FormError::WrongType);
        }
        let arriving =
            Limited::new(body, usize::try_from(MAX_BYTES).unwrap_or(usize::MAX)).collect();
        let whole =
            tokio::time::timeout(TIMEOUT, arriving).await.map_err(|_| FormError::TooSlow)?;
        let whole = whole.map_err(|error: BoxError| {
            if error.is::<LengthLimitError>() { FormError::TooLarge } else { FormError::Malformed }
        })?;
        Self::parse(&whole.to_bytes())
    }
}
