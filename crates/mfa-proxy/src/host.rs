//! One spelling for each host, for comparisons and for the application.

use std::{borrow::Cow, net::Ipv6Addr};

/// Returns the canonical form of `host` or `host:port`, as in the `Host` header; `None` if it is neither.
///
/// Names are in lower case and without a dot at the end. IPv6 addresses are in brackets and in their shortest form
/// (RFC 5952), ports without leading zeros. Port `0`, user information, a zone and characters that no host has are
/// refused. The default port of a scheme stays: only the caller knows the scheme.
pub fn canonical_host(text: &str) -> Option<Cow<'_, str>> {
    let (given_name, given_port) = match text.rfind(':') {
        Some(colon) if !text[colon..].contains(']') => (&text[..colon], Some(&text[colon + 1..])),
        _ => (text, None),
    };
    let port = given_port.map_or(Some(None), port)?;
    let name =
        if given_name.starts_with('[') { address(given_name)? } else { dns_name(given_name)? };
    let is_port_canonical =
        given_port.is_none_or(|port| !port.is_empty() && !port.starts_with('0'));
    if name == given_name && is_port_canonical {
        return Some(Cow::Borrowed(text));
    }
    Some(match port {
        Some(port) => format!("{name}:{port}").into(),
        None => name.into_owned().into(),
    })
}

/// An empty port is the default port (RFC 3986, section 6.2.3).
#[expect(clippy::option_option, reason = "an invalid port and none are different")]
fn port(digits: &str) -> Option<Option<u16>> {
    if digits.is_empty() {
        return Some(None);
    }
    let is_number = digits.bytes().all(|b| b.is_ascii_digit());
    let port = is_number.then(|| digits.parse::<u16>().ok()).flatten();
    port.filter(|port| *port != 0).map(Some)
}

fn address(text: &str) -> Option<Cow<'_, str>> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    let address: Ipv6Addr = inner.parse().ok()?;
    let canonical = format!("[{address}]");
    Some(if canonical == text { Cow::Borrowed(text) } else { Cow::Owned(canonical) })
}

fn dns_name(text: &str) -> Option<Cow<'_, str>> {
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_name =
        name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
    let has_empty_label = name.split('.').any(str::is_empty);
    if !is_name || has_empty_label {
        return None;
    }
    let is_lower = !name.bytes().any(|b| b.is_ascii_uppercase());
    Some(if is_lower { Cow::Borrowed(name) } else { Cow::Owned(name.to_ascii_lowercase()) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(canonical_host(text).as_deref(), expected, "{text}");
    }

    #[test]
    fn equal_hosts_have_one_spelling() {
        for text in [
            "a.example.jp",
            "A.Example.JP",
            "a.example.jp.",
            "A.EXAMPLE.JP.",
            "a.example.jp:",
            "a.example.jp.:",
        ] {
            check(text, Some("a.example.jp"));
        }
        for text in ["a.example.jp:443", "A.example.jp.:443", "a.example.jp:00443"] {
            check(text, Some("a.example.jp:443"));
        }
        for text in ["[::1]", "[0:0:0:0:0:0:0:1]", "[0::0001]", "[::1]:"] {
            check(text, Some("[::1]"));
        }
        check("[2001:DB8::A]:8443", Some("[2001:db8::a]:8443"));
        check("192.0.2.1:80", Some("192.0.2.1:80"));
        check("my_host", Some("my_host"));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "",
            ".",
            "..",
            ":80",
            "a..b",
            ".a",
            "a..",
            "a:b",
            "a:65536",
            "a:0",
            "a:+80",
            "a: 80",
            "a:-1",
            "a:80:80",
            "::1",
            "[::1",
            "::1]",
            "[::1]]",
            "[::1]x",
            "[::1]80",
            "[fe80::1%25eth0]",
            "[127.0.0.1]",
            "[]",
            "[a]",
            "user@a",
            "user:x@a",
            "a/b",
            "a b",
            " a",
            "a,b",
            "a\tb",
            "a%2eb",
            "a?b",
            "a#b",
            "é",
            "a\u{3002}b",
            "*",
        ] {
            check(text, None);
        }
    }

    proptest! {
        #[test]
        fn the_canonical_form_is_its_own(text in "[a-cA-C0-9.:\\[\\]_-]{0,12}") {
            if let Some(canonical) = canonical_host(&text) {
                prop_assert_eq!(canonical_host(&canonical), Some(Cow::Borrowed(canonical.as_ref())));
            }
        }
    }
}
