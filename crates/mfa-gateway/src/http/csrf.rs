//! Two independent defences against forged requests (OWASP ASVS 3.5.1; Fetch Metadata).
//!
//! A form carries an HMAC of the secret cookie it was rendered for. In addition, a request that changes
//! state has to come from the gateway's own origin, according to the headers of the browser.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, header::ORIGIN};
use sha2::Sha256;

/// Issues and verifies the tokens of forms.
#[derive(Clone)]
pub(crate) struct FormTokens {
    keyed: Hmac<Sha256>,
}

impl std::fmt::Debug for FormTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FormTokens(..)")
    }
}

impl FormTokens {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let keyed = Hmac::new_from_slice(key).expect("HMAC takes keys of any length");
        Self { keyed }
    }

    fn mac(&self, cookie: &str) -> Hmac<Sha256> {
        let mut mac = self.keyed.clone();
        mac.update(b"form\0");
        mac.update(cookie.as_bytes());
        mac
    }

    /// Returns the token of a form for the holder of `cookie`.
    pub(crate) fn issue(&self, cookie: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.mac(cookie).finalize().into_bytes())
    }

    /// Returns whether `token` was issued for `cookie`. The comparison takes constant time.
    pub(crate) fn verify(&self, cookie: &str, token: &str) -> bool {
        URL_SAFE_NO_PAD
            .decode(token)
            .is_ok_and(|given| self.mac(cookie).verify_slice(&given).is_ok())
    }
}

/// Returns whether a request comes from one of our own pages, according to the browser.
///
/// If `Sec-Fetch-Site` is sent, it must say so. If `Origin` is sent, it must be ours. A request without
/// both comes from no current browser. For such a request the form token is the only check.
pub(crate) fn is_same_origin(headers: &HeaderMap, own_origins: &[String]) -> bool {
    // An unreadable header must not count as a missing one, which is allowed. `?` matches nothing.
    let text =
        |value: Option<&http::HeaderValue>| value.map(|v| v.to_str().unwrap_or("?").to_owned());
    let origin = text(headers.get(ORIGIN));
    let from_own_origin = origin.as_ref().map(|origin| own_origins.contains(origin));
    match text(headers.get("sec-fetch-site")).as_deref() {
        // `none`: the user typed the address or used a bookmark. No page caused the request.
        Some("same-origin" | "none") | None => from_own_origin.unwrap_or(true),
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_bound_to_its_cookie_and_key() {
        let tokens = FormTokens::new(&[1; 32]);
        let token = tokens.issue("cookie");
        assert!(tokens.verify("cookie", &token));
        assert!(!tokens.verify("another", &token));
        assert!(!FormTokens::new(&[2; 32]).verify("cookie", &token));
        for wrong in ["", "x", "AAAA", &token[1..]] {
            assert!(!tokens.verify("cookie", wrong));
        }
        assert!(!format!("{tokens:?}").contains('1'));
    }

    fn check(fetch_site: Option<&str>, origin: Option<&str>, expected: bool) {
        let mut headers = HeaderMap::new();
        if let Some(site) = fetch_site {
            headers.insert("sec-fetch-site", site.parse().expect("a header value"));
        }
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin.parse().expect("a header value"));
        }
        let own = ["https://auth.example.jp".to_owned()];
        assert_eq!(is_same_origin(&headers, &own), expected, "{fetch_site:?} {origin:?}");
    }

    #[test]
    fn a_request_from_another_origin_is_refused() {
        check(Some("same-origin"), Some("https://auth.example.jp"), true);
        check(None, Some("https://auth.example.jp"), true);
        check(None, None, true);
        check(Some("none"), None, true);
        check(Some("cross-site"), None, false);
        check(Some("same-site"), Some("https://auth.example.jp"), false);
        check(Some("same-origin"), Some("https://evil.example"), false);
        check(None, Some("https://evil.example"), false);
        check(None, Some("null"), false);
        check(None, Some("https://auth.example.jp.evil.example"), false);
    }
}
