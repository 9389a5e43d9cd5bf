//! Rejects cross-site requests, and adds security headers.

use http::{
    Method,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY,
        X_CONTENT_TYPE_OPTIONS,
    },
};

use crate::{body::Reply, request::Call};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Whether a request comes from a page of another site. The simulator has no login, so only this check and that of
/// the host keep a web page from a developer's simulator.
pub(super) fn is_cross_site(call: &Call<'_>) -> bool {
    let is_other_site =
        call.header("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none"));
    let origin = call.header("origin").map(|origin| origin.split_once("://"));
    let is_other_origin = origin.is_some_and(|origin| {
        origin.is_none_or(|(_, origin)| call.host.is_none_or(|host| origin != host))
    });
    (is_other_site && !is_link(call)) || is_other_origin
}

/// Whether the user followed a link to the page, or to a short URL of a message. Another site may have links to
/// them, and cannot read what they show.
fn is_link(call: &Call<'_>) -> bool {
    let has_links = call.path == "/" || call.path.starts_with("/s/");
    has_links && *call.method == Method::GET && call.header("sec-fetch-mode") == Some("navigate")
}

/// Adds the security headers of the inbox and the control endpoints.
pub(super) fn with_security_headers(mut reply: Reply) -> Reply {
    let headers = reply.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "same-origin"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    reply
}
