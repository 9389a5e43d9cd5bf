//! The distribution of codes.

use std::collections::HashMap;

use otp_core::{Alphabet, Binding, ChallengeId, CodeFormat, KeyId, Nonce, PhoneNumber, Purpose};

use crate::{bytes, ring};

/// Enough that the bias of a byte modulo ten shows in a single place of a code.
const SAMPLES: u32 = 200_000;

/// Pearson's statistic of `counts` against all being equal.
fn chi_square(counts: &[u32]) -> f64 {
    let total: f64 = counts.iter().copied().map(f64::from).sum();
    let categories = f64::from(u32::try_from(counts.len()).unwrap());
    let expected = total / categories;
    counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum()
}

/// The value that chi-square exceeds by chance once in a million (Wilson and Hilferty).
fn limit(degrees: u32) -> f64 {
    let spread = 2.0 / (9.0 * f64::from(degrees));
    f64::from(degrees) * (1.0 - spread + 4.7534 * spread.sqrt()).powi(3)
}

#[test]
fn codes_are_uniform() {
    let phone = PhoneNumber::from_japanese("09012345678").unwrap();
    let binding = Binding {
        tenant: "",
        subject: "a",
        flow: "f",
        purpose: Purpose::LOGIN,
        destination: phone.as_e164().as_bytes(),
    };
    for (key, format) in [
        (1, CodeFormat::digits(4).unwrap()),
        (2, CodeFormat::digits(6).unwrap()),
        (3, CodeFormat::new(Alphabet::UNMISTAKABLE, 10).unwrap()),
        (4, CodeFormat::new(Alphabet::new("abc").unwrap(), 5).unwrap()),
    ] {
        let ring = ring(key);
        let alphabet: HashMap<char, usize> = format!("{:?}", format.alphabet())
            ["Alphabet(".len()..]
            .trim_end_matches(')')
            .chars()
            .zip(0..)
            .collect();
        let base = alphabet.len();
        let mut places = vec![vec![0_u32; base]; usize::from(format.len())];
        let mut ends = vec![0_u32; base * base];
        for n in 0..SAMPLES {
            let id = ChallengeId::from_bytes(bytes(n));
            let code =
                ring.derive(KeyId::new(1), &binding, id, &Nonce::from_bytes([9; 16]), &format);
            let code: Vec<usize> =
                code.unwrap().expose_secret().chars().map(|c| alphabet[&c]).collect();
            for (place, value) in places.iter_mut().zip(&code) {
                place[*value] += 1;
            }
            ends[code[0] * base + code[code.len() - 1]] += 1;
        }
        let degrees = |n: usize| u32::try_from(n - 1).unwrap();
        for (place, counts) in places.iter().enumerate() {
            let chi = chi_square(counts);
            assert!(chi < limit(degrees(base)), "place {place} of {format:?}: {chi}");
        }
        let chi = chi_square(&ends);
        assert!(chi < limit(degrees(base * base)), "first and last of {format:?}: {chi}");
    }
}

/// The test above can fail: the usual slip, a byte modulo ten, does not pass it.
#[test]
fn chi_square_sees_the_bias_of_a_byte_modulo_ten() {
    let mut counts = [0_u32; 10];
    for n in 0..SAMPLES {
        counts[usize::from((n.wrapping_mul(2_654_435_769) >> 24) as u8 % 10)] += 1;
    }
    assert!(chi_square(&counts) > limit(9));
}
