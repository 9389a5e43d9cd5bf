//! Any bytes as a stored record: no panic, one encoding per record, and a record is readable after each event.
//!
//! An input is an instant in milliseconds (8 bytes, big-endian), the number of an event (1), a record.
#![no_main]

use std::time::{Duration, SystemTime};

use libfuzzer_sys::fuzz_target;
use otp_core::{DeliveryStatus, NewChallenge, Policy, Purpose, SubjectKey, SubjectRecord};

fuzz_target!(|input: &[u8]| {
    let Some((millis, [event, bytes @ ..])) = input.split_first_chunk() else { return };
    let millis = u64::from_be_bytes(*millis);
    let Ok(mut record) = SubjectRecord::from_bytes(bytes) else { return };
    assert_eq!(record.to_bytes(), bytes);

    let policy = Policy::default();
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(millis % 300_000_000_000_000);
    let Some(challenge) = record.challenges().first().cloned() else { return };
    let (id, failures) = (challenge.id(), record.consecutive_failures());
    match event % 5 {
        0 => {
            let subject = SubjectKey::derive("", "a");
            let counted = record.begin_attempt(subject, id, &policy, now).is_ok();
            let more = failures.saturating_add(u8::from(counted));
            assert_eq!(record.consecutive_failures(), more);
        }
        1 => drop(record.grant_resend(id, &policy, now)),
        2 => drop(record.record_delivery(id, DeliveryStatus::Failed, &policy, now)),
        3 => {
            let mut other = *id.as_bytes();
            other[0] ^= 1;
            let new = NewChallenge {
                id: otp_core::ChallengeId::from_bytes(other),
                purpose: Purpose::LOGIN,
                kid: challenge.kid(),
                nonce: *challenge.nonce(),
                expires_at: now + Duration::from_secs(300),
            };
            drop(record.open(new, &policy, now));
        }
        _ => assert!(record.revoke(id)),
    }
    assert!(record.consecutive_failures() >= failures, "only a success clears a counter");
    assert_eq!(SubjectRecord::from_bytes(&record.to_bytes()), Ok(record));
});
