//! The path of a request, as it is forwarded.
//!
//! It has the client's own bytes, except that escapes of unreserved characters are decoded (RFC 3986, section
//! 6.2.2.2): `/%61dmin/` is `/admin/`. Everything else stays as the client wrote it, because applications
//! give it a meaning: `/50%25.pdf`, `/group%2Fproject`, `/a//b`.
//!
//! A path that no application needs is refused: one with a dot segment, a backslash, a control character, a
//! character that has to be escaped, or an escape that is none. Whether servers may read the others in
//! several ways is a question for the policy.

/// A path that may be forwarded. It starts with `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NormalPath(String);

/// The error for a path that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the path is not valid")]
pub struct InvalidPath;

impl NormalPath {
    /// Reads the path of a request target, without its query.
    ///
    /// # Errors
    ///
    /// [`InvalidPath`] for a path without a slash at its beginning; one with the segment `.` or `..`, escaped
    /// or not; with a backslash, a control character or NUL, escaped or not; with a blank, `#`, `?` or a
    /// character outside ASCII that is not escaped; and with a `%` that two hex digits do not follow.
    pub fn parse(raw: &str) -> Result<Self, InvalidPath> {
        let mut normal = String::with_capacity(raw.len());
        let mut bytes = raw.bytes();
        while let Some(byte) = bytes.next() {
            match byte {
                b'%' => push_escape(&mut normal, bytes.next(), bytes.next())?,
                b'\\' | b'#' | b'?' | 0..=0x20 | 0x7f..=0xff => return Err(InvalidPath),
                _ => normal.push(char::from(byte)),
            }
        }
        let segments = normal.strip_prefix('/').ok_or(InvalidPath)?;
        if segments.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err(InvalidPath);
        }
        Ok(Self(normal))
    }

    /// Returns the path, for the policy and for the application.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn push_escape(normal: &mut String, high: Option<u8>, low: Option<u8>) -> Result<(), InvalidPath> {
    let (Some(high), Some(low)) = (high.map(char::from), low.map(char::from)) else {
        return Err(InvalidPath);
    };
    let (Some(first), Some(second)) = (high.to_digit(16), low.to_digit(16)) else {
        return Err(InvalidPath);
    };
    match u8::try_from(first * 16 + second).map_err(|_| InvalidPath)? {
        // A backslash is a separator on Windows, also behind a server that decodes the path.
        b'\\' | 0..=0x1f | 0x7f => return Err(InvalidPath),
        byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
            normal.push(char::from(byte));
        }
        _ => normal.extend(['%', high, low]),
    }
    Ok(())
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
    fn paths_that_applications_have_stay_as_they_are() {
        for path in [
            "/",
            "/a/b/",
            "/a.b/..c/d..",
            "/app.do;jsessionid=1A",
            "/~user/(x)+$&,=@:!*'",
            "/50%25.pdf",
            "/group%2Fproject",
            "/group%2fproject",
            "//",
            "/a//b/",
            "//a",
            "/a%3Bx/%3B",
            "/%252e",
            "/%e3%81%82",
            "/a%20b",
            "/..;/a",
            "/..%20/a",
            "/;/a",
            "/.../",
            "/a/%E9%2F..%2f",
        ] {
            check(path, Some(path));
        }
    }

    #[test]
    fn escapes_of_unreserved_characters_are_decoded() {
        check("/%61dmin/", Some("/admin/"));
        check("/%5fmfa/login", Some("/_mfa/login"));
        check("/%7E%2D%2e%2E%2ea%30", Some("/~-...a0"));
        check("/%25%36%31", Some("/%2561"));
    }

    #[test]
    fn paths_that_no_application_needs_are_refused() {
        for raw in [
            "",
            "a",
            "*",
            "/.",
            "/..",
            "/a/../b",
            "/a/./b",
            "/a/..",
            "/%2e/",
            "/%2E%2e/x",
            "/a%5Cb",
            "/a%5cb",
            "/a\\b",
            "/%00",
            "/a%0d%0ab",
            "/%",
            "/%4",
            "/%zz",
            "/%+1",
            "/a b",
            "/a\u{e9}",
            "/a#b",
            "/a?b",
            "/a\tb",
            "/a%7f",
            "/a%1F",
        ] {
            check(raw, None);
        }
    }

    proptest! {
        #[test]
        fn normalising_is_idempotent(raw in "(/[a-zA-Z0-9%;._~-]{0,8}){1,5}") {
            if let Ok(once) = NormalPath::parse(&raw) {
                let twice = NormalPath::parse(once.as_str()).expect("a normal path is valid");
                prop_assert_eq!(once, twice);
            }
        }
    }
}
