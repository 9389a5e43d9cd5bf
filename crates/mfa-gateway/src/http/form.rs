//! Forms of limited size, with each field at most once (OWASP ASVS 15.3.7).

use std::{collections::BTreeMap, time::Duration};

use http::{HeaderMap, header::CONTENT_TYPE};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use mfa_proxy::BoxError;
use zeroize::Zeroizing;

use crate::target;

/// Room for the target of the application in a hidden field, and 8 KiB for all other fields.
pub(crate) const MAX_BYTES: u64 = target::MAX_OWN_BYTES as u64 + 8 * 1024;
const MAX_FIELDS: usize = 32;
/// The time limit for the whole body.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The fields of a form. Values are wiped on drop, because passwords and codes are among them.
#[derive(Default)]
pub(crate) struct Form(BTreeMap<String, Zeroizing<String>>);

/// Why a form was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormError {
    #[error("a form field was given more than once")]
    Duplicate,
    #[error("the form could not be read")]
    Malformed,
    #[error("the form is too large")]
    TooLarge,
    #[error("the form did not arrive in time")]
    TooSlow,
    #[error("the body is not a form")]
    WrongType,
}

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

    fn parse(bytes: &[u8]) -> Result<Self, FormError> {
        let mut fields = BTreeMap::new();
        for (at, (name, value)) in url::form_urlencoded::parse(bytes).enumerate() {
            if at >= MAX_FIELDS {
                return Err(FormError::Malformed);
            }
            if fields.insert(name.into_owned(), Zeroizing::new(value.into_owned())).is_some() {
                return Err(FormError::Duplicate);
            }
        }
        Ok(Self(fields))
    }

    /// Returns the value of `name`; empty if the form lacks the field.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |value| value.as_str())
    }

    /// Returns names and values of all fields.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_with_a_repeated_field_is_refused() {
        let form = Form::parse(b"username=a+b&code=%EF%BC%91").expect("a form");
        assert_eq!(
            (form.field("username"), form.field("code"), form.field("x")),
            ("a b", "\u{ff11}", "")
        );
        assert_eq!(Form::parse(b"code=1&code=2").err(), Some(FormError::Duplicate));
        assert_eq!(Form::parse(b"a=1&&").map(|f| f.fields().count()).ok(), Some(1));
        let many: Vec<u8> = (b'A'..=b'a').flat_map(|name| [name, b'=', b'&']).collect();
        assert_eq!(Form::parse(&many).err(), Some(FormError::Malformed));
    }
}
