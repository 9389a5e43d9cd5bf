//! The text of a message: its length as Karaden counts it, and how it is split into parts.

use crate::invalid::{Found, Invalid, Rule};

/// What a text may contain, and how it is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TextRule {
    pub(crate) field: &'static str,
    pub(crate) max_units: usize,
    pub(crate) line_break_units: usize,
    pub(crate) plane: Plane,
}

/// Which characters a text may contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plane {
    /// Those of the Basic Multilingual Plane, which every handset has.
    Basic,
    /// All characters.
    Any,
}

/// Returns the length in UTF-16 units, with a line break counted as `line_break_units`.
///
/// A character beyond the Basic Multilingual Plane counts as two.
pub(crate) fn units(text: &str, line_break_units: usize) -> usize {
    text.chars().map(|c| char_units(c, line_break_units)).sum()
}

fn char_units(c: char, line_break_units: usize) -> usize {
    if c == '\n' { line_break_units } else { c.len_utf16() }
}

/// Returns `text` with CR LF and CR replaced by LF.
pub(crate) fn with_plain_line_breaks(text: String) -> String {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text }
}

/// Checks that `text` can be sent and read on every handset.
pub(crate) fn check(text: &str, rule: TextRule) -> Result<(), Invalid> {
    let refuse = |broken, found| Err(Invalid::new(rule.field, broken, found));
    if text.trim().is_empty() {
        return refuse(Rule::NotEmpty, Found::Empty);
    }
    for c in text.chars() {
        if c.is_control() && c != '\n' {
            return refuse(Rule::NoControl, Found::ControlCharacter);
        }
        if c.len_utf16() > 1 && rule.plane == Plane::Basic {
            return refuse(Rule::BasicPlane, Found::SupplementaryCharacter);
        }
    }
    let length = units(text, rule.line_break_units);
    if length > rule.max_units {
        return refuse(Rule::AtMost(rule.max_units), Found::Units(length));
    }
    Ok(())
}

/// The size and the number of the parts of a long text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PartRule {
    pub(crate) max_parts: usize,
    pub(crate) max_units: usize,
    pub(crate) line_break_units: usize,
}

/// Where a part may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cuts {
    /// After the best break in the last third.
    Readable,
    /// As late as possible, but not before a mark.
    BeforeMarks,
    /// As late as possible.
    Late,
}

/// Splits `text` into the parts of `rule`. `None` if it does not fit. The parts joined are `text`.
///
/// There are never more parts than if each of them were as long as possible, because each is billed. Within
/// that number, a part ends after the best break in its last third: a line break, then the end of a sentence,
/// then a comma, then a space. Without a break it ends as late as possible, but not between a character and
/// the combining marks, voicing marks and variation selectors after it.
pub(crate) fn split(text: &str, rule: PartRule) -> Option<Vec<String>> {
    // Before any other work: it would not fit even if every part were full.
    if units(text, rule.line_break_units) > rule.max_units.saturating_mul(rule.max_parts) {
        return None;
    }
    let fewest = fewest_parts(text, rule);
    if fewest > rule.max_parts {
        return None;
    }
    let mut parts = Vec::with_capacity(fewest);
    let mut rest = text;
    while parts.len() + 1 < fewest {
        let left = fewest - parts.len() - 1;
        let (part, tail) = [Cuts::Readable, Cuts::BeforeMarks]
            .into_iter()
            .map(|cuts| rest.split_at(cut(rest, cuts, rule)))
            .find(|(_, tail)| fewest_parts(tail, rule) <= left)
            .unwrap_or_else(|| rest.split_at(cut(rest, Cuts::Late, rule)));
        parts.push(part.to_owned());
        rest = tail;
    }
    parts.push(rest.to_owned());
    Some(parts)
}

/// Returns the number of parts if each of them is as long as possible.
fn fewest_parts(text: &str, rule: PartRule) -> usize {
    let mut parts = 1;
    let mut rest = text;
    while units(rest, rule.line_break_units) > rule.max_units {
        rest = &rest[cut(rest, Cuts::Late, rule)..];
        parts += 1;
    }
    parts
}

/// Returns where to split a text that is longer than a part: a character boundary, never 0.
fn cut(text: &str, cuts: Cuts, rule: PartRule) -> usize {
    let PartRule { max_units, line_break_units, .. } = rule;
    let mut used = 0;
    let mut best = (0_u8, 0_usize);
    let mut last = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        used += char_units(c, line_break_units);
        // The first character in any case, so that there is progress.
        if used > max_units && last > 0 {
            break;
        }
        last = at + c.len_utf8();
        if cuts != Cuts::Late && chars.peek().is_some_and(|(_, next)| clings(*next)) {
            continue;
        }
        let reads_well = cuts == Cuts::Readable && used * 3 > max_units * 2;
        let rank = if reads_well { break_rank(c) } else { 0 };
        if rank >= best.0 {
            best = (rank, last);
        }
    }
    // One character with more marks than fit is split between its marks.
    if best.1 == 0 { last } else { best.1 }
}

/// Returns how good a break after `c` is.
fn break_rank(c: char) -> u8 {
    match c {
        '\n' => 4,
        '。' | '．' | '.' | '！' | '!' | '？' | '?' => 3,
        '、' | '，' | ',' | '」' | '）' | ')' => 2,
        ' ' | '\u{3000}' => 1,
        _ => 0,
    }
}

/// Returns whether `c` belongs to the character before it.
fn clings(c: char) -> bool {
    matches!(
        c,
        '\u{300}'..='\u{36f}'
            | '\u{200d}'
            | '\u{20d0}'..='\u{20ff}'
            | '\u{3099}' | '\u{309a}'
            | '\u{ff9e}' | '\u{ff9f}'
            | '\u{fe00}'..='\u{fe0f}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_character_beyond_the_basic_plane_counts_as_two() {
        assert_eq!(units("あa\n", 1), 3);
        assert_eq!(units("あa\n", 2), 4);
        assert_eq!(units("𠮷", 1), 2);
    }

    #[test]
    fn carriage_returns_become_line_breaks() {
        assert_eq!(with_plain_line_breaks("a\r\nb\rc\n".to_owned()), "a\nb\nc\n");
    }

    #[test]
    fn each_rule_has_its_refusal() {
        let rule =
            TextRule { field: "body", max_units: 5, line_break_units: 2, plane: Plane::Basic };
        let rows = [
            ("", Rule::NotEmpty, Found::Empty),
            (" \n", Rule::NotEmpty, Found::Empty),
            ("123456", Rule::AtMost(5), Found::Units(6)),
            ("123\n5", Rule::AtMost(5), Found::Units(6)),
            ("a\tb", Rule::NoControl, Found::ControlCharacter),
            ("a\u{7f}", Rule::NoControl, Found::ControlCharacter),
            ("a😀", Rule::BasicPlane, Found::SupplementaryCharacter),
        ];
        for (text, broken, found) in rows {
            assert_eq!(check(text, rule), Err(Invalid::new("body", broken, found)), "{text:?}");
        }
        for good in ["12345", "12\n4", "あいうえお"] {
            assert_eq!(check(good, rule), Ok(()), "{good:?}");
        }
        let any = TextRule { plane: Plane::Any, ..rule };
        assert_eq!(check("a😀😀", any), Ok(()));
        let too_long = Invalid::new("body", Rule::AtMost(5), Found::Units(6));
        assert_eq!(check("😀😀😀", any), Err(too_long));
    }

    fn parts_of(max_units: usize) -> PartRule {
        PartRule { max_parts: usize::MAX, max_units, line_break_units: 2 }
    }

    /// The number of full parts of 70 units.
    fn fewest(text: &str) -> usize {
        let add = |(parts, used), c| match used + char_units(c, 2) {
            used if used > 70 => (parts + 1, char_units(c, 2)),
            used => (parts, used),
        };
        text.chars().fold((1, 0), add).0
    }

    #[test]
    fn cuts_prefer_good_places() {
        let rows: [(&str, &[&str]); 5] = [
            ("1234567890ab", &["1234567890", "ab"]),
            ("1234567。90ab", &["1234567。", "90ab"]),
            ("12。4567890ab", &["12。4567890", "ab"]),
            ("1234567、9。abcd", &["1234567、9。", "abcd"]),
            ("123456789か\u{3099}x", &["123456789", "か\u{3099}x"]),
        ];
        for (text, parts) in rows {
            assert_eq!(split(text, parts_of(10)).expect("no bound"), parts, "{text}");
        }
    }

    #[test]
    fn cuts_prefer_few_parts() {
        let rule = |max_parts| PartRule { max_parts, ..parts_of(10) };
        let split = |text: &str, max_parts| split(text, rule(max_parts)).expect("fits");
        let text = "1234567。1234567。1234";
        assert_eq!(split(text, 3), ["1234567。12", "34567。1234"]);
        let text = "1234567。1234567。12345";
        assert_eq!(split(text, 3), ["1234567。", "1234567。", "12345"]);
        let text = "1234567。1234567。12345678";
        assert_eq!(split(text, 3), ["1234567。", "1234567。", "12345678"]);
        let text = "1234567。1234567。123456789012";
        for max_parts in [3, 10] {
            assert_eq!(split(text, max_parts), ["1234567。", "1234567。12", "3456789012"]);
        }
        assert_eq!(super::split(&format!("{text}345"), rule(3)), None);
        // Not even for its marks does a text get one part more.
        assert_eq!(split("123456789か\u{3099}123456789", 3), ["123456789か", "\u{3099}123456789"]);
        let text = format!("{}。", "あ".repeat(47)).repeat(10);
        let seven = super::split(&text, PartRule { max_parts: 10, ..parts_of(70) }).expect("fits");
        assert_eq!(seven.len(), 7);
    }

    proptest! {
        #[test]
        fn parts_are_the_text_and_fit(text in "[a-zあ-ん、。\n \u{3099}\u{300}]{0,400}") {
            let parts = split(&text, parts_of(70)).expect("no bound");
            prop_assert_eq!(parts.concat(), text.clone());
            for part in &parts {
                prop_assert!(units(part, 2) <= 70);
                prop_assert!(!part.is_empty() || text.is_empty());
            }
            prop_assert_eq!(parts.len(), fewest(&text));
        }

        #[test]
        fn any_text_can_be_cut(text: String, limit in 2_usize..20) {
            let parts = split(&text, parts_of(limit)).expect("no bound");
            prop_assert_eq!(parts.concat(), text);
            prop_assert!(parts.iter().all(|part| units(part, 2) <= limit));
        }
    }
}
