//! The caller's own cookies. The application can neither see nor set them.

use http::{HeaderMap, HeaderValue, header::COOKIE};

/// Returns whether the cookie `name` starts with `prefix`. Prefixes count without case (rfc6265bis, 5.4).
pub(crate) fn has_prefix(name: &str, prefix: &str) -> bool {
    name.trim().get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Removes the cookies whose names start with `prefix`, and keeps the others as they were.
pub(crate) fn strip_with_prefix(headers: &mut HeaderMap, prefix: &str) {
    let kept: Vec<HeaderValue> = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| {
            let bytes = value.as_bytes();
            let others: Vec<&[u8]> = bytes
                .split(|b| *b == b';')
                .filter(|pair| {
                    let name = pair.split(|b| *b == b'=').next().unwrap_or_default();
                    !has_prefix(&String::from_utf8_lossy(name), prefix)
                })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backends_see_only_their_own_cookies() {
        let lines = ["a=1; __Host-mfa_session=x;b=2", "__host-MFA_login=y", "c=\"3;4\""];
        let mut headers: HeaderMap =
            lines.iter().map(|line| (COOKIE, line.parse().expect("a header value"))).collect();
        strip_with_prefix(&mut headers, "__Host-mfa_");
        let left: Vec<_> =
            headers.get_all(COOKIE).iter().map(|v| v.to_str().expect("ASCII")).collect();
        assert_eq!(left, ["a=1; b=2", "c=\"3; 4\""]);
    }
}
