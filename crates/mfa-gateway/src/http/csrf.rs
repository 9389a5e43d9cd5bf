//! Two independent defences against forged requests (OWASP ASVS 3.5.1; Fetch Metadata).
//!
//! A form carries an HMAC of the secret cookie it was rendered for. In addition, a request that changes
//! state has to come from the gateway's own origin, according to the headers of the browser.
//!
//! A token is base64url of three parts: a number that makes it unique, the HMAC of the cookie and, on the page of a
//! pending login, the HMAC of the browser's cookie. The last part grants nothing. It tells an older page of the
//! same browser from a page of another browser.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, header::ORIGIN};
use sha2::Sha256;

const NUMBER_BYTES: usize = 8;
const MAC_BYTES: usize = 32;

/// Issues and verifies the tokens of forms.
#[derive(Clone)]
pub(crate) struct FormTokens {
    keyed: Hmac<Sha256>,
    issued: Arc<AtomicU64>,
}

impl std::fmt::Debug for FormTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FormTokens(..)")
    }
}

impl FormTokens {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let keyed = Hmac::new_from_slice(key).expect("HMAC takes keys of any length");
        Self { keyed, issued: Arc::default() }
    }

    fn mac(&self, purpose: &[u8], number: &[u8], text: &str) -> Hmac<Sha256> {
        let mut mac = self.keyed.clone();
        mac.update(purpose);
        mac.update(number);
        mac.update(text.as_bytes());
        mac
    }

    /// Returns a new token of a form for the holder of `cookie`. No other form has the same one.
    pub(crate) fn issue(&self, cookie: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.parts(cookie).concat())
    }

    /// Returns a new token as [`issue`](Self::issue), for a page of a pending login in `browser`.
    pub(crate) fn issue_in(&self, browser: &str, cookie: &str) -> String {
        let [number, of_cookie] = self.parts(cookie);
        let of_browser = self.mac(b"browser\0", &number, browser).finalize().into_bytes().to_vec();
        URL_SAFE_NO_PAD.encode([number, of_cookie, of_browser].concat())
    }

    fn parts(&self, cookie: &str) -> [Vec<u8>; 2] {
        let number = self.issued.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let mac = self.mac(b"form\0", &number, cookie).finalize().into_bytes();
        [number.to_vec(), mac.to_vec()]
    }

    /// Returns whether `token` was issued for `cookie`. The comparison takes constant time.
    pub(crate) fn verify(&self, cookie: &str, token: &str) -> bool {
        self.verify_part(b"form\0", 0, cookie, token)
    }

    /// Returns whether `token` was issued for a pending login in `browser`, maybe an older one.
    pub(crate) fn is_of_browser(&self, browser: &str, token: &str) -> bool {
        self.verify_part(b"browser\0", 1, browser, token)
    }

    fn verify_part(&self, purpose: &[u8], part: usize, text: &str, token: &str) -> bool {
        let Ok(token) = URL_SAFE_NO_PAD.decode(token) else { return false };
        let Some((number, macs)) = token.split_at_checked(NUMBER_BYTES) else { return false };
        let mac = macs.chunks(MAC_BYTES).nth(part).unwrap_or_default();
        self.mac(purpose, number, text).verify_slice(mac).is_ok()
    }

    /// Returns a digest by which a repeated post is recognised. It tells nothing about the fields.
    pub(crate) fn digest(&self, fields: &[&str]) -> [u8; 32] {
        let mut mac = self.keyed.clone();
        mac.update(b"post\0");
        for field in fields {
            mac.update(&u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(field.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }
}

/// Returns whether a request comes from one of our own pages, according to the browser.
///
/// If `Sec-Fetch-Site` is sent, it must say so. If `Origin` is sent, it must be ours. A request without
/// both comes from no current browser. For such a request the form token is the only check.
///
/// `Origin: null` names no site: a proxy or a privacy setting has removed the origin. It is accepted if the browser
/// says *same-origin*, because no page can set that header.
pub(crate) fn is_same_origin(headers: &HeaderMap, own_origins: &[String]) -> bool {
    // An unreadable header must not count as a missing one, which is allowed. `?` matches nothing.
    let text =
        |value: Option<&http::HeaderValue>| value.map(|v| v.to_str().unwrap_or("?").to_owned());
    let origin = text(headers.get(ORIGIN));
    let from_own_origin = origin.as_ref().map(|origin| own_origins.contains(origin));
    match text(headers.get("sec-fetch-site")).as_deref() {
        // `none`: the user typed the address or used a bookmark. No page caused the request.
        Some("same-origin") if origin.as_deref() == Some("null") => true,
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
        for wrong in ["", "x", "AAAA", &token[1..], &token[..40]] {
            assert!(!tokens.verify("cookie", wrong));
        }
        assert_ne!(tokens.issue("cookie"), token);
        let of_login = tokens.issue_in("browser", "pending");
        assert!(tokens.verify("pending", &of_login));
        assert!(tokens.is_of_browser("browser", &of_login));
        assert!(!tokens.verify("browser", &of_login), "the browser alone grants nothing");
        assert!(!tokens.is_of_browser("another", &of_login));
        assert!(!tokens.is_of_browser("cookie", &token), "a form that is of no login");
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
        check(Some("same-origin"), Some("null"), true);
        check(Some("cross-site"), Some("null"), false);
        check(Some("same-site"), Some("null"), false);
        check(Some("none"), Some("null"), false);
        check(None, Some("https://auth.example.jp.evil.example"), false);
    }
}
