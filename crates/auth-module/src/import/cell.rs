//! What office programs do to the value of a cell, taken back.

use otp_core::{AllowedPrefixes, InvalidPhoneNumber, PhoneNumber};

use super::problem::ImportRule;

/// The value that takes something away, where an empty cell leaves it as it is.
const NONE: &str = "-";

/// Returns the text of a cell without the signs by which office programs mark text: `="…"` and a leading
/// apostrophe. `None` for an empty cell.
pub(super) fn text(cell: &str) -> Option<&str> {
    let cell = cell.trim();
    let formula = cell.strip_prefix("=\"").and_then(|cell| cell.strip_suffix('"'));
    let text = formula.or_else(|| cell.strip_prefix('\'')).unwrap_or(cell).trim();
    (!text.is_empty()).then_some(text)
}

/// Whether the cell says that there is none.
pub(super) fn is_none(text: &str) -> bool {
    text == NONE
}

/// Reads a phone number. Returns whether its first 0 was lost, which is put back.
pub(super) fn phone_number(
    text: &str,
    prefixes: AllowedPrefixes,
) -> Result<(PhoneNumber, bool), ImportRule> {
    if is_rounded(text) {
        return Err(ImportRule::RoundedNumber);
    }
    // A table of numbers writes a number with decimals.
    let text = text.strip_suffix(".0").unwrap_or(text);
    let read = |text: &str| PhoneNumber::from_japanese_with(text, prefixes);
    match read(text) {
        Ok(number) => Ok((number, false)),
        // Only a text without the 0 and without a country code has ten digits.
        Err(InvalidPhoneNumber::NotJapaneseMobile) if !starts_with_zero(text) => {
            read(&format!("0{text}")).map(|number| (number, true)).map_err(ImportRule::PhoneNumber)
        }
        Err(error) => Err(ImportRule::PhoneNumber(error)),
    }
}

/// Whether the text is a number that a spreadsheet shortened, such as `9.01235E+10`.
fn is_rounded(text: &str) -> bool {
    let Some((figure, power)) = text.split_once(['E', 'e']) else { return false };
    let power = power.strip_prefix('+').unwrap_or(power);
    let is_figure = figure.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b','));
    is_figure && !power.is_empty() && power.bytes().all(|b| b.is_ascii_digit())
}

fn starts_with_zero(text: &str) -> bool {
    text.starts_with(['0', '０', '+', '＋', '(', '（'])
}

/// Reads yes or no, in the words of office programs.
pub(super) fn truth(text: &str) -> Result<bool, ImportRule> {
    match text.to_lowercase().as_str() {
        "yes" | "true" | "1" | "y" | "x" | "はい" | "○" | "無効" => Ok(true),
        "no" | "false" | "0" | "n" | "-" | "いいえ" | "有効" => Ok(false),
        _ => Err(ImportRule::Truth),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_text_are_taken_off() {
        for (cell, expected) in [
            ("=\"09012345678\"", Some("09012345678")),
            ("'09012345678", Some("09012345678")),
            (" 09012345678\u{3000}", Some("09012345678")),
            ("\u{a0}", None),
            ("=\"\"", None),
            ("", None),
        ] {
            assert_eq!(text(cell), expected, "{cell:?}");
        }
    }

    #[test]
    fn phone_numbers_as_office_programs_leave_them() {
        let read = |text: &str| phone_number(text, AllowedPrefixes::default());
        let number = PhoneNumber::from_japanese("09012345678").unwrap();
        for (text, has_lost_zero) in [
            ("09012345678", false),
            ("9012345678", true),
            ("90-1234-5678", true),
            ("90 1234 5678", true),
            ("9012345678.0", true),
            ("９０１２３４５６７８", true),
            ("090‐1234–5678", false),
            ("090ー1234ー5678", false),
            ("+819012345678", false),
            ("+81(0)90-1234-5678", false),
            ("819012345678", false),
            ("0081 90 1234 5678", false),
        ] {
            assert_eq!(read(text), Ok((number.clone(), has_lost_zero)), "{text}");
        }
        assert!(read("6012345678").is_ok_and(|(_, has_lost_zero)| has_lost_zero));
        let not_mobile = ImportRule::PhoneNumber(InvalidPhoneNumber::NotJapaneseMobile);
        for text in [
            "0800-123-4567",
            "800-123-4567",
            "8001234567",
            "0312345678",
            "312345678",
            "090123456789",
            "901234567",
            "+9012345678",
            "0 9012345678 9",
            "(9012345678",
        ] {
            assert_eq!(read(text), Err(not_mobile), "{text}");
        }
        for text in ["9.01235E+10", "9.01234567E10", "9E+10", "9,01235E+10"] {
            assert_eq!(read(text), Err(ImportRule::RoundedNumber), "{text}");
        }
    }
}
