//! Places in a Japanese text where a line may break.
//!
//! The style sheet keeps Japanese words whole (`word-break: keep-all`). So a text has a zero-width space
//! (U+200B) between two phrases (文節), where no punctuation separates them.

/// The character between two phrases.
const BREAK: char = '\u{200B}';

/// Returns `text` without the marks, for places that are not laid out: the title of the tab, attributes
/// that are read aloud, and text messages.
///
/// ```
/// assert_eq!(mfa_pages::without_breaks("港の\u{200B}図書室"), "港の図書室");
/// ```
pub fn without_breaks(text: &str) -> String {
    text.replace(BREAK, "")
}
