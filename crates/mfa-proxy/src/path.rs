//! The normal form of request paths. The policy and the application see the same path.
//!
//! Percent-encoded unreserved characters are decoded. Other escapes get upper-case hex digits (RFC 3986,
//! section 6.2.2).
//!
//! A path that two servers could read differently is refused. Such a path contains a dot segment, an empty
//! segment, a space, `#`, a backslash, a control character, a byte outside ASCII, or an encoded slash,
//! backslash, dot, semicolon, percent sign or control character.

/// A path in its normal form. It starts with `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NormalPath(String);

/// The error for a path that two servers could read differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the path can be read in more than one way")]
pub struct AmbiguousPath;

impl NormalPath {
    /// Normalises the path of a request target, without its query.
    ///
    /// # Errors
    ///
    /// [`AmbiguousPath`] if two servers could read the path differently.
    pub fn parse(raw: &str) -> Result<Self, AmbiguousPath> {
        let mut rest = raw.strip_prefix('/').ok_or(AmbiguousPath)?;
        let mut normal = String::with_capacity(raw.len());
        loop {
            let (segment, more) = match rest.split_once('/') {
                Some((segment, more)) => (segment, Some(more)),
                None => (rest, None),
            };
            normal.push('/');
            push_segment(&mut normal, segment, more.is_none())?;
            match more {
                Some(more) => rest = more,
                None => return Ok(Self(normal)),
            }
        }
    }

    /// Returns the path, for the policy and for the application.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn push_segment(normal: &mut String, segment: &str, is_last: bool) -> Result<(), AmbiguousPath> {
    if segment.is_empty() && !is_last {
        return Err(AmbiguousPath);
    }
    let start = normal.len();
    let bytes = segment.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'%' => {
                let decoded = decode(bytes.get(at + 1), bytes.get(at + 2)).ok_or(AmbiguousPath)?;
                push_decoded(normal, decoded)?;
                at += 3;
            }
            b'\\' | b'#' | b'?' | 0..=0x20 | 0x7f..=0xff => return Err(AmbiguousPath),
            _ => {
                normal.push(char::from(byte));
                at += 1;
            }
        }
    }
    let name = normal.get(start..).unwrap_or_default();
    // Servlet containers cut `;parameters` before they resolve dot segments, so `/..;/x` would leave its
    // prefix.
    let bare = name.split_once(';').map_or(name, |(bare, _)| bare);
    if matches!(bare, "." | "..") || (bare.is_empty() && !(is_last && name.is_empty())) {
        return Err(AmbiguousPath);
    }
    Ok(())
}

fn push_decoded(normal: &mut String, decoded: u8) -> Result<(), AmbiguousPath> {
    match decoded {
        // Some servers decode these before they split the path into segments.
        b'/' | b'\\' | b'.' | b'%' | b';' | 0..=0x1f | 0x7f => Err(AmbiguousPath),
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'~' => {
            normal.push(char::from(decoded));
            Ok(())
        }
        _ => {
            const HEX: &[u8; 16] = b"0123456789ABCDEF";
            normal.push('%');
            normal.push(char::from(HEX[usize::from(decoded >> 4)]));
            normal.push(char::from(HEX[usize::from(decoded & 15)]));
            Ok(())
        }
    }
}

fn decode(high: Option<&u8>, low: Option<&u8>) -> Option<u8> {
    let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(raw: &str, expected: Option<&str>) {
        let normal = NormalPath::parse(raw).ok();
        assert_eq!(normal.as_ref().map(NormalPath::as_str), expected, "{raw}");
    }

    #[test]
    fn plain_paths_stay_as_they_are() {
        check("/", Some("/"));
        check("/a/b/", Some("/a/b/"));
        check("/a.b/..c/d..", Some("/a.b/..c/d.."));
        check("/app.do;jsessionid=1A", Some("/app.do;jsessionid=1A"));
        check("/~user/(x)+$&,=@:!*'", Some("/~user/(x)+$&,=@:!*'"));
    }

    #[test]
    fn escapes_get_one_spelling() {
        check("/%61dmin/", Some("/admin/"));
        check("/%5fmfa/login", Some("/_mfa/login"));
        check("/%e3%81%82", Some("/%E3%81%82"));
        check("/a%20b", Some("/a%20b"));
    }

    #[test]
    fn ambiguous_paths_are_refused() {
        for raw in [
            "",
            "a",
            "//",
            "//a",
            "/a//b",
            "/.",
            "/..",
            "/a/../b",
            "/a/./b",
            "/a/..",
            "/%2e/",
            "/%2E%2e/x",
            "/a%2fb",
            "/a%5Cb",
            "/a\\b",
            "/%00",
            "/a%0d%0ab",
            "/%252e",
            "/%",
            "/%4",
            "/%zz",
            "/..;/a",
            "/..;x=1/a",
            "/.;/a",
            "/;/a",
            "/;x",
            "/a b",
            "/a\u{e9}",
            "/a#b",
            "/a%3bx/",
            "/a\tb",
            "/a%7f",
        ] {
            check(raw, None);
        }
    }

    proptest! {
        #[test]
        fn normalising_is_idempotent(raw in "(/[a-zA-Z0-9%;._~-]{0,8}){1,5}") {
            if let Ok(once) = NormalPath::parse(&raw) {
                let twice = NormalPath::parse(once.as_str()).expect("a normal path is unambiguous");
                prop_assert_eq!(once, twice);
            }
        }
    }
}
