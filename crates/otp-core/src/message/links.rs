//! Finding text that a phone would turn into a link.

use crate::format::half_width;

/// The top-level domains in Japanese script (IANA's list). One of them after a dot makes a link.
const JAPANESE: [&str; 14] = [
    "みんな",
    "アマゾン",
    "クラウド",
    "グーグル",
    "コム",
    "ストア",
    "セール",
    "ファッション",
    "ポイント",
    "世界",
    "家電",
    "書籍",
    "通販",
    "食品",
];

/// Whether a phone would turn something in `text` into a link: a scheme, `www.`, a domain name, or an IPv4
/// address. In doubt it is a link, because phones differ: to some of them `。` is a dot.
pub(super) fn has_link(text: &str) -> bool {
    let text: String = text.chars().map(half_width).collect::<String>().to_ascii_lowercase();
    ["://", "www.", "mailto:", "tel:"].iter().any(|sign| text.contains(sign))
        || text.char_indices().any(|(at, c)| is_before_top_level(&text[..at], c, &text[at..]))
        || text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.')).any(is_address)
}

/// Whether `dot` is a dot between a label and a top-level domain. Letters of every script count as
/// characters of a label, because Japanese text has no space before a name.
fn is_before_top_level(before: &str, dot: char, after: &str) -> bool {
    let is_letter = |c: char| match dot {
        '.' => c.is_alphanumeric(),
        // After Japanese words it ends a sentence.
        '。' | '｡' => c.is_ascii_alphanumeric(),
        _ => false,
    };
    if !before.ends_with(is_letter) {
        return false;
    }
    let after = &after[dot.len_utf8()..];
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let label = after.split(|c| !is_part(c)).next().unwrap_or_default();
    let is_ascii = label.len() >= 2 && label.bytes().all(|b| b.is_ascii_lowercase());
    let is_encoded = label.len() > 4 && label.starts_with("xn--");
    let word = after.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    is_ascii || is_encoded || (dot == '.' && JAPANESE.contains(&word))
}

/// Whether `word` is an IPv4 address. A full stop may follow it.
fn is_address(word: &str) -> bool {
    let parts =
        word.trim_matches('.').split('.').map(|part| part.len() <= 3 && part.parse::<u8>().is_ok());
    parts.clone().count() == 4 && parts.into_iter().all(|is_byte| is_byte)
}
