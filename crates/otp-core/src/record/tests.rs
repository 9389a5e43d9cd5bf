//! One test per arrow of the machine, one per event that a state refuses, both sides of each boundary.

mod challenge;
mod forms;
mod limiter;
mod limits;
mod resend;

use std::time::{Duration, SystemTime};

use super::*;
use crate::{
    Binding, ChallengeId, CodeFormat, DigestKey, KeyId, KeyRing, MAX_CLOCK_LEAD, Nonce,
    PhoneNumber, Policy, PolicySettings, Purpose, SubjectKey, TypedCode,
};

const T0: Duration = Duration::from_secs(1_800_000_000);
const MINUTE: u64 = 60;
const LIFE: u64 = 300;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + T0 + Duration::from_secs(seconds)
}

fn just_before(seconds: u64) -> SystemTime {
    at(seconds) - Duration::from_millis(1)
}

fn id(n: u8) -> ChallengeId {
    ChallengeId::from_bytes([n; 16])
}

fn purpose(n: u8) -> Purpose {
    Purpose::new(&format!("p{n}")).unwrap()
}

fn new(n: u8, purpose: Purpose, expires_at: SystemTime) -> NewChallenge {
    let nonce = Nonce::from_bytes([n; 16]);
    NewChallenge { id: id(n), purpose, kid: KeyId::new(1), nonce, expires_at }
}

/// A record, and everything around it that stays the same in a test.
struct Bench {
    record: SubjectRecord,
    policy: Policy,
    keys: KeyRing,
    format: CodeFormat,
    phone: PhoneNumber,
}

impl Bench {
    fn new() -> Self {
        Self {
            record: SubjectRecord::new(),
            policy: Policy::default(),
            keys: KeyRing::new(KeyId::new(1), DigestKey::from_bytes(&[1; 32]).unwrap()),
            format: CodeFormat::digits(6).unwrap(),
            phone: PhoneNumber::from_japanese("090-1234-5678").unwrap(),
        }
    }

    /// A bench with the challenge 1 for logging in, opened at 0 and good for 300 seconds.
    fn opened() -> Self {
        let mut bench = Self::new();
        bench.open(1, at(0)).unwrap();
        bench
    }

    fn open(&mut self, n: u8, now: SystemTime) -> Result<Challenge, OpenRefused> {
        let life = Duration::from_secs(LIFE);
        self.record.open(new(n, Purpose::LOGIN, now + life), &self.policy, now)
    }

    fn binding(&self) -> Binding<'_> {
        let purpose = Purpose::LOGIN;
        Binding {
            tenant: "",
            subject: "alice",
            flow: "f",
            purpose,
            destination: self.phone.as_e164().as_bytes(),
        }
    }

    fn subject() -> SubjectKey {
        SubjectKey::derive("", "alice")
    }

    fn begin(&mut self, n: u8, now: SystemTime) -> Result<Attempt, AttemptRefused> {
        self.record.begin_attempt(Self::subject(), id(n), &self.policy, now)
    }

    fn right_code(&self, challenge: &Challenge) -> TypedCode {
        let code = challenge.code(&self.keys, &self.binding(), &self.format).unwrap();
        self.format.normalise(code.expose_secret()).unwrap()
    }

    fn wrong_code(&self, challenge: &Challenge) -> TypedCode {
        let right = self.right_code(challenge);
        let wrong = if right.expose_secret() == "000000" { "000001" } else { "000000" };
        self.format.normalise(wrong).unwrap()
    }

    fn verify_right(&self, attempt: Attempt, now: SystemTime) -> Result<Verified, Rejected> {
        let typed = self.right_code(attempt.challenge());
        attempt.verify(&self.keys, &self.binding(), &self.format, &typed, now)
    }

    fn verify_wrong(&self, attempt: Attempt, now: SystemTime) -> Rejected {
        let typed = self.wrong_code(attempt.challenge());
        attempt.verify(&self.keys, &self.binding(), &self.format, &typed, now).unwrap_err()
    }

    /// `count` wrong codes at `now`, over as many challenges as they take.
    fn fail(&mut self, count: u8, now: SystemTime) {
        for n in 0..count {
            if n % 5 == 0 {
                self.open(100 + n, now).unwrap();
            }
            let attempt = self.begin(100 + n / 5 * 5, now).unwrap();
            self.verify_wrong(attempt, now);
        }
    }

    /// Wrong codes up to `count` in all, starting at `from`, each lock waited for.
    fn fail_in_a_row(&mut self, count: u8, from: SystemTime) -> SystemTime {
        let mut now = from;
        let mut n = 0;
        while self.record.consecutive_failures() < count {
            if let LockoutState::Locked { until } = self.record.lockout_state(&self.policy, now) {
                now = until;
            }
            if n % 5 == 0 {
                self.open(n / 5 + 1, now).unwrap();
            }
            let _ = self.begin(n / 5 + 1, now).unwrap();
            n += 1;
        }
        now
    }

    fn lockout_state(&self, now: SystemTime) -> LockoutState {
        self.record.lockout_state(&self.policy, now)
    }
}

/// A record with something in every field.
pub(crate) fn busy_record() -> SubjectRecord {
    let mut bench = Bench::new();
    bench.fail(10, at(0));
    bench.fail(3, at(15 * MINUTE));
    let now = at(15 * MINUTE);
    for n in 1..4 {
        bench.record.open(new(n, purpose(n), now + T0), &bench.policy, now).unwrap();
    }
    bench.record.record_delivery(id(2), DeliveryStatus::OutOfRange, &bench.policy, now);
    bench.record.grant_resend(id(3), &bench.policy, now + Duration::from_secs(60)).unwrap();
    bench.record
}

#[test]
fn a_record_with_one_challenge_is_small() {
    assert!(size_of::<Challenge>() <= 80, "{}", size_of::<Challenge>());
    assert!(size_of::<SubjectRecord>() <= 104, "{}", size_of::<SubjectRecord>());
}
