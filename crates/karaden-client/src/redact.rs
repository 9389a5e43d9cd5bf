//! What of foreign text may be shown.

/// `text` if it looks like a code word of an API: at most 40 of `A-Z a-z 0-9 _ - .`, and no run of
/// digits as long as a phone number or a one-time code could be.
pub(crate) fn word(text: &str) -> Option<&str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let short = !text.is_empty() && text.len() <= 40 && text.bytes().all(plain);
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    (short && digits < 4).then_some(text)
}

/// What an answer that should be JSON looks like, in a phrase of ours.
pub(crate) fn shape(body: &[u8]) -> &'static str {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    match body.trim_ascii_start().first() {
        None => "the answer is empty",
        Some(b'<') => "the answer is a page of HTML or XML",
        Some(b'{' | b'[') => "the answer is not the JSON object that the API promises",
        Some(_) => "the answer is text, not JSON",
    }
}

/// The beginning of a body on one line, at most 200 characters: digits as `#`, and what is as long
/// as a token as `…`. It may still quote a request, so that only who asks for it gets to see it.
pub(crate) fn excerpt(body: &[u8]) -> Option<String> {
    const MOST: usize = 200;
    const TOKEN: usize = 16;
    // Four bytes a character are enough, and a long body is not gone through.
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

/// The number with all but its last four digits hidden.
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
    fn an_answer_that_is_no_json_is_told_apart() {
        let rows = [
            ("", "the answer is empty"),
            (" \r\n", "the answer is empty"),
            ("\u{feff}<html>", "the answer is a page of HTML or XML"),
            (" {", "the answer is not the JSON object that the API promises"),
            ("upstream timed out", "the answer is text, not JSON"),
        ];
        for (body, phrase) in rows {
            assert_eq!(shape(body.as_bytes()), phrase, "{body:?}");
        }
    }

    #[test]
    fn an_excerpt_is_short_and_shows_neither_digits_nor_tokens() {
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
