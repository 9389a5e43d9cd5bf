//! Which form of a response a client wants: a page for people, or data for programs.

use http::{
    HeaderMap,
    header::{ACCEPT, HeaderName},
};
use mediatype::{
    MediaType, MediaTypeList, Name, ReadParams as _,
    names::{_STAR, APPLICATION, HTML, JSON, Q, TEXT},
};
use mfa_pages::quality;

/// What the choice depends on, besides the language and the cookies.
pub(crate) const VARY: &str = "Accept, Sec-Fetch-Dest, X-Requested-With";

const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const X_REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");

const PAGE: [MediaType<'static>; 1] = [MediaType::new(TEXT, HTML)];
/// `application/problem+json`, and what programs ask for that do not know it.
const DATA: [MediaType<'static>; 2] = [
    MediaType::from_parts(APPLICATION, Name::new_unchecked("problem"), Some(JSON), &[]),
    MediaType::new(APPLICATION, JSON),
];

/// Further items of an `Accept` header are ignored.
const MAX_ITEMS: usize = 100;

/// The weight of a media type that is accepted without one, in thousandths.
const WHOLE: u16 = 1000;

/// Whether the client shows the response as a page. Only then a page, or a redirect to one, helps.
///
/// Scripts say that they are none of it, by `Sec-Fetch-Dest` or `X-Requested-With`. For all others, `Accept`
/// decides (RFC 9110, section 12.5.1): a client gets a page if it likes `text/html` better than JSON. A client
/// that likes both equally is a program, unless its browser says that it loads a document.
pub(crate) fn wants_page(headers: &HeaderMap) -> bool {
    let destination = headers.get(SEC_FETCH_DEST);
    let is_script = headers.contains_key(X_REQUESTED_WITH)
        || destination.is_some_and(|destination| destination != "document");
    if is_script {
        return false;
    }
    let (page, data) = (weight(headers, &PAGE), weight(headers, &DATA));
    page > data || (page == data && page > 0 && destination.is_some())
}

/// Returns the largest weight of `types`, in thousandths; 0 if none is accepted.
fn weight(headers: &HeaderMap, types: &[MediaType<'_>]) -> u16 {
    types.iter().map(|wanted| weight_of(headers, wanted)).max().unwrap_or_default()
}

fn weight_of(headers: &HeaderMap, wanted: &MediaType<'_>) -> u16 {
    if !headers.contains_key(ACCEPT) {
        return WHOLE;
    }
    let lines = headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let ranges = lines.flat_map(MediaTypeList::new).take(MAX_ITEMS).filter_map(Result::ok);
    let weights = ranges.filter_map(|range| {
        let weight = range.get_param(Q).map_or(Some(WHOLE), |q| quality(q.as_str()));
        Some((precision(&range, wanted)?, weight.unwrap_or_default()))
    });
    // The most precise range decides.
    weights.max().map_or(0, |(_, weight)| weight)
}

/// Returns how precisely a range means `wanted`; `None` if it does not.
fn precision(range: &MediaType<'_>, wanted: &MediaType<'_>) -> Option<u8> {
    let is_type = range.ty == wanted.ty;
    let is_whole = is_type && range.subty == wanted.subty && range.suffix == wanted.suffix;
    match () {
        () if is_whole => Some(2),
        () if is_type && range.subty == _STAR => Some(1),
        () if range.ty == _STAR && range.subty == _STAR => Some(0),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &[(&str, &str)], expected: bool) {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            headers.append(name, value.parse().expect("a value"));
        }
        assert_eq!(wants_page(&headers), expected, "{given:?}");
    }

    #[test]
    fn accept_decides_by_its_weights() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
        for (accept, expected) in [
            (browser, true),
            ("text/html", true),
            ("TEXT/HTML ; charset=utf-8 , */* ; q=0.1", true),
            ("text/*", true),
            ("text/html;q=0.5, application/json;q=0.4", true),
            ("application/json;q=0.2, text/html;q=0.3", true),
            ("text/html;level=\"a,b\", application/json;q=0.9", true),
            ("*/*", false),
            ("application/json", false),
            ("application/problem+json", false),
            ("application/json, text/plain, */*", false),
            ("application/json, text/html;q=0.9", false),
            ("text/html;q=0.4, application/problem+json;q=0.5", false),
            ("text/html;q=0", false),
            ("text/html;q=0, */*", false),
            ("text/*;q=0.9, text/html;q=0.1, application/json;q=0.5", false),
            ("text/html;q=nonsense", false),
            ("text/htmlx", false),
            ("text/html+json", false),
            ("x-text/html, application/json", false),
            ("image/png", false),
            ("text/event-stream", false),
            ("", false),
            (",,;;,", false),
        ] {
            check(&[("accept", accept)], expected);
        }
        check(&[("accept", "application/json;q=0.5"), ("accept", "text/html;q=0.7")], true);
        check(&[("accept", "application/json"), ("accept", "text/html;q=0.7")], false);
        check(&[], false);
        let endless = format!("{}text/html", "a/b,".repeat(MAX_ITEMS));
        check(&[("accept", &endless)], false);
    }

    #[test]
    fn a_script_gets_data_and_a_document_a_page() {
        let html = ("accept", "text/html");
        for script in [
            ("x-requested-with", "XMLHttpRequest"),
            ("sec-fetch-dest", "empty"),
            ("sec-fetch-dest", "image"),
            ("sec-fetch-dest", "iframe"),
        ] {
            check(&[html, script], false);
        }
        let document = ("sec-fetch-dest", "document");
        check(&[document, html], true);
        check(&[document], true);
        check(&[document, ("accept", "*/*")], true);
        check(&[document, ("accept", "application/json")], false);
        check(&[document, ("accept", "image/png")], false);
    }
}
