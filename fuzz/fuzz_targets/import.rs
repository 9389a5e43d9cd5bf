//! Any file of users: no panic, and either rows or messages, each about a line of the file.
//!
//! The first byte of an input chooses format and encoding, the rest is the file.
#![no_main]

use auth_module::{Encoding, ImportFormat, ImportOptions, check_import};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((choice, file)) = input.split_first() else { return };
    let format = if choice % 2 == 0 { ImportFormat::Csv } else { ImportFormat::JsonLines };
    let mut options = ImportOptions::new(format);
    // One of the encodings, or none: then it is found out.
    options.encoding = Encoding::ALL.get(usize::from(choice / 2) % 6).copied();
    // No encoding has a line break of fewer bytes than one.
    let lines = file.len() as u64 + 1;
    match check_import(file, options) {
        Ok(rows) => assert!(rows as u64 <= lines),
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in problems {
                assert!(problem.line <= lines, "{problem}");
                assert!(problem.to_string().starts_with("line "), "{problem}");
            }
        }
    }
});
