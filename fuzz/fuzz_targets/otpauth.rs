//! Any text as an otpauth URI or a Base32 secret: no panic, and a parsed value is written as it was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use otp_core::oath::{OathSecret, Otpauth};

fuzz_target!(|text: &str| {
    if let Ok(read) = Otpauth::parse(text) {
        let uri = read.to_uri();
        let again = Otpauth::parse(&uri).expect("a uri that was written");
        assert_eq!(again.to_uri(), uri);
        assert_eq!(again.label(), read.label());
    }
    if let Ok(secret) = OathSecret::from_base32(text) {
        let again = OathSecret::from_base32(&secret.expose_base32()).expect("our own Base32");
        assert_eq!(again.expose_secret(), secret.expose_secret());
    }
});
