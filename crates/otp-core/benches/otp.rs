//! The cost of a code, compared with a bare HMAC-SHA-256 over a message of the same size.
//!
//! `cargo bench -p otp-core` prints a table, `cargo bench -p otp-core -- --json` one JSON object per
//! row. All rows are measured in the same run, in turns. Ratios are taken within a round, so a noisy
//! machine moves both sides.

#![expect(clippy::unwrap_used, reason = "a benchmark with fixed arguments")]

use std::{
    hint::black_box,
    time::{Duration, Instant, SystemTime},
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use otp_core::{
    Attempt, Binding, ChallengeId, CodeFormat, DigestKey, KeyId, KeyRing, NewChallenge, Nonce,
    PhoneNumber, Policy, Purpose, SubjectKey, SubjectRecord,
};
use sha2::Sha256;
use testkit::measure::{Goal, Report, Samples};

/// Many short rounds: each ends before a busy machine takes the processor away.
const ROUNDS: usize = 1_501;
const PER_ROUND: u32 = 100;
const KEY: [u8; 32] = [7; 32];

/// One thing to measure: its name, and one round of it, which returns nanoseconds per operation.
type Operation<'a> = (&'static str, Box<dyn FnMut() -> f64 + 'a>);

fn main() {
    let bench = Bench::new();
    let mut operations = bench.operations();
    let names: Vec<&str> = operations.iter().map(|(name, _)| *name).collect();
    let rounds: Vec<Vec<f64>> = (0..ROUNDS + 3)
        .map(|_| operations.iter_mut().map(|(_, round)| round()).collect())
        .skip(3) // warming up
        .collect();
    let per = |name: &str| -> Samples {
        let column = names.iter().position(|n| *n == name).unwrap();
        rounds.iter().map(|round| round[column]).collect()
    };
    let report = Report::of_this_program();
    let row = |name: &str, samples: &Samples, unit: &str, goal: Goal| {
        report.row(&format!("otp-core: {name}"), samples, unit, goal);
    };
    let (bare, from_key, both) = (per("bare"), per("bare from key"), per("derive + verify"));
    row("bare hmac, key ready", &bare, "ns", Goal::None);
    row("bare hmac, key set up each time", &from_key, "ns", Goal::None);
    row("derive a code", &per("derive"), "ns", Goal::None);
    row("derive + verify a code", &both, "ns", Goal::None);
    row("derive + verify / bare hmac, key set up", &both.to(&from_key), "x", Goal::None);
    // Two of these are HMACs. The third is for the encoding, the spelling and the comparison.
    row("derive + verify / bare hmac, key ready", &both.to(&bare), "x", Goal::AtMost(3.0));
    row("crypto of a whole login", &per("login crypto"), "ns", Goal::None);
    row("open + begin_attempt + verify + consume", &per("whole cycle"), "ns", Goal::None);
    row("normalise what was typed", &per("normalise"), "ns", Goal::None);
    row("record to bytes and back", &per("bytes"), "ns", Goal::None);
    let goal = Goal::AtMost(200.0);
    row("record with one challenge", &size(size_of::<SubjectRecord>()), "bytes", goal);
    let encoded = bench.record().to_bytes().len();
    row("record with one challenge, encoded", &size(encoded), "bytes", goal);
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred bytes")]
fn size(bytes: usize) -> Samples {
    [bytes as f64].into_iter().collect()
}

struct Bench {
    ring: KeyRing,
    six: CodeFormat,
    policy: Policy,
    phone: PhoneNumber,
    now: SystemTime,
}

const ID: ChallengeId = ChallengeId::from_bytes([2; 16]);
const NONCE: Nonce = Nonce::from_bytes([3; 16]);
const KID: KeyId = KeyId::new(1);

impl Bench {
    fn new() -> Self {
        Self {
            ring: KeyRing::new(KID, DigestKey::from_bytes(&KEY).unwrap()),
            six: CodeFormat::digits(6).unwrap(),
            policy: Policy::default(),
            phone: PhoneNumber::from_japanese("09012345678").unwrap(),
            now: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        }
    }

    fn binding(&self) -> Binding<'_> {
        Binding {
            tenant: "default",
            subject: "018f3c5e-7d1a-7c3b-9d55-0a1b2c3d4e5f",
            flow: "BwcHBwcHBwcHBwcHBwcHBw",
            purpose: Purpose::LOGIN,
            destination: self.phone.as_e164().as_bytes(),
        }
    }

    /// The length of the message that is authenticated: the texts with their lengths, the challenge's
    /// id and nonce, the phone number.
    fn message_len(&self) -> usize {
        let b = self.binding();
        let texts = [b.tenant, b.subject, b.flow, b.purpose.as_str()];
        texts.iter().map(|text| text.len() + 1).sum::<usize>() + 16 + 16 + b.destination.len()
    }

    fn new_challenge(&self) -> NewChallenge {
        let expires_at = self.now + Duration::from_secs(300);
        NewChallenge { id: ID, purpose: Purpose::LOGIN, kid: KID, nonce: NONCE, expires_at }
    }

    fn record(&self) -> SubjectRecord {
        let mut record = SubjectRecord::new();
        record.open(self.new_challenge(), &self.policy, self.now).unwrap();
        record
    }

    fn operations(&self) -> Vec<Operation<'_>> {
        let binding = self.binding();
        let derive = move |n: u8| {
            let nonce = Nonce::from_bytes([black_box(n); 16]);
            self.ring.derive(KID, black_box(&binding), ID, &nonce, &self.six).unwrap()
        };
        let subject = SubjectKey::derive(binding.tenant, binding.subject);
        let challenge = self.record().challenges()[0].clone();
        let right = challenge.code(&self.ring, &binding, &self.six).unwrap();
        let right = self.six.normalise(right.expose_secret()).unwrap();
        let typed = self.six.normalise("000000").unwrap();
        vec![
            ("bare", {
                let message = vec![0x5a; self.message_len()];
                let ready = Hmac::<Sha256>::new_from_slice(&KEY).unwrap();
                each(move || {
                    let mut mac = ready.clone();
                    mac.update(black_box(&message));
                    black_box(mac.finalize().into_bytes());
                })
            }),
            ("bare from key", {
                let message = vec![0x5a; self.message_len()];
                each(move || {
                    let mut mac = Hmac::<Sha256>::new_from_slice(black_box(&KEY)).unwrap();
                    mac.update(black_box(&message));
                    black_box(mac.finalize().into_bytes());
                })
            }),
            ("derive", each(move || drop(black_box(derive(1))))),
            ("derive + verify", {
                each_of(
                    move || self.attempt(subject),
                    move |attempt| {
                        drop(black_box(derive(2)));
                        drop(black_box(attempt.verify(
                            &self.ring,
                            &binding,
                            &self.six,
                            black_box(&typed),
                            self.now,
                        )));
                    },
                )
            }),
            ("login crypto", {
                let typed = self.six.normalise("000000").unwrap();
                each_of(
                    move || self.attempt(subject),
                    move |attempt| {
                        black_box(SubjectKey::derive(black_box(binding.tenant), binding.subject));
                        drop(black_box(derive(3)));
                        black_box(SubjectKey::derive(black_box(binding.tenant), binding.subject));
                        let verified =
                            attempt.verify(&self.ring, &binding, &self.six, &typed, self.now);
                        drop(black_box(verified));
                    },
                )
            }),
            (
                "whole cycle",
                each(move || {
                    let mut record = SubjectRecord::new();
                    let opened = record.open(self.new_challenge(), &self.policy, self.now).unwrap();
                    let attempt =
                        record.begin_attempt(subject, opened.id(), &self.policy, self.now).unwrap();
                    let verified =
                        attempt.verify(&self.ring, &binding, &self.six, &right, self.now).unwrap();
                    black_box(record.consume(verified, self.now).unwrap());
                }),
            ),
            ("normalise", each(|| drop(black_box(self.six.normalise(black_box("１２３ 456")))))),
            ("bytes", {
                let record = self.record();
                each(move || {
                    black_box(SubjectRecord::from_bytes(&black_box(&record).to_bytes()).unwrap());
                })
            }),
        ]
    }

    /// An attempt as a store hands it out.
    fn attempt(&self, subject: SubjectKey) -> Attempt {
        self.record().begin_attempt(subject, ID, &self.policy, self.now).unwrap()
    }
}

/// A round of an operation that takes nothing.
fn each<'a>(mut operation: impl FnMut() + 'a) -> Box<dyn FnMut() -> f64 + 'a> {
    each_of(|| (), move |()| operation())
}

/// A round of an operation on values that `make` returns before the clock runs.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn each_of<'a, T>(
    mut make: impl FnMut() -> T + 'a,
    mut operation: impl FnMut(T) + 'a,
) -> Box<dyn FnMut() -> f64 + 'a> {
    Box::new(move || {
        let values: Vec<T> = (0..PER_ROUND).map(|_| make()).collect();
        let begin = Instant::now();
        for value in values {
            operation(value);
        }
        begin.elapsed().as_secs_f64() * 1e9 / f64::from(PER_ROUND)
    })
}
