//! Lines of limited width.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Characters that no line begins with (JIS X 4051).
const NO_START: &str = "、。，．・：；）」』】］｝ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ,.:;)]}";
/// Characters that no line ends with.
const NO_END: &str = "（「『【［｛([{";

/// Breaks `text` into lines that take at most `width` columns of a terminal, where a Japanese character takes two.
/// A line breaks between words, and between Japanese characters.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let mut is_first = true;
        for piece in pieces(word) {
            let gap = if is_first { " " } else { "" };
            match lines.last_mut() {
                Some(line) if line.width() + gap.len() + piece.width() <= width => {
                    line.push_str(gap);
                    line.push_str(piece);
                }
                _ => lines.push(piece.to_owned()),
            }
            is_first = false;
        }
    }
    lines
}

/// Splits a word where a line may break within it.
fn pieces(word: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let next = word.char_indices().skip(1);
    for (before, (at, after)) in word.chars().zip(next) {
        let is_wide = |c: char| c.width() == Some(2);
        let can_break = (is_wide(before) || is_wide(after))
            && !NO_START.contains(after)
            && !NO_END.contains(before);
        if can_break {
            pieces.push(&word[start..at]);
            start = at;
        }
    }
    pieces.push(&word[start..]);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_whole_and_lines_stay_short() {
        assert_eq!(wrap("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrap("longer-than-the-line x", 5), ["longer-than-the-line", "x"]);
        assert!(wrap("", 5).is_empty());
    }

    #[test]
    fn japanese_breaks_between_characters_and_not_before_a_full_stop() {
        assert_eq!(wrap("認証コードの桁数です。", 10), ["認証コード", "の桁数で", "す。"]);
        assert_eq!(wrap("鍵（例：a.key）です", 9), ["鍵（例：", "a.key）で", "す"]);
    }
}
