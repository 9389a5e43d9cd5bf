//! What people type, and the names of things, as they are read.

use otp_core::{
    Alphabet, Binding, ChallengeId, CodeFormat, InvalidPhoneNumber, KeyId, Nonce, PhoneNumber,
    Purpose, SubjectKey,
};
use proptest::{collection::vec, prelude::*};
use testkit::{MOBILE_NUMBERS, NUMBER_SEPARATORS};

use crate::{bytes, config, on_both_sides, ring};

#[test]
fn mobile_numbers_are_read_as_karaden_client_reads_them() {
    for (text, digits) in MOBILE_NUMBERS.iter().copied() {
        let number = PhoneNumber::from_japanese(text);
        let read = number.as_ref().map(|number| number.to_japanese().unwrap());
        let expected = digits.map(str::to_owned).ok_or(&InvalidPhoneNumber::NotJapaneseMobile);
        assert_eq!(read, expected, "{text:?}");
    }
}

#[test]
fn the_same_characters_separate_digits_as_in_karaden_client() {
    let expected = |c: char| {
        c.is_whitespace() || NUMBER_SEPARATORS.iter().any(|separators| separators.contains(&c))
    };
    for c in '\0'..=char::MAX {
        let is_read = PhoneNumber::from_japanese(&format!("090{c}12345678")).is_ok();
        assert_eq!(is_read, expected(c), "{c:?}");
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_code_is_read_however_it_is_typed(
        digits in vec(0..10_u32, 6),
        wide in vec(any::<bool>(), 6),
        separators in vec("[ \u{3000}\\-ー－.‐–—─\n]{0,2}", 7),
    ) {
        let plain: String = digits.iter().map(|d| char::from_digit(*d, 10).unwrap()).collect();
        let mut typed = separators[6].clone();
        for ((digit, wide), separator) in digits.iter().zip(wide).zip(separators) {
            let base = if wide { 0xff10 } else { 0x30 };
            typed.push(char::from_u32(base + digit).unwrap());
            typed.push_str(&separator);
        }
        let six = CodeFormat::digits(6).unwrap();
        let read = six.normalise(&typed).unwrap();
        prop_assert_eq!(read.expose_secret(), plain);
    }

    #[test]
    fn what_was_derived_is_read_back(n in any::<u32>(), len in 4..=10_u8) {
        let binding = Binding { tenant: "", subject: "a", flow: "f", purpose: Purpose::LOGIN, destination: b"+819012345678" };
        for alphabet in [Alphabet::DIGITS, Alphabet::UNMISTAKABLE, Alphabet::new("xyz").unwrap()] {
            let format = CodeFormat::new(alphabet, len).unwrap();
            let id = ChallengeId::from_bytes(bytes(n));
            let code = ring(1).derive(KeyId::new(1), &binding, id, &Nonce::from_bytes(bytes(n)), &format).unwrap();
            let typed = format.normalise(code.expose_secret()).unwrap();
            prop_assert_eq!(typed.expose_secret(), code.expose_secret());
        }
    }

    #[test]
    fn numbers_are_idempotent_in_each_form(text in "\\PC{0,30}", subscriber in "[6-9]0[1-9][0-9]{7}") {
        for text in [text, format!("0{subscriber}")] {
            if let Ok(number) = PhoneNumber::from_japanese(&text) {
                prop_assert_eq!(PhoneNumber::from_japanese(number.as_e164()), Ok(number.clone()));
                prop_assert_eq!(PhoneNumber::new(number.as_e164()), Ok(number.clone()));
                let national = number.to_japanese().unwrap();
                prop_assert_eq!(national.len(), 11);
                prop_assert_eq!(PhoneNumber::from_japanese(&national), Ok(number));
            }
        }
        let is_read = PhoneNumber::from_japanese(&format!("0{subscriber}")).is_ok();
        prop_assert!(is_read);
    }

    #[test]
    fn ids_and_purposes_are_read_back(bytes in any::<[u8; 16]>(), name in "[a-z0-9._-]{1,15}") {
        let id = ChallengeId::from_bytes(bytes);
        prop_assert_eq!(id.to_string().parse(), Ok(id));
        let purpose = Purpose::new(&name).unwrap();
        prop_assert_eq!(purpose.as_str(), name);
    }

    #[test]
    fn different_bindings_give_different_keys(a in ".{0,8}", b in ".{0,8}", c in ".{0,8}", d in ".{0,8}") {
        let same = (&a, &b) == (&c, &d);
        prop_assert_eq!(SubjectKey::derive(&a, &b) == SubjectKey::derive(&c, &d), same);
    }
}

#[test]
fn normalising_is_idempotent() {
    let piece = prop_oneof![
        30 => "[2-9２-９]",
        4 => "[ \u{3000}\\-ー－.\u{2010}]",
        1 => "[0-9A-Za-zＡ-Ｚ]",
        1 => "\\PC",
    ];
    let typed = (4..=10_u8).prop_flat_map(move |len| {
        let pieces = vec(piece.clone(), usize::from(len - 1)..usize::from(len + 4));
        (pieces.prop_map(|pieces| pieces.concat()), Just(len))
    });
    for alphabet in [Alphabet::DIGITS, Alphabet::UNMISTAKABLE] {
        on_both_sides(typed.clone(), |(typed, len)| {
            let format = CodeFormat::new(alphabet, len).unwrap();
            let Ok(once) = format.normalise(&typed) else { return Ok(false) };
            prop_assert_eq!(once.expose_secret().len(), usize::from(len));
            let twice = format.normalise(once.expose_secret()).unwrap();
            prop_assert_eq!(once.expose_secret(), twice.expose_secret());
            Ok(true)
        });
    }
}
