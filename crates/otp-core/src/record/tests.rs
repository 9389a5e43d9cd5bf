use std::time::Duration;

use super::*;
use crate::{Binding, CodeFormat, DigestKey, KeyId, KeyRing, Nonce, PhoneNumber, Purpose};

const T0: Duration = Duration::from_secs(1_800_000_000);

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + T0 + Duration::from_secs(seconds)
}

#[test]
fn a_record_with_one_challenge_is_small() {
    assert!(size_of::<Challenge>() <= 80, "{}", size_of::<Challenge>());
    assert!(size_of::<SubjectRecord>() <= 104, "{}", size_of::<SubjectRecord>());
}

#[test]
fn the_right_code_is_consumed_once() {
    let keys = KeyRing::new(KeyId::new(1), DigestKey::from_bytes(&[1; 32]).unwrap());
    let six = CodeFormat::digits(6).unwrap();
    let policy = Policy::default();
    let phone = PhoneNumber::from_japanese("090-1234-5678").unwrap();
    let binding =
        Binding { tenant: "", subject: "a", flow: "f", purpose: Purpose::LOGIN, phone: &phone };
    let subject = SubjectKey::derive("", "a");
    let mut record = SubjectRecord::new();
    let new = NewChallenge {
        id: ChallengeId::from_bytes([2; 16]),
        purpose: Purpose::LOGIN,
        kid: KeyId::new(1),
        nonce: Nonce::from_bytes([3; 16]),
        expires_at: at(300),
    };
    let challenge = record.open(new, &policy, at(0)).unwrap();
    let code = challenge.code(&keys, &binding, &six).unwrap();
    let typed = six.normalise(code.expose_secret()).unwrap();
    let first = record.begin_attempt(subject, challenge.id(), &policy, at(1)).unwrap();
    let second = record.begin_attempt(subject, challenge.id(), &policy, at(1)).unwrap();
    let first = first.verify(&keys, &binding, &six, &typed, at(299)).unwrap();
    let second = second.verify(&keys, &binding, &six, &typed, at(299)).unwrap();
    record.consume(first, at(299)).unwrap();
    assert_eq!(record.consume(second, at(299)).unwrap_err(), ConsumeRefused::NotFound);
    assert!(record.is_empty());
}
