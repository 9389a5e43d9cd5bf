//! What of foreign text may be shown.

/// `text` if it looks like a code word of an API: at most 40 of `A-Z a-z 0-9 _ - .`, and no run of
/// digits as long as a phone number or a one-time code could be.
pub(crate) fn word(text: &str) -> Option<&str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let short = !text.is_empty() && text.len() <= 40 && text.bytes().all(plain);
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    (short && digits < 4).then_some(text)
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
    fn phone_numbers_keep_four_digits() {
        assert_eq!(phone("09012345678"), "*******5678");
        assert_eq!(phone("12"), "*******");
    }
}
