//! The bytes of a file as text.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};

use super::{
    encoding::Encoding,
    problem::{ImportProblem, ImportRule},
};

/// Decodes a file, without its byte order mark. A mark decides before `encoding` does.
pub(super) fn decode(
    file: &[u8],
    encoding: Option<Encoding>,
) -> Result<(Cow<'_, str>, Encoding), ImportProblem> {
    let marked = encoding_rs::Encoding::for_bom(file);
    let body = marked.map_or(file, |(_, length)| &file[length..]);
    let encoding = marked
        .and_then(|(decoder, _)| Encoding::of(decoder))
        .or(encoding)
        .or_else(|| detected(file))
        .ok_or_else(|| not_decoded(file, Encoding::Utf8))?;
    let decoded = encoding.decoder().decode_without_bom_handling_and_without_replacement(body);
    decoded.map(|text| (text, encoding)).ok_or_else(|| not_decoded(body, encoding))
}

/// Finds out an encoding without a mark. Western European text is not taken for Japanese.
fn detected(file: &[u8]) -> Option<Encoding> {
    if std::str::from_utf8(file).is_ok() {
        return (!file.contains(&0)).then_some(Encoding::Utf8).or_else(|| utf_16(file));
    }
    if let Some(encoding) = utf_16(file) {
        return Some(encoding);
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(file, true);
    let guess = Encoding::of(detector.guess(None, Utf8Detection::Deny));
    guess.filter(|encoding| matches!(encoding, Encoding::ShiftJis | Encoding::EucJp))
}

/// The header of a file is ASCII, so every other byte of UTF-16 is 0 there.
fn utf_16(file: &[u8]) -> Option<Encoding> {
    match file {
        [0, 1..=0x7f, 0, 1..=0x7f, ..] => Some(Encoding::Utf16Be),
        [1..=0x7f, 0, 1..=0x7f, 0, ..] => Some(Encoding::Utf16Le),
        _ => None,
    }
}

/// Names the first line that is not of this encoding.
fn not_decoded(file: &[u8], encoding: Encoding) -> ImportProblem {
    let valid = match encoding {
        Encoding::Utf8 => std::str::from_utf8(file).map_or_else(|e| e.valid_up_to(), |_| 0),
        _ => 0,
    };
    let line = file[..valid].split(|&byte| byte == b'\n').count() as u64;
    ImportProblem { line, column: None, rule: ImportRule::Encoding(encoding) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &[u8]) -> Result<(String, Encoding), String> {
        decode(file, None)
            .map(|(text, encoding)| (text.into_owned(), encoding))
            .map_err(|problem| problem.to_string())
    }

    const TEXT: &str = "username,display_name\ntaro,山田太郎\nhanako,鈴木はなこ\n";

    fn utf_16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn what_office_programs_write_is_found_out() {
        let be = utf_16(TEXT, u16::to_be_bytes);
        let le = utf_16(TEXT, u16::to_le_bytes);
        for (file, encoding) in [
            (TEXT.as_bytes().to_vec(), Encoding::Utf8),
            (["\u{feff}", TEXT].concat().into_bytes(), Encoding::Utf8),
            (encoding_rs::SHIFT_JIS.encode(TEXT).0.into_owned(), Encoding::ShiftJis),
            (encoding_rs::EUC_JP.encode(TEXT).0.into_owned(), Encoding::EucJp),
            ([&[0xfe, 0xff][..], &be].concat(), Encoding::Utf16Be),
            ([&[0xff, 0xfe][..], &le].concat(), Encoding::Utf16Le),
            (be, Encoding::Utf16Be),
            (le, Encoding::Utf16Le),
        ] {
            assert_eq!(read(&file), Ok((TEXT.to_owned(), encoding)), "{encoding:?}");
        }
    }

    #[test]
    fn western_text_is_not_taken_for_japanese() {
        let latin =
            "username,display_name\nhelene,H\u{e9}l\u{e8}ne M\u{fc}ller\njosé,José Álvarez\n";
        let latin: Vec<u8> = latin.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        let problem = read(&latin).unwrap_err();
        assert!(problem.starts_with("line 2: not UTF-8"), "{problem}");
    }

    #[test]
    fn a_stated_encoding_that_is_wrong_is_a_problem() {
        let problem = decode(b"\xff\xff\n", Some(Encoding::ShiftJis)).unwrap_err().to_string();
        assert_eq!(
            problem,
            "line 1: not shift_jis; name another encoding or save the file as UTF-8"
        );
    }
}
