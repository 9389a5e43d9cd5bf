//! The headers that cross the proxy, in both directions.

mod filter;
mod names;
mod table;

use std::net::IpAddr;

use http::{
    HeaderMap, HeaderName, HeaderValue, Request,
    header::{
        CONNECTION, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING,
        UPGRADE,
    },
};

use hyper::upgrade::OnUpgrade;

pub use self::{
    filter::HeaderFilter,
    names::{InvalidNamePattern, NamePattern},
};
use crate::{cookies, framing::FramingError};

/// The origin of a request, for the `X-Forwarded-*` headers.
#[derive(Debug, Clone)]
pub struct Origin<'a> {
    /// The client's address.
    pub client: IpAddr,
    /// `http` or `https`, as the browser used it.
    pub scheme: &'a str,
    /// The `Host` of the request.
    pub host: &'a HeaderValue,
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED: HeaderName = HeaderName::from_static("forwarded");

/// Hop-by-hop fields (RFC 9110, section 7.6.1), in addition to those that `Connection` names.
const HOP_BY_HOP: [HeaderName; 10] = [
    CONNECTION,
    HeaderName::from_static("http2-settings"),
    HeaderName::from_static("keep-alive"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Returns whether a message changes to WebSocket (RFC 6455, section 4).
///
/// No other protocol passes: over h2c, for example, a client could send requests that the caller never
/// sees.
pub(crate) fn is_websocket(headers: &HeaderMap) -> bool {
    let mut protocols = headers.get_all(UPGRADE).iter();
    let is_alone =
        protocols.next().is_some_and(|p| p.as_bytes().eq_ignore_ascii_case(b"websocket"))
            && protocols.next().is_none();
    is_alone && named_by_connection(headers).any(|name| name == "upgrade")
}

fn named_by_connection(headers: &HeaderMap) -> impl Iterator<Item = String> + '_ {
    headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<String> = named_by_connection(headers).collect();
    // `Connection` must not remove `Host` or `Content-Length`: they are not hop-by-hop fields, and hyper
    // frames the message by them.
    for name in named.iter().filter(|name| !matches!(name.as_str(), "host" | "content-length")) {
        headers.remove(name.as_str());
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Rewrites a client's headers into those for the application.
///
/// The headers of the proxy and `own_headers` are set last, so that the client's `Connection` header cannot
/// remove them.
pub(crate) fn rewrite_request_headers(
    headers: &mut HeaderMap,
    filter: &HeaderFilter,
    origin: &Origin<'_>,
    own_headers: &HeaderMap,
    own_cookies: &str,
) {
    let is_upgrade = is_websocket(headers);
    remove_hop_by_hop(headers);
    filter.apply(headers, own_headers);
    cookies::strip_with_prefix(headers, own_cookies);
    if is_upgrade {
        set_websocket(headers);
    }
    set_origin(headers, origin);
    for (name, value) in own_headers {
        headers.insert(name, value.clone());
    }
}

/// Forgets how a request spells names if it has one that the proxy sets.
///
/// hyper writes the proxy's value under the client's spelling. For an application that tells `X-FORWARDED-FOR` from
/// `X-Forwarded-For`, a client could hide the proxy's header in this way.
pub(crate) fn forget_spoofed_case<B>(request: &mut Request<B>) {
    let own = [X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO, FORWARDED];
    if own.iter().any(|name| request.headers().contains_key(name)) {
        // The spellings have no public type, so all extensions go, except for that of an upgrade.
        let upgrade = request.extensions_mut().remove::<OnUpgrade>();
        let framing = FramingError::of(request);
        request.extensions_mut().clear();
        upgrade.map(|upgrade| request.extensions_mut().insert(upgrade));
        framing.map(|error| request.extensions_mut().insert(error));
    }
}

fn set_websocket(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
}

fn set_origin(headers: &mut HeaderMap, origin: &Origin<'_>) {
    headers.insert(HOST, origin.host.clone());
    headers.insert(X_FORWARDED_HOST, origin.host.clone());
    let mut set = |name: HeaderName, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    };
    set(X_FORWARDED_FOR, origin.client.to_string());
    set(X_FORWARDED_PROTO, origin.scheme.to_owned());
    let client = match origin.client {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("\"[{address}]\""),
    };
    let host = origin.host.to_str().unwrap_or_default();
    set(FORWARDED, format!("for={client};host=\"{host}\";proto={}", origin.scheme));
}

/// Rewrites an application's headers into those for the client.
pub(crate) fn rewrite_response_headers(
    headers: &mut HeaderMap,
    is_upgrade: bool,
    own_cookies: &str,
) {
    remove_hop_by_hop(headers);
    if is_upgrade {
        set_websocket(headers);
    }
    cookies::drop_own_and_nameless(headers, own_cookies);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OWN_COOKIES: &str = "__Host-mfa_";

    fn rewrite(given: &[(&str, &str)], own_headers: &HeaderMap) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).expect("a name"),
                value.parse().expect("a value"),
            );
        }
        let host = HeaderValue::from_static("app.example.jp");
        let origin = Origin { client: IpAddr::from([192, 0, 2, 7]), scheme: "https", host: &host };
        let filter = HeaderFilter::default();
        rewrite_request_headers(&mut headers, &filter, &origin, own_headers, OWN_COOKIES);
        headers
    }

    fn alice() -> HeaderMap {
        [("x-mfa-user", "alice"), ("x-mfa-amr", "pwd,otp,sms")]
            .into_iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn headers_of_the_client_cannot_name_the_user() {
        let spoofed = [
            ("x-mfa-user", "mallory"),
            ("X-MFA-User", "mallory"),
            ("x_mfa_user", "mallory"),
            ("x.mfa.user", "mallory"),
            ("remote-user", "mallory"),
            ("remote_user", "mallory"),
            ("x-forwarded-for", "203.0.113.1"),
            ("x_forwarded_host", "evil.example"),
            ("forwarded", "for=203.0.113.1"),
            ("x-real-ip", "203.0.113.1"),
            ("x-original-url", "/admin/"),
            ("x-rewrite-url", "/admin/"),
        ];
        let headers = rewrite(&spoofed, &alice());
        let all: Vec<_> =
            headers.iter().map(|(n, v)| format!("{n}: {}", v.to_str().expect("ASCII"))).collect();
        assert!(
            !all.iter().any(|line| line.contains("mallory")
                || line.contains("203.0.113.1")
                || line.contains("evil")),
            "{all:?}"
        );
        assert_eq!(headers.get("x-mfa-user").map(HeaderValue::as_bytes), Some(&b"alice"[..]));
        assert_eq!(headers.get("x-mfa-amr").map(HeaderValue::as_bytes), Some(&b"pwd,otp,sms"[..]));
        assert_eq!(
            headers.get("x-forwarded-for").map(HeaderValue::as_bytes),
            Some(&b"192.0.2.7"[..])
        );
        assert_eq!(headers.get("x-original-url"), None);
        let anonymous = rewrite(&spoofed, &HeaderMap::new());
        assert!(anonymous.keys().all(|name| !name.as_str().contains("mfa")), "{anonymous:?}");
    }

    #[test]
    fn connection_cannot_remove_own_headers() {
        let headers = rewrite(
            &[
                ("connection", "x-mfa-user, x-forwarded-for, keep-alive, cookie2"),
                ("keep-alive", "5"),
                ("cookie2", "a"),
            ],
            &alice(),
        );
        assert!(headers.contains_key("x-mfa-user") && headers.contains_key("x-forwarded-for"));
        assert!(
            !headers.contains_key("keep-alive")
                && !headers.contains_key("cookie2")
                && !headers.contains_key("connection")
        );
    }

    #[test]
    fn only_a_websocket_upgrade_is_forwarded() {
        let headers = rewrite(
            &[("connection", "Upgrade, foo"), ("upgrade", "websocket"), ("foo", "1")],
            &HeaderMap::new(),
        );
        assert_eq!(headers.get("upgrade").map(HeaderValue::as_bytes), Some(&b"websocket"[..]));
        assert!(!headers.contains_key("foo"));
        for other in [
            &[("upgrade", "websocket")][..],
            &[("connection", "upgrade"), ("upgrade", "h2c"), ("http2-settings", "AAMAAABk")],
            &[("connection", "upgrade"), ("upgrade", "websocket"), ("upgrade", "h2c")],
        ] {
            let headers = rewrite(other, &HeaderMap::new());
            assert!(
                !headers.contains_key("upgrade") && !headers.contains_key("http2-settings"),
                "{headers:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_spelling_of_an_identity_header_survives(separators in "[-_.!~^|`'*+#$%&]{2}", upper in any::<bool>()) {
            let mut marks = separators.chars();
            let (first, second) = (marks.next().expect("two"), marks.next().expect("two"));
            let name = format!("x{first}mfa{second}user");
            let name = if upper { name.to_uppercase() } else { name };
            prop_assert!(!rewrite(&[(&name, "mallory")], &HeaderMap::new()).iter().any(|(_, v)| v == "mallory"));
        }
    }
}
