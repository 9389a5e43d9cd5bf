//! Which parts of a text from outside may be shown.

/// Returns `text` if it looks like a code word of an API: at most 40 of `A-Z a-z 0-9 _ - .`, with
/// fewer than four digits in all.
pub(crate) fn word(text: &str) -> Option<&str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let short = !text.is_empty() && text.len() <= 40 && text.bytes().all(plain);
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    (short && digits < 4).then_some(text)
}

/// Describes with a fixed phrase what a response that is not the expected JSON looks like.
pub(crate) fn shape(body: &[u8]) -> &'static str {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    match body.trim_ascii_start().first() {
        None => "the response is empty",
        Some(b'<') => "the response is a page of HTML or XML",
        Some(b'{' | b'[') => "the response is not the JSON object that the API promises",
        Some(_) => "the response is text, not JSON",
    }
}

/// Returns the start of a body on one line, at most 200 characters, with digits as `#` and words as
/// long as a token as `…`.
///
/// It may still quote a request, so it is shown only on request.
pub(crate) fn excerpt(body: &[u8]) -> Option<String> {
    const MOST: usize = 200;
    const TOKEN: usize = 16;
    // A character has at most four bytes, so the rest of a long body need not be decoded.
    let text = String::from_utf8_lossy(&body[..body.len().min(MOST * 4)]);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let mut shown = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty())
    {
        if !shown.is_empty() {
            shown.push(' ');
        }
        for piece in word.split_inclusive(|c| !is_plain(c)) {
            let run = piece.trim_end_matches(|c| !is_plain(c));
            if run.len() >= TOKEN {
                shown.push('…');
                shown.push_str(&piece[run.len()..]);
            } else {
                shown.extend(piece.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }));
            }
        }
    }
    let shown: String = shown.chars().take(MOST).collect();
    (!shown.is_empty()).then_some(shown)
}

/// Returns the number with all but its last four digits hidden.
pub(crate) fn phone(digits: &str) -> String {
    let tail = digits.len().checked_sub(4).and_then(|at| digits.get(at..)).unwrap_or("");
    format!("*******{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_words_pass() {
        for good in ["validation_error", "201", "can_not_cancel_message", "999"] {
            assert_eq!(word(good), Some(good));
        }
        for bad in ["", "09012345678", "123456", "to=0901", "不正", "a b", "090-1234-5678"] {
            assert_eq!(word(bad), None, "{bad}");
        }
        assert_eq!(word(&"a".repeat(41)), None);
    }

    #[test]
    fn responses_that_are_not_json_are_told_apart() {
        let rows = [
            ("", "the response is empty"),
            (" \r\n", "the response is empty"),
            ("\u{feff}<html>", "the response is a page of HTML or XML"),
            (" {", "the response is not the JSON object that the API promises"),
            ("upstream timed out", "the response is text, not JSON"),
        ];
        for (body, phrase) in rows {
            assert_eq!(shape(body.as_bytes()), phrase, "{body:?}");
        }
    }

    #[test]
    fn an_excerpt_is_short_and_shows_no_digits_and_no_tokens() {
        let body =
            "<html>\r\n<title>502 Bad\tGateway</title>\0 ?Token=0123456789abcdef&To=09012345678";
        let expected = "<html> <title>### Bad Gateway</title> ?Token=…&To=###########";
        assert_eq!(excerpt(body.as_bytes()).as_deref(), Some(expected));
        assert_eq!(excerpt(b" \r\n"), None);
        assert_eq!(
            excerpt("あ い ".repeat(100_000).as_bytes()).map(|t| t.chars().count()),
            Some(200)
        );
        assert!(excerpt(&[0xff; 10]).is_some());
    }

    #[test]
    fn phone_numbers_keep_four_digits() {
        assert_eq!(phone("09012345678"), "*******5678");
        assert_eq!(phone("12"), "*******");
    }
}
