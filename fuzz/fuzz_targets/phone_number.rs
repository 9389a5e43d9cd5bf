//! Any text as a phone number of an import: no panic, and each form of a number is read as the same number.
#![no_main]

use libfuzzer_sys::fuzz_target;
use otp_core::{AllowedPrefixes, PhoneNumber};

fuzz_target!(|text: &str| {
    let read = |text: &str| PhoneNumber::from_japanese_with(text, AllowedPrefixes::WITH_060);
    let Ok(number) = read(text) else { return };
    assert_eq!(number.as_e164().len(), 13);
    assert_eq!(number.national().len(), 11);
    assert_eq!(read(number.as_e164()).as_ref(), Ok(&number));
    assert_eq!(read(&number.national()).as_ref(), Ok(&number));
    assert!(!format!("{number:?}").contains(&number.national()[3..7]) || repeats(&number));
});

/// Whether the hidden digits are equal to the shown ones by chance.
fn repeats(number: &PhoneNumber) -> bool {
    number.national()[3..7] == *number.last_four()
}
