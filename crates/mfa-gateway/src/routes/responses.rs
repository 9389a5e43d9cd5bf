//! Making responses: pages with their headers, messages and redirects.

use std::time::{Duration, SystemTime};

use auth_module::Destination;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use mfa_pages::{
    Frame, Language, MessageKind, MessagePage, content_security_policy, field, path, render_message,
};
use mfa_proxy::{Body, empty, full};
use url::form_urlencoded;

use crate::{
    destination::to_relative_url,
    http::cookies,
    reference::Reference,
    state::{Context, Settings},
};

/// Makes the frame of a page that a `GET` of the request's own URL shows again.
pub(crate) fn frame(context: &Context) -> Frame<'_> {
    Frame::new(&context.settings.site, context.language, context.now).at(&context.here)
}

/// Makes the response with one of our pages.
pub(crate) fn page(context: &Context, status: StatusCode, html: String) -> Response<Body> {
    let mut response = html_response(&context.settings, context.language, status, html);
    if context.has_chosen_language {
        add_cookie(response.headers_mut(), cookies::LANGUAGE.set(context.language.tag()));
    }
    response
}

fn html_response(
    settings: &Settings,
    language: Language,
    status: StatusCode,
    html: String,
) -> Response<Body> {
    let mut response = Response::new(full(html));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let fixed = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // `no-referrer` would make browsers post with `Origin: null`.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (
            HeaderName::from_static("permissions-policy"),
            "otp-credentials=(self), publickey-credentials-create=(self), publickey-credentials-get=(self)",
        ),
        (header::CONTENT_LANGUAGE, language.tag()),
        (header::VARY, "Accept-Language, Cookie"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(policy) = HeaderValue::try_from(content_security_policy([])) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if settings.scheme == "https" {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
    response
}

/// Makes a message page at the URL of one of our pages.
pub(crate) fn message(context: &Context, kind: MessageKind) -> Response<Body> {
    message_page(context, &MessagePage::new(frame(context), kind))
}

/// Makes a message page at a URL of the application. It has no language switch, because the switch's
/// parameter would reach the application.
pub(crate) fn message_in_app(context: &Context, kind: MessageKind) -> Response<Body> {
    let frame = Frame::new(&context.settings.site, context.language, context.now);
    message_page(context, &MessagePage::new(frame, kind))
}

/// Makes the page for a form that did not reach the application, because its sender has to log in first at `url`.
///
/// The browser keeps what was typed: if this page is loaded again, it sends the form again.
pub(crate) fn not_sent(context: &Context, url: &str) -> Response<Body> {
    let frame = Frame::new(&context.settings.site, context.language, context.now);
    let shown = MessagePage::new(frame, MessageKind::NotSent).with_link_to(url);
    message_page(context, &shown)
}

/// Makes the response with a message page and the status of its kind.
pub(crate) fn message_page(context: &Context, shown: &MessagePage<'_>) -> Response<Body> {
    let reference = context.reference.to_string();
    let shown = &shown.clone().with_reference(&reference);
    let mut response = page(context, status_of(shown.kind), render_message(shown));
    set_retry_after(response.headers_mut(), shown.retry_at, context.now);
    if response.status() == StatusCode::UNAUTHORIZED {
        set_challenge(response.headers_mut());
    }
    response
}

/// Makes a message page for a rejected request.
pub(crate) fn bare_message(
    settings: &Settings,
    kind: MessageKind,
    language: Language,
    now: SystemTime,
    reference: Reference,
) -> Response<Body> {
    let (frame, reference) = (Frame::new(&settings.site, language, now), reference.to_string());
    let html = render_message(&MessagePage::new(frame, kind).with_reference(&reference));
    html_response(settings, language, status_of(kind), html)
}

fn status_of(kind: MessageKind) -> StatusCode {
    StatusCode::from_u16(kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Redirects with `303 See Other`, so that a reload does not post again.
pub(crate) fn see_other(location: &str) -> Response<Body> {
    let mut response = Response::new(empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    match HeaderValue::try_from(location) {
        Ok(location) => {
            headers.insert(header::LOCATION, location);
        }
        Err(_) => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
    }
    response
}

/// Why the browser is at the factor's page: it posted the form of an older login.
pub(crate) const OTHER_LOGIN: &str = "other-login";

/// Returns the page of the login that stands, which says that the posted form belonged to another one.
pub(crate) fn url_of_other_login(context: &Context) -> String {
    format!("{}?why={OTHER_LOGIN}", context.settings.site.url(path::FACTOR))
}

/// Returns the URL of one of our pages, with `destination` as its parameter. The start page needs none.
pub(crate) fn url_to(context: &Context, page: &str, destination: Option<&Destination>) -> String {
    let url = context.settings.site.url(page);
    match destination.filter(|destination| **destination != context.start_page()) {
        Some(destination) => {
            let query = form_urlencoded::Serializer::new(String::new())
                .append_pair(field::RETURN_TO, &to_relative_url(destination))
                .finish();
            format!("{url}?{query}")
        }
        None => url,
    }
}

/// Makes a JSON response for programs.
pub(crate) fn json(status: StatusCode, value: &serde_json::Value) -> Response<Body> {
    let mut response = Response::new(full(value.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Makes the response to a probe of a load balancer.
pub(crate) fn healthy() -> Response<Body> {
    let mut response = Response::new(full("ok\n"));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Adds a `Set-Cookie` line.
pub(crate) fn add_cookie(headers: &mut HeaderMap, cookie: Option<HeaderValue>) {
    if let Some(cookie) = cookie {
        headers.append(header::SET_COOKIE, cookie);
    }
}

/// Sets `Retry-After` in whole seconds, rounded up (RFC 9110, section 10.2.3).
pub(crate) fn set_retry_after(
    headers: &mut HeaderMap,
    retry_at: Option<SystemTime>,
    now: SystemTime,
) {
    let Some(wait) = retry_at.and_then(|at| at.duration_since(now).ok()) else { return };
    let seconds = wait.as_secs() + u64::from(wait > Duration::from_secs(wait.as_secs()));
    headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
}

/// Sets a challenge, which every 401 needs (RFC 9110, section 11.6.1). This one opens no dialogue.
pub(crate) fn set_challenge(headers: &mut HeaderMap) {
    headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("FormBased"));
}
