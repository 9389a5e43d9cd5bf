//! Where the body of a message ends. A message is refused if two servers could disagree about it.

use http::{
    HeaderMap, Request,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};

/// Why the end of a request's body is in doubt (RFC 9112, sections 6.1 and 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "each has a status of its own")]
pub enum FramingError {
    /// A length next to a transfer coding, or a transfer coding that is not written as `chunked`, once.
    #[error("the body has no certain length")]
    Ambiguous,
    /// A transfer coding other than `chunked`.
    #[error("the transfer coding is not supported")]
    UnknownCoding,
}

impl FramingError {
    /// Returns what the server found wrong with the framing of `request`. The server closes the connection after the
    /// response.
    pub fn of<B>(request: &Request<B>) -> Option<Self> {
        request.extensions().get().copied()
    }
}

/// What is known about the lines of a request's head, apart from its headers: hyper drops a length next to a transfer
/// coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lengths {
    /// The head has at most one of the two.
    One,
    /// The head has a length and a transfer coding.
    Two,
    /// The head arrived together with an earlier request, so that its lines were not seen.
    Unseen,
}

/// Checks the framing of a request.
pub(crate) fn check_request(headers: &HeaderMap, lengths: Lengths) -> Result<(), FramingError> {
    if !headers.contains_key(TRANSFER_ENCODING) {
        return Ok(());
    }
    if lengths != Lengths::One {
        return Err(FramingError::Ambiguous);
    }
    check_coding(headers)
}

/// Checks the framing of a response, and leaves one `Content-Length` of several equal ones.
pub(crate) fn check_response(headers: &mut HeaderMap) -> Result<(), FramingError> {
    check_coding(headers)?;
    let lines = headers.get_all(CONTENT_LENGTH).iter();
    let lengths: Option<Vec<&str>> = lines.map(|line| line.to_str().ok()).collect();
    let lengths: Vec<&str> = lengths.ok_or(FramingError::Ambiguous)?;
    let mut lengths = lengths.iter().flat_map(|line| line.split(',')).map(str::trim);
    let Some(first) = lengths.next() else { return Ok(()) };
    let first = length(first).ok_or(FramingError::Ambiguous)?;
    let are_equal = lengths.all(|each| length(each) == Some(first));
    if !are_equal || headers.contains_key(TRANSFER_ENCODING) {
        return Err(FramingError::Ambiguous);
    }
    headers.insert(CONTENT_LENGTH, first.into());
    Ok(())
}

fn length(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Accepts no transfer coding, and `chunked` once.
fn check_coding(headers: &HeaderMap) -> Result<(), FramingError> {
    let mut lines =
        headers.get_all(TRANSFER_ENCODING).iter().map(|line| line.as_bytes().trim_ascii());
    let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
    match (lines.next(), lines.next()) {
        (None, _) => return Ok(()),
        (Some(line), None) if is_chunked(line) => return Ok(()),
        _ => {}
    }
    let lines = headers.get_all(TRANSFER_ENCODING).iter();
    let mut codings =
        lines.flat_map(|line| line.as_bytes().split(|b| *b == b',')).map(<[u8]>::trim_ascii);
    if codings.all(|coding| coding.is_empty() || is_chunked(coding)) {
        Err(FramingError::Ambiguous)
    } else {
        Err(FramingError::UnknownCoding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| {
                (http::HeaderName::from_static(name), value.parse().expect("a value"))
            })
            .collect()
    }

    #[test]
    fn only_one_chunked_is_a_certain_coding() {
        let (ambiguous, unknown) = (Err(FramingError::Ambiguous), Err(FramingError::UnknownCoding));
        for (lines, expected) in [
            (&[][..], Ok(())),
            (&["chunked"], Ok(())),
            (&["Chunked"], Ok(())),
            (&["chunked, chunked"], ambiguous),
            (&["chunked", "chunked"], ambiguous),
            (&[",chunked"], ambiguous),
            (&["", "chunked"], ambiguous),
            (&["gzip, chunked"], unknown),
            (&["gzip", "chunked"], unknown),
            (&["identity, chunked"], unknown),
            (&["chunked;a=1"], unknown),
        ] {
            let lines: Vec<_> = lines.iter().map(|line| ("transfer-encoding", *line)).collect();
            assert_eq!(check_request(&headers(&lines), Lengths::One), expected, "{lines:?}");
        }
    }

    #[test]
    fn a_coding_next_to_a_length_is_refused_and_so_is_one_that_was_not_seen() {
        let chunked = headers(&[("transfer-encoding", "chunked")]);
        for lengths in [Lengths::Two, Lengths::Unseen] {
            assert_eq!(check_request(&chunked, lengths), Err(FramingError::Ambiguous));
            assert_eq!(check_request(&headers(&[("content-length", "5")]), lengths), Ok(()));
        }
    }

    #[test]
    fn a_response_has_one_length() {
        for (lines, expected) in [
            (&[("content-length", "5")][..], Ok(Some("5"))),
            (&[("content-length", "5"), ("content-length", "5")], Ok(Some("5"))),
            (&[("content-length", "5, 5")], Ok(Some("5"))),
            (&[("transfer-encoding", "chunked")], Ok(None)),
            (&[("content-length", "5"), ("content-length", "6")], Err(FramingError::Ambiguous)),
            (&[("content-length", "+5")], Err(FramingError::Ambiguous)),
            (&[("content-length", "")], Err(FramingError::Ambiguous)),
            (
                &[("content-length", "5"), ("transfer-encoding", "chunked")],
                Err(FramingError::Ambiguous),
            ),
            (&[("transfer-encoding", "gzip")], Err(FramingError::UnknownCoding)),
        ] {
            let mut headers = headers(lines);
            let checked = check_response(&mut headers);
            let left: Vec<_> = headers.get_all(CONTENT_LENGTH).iter().collect();
            match expected {
                Ok(length) => assert_eq!(
                    (checked, left),
                    (Ok(()), length.map(|text| text.parse().expect("a value")).iter().collect())
                ),
                Err(error) => assert_eq!(checked, Err(error), "{lines:?}"),
            }
        }
    }
}
