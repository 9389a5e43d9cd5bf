//! Any text as a phone number of an import: no panic, and each form of a number is read as the same number.
#![no_main]

use libfuzzer_sys::fuzz_target;
use otp_core::PhoneNumber;

fuzz_target!(|text: &str| {
    let read = PhoneNumber::from_japanese;
    let Ok(number) = read(text) else { return };
    assert_eq!(number.as_e164().len(), 13);
    let national = number.to_japanese().expect("a Japanese number");
    assert_eq!(national.len(), 11);
    assert_eq!(read(number.as_e164()).as_ref(), Ok(&number));
    assert_eq!(read(&national).as_ref(), Ok(&number));
    assert!(!format!("{number:?}").contains(&national[3..7]) || repeats(&number));
});

/// Whether the hidden digits are equal to the shown ones by chance.
fn repeats(number: &PhoneNumber) -> bool {
    number.block().ends_with(number.last_four())
}
