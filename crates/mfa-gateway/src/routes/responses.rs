//! Making responses: pages, redirects, and refusals for people and for programs.

use std::time::{Duration, SystemTime};

use auth_module::Destination;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use mfa_pages::{
    Frame, Language, MessageKind, MessagePage, field, message_words, path, render_message,
};
use mfa_proxy::{Body, empty, full};
use serde::Serialize;
use url::form_urlencoded;

use crate::{
    destination::to_relative_url,
    http::{
        accept::{self, wants_page},
        cookies,
    },
    request_id::RequestId,
    state::Context,
};

/// Makes the frame of a page that a `GET` of the request's own URL shows again.
pub(crate) fn frame(context: &Context) -> Frame<'_> {
    Frame::new(&context.settings.site, context.language, context.now).at(&context.here)
}

/// Makes the response with one of our pages.
pub(crate) fn page(context: &Context, status: StatusCode, html: String) -> Response<Body> {
    let mut response = document(
        status,
        "text/html; charset=utf-8",
        html,
        context.language,
        "Accept-Language, Cookie",
    );
    keep_language(context, response.headers_mut());
    response
}

fn document(
    status: StatusCode,
    content_type: &'static str,
    text: String,
    language: Language,
    vary: &str,
) -> Response<Body> {
    let mut response = Response::new(full(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    if let Ok(vary) = HeaderValue::from_str(vary) {
        headers.insert(header::VARY, vary);
    }
    response
}

/// Keeps the language that was chosen on a page.
fn keep_language(context: &Context, headers: &mut HeaderMap) {
    if context.has_chosen_language {
        add_cookie(headers, cookies::LANGUAGE.set(context.language.tag()));
    }
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

/// Makes the response to a request that did not reach the application, because its sender has to log in first at
/// `url`.
///
/// After a form, the browser keeps what was typed: if the page is loaded again, it sends the form again.
pub(crate) fn login_first(context: &Context, kind: MessageKind, url: &str) -> Response<Body> {
    let frame = Frame::new(&context.settings.site, context.language, context.now);
    message_page(context, &MessagePage::new(frame, kind).with_link_to(url))
}

/// Makes the response with a message page and the status of its kind.
pub(crate) fn message_page(context: &Context, shown: &MessagePage<'_>) -> Response<Body> {
    let mut response = refusal(&context.headers, &context.request_id, shown.clone());
    keep_language(context, response.headers_mut());
    response
}

/// Makes the response to a request that is refused: the page for people, or the same as data for programs
/// (RFC 9457). `headers` are those of the request.
pub(crate) fn refusal(
    headers: &HeaderMap,
    id: &RequestId,
    shown: MessagePage<'_>,
) -> Response<Body> {
    let reference = id.reference().to_string();
    let shown = shown.with_reference(&reference);
    let (content_type, text) = if wants_page(headers) {
        ("text/html; charset=utf-8", render_message(&shown))
    } else {
        ("application/problem+json", problem(&shown, &reference, id))
    };
    let status = status_of(shown.kind);
    let vary = format!("{}, Accept-Language, Cookie", accept::VARY);
    let mut response = document(status, content_type, text, shown.frame.language, &vary);
    let headers = response.headers_mut();
    set_retry_after(headers, shown.retry_at, shown.frame.now);
    match status {
        // RFC 9110, section 11.6.1: every 401 needs a challenge. This one opens no dialogue.
        StatusCode::UNAUTHORIZED => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("FormBased"));
        }
        // RFC 9110, section 15.5.9.
        StatusCode::REQUEST_TIMEOUT => {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        _ => {}
    }
    response
}

/// Where the kinds of problems are described, by their codes.
const PROBLEM_TYPES: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/refusals.md#");

/// A refusal for programs (RFC 9457), with members of our own.
#[derive(Serialize)]
struct Problem<'a> {
    r#type: String,
    title: String,
    status: u16,
    detail: String,
    code: &'static str,
    reference: &'a str,
    request_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    login: Option<&'a str>,
}

fn problem(shown: &MessagePage<'_>, reference: &str, id: &RequestId) -> String {
    let (title, detail) = message_words(shown);
    let code = shown.kind.code();
    let problem = Problem {
        r#type: format!("{PROBLEM_TYPES}{code}"),
        title,
        status: shown.kind.status(),
        detail,
        code,
        reference,
        request_id: id.to_string(),
        login: shown.link_to,
    };
    serde_json::to_string(&problem).unwrap_or_default()
}

fn status_of(kind: MessageKind) -> StatusCode {
    StatusCode::from_u16(kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Redirects with `303 See Other`, so that a reload does not post again.
pub(crate) fn see_other(location: &str) -> Response<Body> {
    let mut response = Response::new(empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    match HeaderValue::try_from(location) {
        Ok(location) => {
            response.headers_mut().insert(header::LOCATION, location);
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
fn set_retry_after(headers: &mut HeaderMap, retry_at: Option<SystemTime>, now: SystemTime) {
    let Some(wait) = retry_at.and_then(|at| at.duration_since(now).ok()) else { return };
    let seconds = wait.as_secs() + u64::from(wait > Duration::from_secs(wait.as_secs()));
    headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_codes_is_complete() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/refusals.md");
        let page = std::fs::read_to_string(file).expect("the page");
        let mut rows: Vec<String> = (MessageKind::ALL.iter())
            .map(|kind| format!("| `{}` | {} | ", kind.code(), kind.status()))
            .collect();
        rows.sort();
        let (_, table) = page.split_once("|---|---|---|\n").expect("a table");
        let lines: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
        assert_eq!(lines.len(), rows.len(), "a code without its row, or a row without its code");
        for (line, row) in lines.into_iter().zip(rows) {
            assert!(line.starts_with(&row), "{line} is not the row {row}");
        }
    }
}
