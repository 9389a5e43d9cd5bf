//! The GSM 7-bit default alphabet and its extension table (3GPP TS 23.038, formerly GSM 03.38).

/// The characters of the basic table that are not ASCII.
const BEYOND_ASCII: &str = "£¥èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà";

/// Returns how many septets a character takes, or `None` if the alphabet does not have it.
pub(super) fn septets(c: char) -> Option<usize> {
    match c {
        '^' | '{' | '}' | '\\' | '[' | '~' | ']' | '|' | '€' | '\u{c}' => Some(2),
        ' '..='_' | 'a'..='z' | '\n' | '\r' => Some(1),
        c => BEYOND_ASCII.contains(c).then_some(1),
    }
}
