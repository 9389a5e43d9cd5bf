//! Reading a relative URL as a [`Destination`], and writing it back.

use auth_module::{AppName, Destination};
use mfa_proxy::NormalPath;

use crate::target::MAX_BYTES;

/// Reads a path with an optional query, as a request or a form carried it.
///
/// Returns `None` for anything else, such as an absolute URL, and for the gateway's own pages under
/// `own_prefix`: after a login they would lead to a login page or a logout page.
pub(crate) fn from_relative_url(app: &AppName, own_prefix: &str, url: &str) -> Option<Destination> {
    if url.len() > MAX_BYTES {
        return None;
    }
    let (path, query) = match url.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (url, None),
    };
    let path = NormalPath::parse(path).ok()?;
    if path.as_str().starts_with(own_prefix) {
        return None;
    }
    Destination::new(app.clone(), path.as_str(), query).ok()
}

/// Writes the path and the query.
pub(crate) fn to_relative_url(destination: &Destination) -> String {
    match destination.query() {
        Some(query) => format!("{}?{query}", destination.path()),
        None => destination.path().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn app() -> AppName {
        AppName::new("shop").expect("a name")
    }

    fn read(url: &str) -> Option<Destination> {
        from_relative_url(&app(), "/_mfa/", url)
    }

    #[test]
    fn a_url_that_could_leave_the_application_is_refused() {
        for url in [
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example",
            "https:evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/\n/evil.example",
            "/a?b\\c",
            "/a?b#c",
            "/a#b",
            "/a?b\r\nSet-Cookie:x",
            "user@evil.example",
            "",
            "?x",
            "/a/../../b",
        ] {
            assert_eq!(read(url), None, "{url}");
        }
    }

    #[test]
    fn the_gateways_own_pages_are_no_destination() {
        for url in ["/_mfa/", "/_mfa/login?return_to=%2F", "/_mfa/logout", "/%5fmfa/login"] {
            assert_eq!(read(url), None, "{url}");
        }
        for url in ["/_mfa", "/_mfab/", "/a/_mfa/"] {
            assert!(read(url).is_some(), "{url}");
        }
    }

    #[test]
    fn a_url_is_taken_over_in_normal_form() {
        for (url, path, query) in [
            ("/", "/", None),
            ("/%61dmin/?a=%61", "/admin/", Some("a=%61")),
            ("/a?next=//x&y=1?", "/a", Some("next=//x&y=1?")),
            ("/a?", "/a", Some("")),
        ] {
            let destination = read(url).expect(url);
            assert_eq!((destination.path(), destination.query()), (path, query));
            assert_eq!(destination.app(), &app());
        }
    }

    #[test]
    fn the_length_is_bounded() {
        assert!(read(&format!("/{}", "a".repeat(MAX_BYTES - 1))).is_some());
        assert_eq!(read(&format!("/{}", "a".repeat(MAX_BYTES))), None);
    }

    proptest! {
        #[test]
        fn what_was_read_is_read_again_as_the_same(
            url in "(/[a-zA-Z0-9%;._~-]{0,8}){1,5}(\\?[ -~]{0,20})?",
        ) {
            if let Some(destination) = read(&url) {
                let written = to_relative_url(&destination);
                prop_assert_eq!(read(&written), Some(destination));
            }
        }

        /// As a browser resolves it, from any page of the application.
        #[test]
        fn a_destination_never_leaves_the_origin(
            url in "(\\PC{0,40}|[/\\\\a:@.?#%\t\r\n]{0,12}|(/[a-z_%0-9.;]{0,6}){1,4})",
            page in "(/[a-z]{1,4}){0,3}/",
        ) {
            if let Some(destination) = read(&url) {
                let origin = url::Url::parse("https://auth.example.jp").expect("a URL");
                let page = origin.join(&page).expect("a page");
                let resolved = page.join(&to_relative_url(&destination)).expect("a reference");
                prop_assert_eq!(resolved.origin(), origin.origin());
                prop_assert!(!resolved.path().starts_with("/_mfa/"));
            }
        }
    }
}
