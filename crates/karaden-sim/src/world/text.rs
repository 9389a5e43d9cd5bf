//! The length of a text and the number of its parts.

/// Returns the length of `text` in UTF-16 units, which the carriers count.
pub(crate) fn utf16_units(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.encode_utf16().count() }
}

/// Returns the length of `text` in UTF-16 units, where each line break counts `line_break` instead of one.
pub(crate) fn weighed_units(text: &str, line_break: usize) -> usize {
    let breaks = text.bytes().filter(|byte| *byte == b'\n').count();
    (utf16_units(text) - breaks).saturating_add(breaks.saturating_mul(line_break))
}

/// Returns how many parts a text of `units` UTF-16 units is billed as: one up to 70, otherwise one
/// for each 66. The 66 is our inference from the limit of 660 units in ten parts.
pub(crate) fn parts(units: usize) -> usize {
    if units <= 70 { 1 } else { units.div_ceil(66) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_split_at_the_limits() {
        for (units, expected) in [(0, 1), (70, 1), (71, 2), (132, 2), (133, 3), (660, 10)] {
            assert_eq!(parts(units), expected, "{units}");
        }
    }

    #[test]
    fn characters_outside_the_basic_plane_count_twice() {
        assert_eq!(utf16_units("認証コード1"), 6);
        assert_eq!(utf16_units("😀"), 2);
    }

    #[test]
    fn a_line_break_counts_as_much_as_it_is_told_to() {
        for (weight, expected) in [(0, 3), (1, 5), (3, 9)] {
            assert_eq!(weighed_units("a\nあ\nb", weight), expected, "{weight}");
        }
        assert_eq!(weighed_units("a\r\n", 3), 5, "a carriage return is one more");
    }
}
