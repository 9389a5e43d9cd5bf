//! Short URLs: finds the URLs of a text and replaces them.

use crate::id::mix;

/// The key of a short URL: letters and digits.
pub(crate) type ShortKey = [u8; 7];

/// The start of a short URL, which has 22 characters with its key.
pub(crate) const BASE: &str = "https://kps.ms/";
/// Maximum length of a URL that is shortened.
const MAX_URL_BYTES: usize = 2_083;
/// A URL with one of these characters is not shortened.
const FORBIDDEN: &[char] = &['%', '^', '\\', '|', '`', '[', ']', '{', '}', '\u{3000}'];
/// A URL ends before one of these characters.
const ENDS: &[char] = &['(', ')', '<', '>', '"', ' ', '\n', '\r'];

/// Replaces each URL of `text` by a short one and adds its key to `keys`. The keys depend on `seed`
/// only.
pub(crate) fn shorten(text: &str, seed: u64, keys: &mut Vec<ShortKey>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = start_of_url(rest) {
        let (before, tail) = rest.split_at(at);
        out.push_str(before);
        let end = tail.find(ENDS).unwrap_or(tail.len());
        let (url, after) = tail.split_at(end);
        if url.len() > MAX_URL_BYTES || url.contains(FORBIDDEN) {
            out.push_str(url);
        } else {
            let key = key(seed, keys.len() as u64);
            out.push_str(BASE);
            out.push_str(std::str::from_utf8(&key).unwrap_or_default());
            keys.push(key);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

fn start_of_url(text: &str) -> Option<usize> {
    [text.find("https://"), text.find("http://")].into_iter().flatten().min()
}

fn key(seed: u64, index: u64) -> ShortKey {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut value = mix(seed ^ mix(index));
    std::array::from_fn(|_| {
        let letter = LETTERS[(value % 62) as usize];
        value /= 62;
        letter
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: usize) -> String {
        let mut keys = Vec::new();
        let short = shorten(text, 7, &mut keys);
        assert_eq!(keys.len(), expected, "{short}");
        short
    }

    #[test]
    fn each_url_gets_its_own_key() {
        let short = check("見る https://a.example/x http://b.example\n終", 2);
        let urls: Vec<_> = short.split_whitespace().filter(|word| word.starts_with(BASE)).collect();
        assert_eq!(urls.len(), 2);
        assert!(urls.iter().all(|url| url.len() == 22) && urls[0] != urls[1], "{short}");
        assert!(short.starts_with("見る ") && short.ends_with("\n終"));
    }

    #[test]
    fn a_url_ends_where_the_rules_say() {
        for end in ["(", ")", "<", ">", "\"", " ", "\n"] {
            let short = check(&format!("https://a.example{end}tail"), 1);
            assert!(short.ends_with(&format!("{end}tail")), "{short}");
        }
    }

    #[test]
    fn urls_that_the_service_does_not_shorten_are_kept() {
        for url in ["https://a.example/%41", "https://a.example/[x]", "https://a.example/|"] {
            assert_eq!(check(url, 0), url);
        }
        let long = format!("https://a.example/{}", "x".repeat(2_083));
        assert_eq!(check(&long, 0), long);
    }
}
