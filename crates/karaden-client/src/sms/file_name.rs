//! A file name from a server that is safe to use.

use crate::{
    invalid::{Found, Invalid, Rule},
    text_type::text_type,
};

/// A plain file name: not a path, not a hidden file, not a device.
///
/// 1 to 150 bytes of letters and digits of any script, `.`, `-`, `_`, spaces and round brackets,
/// without a dot or space at either end. The device names of Windows are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName(String);

impl FileName {
    /// Checks a name.
    ///
    /// # Errors
    ///
    /// [`Rule::NotEmpty`] or [`Rule::FileName`] on field `filename`.
    pub fn new(name: &str) -> Result<Self, Invalid> {
        let refuse = |rule, found| Err(Invalid::new("filename", rule, found));
        if name.is_empty() {
            return refuse(Rule::NotEmpty, Found::Empty);
        }
        let good = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ' ' | '(' | ')');
        let edge = |c: char| matches!(c, '.' | ' ');
        let plain = (1..=150).contains(&name.len())
            && name.chars().all(good)
            && !name.starts_with(edge)
            && !name.ends_with(edge);
        if !plain || is_device(name) {
            return refuse(Rule::FileName, Found::OtherValue);
        }
        Ok(Self(name.to_owned()))
    }

    /// Returns the name in a `Content-Disposition`, if there is one and it is safe.
    ///
    /// Reads `filename` and ignores `filename*`: the service sends both with the same name.
    pub(super) fn from_disposition(header: &str) -> Option<Self> {
        Self::new(&parameter(header, "filename")?).ok()
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

text_type!(FileName);

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_ascii_uppercase();
    let numbered = |prefix: &str| {
        stem.strip_prefix(prefix).is_some_and(|n| n.len() == 1 && n.as_bytes()[0].is_ascii_digit())
    };
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL") || numbered("COM") || numbered("LPT")
}

/// Returns the value of a parameter after the first `;` of a header, quoted or not.
fn parameter(header: &str, wanted: &str) -> Option<String> {
    let (_kind, mut rest) = header.split_once(';')?;
    loop {
        let (name, after) = rest.split_once('=')?;
        let (value, tail) = value(after.trim_start())?;
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = tail.trim_start().strip_prefix(';')?;
    }
}

/// Splits off a token or quoted string.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        return Some((text[..end].trim().to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_taken_from_the_header() {
        let rows = [
            (r#"attachment;filename="a.json";filename*=UTF-8''b.json"#, Some("a.json")),
            (r#"attachment; filename*=UTF-8''b.json; filename="a.json""#, Some("a.json")),
            ("attachment; filename=a.json", Some("a.json")),
            (r#"attachment; FileName = "結果 (1).json""#, Some("結果 (1).json")),
            (r#"attachment; x="a;filename=b"; filename="a.json""#, Some("a.json")),
            (r#"attachment; filename="a\"b.json""#, None),
            (r#"attachment; filename="unclosed"#, None),
            ("attachment", None),
            ("", None),
            (r"attachment; filename*=UTF-8''b.json", None),
        ];
        for (header, name) in rows {
            let found = FileName::from_disposition(header);
            assert_eq!(found.as_ref().map(FileName::as_str), name, "{header}");
        }
    }

    #[test]
    fn hostile_names_are_refused() {
        for name in [
            "",
            ".",
            "..",
            ".bashrc",
            "../etc/passwd",
            "..\\..\\boot.ini",
            "/etc/passwd",
            "C:\\a.json",
            "a:b",
            "a\0.json",
            "a\n.json",
            "a.json.",
            "a.json ",
            "CON",
            "nul.json",
            "com1.txt",
            "a\u{202e}nosj.json",
            "~root",
            "$(x)",
            "a|b",
        ] {
            assert!(FileName::new(name).is_err(), "{name:?}");
        }
        assert!(FileName::new(&"a".repeat(151)).is_err());
        assert!(FileName::new("messages_bulk-20240301000000.json").is_ok());
        assert!(FileName::new("comet.json").is_ok());
    }

    proptest! {
        #[test]
        fn no_header_yields_a_path(header: String) {
            if let Some(name) = FileName::from_disposition(&header) {
                let path = std::path::Path::new(name.as_str());
                prop_assert_eq!(path.file_name(), Some(path.as_os_str()));
                prop_assert_eq!(path.components().count(), 1);
            }
        }
    }
}
