//! Shared secrets: HOTP and `otpauth:` URIs.

use std::time::Duration;

use otp_core::oath::{Algorithm, Label, Moving, OathSecret, Otpauth, Totp};
use proptest::{collection::vec, prelude::*};

use crate::config;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn otpauth_uris_are_read_back(
        secret in vec(any::<u8>(), 16..=128),
        issuer in proptest::option::of("[^:\\pC\\pZ][^:\\pC\\pZ]{0,20}"),
        account in "[^:\\pC\\pZ][^:\\pC\\pZ]{0,20}",
        digits in 6..=8_u8,
        period in 5..=120_u64,
    ) {
        let secret = OathSecret::from_bytes(&secret).unwrap();
        let totp = Totp::new(secret, Algorithm::Sha256, digits, Duration::from_secs(period)).unwrap();
        let label = Label::new(issuer.as_deref(), &account).unwrap();
        let uri = Otpauth::new(label.clone(), Moving::Time(totp)).to_uri();
        let read = Otpauth::parse(&uri).unwrap();
        prop_assert_eq!(read.label(), &label);
        prop_assert_eq!(read.to_uri(), uri);
    }

    #[test]
    fn hotp_codes_have_their_digits(counter in any::<u64>(), digits in 6..=8_u8, key in vec(any::<u8>(), 16..65)) {
        let secret = OathSecret::from_bytes(&key).unwrap();
        let hotp = otp_core::oath::Hotp::new(secret, Algorithm::Sha512, digits).unwrap();
        let code = hotp.code(otp_core::oath::Counter(counter));
        prop_assert_eq!(code.expose_secret().len(), usize::from(digits));
        prop_assert!(code.expose_secret().bytes().all(|b| b.is_ascii_digit()));
    }
}
