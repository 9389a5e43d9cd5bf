//! The gateway's own cookies (rfc6265bis; OWASP ASVS 3.3).

use std::time::Duration;

use http::{
    HeaderMap, HeaderValue,
    header::{COOKIE, SET_COOKIE},
};

/// The prefix of all our cookies. The proxy removes them from requests to the application.
pub(crate) const PREFIX: &str = "__Host-mfa_";

/// One of the gateway's cookies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OwnCookie(&'static str);

/// Binds forms to a browser before anyone has logged in.
pub(crate) const BROWSER: OwnCookie = OwnCookie("__Host-mfa_browser");
/// What a redirect tells the page that follows it.
pub(crate) const FLASH: OwnCookie = OwnCookie("__Host-mfa_flash");
/// In which users have completed logins in this browser. A logout leaves it: it opens nothing.
pub(crate) const KNOWN: OwnCookie = OwnCookie("__Host-mfa_known");
/// The language chosen on a page.
pub(crate) const LANGUAGE: OwnCookie = OwnCookie("__Host-mfa_language");
/// A pending login: the password was right, further factors are missing.
pub(crate) const PENDING: OwnCookie = OwnCookie("__Host-mfa_login");
/// A full session.
pub(crate) const SESSION: OwnCookie = OwnCookie("__Host-mfa_session");

impl OwnCookie {
    /// Returns the value of the cookie; `None` if the request has two, because an attacker may have planted
    /// one of them.
    pub(crate) fn value(self, headers: &HeaderMap) -> Option<&str> {
        let mut values = pairs(headers).filter(|(name, _)| *name == self.0.as_bytes());
        let (_, value) = values.next()?;
        if values.next().is_some() {
            return None;
        }
        std::str::from_utf8(value).ok()
    }

    /// Whether the request carries the cookie, once or more often.
    pub(crate) fn is_carried(self, request: &HeaderMap) -> bool {
        pairs(request).any(|(name, _)| name == self.0.as_bytes())
    }

    /// Whether a response sets or removes the cookie.
    pub(crate) fn is_in(self, response: &HeaderMap) -> bool {
        let mut lines = response.get_all(SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
        lines.any(|line| line.strip_prefix(self.0).is_some_and(|rest| rest.starts_with('=')))
    }

    /// Returns a `Set-Cookie` value for a cookie that lasts as long as the browser session.
    ///
    /// `value` has to consist of cookie octets (RFC 6265, section 4.1.1).
    pub(crate) fn set(self, value: &str) -> Option<HeaderValue> {
        self.with_attributes(value, "")
    }

    /// Like [`set`](Self::set), for a cookie that outlives the browser session.
    pub(crate) fn set_for(self, value: &str, lifetime: Duration) -> Option<HeaderValue> {
        self.with_attributes(value, &format!("Max-Age={}; ", lifetime.as_secs()))
    }

    fn with_attributes(self, value: &str, lifetime: &str) -> Option<HeaderValue> {
        // `Lax`, not `Strict`: a link from a mail must find the session. Form tokens protect changes.
        // No `Domain`: the prefix `__Host-` forbids it.
        let mut header = HeaderValue::try_from(format!(
            "{}={value}; {lifetime}Path=/; Secure; HttpOnly; SameSite=Lax",
            self.0
        ))
        .ok()?;
        header.set_sensitive(true);
        Some(header)
    }

    /// Returns a `Set-Cookie` value that removes the cookie.
    pub(crate) fn clear(self) -> Option<HeaderValue> {
        HeaderValue::try_from(format!(
            "{}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax",
            self.0
        ))
        .ok()
    }
}

/// Returns name and value of each cookie, as bytes: cookies of the application may not be UTF-8.
fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|value| value.as_bytes().split(|b| *b == b';'))
        .filter_map(|pair| {
            let pair = pair.trim_ascii();
            let at = pair.iter().position(|b| *b == b'=')?;
            Some((pair.get(..at)?, pair.get(at + 1..)?))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(cookies: &[&str]) -> HeaderMap {
        cookies.iter().map(|c| (COOKIE, c.parse().expect("a header value"))).collect()
    }

    #[test]
    fn a_cookie_given_twice_is_none_at_all() {
        assert_eq!(SESSION.value(&headers(&["a=1; __Host-mfa_session=x"])), Some("x"));
        assert_eq!(SESSION.value(&headers(&["__Host-mfa_session=x; __Host-mfa_session=y"])), None);
        assert_eq!(
            SESSION.value(&headers(&["__Host-mfa_session=x", "__Host-mfa_session=x"])),
            None
        );
        assert_eq!(SESSION.value(&headers(&["mfa_session=x"])), None);
        let mut foreign = HeaderMap::new();
        let line = "name=日本語; __Host-mfa_session=x".as_bytes();
        foreign.insert(COOKIE, HeaderValue::from_bytes(line).expect("a header value"));
        assert_eq!(SESSION.value(&foreign), Some("x"), "another cookie hides ours");
    }

    #[test]
    fn cookies_are_host_bound_and_out_of_reach_of_scripts() {
        let set = SESSION.set("token").expect("cookie octets");
        assert_eq!(set, "__Host-mfa_session=token; Path=/; Secure; HttpOnly; SameSite=Lax");
        assert!(!format!("{set:?}").contains("token"));
        let lasting = KNOWN.set_for("mark", Duration::from_secs(60)).expect("cookie octets");
        assert_eq!(
            lasting,
            "__Host-mfa_known=mark; Max-Age=60; Path=/; Secure; HttpOnly; SameSite=Lax"
        );
        assert!(!format!("{lasting:?}").contains("mark"));
        assert_eq!(SESSION.set("a\r\nb"), None);
    }
}
