//! No sequence of events reaches success without a right code in time, and a record has one form as bytes.

use std::collections::HashMap;

use otp_core::{
    AttemptRefused, Binding, Challenge, ChallengeId, CodeFormat, DeliveryStatus, LockoutState,
    NewChallenge, Nonce, PhoneNumber, Policy, Purpose, Rejected, SubjectKey, SubjectRecord,
    Verified,
};
use proptest::{collection::vec, prelude::*};

use crate::{at, bytes, config, on_both_sides, ring};

#[derive(Clone, Debug)]
enum Event {
    Wait(u64),
    Open { purpose: usize, life: u64 },
    Begin { challenge: usize },
    Verify { attempt: usize, right: bool },
    Consume { proof: usize },
    Resend { challenge: usize },
    Report { challenge: usize, delivery: u8 },
    Revoke { challenge: usize },
    Restart,
}

fn event() -> impl Strategy<Value = Event> {
    let n = 0..6_usize;
    prop_oneof![
        2 => prop_oneof![Just(1_u64), 0..20_000_u64, Just(60_000), Just(299_999), Just(300_000), 0..2_000_000_u64].prop_map(Event::Wait),
        3 => (0..3_usize, prop_oneof![Just(300_000_u64), 0..600_000_u64]).prop_map(|(purpose, life)| Event::Open { purpose, life }),
        8 => n.clone().prop_map(|challenge| Event::Begin { challenge }),
        4 => (n.clone(), any::<bool>()).prop_map(|(attempt, right)| Event::Verify { attempt, right }),
        3 => n.clone().prop_map(|proof| Event::Consume { proof }),
        2 => n.clone().prop_map(|challenge| Event::Resend { challenge }),
        1 => (n.clone(), 0..5_u8).prop_map(|(challenge, delivery)| Event::Report { challenge, delivery }),
        1 => n.prop_map(|challenge| Event::Revoke { challenge }),
        1 => Just(Event::Restart),
    ]
}

proptest! {
    #![proptest_config(config())]

    /// The rules once more, as a count of what happened, beside the record that has to keep them.
    #[test]
    fn no_events_reach_a_success_without_a_right_code_in_time(events in vec(event(), 1..120)) {
        let policy = Policy::default();
        let ring = ring(1);
        let six = CodeFormat::digits(6).unwrap();
        let phone = PhoneNumber::from_japanese("09012345678").unwrap();
        let purposes = [Purpose::LOGIN, Purpose::STEP_UP, Purpose::new("enrol").unwrap()];
        let binding = |purpose| Binding { tenant: "", subject: "a", flow: "f", purpose, destination: phone.as_e164().as_bytes() };
        let subject = SubjectKey::derive("", "a");

        let mut record = SubjectRecord::new();
        let mut millis = 0_u64;
        let mut opened: Vec<Challenge> = Vec::new();
        let mut attempts = Vec::new();
        let mut proofs: Vec<(Verified, usize)> = Vec::new();
        let mut handed_out: HashMap<ChallengeId, u8> = HashMap::new();
        let mut resends: HashMap<ChallengeId, Vec<u64>> = HashMap::new();
        let mut dead: Vec<ChallengeId> = Vec::new();
        let mut recent: Vec<u64> = Vec::new();
        let mut in_a_row = 0_u32;

        for event in events {
            let now = at(millis);
            match event {
                Event::Wait(wait) => millis += wait,
                Event::Open { purpose, life } => {
                    let n = u32::try_from(opened.len()).unwrap();
                    let new = NewChallenge {
                        id: ChallengeId::from_bytes(bytes(n)),
                        purpose: purposes[purpose],
                        kid: ring.current_id(),
                        nonce: Nonce::from_bytes(bytes(n)),
                        expires_at: at(millis + life),
                    };
                    if let Ok(challenge) = record.open(new, &policy, now) {
                        dead.extend(opened.iter().filter(|c| c.purpose() == new.purpose).map(Challenge::id));
                        opened.push(challenge);
                    } else {
                        prop_assert_ne!(record.lockout_state(&policy, now), LockoutState::Open);
                    }
                }
                Event::Begin { challenge } => {
                    let Some(challenge) = opened.iter().rev().nth(challenge) else { continue };
                    let locked = record.lockout_state(&policy, now) != LockoutState::Open;
                    match record.begin_attempt(subject, challenge.id(), &policy, now) {
                        Ok(attempt) => {
                            prop_assert!(!locked && now < challenge.expires_at());
                            prop_assert!(!dead.contains(&challenge.id()));
                            let count = handed_out.entry(challenge.id()).or_default();
                            *count += 1;
                            prop_assert!(*count <= policy.attempts_per_challenge());
                            prop_assert!(attempt.attempts_left() <= policy.attempts_per_challenge() - *count);
                            recent.push(millis);
                            in_a_row += 1;
                            prop_assert_eq!(u32::from(record.consecutive_failures()), in_a_row);
                            // No quiet period's length ever holds more than the limit.
                            let from = millis.saturating_sub(15 * 60_000 - 1);
                            let in_window = recent.iter().filter(|at| **at >= from).count();
                            prop_assert!(in_window <= usize::from(policy.attempts_per_subject()));
                            attempts.push(attempt);
                        }
                        Err(AttemptRefused::NotFound) => {
                            prop_assert!(dead.contains(&challenge.id()) || now >= challenge.expires_at());
                        }
                        Err(_) => {}
                    }
                }
                Event::Verify { attempt, right } => {
                    if attempt >= attempts.len() { continue }
                    let attempt = attempts.swap_remove(attempt);
                    let challenge = attempt.challenge().clone();
                    let binding = binding(challenge.purpose());
                    let code = challenge.code(&ring, &binding, &six).unwrap();
                    let mut text = code.expose_secret().to_owned();
                    if !right {
                        let last = if text.pop() == Some('0') { '1' } else { '0' };
                        text.push(last);
                    }
                    let typed = six.normalise(&text).unwrap();
                    match attempt.verify(&ring, &binding, &six, &typed, now) {
                        Ok(proof) => {
                            prop_assert!(right && now < challenge.expires_at());
                            let n = opened.iter().position(|c| c.id() == challenge.id()).unwrap();
                            proofs.push((proof, n));
                        }
                        Err(Rejected::Expired) => prop_assert!(now >= challenge.expires_at()),
                        Err(Rejected::WrongCode { .. }) => prop_assert!(!right),
                        Err(other) => prop_assert!(false, "{other:?}"),
                    }
                }
                Event::Consume { proof } => {
                    if proof >= proofs.len() { continue }
                    let (proof, n) = proofs.swap_remove(proof);
                    let challenge = &opened[n];
                    let should = !dead.contains(&challenge.id()) && now < challenge.expires_at();
                    prop_assert_eq!(record.consume(proof, now).is_ok(), should);
                    if should {
                        dead.push(challenge.id());
                        recent.clear();
                        in_a_row = 0;
                        prop_assert_eq!(record.lockout_state(&policy, now), LockoutState::Open);
                    }
                }
                Event::Resend { challenge } => {
                    let Some(challenge) = opened.iter().rev().nth(challenge) else { continue };
                    let before = record.clone();
                    if let Ok(granted) = record.grant_resend(challenge.id(), &policy, now) {
                            prop_assert!(now < challenge.expires_at() && !dead.contains(&challenge.id()));
                            let all = resends.entry(challenge.id()).or_default();
                            let last = all.last().copied();
                            prop_assert!(last.is_none_or(|last| millis >= last + 15_000));
                            all.push(millis);
                            prop_assert!(all.len() <= 3);
                            prop_assert_eq!(granted.challenge.expires_at(), challenge.expires_at());
                            prop_assert_eq!(granted.challenge.nonce(), challenge.nonce());
                            prop_assert_eq!(
                                granted.challenge.attempts(),
                                handed_out.get(&challenge.id()).copied().unwrap_or(0)
                            );
                    } else {
                        prop_assert_eq!(&record, &before);
                    }
                }
                Event::Report { challenge, delivery } => {
                    let Some(challenge) = opened.iter().rev().nth(challenge) else { continue };
                    record.record_delivery(challenge.id(), DeliveryStatus::from_u8(delivery).unwrap(), &policy, now);
                }
                Event::Revoke { challenge } => {
                    let Some(challenge) = opened.iter().rev().nth(challenge) else { continue };
                    record.revoke(challenge.id());
                    dead.push(challenge.id());
                }
                Event::Restart => {
                    let read = SubjectRecord::from_bytes(&record.to_bytes());
                    prop_assert_eq!(read.as_ref(), Ok(&record));
                    record = read.unwrap();
                }
            }
            prop_assert!(record.challenges().len() <= purposes.len());
        }
    }
}

/// The bytes of a record with so many challenges, of fields that are mostly in range.
fn record_bytes() -> impl Strategy<Value = Vec<u8>> {
    let instant = || prop_oneof![0..253_402_300_800_000_u64, Just(253_402_300_799_999)];
    let challenge = (any::<[u8; 32]>(), "[a-z]{1,15}", [instant(), instant(), instant()]);
    let challenge = (challenge, any::<u32>(), any::<[u8; 2]>(), 0..5_u8);
    let challenges = vec(challenge, 0..4);
    let head = (any::<[u8; 3]>(), 0..2_u8, instant(), instant());
    (head, challenges).prop_map(|((counts, blocked, last, locked), challenges)| {
        let mut bytes = vec![1];
        bytes.extend(counts);
        bytes.push(blocked);
        bytes.extend(last.to_be_bytes());
        bytes.extend(locked.to_be_bytes());
        bytes.push(u8::try_from(challenges.len()).unwrap());
        for ((ids, purpose, instants), kid, counts, delivery) in challenges {
            bytes.extend(ids);
            let mut padded = [0; 15];
            padded[..purpose.len()].copy_from_slice(purpose.as_bytes());
            bytes.extend(padded);
            bytes.extend(kid.to_be_bytes());
            bytes.extend(instants.iter().flat_map(|at| at.to_be_bytes()));
            bytes.extend(counts);
            bytes.push(delivery);
        }
        bytes
    })
}

/// Every record has one form as bytes: what is read is written as it was, after any damage.
#[test]
fn records_from_damaged_bytes_are_written_as_they_were() {
    let damage = vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    let length = prop_oneof![8 => Just(0_i8), 1 => Just(-1), 1 => Just(1)];
    on_both_sides((record_bytes(), damage, length), |(mut bytes, damage, length)| {
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.resize(bytes.len().saturating_add_signed(length.into()), 0);
        let read = SubjectRecord::from_bytes(&bytes);
        let Ok(record) = read else { return Ok(false) };
        prop_assert_eq!(record.to_bytes(), bytes);
        Ok(true)
    });
}
