//! Subjects, challenges and proofs made before the clock runs.

use std::time::{Duration, Instant, SystemTime};

use otp_core::{
    Binding, ChallengeId, CodeFormat, DigestKey, KeyId, KeyRing, NewChallenge, Nonce, PhoneNumber,
    Policy, Purpose, SubjectKey, SubjectRecord, Verified,
};

/// Subject, challenge and the proof that its code was typed.
#[derive(Debug)]
pub(crate) struct Login {
    pub(crate) subject: SubjectKey,
    pub(crate) new: NewChallenge,
    pub(crate) proof: Verified,
}

pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// Sixteen bytes that look random and are the same in every run.
pub(crate) fn bytes(number: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&mix(number).to_le_bytes());
    bytes[8..].copy_from_slice(&mix(number ^ 0x5555_5555_5555_5555).to_le_bytes());
    bytes
}

fn mix(number: u64) -> u64 {
    let z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

pub(crate) fn challenge(number: u64) -> NewChallenge {
    NewChallenge {
        id: ChallengeId::from_bytes(bytes(number ^ 0x1111_0000_0000_0000)),
        purpose: Purpose::LOGIN,
        kid: KeyId::new(1),
        nonce: Nonce::from_bytes(bytes(number ^ 0x2222_0000_0000_0000)),
        expires_at: now() + Duration::from_secs(300),
    }
}

/// Logins with proofs: the comparison of codes is no part of what a store costs.
pub(crate) fn logins(first: u64, count: u64) -> Vec<Login> {
    let keys = KeyRing::new(KeyId::new(1), DigestKey::from_bytes(&[1; 32]).expect("long enough"));
    let format = CodeFormat::digits(6).expect("six digits");
    let phone = PhoneNumber::from_japanese("090-1234-5678").expect("a mobile number");
    let binding = Binding {
        tenant: "",
        subject: "x",
        flow: "f",
        purpose: Purpose::LOGIN,
        destination: phone.as_e164().as_bytes(),
    };
    (first..first + count)
        .map(|number| {
            let new = challenge(number);
            let (mut record, policy) = (SubjectRecord::new(), Policy::default());
            let challenge = record.open(new, &policy, now()).expect("an empty record takes it");
            let code = challenge.code(&keys, &binding, &format).expect("the ring has the key");
            let typed = format.normalise(code.expose_secret()).expect("its own format");
            let subject = SubjectKey::from_bytes(bytes(number));
            let attempt = record.begin_attempt(subject, new.id, &policy, now());
            let proof =
                attempt.expect("the first attempt").verify(&keys, &binding, &format, &typed, now());
            Login { subject, new, proof: proof.expect("the right code") }
        })
        .collect()
}

/// How long `work` takes.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    #[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
    let start = Instant::now();
    let done = work();
    (done, start.elapsed())
}

/// How much a count is in a time, per second.
#[expect(clippy::cast_precision_loss, reason = "counts of a bench are small")]
pub(crate) fn per_second(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}
