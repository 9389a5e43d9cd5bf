//! The caller's own cookies. The application can neither see nor set them.

use http::{
    HeaderMap, HeaderValue,
    header::{COOKIE, SET_COOKIE},
};

/// Removes the cookies that a server may read as ones whose names start with `prefix`, and keeps the others as they
/// were.
pub(crate) fn strip_with_prefix(headers: &mut HeaderMap, prefix: &str) {
    let kept: Vec<HeaderValue> = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| {
            let bytes = value.as_bytes();
            let others: Vec<&[u8]> = bytes
                .split(|b| *b == b';')
                .filter(|pair| !reads_as(pair, prefix))
                .map(<[u8]>::trim_ascii)
                .filter(|pair| !pair.is_empty())
                .collect();
            HeaderValue::from_bytes(&others.join(&b"; "[..])).ok().filter(|v| !v.is_empty())
        })
        .collect();
    headers.remove(COOKIE);
    for value in kept {
        headers.append(COOKIE, value);
    }
}

/// Removes the lines with which an application sets or clears a cookie that may be read as one whose name starts
/// with `prefix`, and those that set a cookie without a name.
///
/// A browser sends a cookie without a name as its value alone, so that the value `__Host-a=1` arrives as a cookie of
/// that name.
pub(crate) fn drop_own_and_nameless(headers: &mut HeaderMap, prefix: &str) {
    let is_dropped = |line: &HeaderValue| {
        let pair = line.as_bytes().split(|b| *b == b';').next().unwrap_or_default();
        let name = pair.split(|b| *b == b'=').next().filter(|name| name.len() < pair.len());
        name.is_none_or(|name| name.trim_ascii().is_empty()) || reads_as(pair, prefix)
    };
    if !headers.get_all(SET_COOKIE).iter().any(is_dropped) {
        return;
    }
    let kept: Vec<HeaderValue> =
        headers.get_all(SET_COOKIE).iter().filter(|line| !is_dropped(line)).cloned().collect();
    headers.remove(SET_COOKIE);
    for line in kept {
        headers.append(SET_COOKIE, line);
    }
}

/// Returns whether somebody may read `pair` as a cookie whose name starts with `prefix`.
///
/// Browsers compare prefixes without case (rfc6265bis, 5.4), and servers cut different characters off. So quotes and
/// `=` at the beginning do not count, and neither does any character that is not visible ASCII.
fn reads_as(pair: &[u8], prefix: &str) -> bool {
    let visible = pair.iter().filter(|b| b.is_ascii_graphic());
    let mut name = visible.skip_while(|b| matches!(b, b'=' | b'"' | b'\''));
    prefix.bytes().all(|expected| name.next().is_some_and(|b| b.eq_ignore_ascii_case(&expected)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "__Host-mfa_";

    /// Spellings of one of our cookies that a browser or a server may accept.
    const OURS: [&[u8]; 12] = [
        b"__Host-mfa_session=x",
        b"__HOST-MFA_SESSION=x",
        b" \t__Host-mfa_session=x",
        b"=__Host-mfa_session=x",
        b" = __Host-mfa_session=x",
        b"==__host-mfa_session=x",
        b"\"__Host-mfa_session\"=x",
        b"__Host-\tmfa_session=x",
        b"__Host- mfa_session=x",
        b"\xc2\xa0__Host-mfa_session=x",
        b"\xa0__Host-mfa_session\xad=x",
        b"__Host-mfa_session",
    ];

    fn header(bytes: &[u8]) -> HeaderValue {
        HeaderValue::from_bytes(bytes).expect("a header value")
    }

    #[test]
    fn backends_see_only_their_own_cookies() {
        let lines = ["a=1; __Host-mfa_session=x;b=2", "__host-MFA_login=y", "c=\"3;4\"", "=d; e"];
        let mut headers: HeaderMap =
            lines.iter().map(|line| (COOKIE, header(line.as_bytes()))).collect();
        strip_with_prefix(&mut headers, OWN);
        let left: Vec<_> = headers.get_all(COOKIE).iter().collect();
        assert_eq!(left, ["a=1; b=2", "c=\"3; 4\"", "=d; e"]);
    }

    #[test]
    fn no_spelling_of_our_cookie_reaches_the_application() {
        for ours in OURS {
            let mut headers = HeaderMap::new();
            headers.append(COOKIE, header(&[b"a=1;", ours, b"; b=2"].concat()));
            strip_with_prefix(&mut headers, OWN);
            assert_eq!(headers.get(COOKIE), Some(&header(b"a=1; b=2")), "{}", ours.escape_ascii());
        }
    }

    #[test]
    fn an_application_cannot_set_our_cookie_in_any_spelling() {
        let attributes: [&[u8]; 2] = [b"; Path=/; Secure", b""];
        for ours in OURS {
            for attributes in attributes {
                let mut headers = HeaderMap::new();
                headers.append(SET_COOKIE, header(b"a=1"));
                headers.append(SET_COOKIE, header(&[ours, attributes].concat()));
                drop_own_and_nameless(&mut headers, OWN);
                let left: Vec<_> = headers.get_all(SET_COOKIE).iter().collect();
                assert_eq!(left, ["a=1"], "{}", ours.escape_ascii());
            }
        }
    }

    #[test]
    fn an_application_cannot_set_a_cookie_without_a_name() {
        let mut headers = HeaderMap::new();
        for line in ["=a", " =a; Path=/", "a", "", "; Path=/"] {
            headers.append(SET_COOKIE, header(line.as_bytes()));
        }
        drop_own_and_nameless(&mut headers, OWN);
        assert_eq!(headers.get(SET_COOKIE), None);
    }

    #[test]
    fn other_cookies_of_an_application_stay() {
        let lines = [
            "__Host-session=1; Secure; Path=/",
            "mfa_session=2",
            "a=__Host-mfa_session=3",
            "b=",
            "c=\"=\"",
        ];
        let mut headers: HeaderMap =
            lines.iter().map(|line| (SET_COOKIE, header(line.as_bytes()))).collect();
        drop_own_and_nameless(&mut headers, OWN);
        assert_eq!(headers.get_all(SET_COOKIE).iter().collect::<Vec<_>>(), lines);
    }
}
