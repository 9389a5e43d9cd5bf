//! Recipients, as people write their numbers.

use karaden_client::{Found, Recipient};
use testkit::{MOBILE_NUMBERS, NUMBER_SEPARATORS};

fn digits(number: &str) -> Option<String> {
    Recipient::new(number).ok().map(|number| number.expose_digits().to_owned())
}

#[test]
fn mobile_numbers_are_read_as_otp_core_reads_them() {
    for (text, expected) in MOBILE_NUMBERS.iter().copied() {
        assert_eq!(digits(text).as_deref(), expected, "{text:?}");
    }
}

#[test]
fn the_same_characters_separate_digits_as_in_otp_core() {
    let expected = |c: char| {
        c.is_whitespace() || NUMBER_SEPARATORS.iter().any(|separators| separators.contains(&c))
    };
    for c in '\0'..=char::MAX {
        let is_read = Recipient::new(&format!("090{c}12345678")).is_ok();
        assert_eq!(is_read, expected(c), "{c:?}");
    }
}

#[test]
fn the_magic_numbers_of_the_simulator_are_recipients() {
    for prefix in ["060", "070", "080", "090"] {
        for outcome in 0..100 {
            let number = format!("{prefix}000000{outcome:02}");
            assert_eq!(digits(&number), Some(number.clone()), "{number}");
        }
        let next = format!("{prefix}00000100");
        let invalid = Recipient::new(&next).expect_err("unassigned");
        assert_eq!(invalid.found(), Found::OtherPrefix, "{next}");
    }
}

#[test]
fn prefixes_of_your_own_decide_alone() {
    for (number, prefix) in
        [("0800-123-4567", "0800"), ("08001234567", "0"), ("09001234567", "0900")]
    {
        assert!(Recipient::with_prefixes(number, &[prefix]).is_ok(), "{number} {prefix}");
    }
    assert!(Recipient::with_prefixes("0800-123-4567", &["080"]).is_err());
}
