//! The security headers of responses, in one place.

use std::sync::LazyLock;

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
        X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
};
use mfa_pages::content_security_policy;

static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    HeaderValue::try_from(content_security_policy([])).expect("a policy of visible ASCII")
});

const FIXED: [(HeaderName, &str); 6] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    // `no-referrer` would make browsers post with `Origin: null`.
    (REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "otp-credentials=(self), publickey-credentials-create=(self), publickey-credentials-get=(self)",
    ),
];

/// What a site says about HTTPS (HSTS, RFC 6797).
#[derive(Debug, Clone)]
pub(crate) enum StrictTransport {
    /// The site is reached over plain HTTP: no response may have the header (section 7.2).
    Plain,
    /// The operator leaves the header to the application.
    Application,
    /// Every response has this header, and no other one.
    Set(HeaderValue),
}

impl StrictTransport {
    /// Applies this to any response, of the gateway or of the application.
    pub(crate) fn apply_to(&self, headers: &mut HeaderMap) {
        match self {
            Self::Plain => {
                headers.remove(STRICT_TRANSPORT_SECURITY);
            }
            Self::Application => {}
            Self::Set(value) => {
                headers.insert(STRICT_TRANSPORT_SECURITY, value.clone());
            }
        }
    }
}

/// Sets the headers of a response of the gateway itself.
pub(crate) fn set_own(headers: &mut HeaderMap) {
    for (name, value) in FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(CONTENT_SECURITY_POLICY, POLICY.clone());
    // Assets may be stored.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(policy: &StrictTransport) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for line in ["max-age=1", "max-age=2"] {
            headers.append(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(line));
        }
        policy.apply_to(&mut headers);
        let lines = headers.get_all(STRICT_TRANSPORT_SECURITY).iter();
        lines.map(|line| line.to_str().expect("ASCII").to_owned()).collect()
    }

    #[test]
    fn a_response_has_the_header_of_the_site_once_or_none() {
        let set = StrictTransport::Set(HeaderValue::from_static("max-age=3"));
        assert_eq!(applied(&set), ["max-age=3"]);
        assert_eq!(applied(&StrictTransport::Application), ["max-age=1", "max-age=2"]);
        assert!(applied(&StrictTransport::Plain).is_empty());
    }
}
