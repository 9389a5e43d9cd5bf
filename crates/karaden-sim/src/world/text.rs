//! How long a text is and into how many parts the carriers cut it.

/// The length of `text` as the carriers count it.
pub(crate) fn utf16_units(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.encode_utf16().count() }
}

/// How many parts a text of `units` UTF-16 units is billed as: one up to 70, then 66 a part (660
/// units are ten parts). The rule from the second part on is our inference.
pub(crate) fn segments(units: usize) -> usize {
    if units <= 70 { 1 } else { units.div_ceil(66) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_change_exactly_at_the_limits() {
        for (units, expected) in [(0, 1), (70, 1), (71, 2), (132, 2), (133, 3), (660, 10)] {
            assert_eq!(segments(units), expected, "{units}");
        }
    }

    #[test]
    fn characters_outside_the_basic_plane_count_twice() {
        assert_eq!(utf16_units("認証コード1"), 6);
        assert_eq!(utf16_units("😀"), 2);
    }
}
