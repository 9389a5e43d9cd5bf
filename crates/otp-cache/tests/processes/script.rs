//! The steps of a child with one subject or one quota, and how many of them a store remembers.
//!
//! The name of the subject contains its script. A child prints each step once it is acknowledged. So the
//! store must remember every printed step, and may remember one more: the step in flight.

use std::time::{Duration, SystemTime};

use otp_cache::{ChallengeStore, Charge, Quota, QuotaKey, SubjectStatus, sqlite::SqliteStore};
use otp_core::{
    Attempt, Binding, Challenge, ChallengeId, CodeFormat, DigestKey, KeyId, KeyRing, LockoutState,
    NewChallenge, Nonce, PhoneNumber, Policy, Purpose, Rejected, SubjectKey, Verified, gcra::Rate,
};

pub(crate) const SCRIPTS: [&str; 6] = ["count", "win", "lock", "resend", "revoke", "quota"];

const MINUTE: Duration = Duration::from_secs(60);

pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

pub(crate) fn subject(name: &str) -> SubjectKey {
    SubjectKey::derive("", name)
}

/// Returns the subject's challenge with this number.
pub(crate) fn new_challenge(name: &str, number: u64, purpose: Purpose) -> NewChallenge {
    let id = SubjectKey::derive("id", &format!("{name}/{number}"));
    NewChallenge {
        id: ChallengeId::from_bytes(*id.as_bytes()),
        purpose,
        kid: KeyId::new(1),
        nonce: Nonce::from_bytes([9; 16]),
        expires_at: now() + 5 * MINUTE,
    }
}

/// Opens the challenge, which the rules must allow.
pub(crate) async fn open(store: &dyn ChallengeStore, name: &str, new: NewChallenge) {
    let opened = store.open(subject(name), new, &Policy::default(), now()).await;
    assert!(opened.expect("the store works").is_ok());
}

/// Verifies the attempt with the right code.
pub(crate) fn prove(name: &str, attempt: Attempt) -> Verified {
    compare(name, attempt, false).expect("the right code")
}

/// Verifies the attempt with a wrong code.
pub(crate) fn guess_wrong(name: &str, attempt: Attempt) {
    assert!(matches!(compare(name, attempt, true), Err(Rejected::WrongCode { .. })));
}

fn compare(name: &str, attempt: Attempt, is_wrong: bool) -> Result<Verified, Rejected> {
    let keys = KeyRing::new(KeyId::new(1), DigestKey::from_bytes(&[1; 32]).expect("long enough"));
    let format = CodeFormat::digits(6).expect("six digits");
    let phone = PhoneNumber::from_japanese("090-1234-5678").expect("a mobile number");
    let purpose = attempt.challenge().purpose();
    let binding = Binding {
        tenant: "",
        subject: name,
        flow: "f",
        purpose,
        destination: phone.as_e164().as_bytes(),
    };
    let code = attempt.challenge().code(&keys, &binding, &format).expect("the ring has the key");
    let mut typed = code.expose_secret().to_owned();
    if is_wrong {
        let last = typed.pop().expect("six digits");
        typed.push(if last == '0' { '1' } else { '0' });
    }
    let typed = format.normalise(&typed).expect("its own format");
    attempt.verify(&keys, &binding, &format, &typed, now())
}

/// Plays the script in the name, and calls `acknowledged` after each step.
pub(crate) async fn play(store: &SqliteStore, name: &str, acknowledged: impl Fn(&str)) {
    let step = || acknowledged(name);
    let (key, policy) = (subject(name), Policy::default());
    let first = new_challenge(name, 1, Purpose::LOGIN);
    match script(name) {
        "count" => {
            open(store, name, first).await;
            step();
            let _ = attempts(store, name, first.id, 3, &step).await;
        }
        "win" => {
            // Another purpose stays open, to tell the end of the script from a loss.
            open(store, name, new_challenge(name, 0, Purpose::STEP_UP)).await;
            step();
            open(store, name, first).await;
            step();
            let attempt = attempts(store, name, first.id, 3, &step).await;
            let consumed = store.consume(prove(name, attempt), now()).await;
            assert!(consumed.expect("the store works").is_ok());
            step();
        }
        "lock" => {
            for number in 1..=2 {
                let new = new_challenge(name, number, Purpose::LOGIN);
                open(store, name, new).await;
                step();
                let _ = attempts(store, name, new.id, 5, &step).await;
            }
        }
        "resend" => {
            open(store, name, first).await;
            step();
            for at in [now() + MINUTE, now() + 3 * MINUTE] {
                let resent = store.grant_resend(key, first.id, &policy, at).await;
                assert!(resent.expect("the store works").is_ok());
                step();
            }
        }
        "revoke" => {
            open(store, name, new_challenge(name, 0, Purpose::STEP_UP)).await;
            step();
            open(store, name, first).await;
            step();
            store.revoke(key, first.id).await.expect("the store works");
            step();
        }
        "quota" => {
            let mut receipts = Vec::new();
            for _ in 0..5 {
                let charged = store.charge(&[charge(name)], now()).await;
                receipts.push(charged.expect("the store works").expect("within the rate"));
                step();
            }
            store.refund(&receipts[0], now()).await.expect("the store works");
            step();
        }
        other => panic!("no such script: {other}"),
    }
}

fn script(name: &str) -> &str {
    name.split('-').next().expect("a name has a beginning")
}

async fn attempts(
    store: &SqliteStore,
    name: &str,
    id: ChallengeId,
    count: u8,
    step: &impl Fn(),
) -> Attempt {
    let mut last = None;
    for _ in 0..count {
        let attempt = store.begin_attempt(subject(name), id, &Policy::default(), now()).await;
        last = Some(attempt.expect("the store works").expect("within the limit"));
        step();
    }
    last.expect("one at least")
}

fn charge(name: &str) -> Charge {
    let rate = Rate::new(5, 60 * MINUTE).expect("a sound rate");
    Charge::new(QuotaKey::derive("", name), rate)
}

/// Returns how many steps of its script the store remembers: two numbers if both look the same.
pub(crate) async fn remembered(store: &SqliteStore, name: &str) -> Vec<u8> {
    if script(name) == "quota" {
        let left = store.charge(&[charge(name).with_events(0)], now()).await;
        let left = left.expect("the store works").expect("nothing is charged").left();
        let used = u8::try_from(5 - left).expect("five at most");
        return if used == 4 { vec![4, 6] } else { vec![used] };
    }
    let status = store.subject_status(subject(name), &Policy::default(), now()).await;
    let status = status.expect("the store works");
    let first = load(store, name, 1).await;
    let attempts = status.consecutive_failures;
    match (script(name), status.open_challenges, &first) {
        (_, 0, _) => vec![0],
        ("count", 1, Some(first)) if first.attempts() == attempts => vec![1 + attempts],
        ("win" | "revoke", 2, Some(first)) if first.attempts() == attempts => vec![2 + attempts],
        ("win", 1, None) if attempts == 0 => vec![1, 6],
        ("revoke", 1, None) if attempts == 0 => vec![1, 3],
        ("resend", 1, Some(first)) => vec![1 + first.resends()],
        ("lock", 1, Some(first)) if first.attempts() == attempts => vec![1 + attempts],
        ("lock", 1, None) if is_locked_after_ten(&status) => {
            let second = load(store, name, 2).await.expect("one of the two is open");
            assert_eq!(second.attempts() + 5, attempts, "{name}: counted on one only");
            vec![2 + attempts]
        }
        other => panic!("{name}: no step of its script leaves {other:?}, {status:?}"),
    }
}

fn is_locked_after_ten(status: &SubjectStatus) -> bool {
    let until = now() + 15 * MINUTE;
    match status.consecutive_failures {
        10 => status.lockout_state == LockoutState::Locked { until },
        _ => status.lockout_state == LockoutState::Open,
    }
}

async fn load(store: &SqliteStore, name: &str, number: u64) -> Option<Challenge> {
    let id = new_challenge(name, number, Purpose::LOGIN).id;
    store.load(subject(name), id, now()).await.expect("the store works")
}
