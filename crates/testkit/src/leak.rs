//! Finds secrets in logs, errors and files.

use std::{fmt, fs, io, path::Path};

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD},
};

/// Searches text and bytes for a test's secrets.
///
/// It finds a secret as it is, escaped, percent-encoded or form-encoded, as hex, as Base64 of the whole value, and as
/// a list of bytes. It finds a phone number in its national and international forms.
///
/// ```
/// let scanner = testkit::LeakScanner::new().with_secret("password", "correct horse");
/// assert!(scanner.scan("INFO login user=alice").is_empty());
/// assert_eq!(scanner.scan("POST /?p=correct%20horse")[0].name, "password");
/// ```
#[derive(Clone, Default)]
pub struct LeakScanner {
    needles: Vec<Needle>,
}

#[derive(Clone)]
struct Needle {
    name: String,
    form: &'static str,
    /// In lower case, because hex and percent encoding can have either case.
    bytes: Vec<u8>,
}

/// A secret that was found. No field contains the secret itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leak {
    /// The name under which the secret was registered.
    pub name: String,
    /// The form in which it was found, such as `plain` or `base64`.
    pub form: &'static str,
    /// The offset of its first byte.
    pub at: usize,
}

impl LeakScanner {
    /// Makes a scanner without secrets.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the secret `value`. Findings carry `name`.
    ///
    /// # Panics
    ///
    /// If `value` has fewer than four bytes, because it would be found by chance.
    #[must_use]
    pub fn with_secret(mut self, name: &str, value: &str) -> Self {
        assert!(value.len() >= 4, "a secret of fewer than 4 bytes is found by chance");
        for (form, written) in forms(value) {
            self.push(name, form, &written);
        }
        self
    }

    /// Adds a Japanese mobile number. `national` is its 11-digit form. Findings carry `name`.
    ///
    /// # Panics
    ///
    /// If `national` is not 11 digits with a leading zero.
    #[must_use]
    pub fn with_phone_number(mut self, name: &str, national: &str) -> Self {
        let is_national = national.len() == 11
            && national.starts_with('0')
            && national.bytes().all(|b| b.is_ascii_digit());
        assert!(is_national, "a national number is 0 and ten more digits");
        let (prefix, middle, last) = (&national[..3], &national[3..7], &national[7..]);
        // "9012345678" is part of both the national and the E.164 form.
        self.push(name, "national or E.164", &national[1..]);
        for separator in ["-", " ", "%20", "%2d"] {
            let written = format!("{}{separator}{middle}{separator}{last}", &prefix[1..]);
            self.push(name, "separated", &written);
        }
        self
    }

    /// Returns every secret in `text`, in the order of registration, and each form at most once.
    pub fn scan(&self, text: &str) -> Vec<Leak> {
        self.scan_bytes(text.as_bytes())
    }

    /// Like [`scan`](Self::scan), for bytes, such as a database file.
    pub fn scan_bytes(&self, bytes: &[u8]) -> Vec<Leak> {
        let bytes = bytes.to_ascii_lowercase();
        self.needles
            .iter()
            .filter_map(|needle| {
                let at = bytes.windows(needle.bytes.len()).position(|w| w == needle.bytes)?;
                Some(Leak { name: needle.name.clone(), form: needle.form, at })
            })
            .collect()
    }

    /// Returns every secret in the files directly inside `folder`.
    ///
    /// # Errors
    ///
    /// If the folder or a file cannot be read.
    pub fn scan_folder(&self, folder: &Path) -> io::Result<Vec<Leak>> {
        let mut leaks = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                leaks.extend(self.scan_bytes(&fs::read(entry.path())?));
            }
        }
        Ok(leaks)
    }

    /// Fails the test if `text` contains a secret. `place` names the text in the message.
    ///
    /// # Panics
    ///
    /// If `text` contains a secret, or is empty, which would prove nothing.
    #[track_caller]
    pub fn assert_clean(&self, place: &str, text: &str) {
        assert!(!text.is_empty(), "{place} is empty: nothing was scanned");
        let leaks = self.scan(text);
        assert!(leaks.is_empty(), "{place} leaks {leaks:?}");
    }

    fn push(&mut self, name: &str, form: &'static str, written: &str) {
        let bytes = written.as_bytes().to_ascii_lowercase();
        if self.needles.iter().all(|needle| needle.name != name || needle.bytes != bytes) {
            self.needles.push(Needle { name: name.to_owned(), form, bytes });
        }
    }
}

impl fmt::Debug for LeakScanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.needles.iter().map(|n| (&n.name, n.form))).finish()
    }
}

fn forms(value: &str) -> Vec<(&'static str, String)> {
    let escaped: String = value.escape_default().collect();
    let percent: String = value
        .bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02x}")
            }
        })
        .collect();
    vec![
        ("plain", value.to_owned()),
        ("escaped", escaped),
        ("form-encoded", percent.replace("%20", "+")),
        ("percent-encoded", percent),
        ("hex", value.bytes().flat_map(|b| [b >> 4, b & 15]).map(hex_digit).collect()),
        ("base64", BASE64_STANDARD.encode(value)),
        ("base64", BASE64_STANDARD_NO_PAD.encode(value)),
        ("base64url", BASE64_URL_SAFE_NO_PAD.encode(value)),
        ("list of bytes", format!("{:?}", value.as_bytes())),
    ]
}

fn hex_digit(nibble: u8) -> char {
    char::from_digit(u32::from(nibble), 16).unwrap_or('?')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scan_finds_a_secret_in_each_form() {
        let scanner = LeakScanner::new().with_secret("password", "hunter two!");
        for written in [
            "hunter two!",
            "x=HUNTER TWO!",
            "hunter%20two%21",
            "hunter+two%21",
            "68756e7465722074776f21",
            "aHVudGVyIHR3byE=",
            "[104, 117, 110, 116, 101, 114, 32, 116, 119, 111, 33]",
        ] {
            assert!(!scanner.scan(written).is_empty(), "{written}");
        }
        assert_eq!(scanner.scan("hunter one!"), []);
    }

    #[test]
    fn scan_finds_a_number_in_each_spelling_but_not_its_last_digits() {
        let scanner = LeakScanner::new().with_phone_number("phone", "09012345678");
        for written in
            ["09012345678", "+819012345678", "090-1234-5678", "090 1234 5678", "+81 90-1234-5678"]
        {
            assert!(!scanner.scan(written).is_empty(), "{written}");
        }
        assert_eq!(scanner.scan("***-****-5678"), []);
    }

    #[test]
    fn debug_shows_names_and_no_secret() {
        let scanner = LeakScanner::new().with_secret("password", "hunter two!");
        scanner.assert_clean("Debug", &format!("{scanner:?}"));
        assert!(format!("{scanner:?}").contains("password"));
    }

    #[test]
    #[should_panic(expected = "nothing was scanned")]
    fn assert_clean_of_an_empty_text_panics() {
        LeakScanner::new().with_secret("password", "hunter two!").assert_clean("log", "");
    }

    #[test]
    fn scan_folder_finds_a_secret_in_a_file() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("a.db"), b"\x00\xffhunter two!\x00")?;
        let scanner = LeakScanner::new().with_secret("password", "hunter two!");
        assert_eq!(scanner.scan_folder(folder.path())?.len(), 1);
        Ok(())
    }
}
