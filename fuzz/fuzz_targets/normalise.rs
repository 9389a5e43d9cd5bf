//! Any text as a typed code: no panic, and normalising the result again changes nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use otp_core::{Alphabet, CodeFormat};

fuzz_target!(|typed: &str| {
    for alphabet in [Alphabet::DIGITS, Alphabet::UNMISTAKABLE] {
        for len in CodeFormat::MIN_LEN..=CodeFormat::MAX_LEN {
            let format = CodeFormat::new(alphabet, len).expect("a length in range");
            let Ok(once) = format.normalise(typed) else { continue };
            assert_eq!(once.expose_secret().len(), usize::from(len));
            let twice = format.normalise(once.expose_secret()).expect("a code in its normal form");
            assert_eq!(twice.expose_secret(), once.expose_secret());
        }
    }
});
