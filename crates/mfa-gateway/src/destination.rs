//! Where a login returns to: always a place in this gateway's own origin.

use mfa_proxy::NormalPath;

/// A place in this gateway's own origin to return to after a login.
///
/// Holds a normal path and its query, never a scheme, host or fragment, so a redirect to it cannot
/// leave the origin (CWE-601).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReturnTo(String);

impl ReturnTo {
    /// The start page.
    pub(crate) fn root() -> Self {
        Self("/".to_owned())
    }

    /// Takes a path and query as a request or a form carried it.
    ///
    /// Anything that is not plainly a place in this origin becomes `None`.
    pub(crate) fn parse(raw: &str) -> Option<Self> {
        const MAX_BYTES: usize = 2048;
        let (path, query) = match raw.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (raw, None),
        };
        if raw.len() > MAX_BYTES {
            return None;
        }
        let mut place = NormalPath::parse(path).ok()?.as_str().to_owned();
        if let Some(query) = query {
            let is_clean =
                query.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'\\' | b'#'));
            if !is_clean {
                return None;
            }
            place.push('?');
            place.push_str(query);
        }
        Some(Self(place))
    }

    /// The path and query.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_return_place_never_leaves_the_origin() {
        for raw in [
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
            "/a?b\r\nSet-Cookie:x",
            "user@evil.example",
            "",
            "?x",
            "/a/../../b",
        ] {
            assert_eq!(ReturnTo::parse(raw), None, "{raw}");
        }
        assert_eq!(
            ReturnTo::parse("/a?next=//x&y=1").map(|r| r.0).as_deref(),
            Some("/a?next=//x&y=1")
        );
        assert_eq!(ReturnTo::parse(&format!("/{}", "a".repeat(2048))), None);
    }

    proptest! {
        #[test]
        fn an_accepted_return_place_stays_in_the_origin(raw in "\\PC{0,40}") {
            if let Some(place) = ReturnTo::parse(&raw) {
                let origin = url::Url::parse("https://auth.example.jp").expect("a URL");
                let resolved = origin.join(place.as_str()).expect("a relative reference");
                prop_assert_eq!(resolved.origin(), origin.origin());
            }
        }
    }
}
