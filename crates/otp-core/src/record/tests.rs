//! One test per arrow of the machine, one per event that a state refuses, both sides of each boundary.

use std::time::Duration;

use super::*;
use crate::{
    Binding, CodeFormat, DigestKey, KeyId, KeyRing, Nonce, PhoneNumber, PolicySettings, Purpose,
    TypedCode,
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
        Binding { tenant: "", subject: "alice", flow: "f", purpose, phone: &self.phone }
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
        while self.record.failures_in_a_row() < count {
            if let Standing::Locked { until } = self.record.standing(&self.policy, now) {
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

    fn standing(&self, now: SystemTime) -> Standing {
        self.record.standing(&self.policy, now)
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
    bench.record.record_delivery(id(2), Delivery::OutOfRange, &bench.policy, now);
    bench.record.grant_resend(id(3), &bench.policy, now + Duration::from_secs(60)).unwrap();
    bench.record
}

#[test]
fn a_record_with_one_challenge_is_small() {
    assert!(size_of::<Challenge>() <= 80, "{}", size_of::<Challenge>());
    assert!(size_of::<SubjectRecord>() <= 104, "{}", size_of::<SubjectRecord>());
}

// --- open ------------------------------------------------------------------------------------------

#[test]
fn open_to_open() {
    let mut bench = Bench::new();
    let challenge = bench.open(1, at(0)).unwrap();
    assert_eq!(challenge.id(), id(1));
    assert_eq!((challenge.opened_at(), challenge.expires_at()), (at(0), at(LIFE)));
    assert_eq!((challenge.attempts(), challenge.resends()), (0, 0));
    assert_eq!(challenge.delivery(), Delivery::Pending);
    assert_eq!(bench.record.challenges(), [challenge]);
}

#[test]
fn open_revokes_the_older_one_of_the_same_purpose_and_resets_nothing() {
    let mut bench = Bench::opened();
    bench.record.open(new(2, Purpose::STEP_UP, at(LIFE)), &bench.policy, at(0)).unwrap();
    let in_flight = bench.begin(1, at(1)).unwrap();
    bench.open(3, at(2)).unwrap();
    let ids: Vec<_> = bench.record.challenges().iter().map(Challenge::id).collect();
    assert_eq!(ids, [id(2), id(3)]);
    assert_eq!(bench.record.failures_in_a_row(), 1);
    assert_eq!(bench.record.attempts_in_window(&bench.policy, at(2)), 1);
    let verified = bench.verify_right(in_flight, at(3)).unwrap();
    assert_eq!(bench.record.consume(verified, at(3)).unwrap_err(), ConsumeRefused::NotFound);
    assert_eq!(bench.begin(1, at(3)).unwrap_err(), AttemptRefused::NotFound);
}

#[test]
fn an_id_cannot_be_opened_twice() {
    let mut bench = Bench::opened();
    let _ = bench.begin(1, at(1)).unwrap();
    assert_eq!(bench.open(1, at(1)).unwrap_err(), OpenRefused::DuplicateId);
    assert_eq!(
        bench.record.open(new(1, Purpose::STEP_UP, at(9)), &bench.policy, at(1)).unwrap_err(),
        OpenRefused::DuplicateId
    );
    assert_eq!(bench.record.challenges()[0].attempts(), 1);
}

#[test]
fn the_ninth_purpose_has_to_wait_until_one_is_gone() {
    let mut bench = Bench::new();
    let mut open = |n: u8, expires_at, now| {
        bench.record.open(new(n, purpose(n), expires_at), &bench.policy, now).map(|_| ())
    };
    for n in 1..=8 {
        open(n, at(100 + u64::from(n)), at(0)).unwrap();
    }
    let refused = Err(OpenRefused::TooManyOpen { until: at(101) });
    assert_eq!(open(9, at(500), just_before(101)), refused);
    assert_eq!(open(9, at(500), at(101)), Ok(()));
    // Replacing one of the eight needs no room.
    assert_eq!(bench.record.challenges().len(), 8);
    bench.record.open(new(10, purpose(9), at(500)), &bench.policy, at(101)).unwrap();
    assert_eq!(bench.record.challenges().len(), 8);
}

// --- attempts ----------------------------------------------------------------------------------------

#[test]
fn the_sixth_attempt_at_a_challenge_is_refused() {
    let mut bench = Bench::opened();
    for left in (0..5).rev() {
        let attempt = bench.begin(1, at(1)).unwrap();
        assert_eq!(attempt.attempts_left(), left);
        assert_eq!(attempt.challenge().attempts(), 5 - left);
        let standing = Standing::Open;
        assert_eq!(
            bench.verify_wrong(attempt, at(1)),
            Rejected::WrongCode { attempts_left: left, standing }
        );
    }
    let before = bench.record.clone();
    assert_eq!(bench.begin(1, at(1)).unwrap_err(), AttemptRefused::AttemptsExhausted);
    assert_eq!(bench.record, before, "a refused attempt is not counted");
}

#[test]
fn attempts_count_though_nobody_verifies_them() {
    let mut bench = Bench::opened();
    for _ in 0..5 {
        let _ = bench.begin(1, at(1)).unwrap();
    }
    assert_eq!(bench.begin(1, at(1)).unwrap_err(), AttemptRefused::AttemptsExhausted);
}

#[test]
fn a_challenge_is_gone_at_its_end() {
    let mut bench = Bench::opened();
    let last = bench.begin(1, just_before(LIFE)).unwrap();
    let late = bench.begin(1, just_before(LIFE)).unwrap();
    assert!(bench.record.challenge(id(1), just_before(LIFE)).is_some());
    assert!(bench.record.challenge(id(1), at(LIFE)).is_none());
    assert_eq!(bench.begin(1, at(LIFE)).unwrap_err(), AttemptRefused::Expired);
    assert_eq!(bench.verify_right(late, at(LIFE)).unwrap_err(), Rejected::Expired);
    let verified = bench.verify_right(last, just_before(LIFE)).unwrap();
    assert_eq!(bench.record.consume(verified, at(LIFE)).unwrap_err(), ConsumeRefused::Expired);
    assert_eq!(bench.record.failures_in_a_row(), 2, "what came too late clears nothing");
}

#[test]
fn a_wrong_code_that_is_late_is_expired_too() {
    let mut bench = Bench::opened();
    let attempt = bench.begin(1, at(1)).unwrap();
    assert_eq!(bench.verify_wrong(attempt, at(LIFE)), Rejected::Expired);
}

#[test]
fn an_unknown_challenge_has_no_attempts() {
    let mut bench = Bench::opened();
    assert_eq!(bench.begin(2, at(1)).unwrap_err(), AttemptRefused::NotFound);
    assert_eq!(bench.record.failures_in_a_row(), 0);
}

#[test]
fn a_code_answers_for_nothing_but_its_binding() {
    let bench = Bench::opened();
    let other_phone = PhoneNumber::from_japanese("090-1234-5679").unwrap();
    let right = bench.binding();
    for other in [
        Binding { tenant: "t", ..right },
        Binding { subject: "bob", ..right },
        Binding { flow: "g", ..right },
        Binding { purpose: Purpose::STEP_UP, ..right },
        Binding { phone: &other_phone, ..right },
        Binding { tenant: "alice", subject: "", ..right },
    ] {
        let mut record = bench.record.clone();
        let attempt = record.begin_attempt(Bench::subject(), id(1), &bench.policy, at(1)).unwrap();
        let typed = bench.right_code(attempt.challenge());
        let rejected = attempt.verify(&bench.keys, &other, &bench.format, &typed, at(1));
        assert!(matches!(rejected, Err(Rejected::WrongCode { .. })), "{other:?}");
    }
}

#[test]
fn a_code_for_another_purpose_never_answers_even_if_it_was_sent_for_it() {
    let mut bench = Bench::opened();
    let attempt = bench.begin(1, at(1)).unwrap();
    let other = Binding { purpose: Purpose::STEP_UP, ..bench.binding() };
    let sent = attempt.challenge().code(&bench.keys, &other, &bench.format).unwrap();
    let typed = bench.format.normalise(sent.expose_secret()).unwrap();
    let rejected = attempt.verify(&bench.keys, &other, &bench.format, &typed, at(1));
    assert!(matches!(rejected, Err(Rejected::WrongCode { .. })));
}

#[test]
fn a_rotation_breaks_no_open_challenge_until_the_key_is_retired() {
    let mut bench = Bench::opened();
    let typed = bench.right_code(&bench.record.challenges()[0]);
    let key = |n| DigestKey::from_bytes(&[n; 32]).unwrap();
    let rotated = KeyRing::new(KeyId::new(2), key(2)).with_previous(KeyId::new(1), key(1)).unwrap();
    let retired = KeyRing::new(KeyId::new(2), key(2));
    let first = bench.begin(1, at(1)).unwrap();
    let second = bench.begin(1, at(1)).unwrap();
    assert!(first.verify(&rotated, &bench.binding(), &bench.format, &typed, at(1)).is_ok());
    assert_eq!(
        second.verify(&retired, &bench.binding(), &bench.format, &typed, at(1)).unwrap_err(),
        Rejected::KeyRetired
    );
    let late = bench.begin(1, at(1)).unwrap();
    assert_eq!(
        late.verify(&retired, &bench.binding(), &bench.format, &typed, at(LIFE)).unwrap_err(),
        Rejected::Expired
    );
}

// --- the subject's limits ----------------------------------------------------------------------------

#[test]
fn the_tenth_attempt_of_a_subject_locks_it_for_15_30_60_minutes() {
    let mut bench = Bench::new();
    let mut now = at(0);
    for minutes in [15, 30, 60, 60] {
        bench.open(1, now).unwrap();
        bench.open(2, now).unwrap();
        for _ in 0..5 {
            let _ = bench.begin(2, now).unwrap();
        }
        bench.open(3, now).unwrap();
        for left in [4, 3, 2, 1] {
            assert_eq!(bench.begin(3, now).unwrap().attempts_left(), left);
        }
        let until = now + Duration::from_secs(minutes * MINUTE);
        let standing = Standing::Locked { until };
        let tenth = bench.begin(3, now).unwrap();
        assert_eq!((tenth.attempts_left(), tenth.standing()), (0, standing));
        assert_eq!(bench.record.attempts_in_window(&bench.policy, now), 0, "a lock starts anew");
        assert_eq!(
            bench.verify_wrong(tenth, now),
            Rejected::WrongCode { attempts_left: 0, standing }
        );
        let before = until - Duration::from_millis(1);
        assert_eq!(bench.begin(3, before).unwrap_err(), AttemptRefused::Locked { until });
        assert_eq!(bench.open(4, before).unwrap_err(), OpenRefused::Locked { until });
        assert_eq!(
            bench.record.grant_resend(id(3), &bench.policy, before),
            Err(ResendRefused::Locked { until })
        );
        assert_eq!(bench.standing(before), standing);
        assert_eq!(bench.standing(until), Standing::Open);
        now = until;
        bench.record.revoke(id(3));
    }
    assert_eq!(bench.record.locks_in_a_row(), 4);
    assert_eq!(bench.record.failures_in_a_row(), 40);
}

#[test]
fn attempts_left_is_cut_short_by_the_subjects_limit() {
    let mut bench = Bench::new();
    bench.fail(7, at(0));
    bench.open(1, at(0)).unwrap();
    assert_eq!(bench.begin(1, at(0)).unwrap().attempts_left(), 2);
}

#[test]
fn attempts_left_is_cut_short_by_the_hard_stop() {
    let settings = PolicySettings { hard_stop: 52, ..PolicySettings::default() };
    let mut bench = Bench { policy: Policy::new(settings).unwrap(), ..Bench::new() };
    let now = bench.fail_in_a_row(50, at(0)) + Duration::from_secs(60 * MINUTE);
    bench.open(90, now).unwrap();
    assert_eq!(bench.begin(90, now).unwrap().attempts_left(), 1);
    let last = bench.begin(90, now).unwrap();
    assert_eq!((last.attempts_left(), last.standing()), (0, Standing::Blocked));
}

#[test]
fn the_count_of_a_subject_falls_back_only_after_a_quiet_period() {
    let mut bench = Bench::new();
    bench.fail(9, at(0));
    // Fourteen minutes and a bit later the tenth locks ...
    let mut still = Bench { record: bench.record.clone(), ..Bench::new() };
    still.open(1, just_before(15 * MINUTE)).unwrap();
    assert_eq!(still.record.attempts_in_window(&still.policy, just_before(15 * MINUTE)), 9);
    let attempt = still.begin(1, just_before(15 * MINUTE)).unwrap();
    assert!(matches!(attempt.standing(), Standing::Locked { .. }));
    // ... and at fifteen minutes it is the first again.
    bench.open(1, at(15 * MINUTE)).unwrap();
    assert_eq!(bench.record.attempts_in_window(&bench.policy, at(15 * MINUTE)), 0);
    assert_eq!(bench.begin(1, at(15 * MINUTE)).unwrap().standing(), Standing::Open);
    assert_eq!(bench.record.attempts_in_window(&bench.policy, at(15 * MINUTE)), 1);
    assert_eq!(bench.record.failures_in_a_row(), 10, "time alone clears no failure");
}

#[test]
fn the_quiet_period_runs_from_the_last_attempt_and_not_from_the_first() {
    let mut bench = Bench::new();
    for n in 0..9 {
        let now = at(u64::from(n) * 14 * MINUTE);
        bench.open(n, now).unwrap();
        assert_eq!(bench.begin(n, now).unwrap().standing(), Standing::Open);
    }
    let now = at(9 * 14 * MINUTE);
    bench.open(9, now).unwrap();
    assert!(matches!(bench.begin(9, now).unwrap().standing(), Standing::Locked { .. }));
}

#[test]
fn a_clock_that_goes_back_shortens_nothing() {
    let mut bench = Bench::new();
    bench.fail(9, at(60 * MINUTE));
    bench.open(1, at(0)).unwrap();
    let attempt = bench.begin(1, at(0)).unwrap();
    assert_eq!(attempt.standing(), Standing::Locked { until: at(75 * MINUTE) });
    assert!(matches!(bench.begin(1, just_before(75 * MINUTE)), Err(AttemptRefused::Locked { .. })));
}

/// Clocks of several machines may differ a little; a clock that was set back by more would let a code
/// live on for as long.
#[test]
fn a_clock_that_is_set_back_lengthens_no_life() {
    let hour = 60 * MINUTE;
    for (now, is_open) in [(at(hour - 60), true), (just_before(hour - 60), false), (at(0), false)] {
        let mut bench = Bench::new();
        let opened = bench.open(1, at(hour)).unwrap();
        let first = bench.begin(1, at(hour)).unwrap();
        let second = bench.begin(1, at(hour)).unwrap();
        assert_eq!(opened.is_expired(now), !is_open);
        assert_eq!(bench.record.challenge(id(1), now).is_some(), is_open);
        assert_eq!(bench.begin(1, now).err(), (!is_open).then_some(AttemptRefused::Expired));
        let resend = bench.record.grant_resend(id(1), &bench.policy, now).unwrap_err();
        assert_eq!(resend == ResendRefused::Expired, !is_open);
        let verified = bench.verify_right(first, now);
        assert_eq!(verified.err(), (!is_open).then_some(Rejected::Expired));
        let verified = bench.verify_right(second, at(hour)).unwrap();
        let consumed = bench.record.consume(verified, now);
        assert_eq!(consumed.err(), (!is_open).then_some(ConsumeRefused::Expired));
    }
    // An hour forwards it is gone by the plain rule.
    let mut bench = Bench::opened();
    assert_eq!(bench.begin(1, at(hour)).unwrap_err(), AttemptRefused::Expired);
}

#[test]
fn locked_to_open_by_unlock() {
    let mut bench = Bench::new();
    bench.fail(10, at(0));
    assert!(matches!(bench.standing(at(0)), Standing::Locked { .. }));
    bench.record.unlock();
    assert_eq!(bench.standing(at(0)), Standing::Open);
    assert_eq!(bench.record.locks_in_a_row(), 0);
    bench.open(1, at(0)).unwrap();
    assert_eq!(bench.begin(1, at(0)).unwrap().attempts_left(), 4);
}

#[test]
fn blocked_to_open_by_a_consume_in_flight() {
    let mut bench = Bench::new();
    let now = bench.fail_in_a_row(99, at(0));
    bench.open(90, now).unwrap();
    let hundredth = bench.begin(90, now).unwrap();
    assert_eq!(bench.standing(now), Standing::Blocked);
    let verified = bench.verify_right(hundredth, now).unwrap();
    let _ = bench.record.consume(verified, now).unwrap();
    assert_eq!(bench.standing(now), Standing::Open);
    assert!(bench.record.is_empty());
}

#[test]
fn a_challenge_of_a_locked_or_blocked_subject_takes_reports_and_can_be_revoked() {
    let blocked = || {
        let mut bench = Bench::new();
        let now = bench.fail_in_a_row(99, at(0));
        bench.open(90, now).unwrap();
        let _ = bench.begin(90, now).unwrap();
        (bench, 90, now)
    };
    let locked = || {
        let mut bench = Bench::new();
        bench.fail(10, at(0));
        (bench, 105, at(0))
    };
    for (mut bench, n, now) in [blocked(), locked()] {
        let standing = bench.standing(now);
        assert_ne!(standing, Standing::Open);
        assert!(bench.record.record_delivery(id(n), Delivery::Delivered, &bench.policy, now));
        assert_eq!(bench.record.challenges()[0].delivery(), Delivery::Delivered);
        assert_eq!(bench.standing(now), standing);
        assert!(bench.record.revoke(id(n)));
        assert_eq!(bench.record.challenges(), []);
        assert_eq!(bench.standing(now), standing, "no way round a lock");
    }
}

#[test]
fn after_a_hundred_in_a_row_only_an_administrator_helps() {
    let mut bench = Bench::new();
    let now = bench.fail_in_a_row(99, at(0));
    assert_eq!(bench.standing(now), Standing::Open);
    bench.open(90, now).unwrap();
    assert_eq!(bench.record.failures_in_a_row(), 99);
    let hundredth = bench.begin(90, now).unwrap();
    assert_eq!((hundredth.attempts_left(), hundredth.standing()), (0, Standing::Blocked));
    let years = now + Duration::from_secs(10 * 365 * 24 * 60 * MINUTE);
    assert_eq!(bench.begin(90, now).unwrap_err(), AttemptRefused::Blocked);
    assert_eq!(bench.open(91, years).unwrap_err(), OpenRefused::Blocked);
    assert_eq!(
        bench.record.grant_resend(id(90), &bench.policy, years),
        Err(ResendRefused::Blocked)
    );
    assert_eq!(bench.standing(years), Standing::Blocked);
    bench.record.unlock();
    assert_eq!(bench.standing(now), Standing::Open);
    assert_eq!(bench.record.failures_in_a_row(), 0);
    bench.open(92, now).unwrap();
}

#[test]
fn a_block_outlives_a_policy_that_is_loosened() {
    let strict = PolicySettings { hard_stop: 50, ..PolicySettings::default() };
    let mut bench = Bench { policy: Policy::new(strict).unwrap(), ..Bench::new() };
    let now = bench.fail_in_a_row(50, at(0));
    assert_eq!(bench.standing(now), Standing::Blocked);
    bench.policy = Policy::default();
    assert_eq!(bench.standing(now), Standing::Blocked);
}

#[test]
fn a_policy_that_is_tightened_blocks_at_once() {
    let mut bench = Bench::new();
    let now = bench.fail_in_a_row(50, at(0));
    let after = now + Duration::from_secs(60 * MINUTE);
    assert_eq!(bench.standing(after), Standing::Open);
    bench.policy =
        Policy::new(PolicySettings { hard_stop: 50, ..PolicySettings::default() }).unwrap();
    assert_eq!(bench.standing(after), Standing::Blocked);
    assert_eq!(bench.open(1, after).unwrap_err(), OpenRefused::Blocked);
}

#[test]
fn unlock_leaves_challenges_and_their_attempts() {
    let mut bench = Bench::opened();
    let _ = bench.begin(1, at(1)).unwrap();
    bench.record.unlock();
    assert_eq!(bench.record.challenges()[0].attempts(), 1);
    assert_eq!(bench.record.failures_in_a_row(), 0);
}

// --- consume -----------------------------------------------------------------------------------------

#[test]
fn of_two_right_codes_one_wins() {
    let mut bench = Bench::opened();
    let first = bench.begin(1, at(1)).unwrap();
    let second = bench.begin(1, at(1)).unwrap();
    let first = bench.verify_right(first, just_before(LIFE)).unwrap();
    let second = bench.verify_right(second, just_before(LIFE)).unwrap();
    assert_eq!((first.challenge_id(), first.subject()), (id(1), Bench::subject()));
    assert_eq!((first.purpose(), first.expires_at()), (Purpose::LOGIN, at(LIFE)));
    let consumed = bench.record.consume(first, just_before(LIFE)).unwrap();
    assert_eq!((consumed.challenge_id(), consumed.subject()), (id(1), Bench::subject()));
    assert_eq!((consumed.purpose(), consumed.attempts()), (Purpose::LOGIN, 1));
    assert_eq!((consumed.opened_at(), consumed.consumed_at()), (at(0), just_before(LIFE)));
    assert_eq!(bench.record.consume(second, at(2)).unwrap_err(), ConsumeRefused::NotFound);
    assert_eq!(bench.begin(1, at(2)).unwrap_err(), AttemptRefused::NotFound);
    assert!(bench.record.is_empty());
}

#[test]
fn a_success_clears_the_counters_the_lock_and_nothing_else() {
    let mut bench = Bench::new();
    bench.fail(9, at(0));
    bench.record.open(new(2, Purpose::STEP_UP, at(LIFE)), &bench.policy, at(0)).unwrap();
    bench.open(1, at(0)).unwrap();
    let tenth = bench.begin(1, at(1)).unwrap();
    assert!(matches!(bench.standing(at(1)), Standing::Locked { .. }));
    let verified = bench.verify_right(tenth, at(1)).unwrap();
    let _ = bench.record.consume(verified, at(1)).unwrap();
    assert_eq!(bench.standing(at(1)), Standing::Open);
    assert_eq!((bench.record.failures_in_a_row(), bench.record.locks_in_a_row()), (0, 0));
    assert_eq!(bench.record.attempts_in_window(&bench.policy, at(1)), 0);
    let ids: Vec<_> = bench.record.challenges().iter().map(Challenge::id).collect();
    assert_eq!(ids, [id(2)]);
}

#[test]
fn revoked_is_gone() {
    let mut bench = Bench::opened();
    let attempt = bench.begin(1, at(1)).unwrap();
    assert!(bench.record.revoke(id(1)));
    assert!(!bench.record.revoke(id(1)));
    let verified = bench.verify_right(attempt, at(1)).unwrap();
    assert_eq!(bench.record.consume(verified, at(1)).unwrap_err(), ConsumeRefused::NotFound);
    assert_eq!(bench.record.failures_in_a_row(), 1);
    assert!(!bench.record.is_empty(), "a failure is never forgotten");
}

// --- resend ------------------------------------------------------------------------------------------

#[test]
fn resends_after_60_90_180_seconds_and_no_fourth() {
    let settings = PolicySettings { resends_per_challenge: 3, ..PolicySettings::default() };
    let mut bench = Bench { policy: Policy::new(settings).unwrap(), ..Bench::new() };
    let long = new(1, Purpose::LOGIN, at(600));
    let opened = bench.record.open(long, &bench.policy, at(0)).unwrap();
    assert_eq!(opened.resend_at(&bench.policy), Some(at(60)));
    let code = bench.right_code(&opened);
    let mut due = 60;
    for (left, wait) in [(2, Some(90)), (1, Some(180)), (0, None)] {
        let early = bench.record.grant_resend(id(1), &bench.policy, just_before(due));
        assert_eq!(early, Err(ResendRefused::TooEarly { at: at(due) }));
        let granted = bench.record.grant_resend(id(1), &bench.policy, at(due)).unwrap();
        assert_eq!((granted.resends_left, granted.next_at), (left, wait.map(|w| at(due + w))));
        assert_eq!(bench.right_code(&granted.challenge).expose_secret(), code.expose_secret());
        assert_eq!(granted.challenge.expires_at(), at(600));
        due += wait.unwrap_or(0);
    }
    let fourth = bench.record.grant_resend(id(1), &bench.policy, at(599));
    assert_eq!(fourth, Err(ResendRefused::Exhausted));
}

#[test]
fn a_resend_resets_no_attempt() {
    let mut bench = Bench::opened();
    for _ in 0..4 {
        let _ = bench.begin(1, at(1)).unwrap();
    }
    let granted = bench.record.grant_resend(id(1), &bench.policy, at(60)).unwrap();
    assert_eq!(granted.challenge.attempts(), 4);
    assert_eq!(bench.begin(1, at(61)).unwrap().attempts_left(), 0);
    assert_eq!(bench.begin(1, at(61)).unwrap_err(), AttemptRefused::AttemptsExhausted);
    let refused = bench.record.grant_resend(id(1), &bench.policy, at(200));
    assert_eq!(refused, Err(ResendRefused::AttemptsExhausted));
}

#[test]
fn no_resend_of_what_is_gone() {
    let mut bench = Bench::opened();
    let resend = |bench: &mut Bench, n, now| bench.record.grant_resend(id(n), &bench.policy, now);
    assert_eq!(resend(&mut bench, 2, at(100)), Err(ResendRefused::NotFound));
    assert_eq!(resend(&mut bench, 1, at(LIFE)), Err(ResendRefused::Expired));
    assert!(resend(&mut bench, 1, just_before(LIFE)).is_ok());
}

#[test]
fn a_policy_without_resends_grants_none() {
    let settings = PolicySettings { resends_per_challenge: 0, ..PolicySettings::default() };
    let mut bench = Bench { policy: Policy::new(settings).unwrap(), ..Bench::new() };
    let opened = bench.open(1, at(0)).unwrap();
    assert_eq!(opened.resend_at(&bench.policy), None);
    let refused = bench.record.grant_resend(id(1), &bench.policy, at(100));
    assert_eq!(refused, Err(ResendRefused::Exhausted));
}

// --- delivery ----------------------------------------------------------------------------------------

#[test]
fn an_undelivered_message_may_be_resent_after_15_seconds() {
    for delivery in [Delivery::OutOfRange, Delivery::Error] {
        let mut bench = Bench::opened();
        assert!(bench.record.record_delivery(id(1), delivery, &bench.policy, at(10)));
        let early = bench.record.grant_resend(id(1), &bench.policy, just_before(25));
        assert_eq!(early, Err(ResendRefused::TooEarly { at: at(25) }));
        let granted = bench.record.grant_resend(id(1), &bench.policy, at(25)).unwrap();
        assert_eq!(granted.challenge.delivery(), Delivery::Pending);
        assert_eq!(granted.next_at, Some(at(25 + 90)), "the next message has its own wait");
    }
}

#[test]
fn a_late_report_does_not_lengthen_the_wait() {
    let mut bench = Bench::opened();
    assert!(bench.record.record_delivery(id(1), Delivery::Error, &bench.policy, at(55)));
    assert!(bench.record.grant_resend(id(1), &bench.policy, at(60)).is_ok());
}

#[test]
fn reports_that_come_twice_or_out_of_order_change_nothing() {
    use Delivery::{Delivered, Error, OutOfRange, Pending};
    for (first, second, changes) in [
        (Pending, Pending, false),
        (Pending, Delivered, true),
        (Pending, OutOfRange, true),
        (Pending, Error, true),
        (Delivered, Pending, false),
        (Delivered, Delivered, false),
        (Delivered, OutOfRange, false),
        (Delivered, Error, false),
        (OutOfRange, Pending, false),
        (OutOfRange, Delivered, true),
        (OutOfRange, OutOfRange, false),
        (OutOfRange, Error, false),
        (Error, Pending, false),
        (Error, Delivered, true),
        (Error, OutOfRange, false),
        (Error, Error, false),
    ] {
        let mut bench = Bench::opened();
        bench.record.record_delivery(id(1), first, &bench.policy, at(1));
        let before = bench.record.challenges()[0].clone();
        let changed = bench.record.record_delivery(id(1), second, &bench.policy, at(2));
        assert_eq!(changed, changes, "{first:?} then {second:?}");
        let after = bench.record.challenges()[0].clone();
        assert_eq!(after.delivery(), if changes { second } else { first });
        assert_eq!(after == before, !changes);
    }
}

#[test]
fn a_report_about_what_is_gone_changes_nothing() {
    let mut bench = Bench::opened();
    assert!(!bench.record.record_delivery(id(2), Delivery::Error, &bench.policy, at(1)));
    assert!(!bench.record.record_delivery(id(1), Delivery::Error, &bench.policy, at(LIFE)));
    assert!(bench.record.record_delivery(id(1), Delivery::Error, &bench.policy, just_before(LIFE)));
}

// --- sweeping ----------------------------------------------------------------------------------------

#[test]
fn sweeping_drops_what_has_expired_and_no_counter() {
    let mut bench = Bench::opened();
    bench.record.open(new(2, Purpose::STEP_UP, at(400)), &bench.policy, at(0)).unwrap();
    let _ = bench.begin(1, at(1)).unwrap();
    assert_eq!(bench.record.sweep_at(), Some(at(LIFE)));
    assert!(!bench.record.sweep(just_before(LIFE)));
    assert!(bench.record.sweep(at(LIFE)));
    assert_eq!(bench.record.sweep_at(), Some(at(400)));
    assert!(bench.record.sweep(at(400)));
    assert_eq!(bench.record.sweep_at(), None);
    assert_eq!(bench.record.failures_in_a_row(), 1);
    assert!(!bench.record.is_empty());
    assert!(SubjectRecord::new().is_empty());
}

#[test]
fn any_number_of_challenges_comes_and_goes() {
    let mut bench = Bench::new();
    for n in 1..=8 {
        bench.record.open(new(n, purpose(n), at(LIFE)), &bench.policy, at(0)).unwrap();
        assert_eq!(bench.record.challenges().len(), usize::from(n));
    }
    for n in (1..=8).rev() {
        assert!(bench.record.revoke(id(n)));
        assert_eq!(bench.record.challenges().len(), usize::from(n) - 1);
    }
    assert!(bench.record.is_empty());
}

// --- as bytes and as parts ---------------------------------------------------------------------------

#[test]
fn bytes_are_read_back() {
    for record in [SubjectRecord::new(), Bench::opened().record, busy_record()] {
        let bytes = record.to_bytes();
        assert_eq!(bytes.len(), 22 + 78 * record.challenges().len());
        assert_eq!(SubjectRecord::from_bytes(&bytes), Ok(record));
    }
}

/// The layout is a promise to stores that read it, so it is pinned byte by byte.
#[test]
fn the_layout_is_version_1() {
    let mut bench = Bench::new();
    let new = NewChallenge {
        id: ChallengeId::from_bytes([0xa1; 16]),
        nonce: Nonce::from_bytes([0xb2; 16]),
        kid: KeyId::new(0x0102_0304),
        ..new(0, Purpose::STEP_UP, at(LIFE))
    };
    bench.record.open(new, &bench.policy, at(0)).unwrap();
    let subject = Bench::subject();
    let _ = bench.record.begin_attempt(subject, new.id, &bench.policy, at(1)).unwrap();
    bench.record.record_delivery(new.id, Delivery::OutOfRange, &bench.policy, at(2));
    let millis = |seconds: u64| ((T0.as_secs() + seconds) * 1000).to_be_bytes();
    let mut expected = vec![1, 1, 1, 0, 0];
    expected.extend(millis(1));
    expected.extend([0; 8]);
    expected.push(1);
    expected.extend([0xa1; 16]);
    expected.extend([0xb2; 16]);
    expected.extend(b"step-up\0\0\0\0\0\0\0\0");
    expected.extend([1, 2, 3, 4]);
    expected.extend(millis(0));
    expected.extend(millis(LIFE));
    expected.extend(millis(17));
    expected.extend([1, 0, 2]);
    assert_eq!(bench.record.to_bytes(), expected);
}

#[test]
fn other_bytes_are_refused() {
    let good = busy_record().to_bytes();
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let mut same_id = good.clone();
    same_id.copy_within(22..38, 100);
    let mut same_purpose = good.clone();
    same_purpose.copy_within(54..69, 132);
    let mut nine = good[..22].to_vec();
    nine[21] = 9;
    for n in 0..9 {
        let mut challenge = good[22..100].to_vec();
        (challenge[0], challenge[32]) = (n, b'a' + n);
        nine.extend(challenge);
    }
    let mut eight = nine[..nine.len() - 78].to_vec();
    eight[21] = 8;
    assert!(SubjectRecord::from_bytes(&eight).is_ok());
    let mut longer = good.clone();
    longer.push(0);
    for (what, bytes) in [
        ("nothing", Vec::new()),
        ("cut", good[..good.len() - 1].to_vec()),
        ("longer", longer),
        ("version 0", with(0, 0)),
        ("version 2", with(0, 2)),
        ("blocked 2", with(4, 2)),
        ("an instant past the year 9999", with(5, 1)),
        ("a lock past the year 9999", with(13, 1)),
        ("fewer challenges than there are", with(21, 3)),
        ("more challenges than there are", with(21, 5)),
        ("nine challenges", nine),
        ("an empty purpose", with(54, 0)),
        ("a purpose with a hole", with(55, 0)),
        ("a purpose in upper case", with(54, b'P')),
        ("delivery 4", with(22 + 77, 4)),
        ("one id twice", same_id),
        ("one purpose twice", same_purpose),
    ] {
        assert_eq!(SubjectRecord::from_bytes(&bytes), Err(InvalidRecord), "{what}");
    }
}

#[test]
fn parts_are_put_together_again() {
    let challenge = &busy_record().challenges()[2].clone();
    let parts = challenge.to_parts();
    assert_eq!(Challenge::from_parts(&parts).as_ref(), Some(challenge));
    let last = 253_402_300_799_999;
    for (millis, is_good) in [(last, true), (last + 1, false)] {
        for parts in [
            ChallengeParts { opened_at_millis: millis, ..parts.clone() },
            ChallengeParts { expires_at_millis: millis, ..parts.clone() },
            ChallengeParts { resend_at_millis: millis, ..parts.clone() },
        ] {
            assert_eq!(Challenge::from_parts(&parts).is_some(), is_good);
        }
    }
}

#[test]
fn what_a_store_counted_elsewhere_is_verified_alike() {
    let bench = Bench::opened();
    let challenge = bench.record.challenges()[0].clone();
    let standing = Standing::Blocked;
    let counted =
        || Attempt::dangerous_from_counted(Bench::subject(), challenge.clone(), 3, standing);
    assert_eq!(
        bench.verify_wrong(counted(), at(1)),
        Rejected::WrongCode { attempts_left: 3, standing }
    );
    let verified = bench.verify_right(counted(), at(1)).unwrap();
    let consumed = verified.dangerous_into_consumed(at(2));
    assert_eq!((consumed.challenge_id(), consumed.consumed_at()), (id(1), at(2)));
}

#[test]
fn instants_out_of_range_are_moved_to_its_ends() {
    let mut bench = Bench::new();
    let before_epoch = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    let far = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40);
    let challenge =
        bench.record.open(new(1, Purpose::LOGIN, far), &bench.policy, before_epoch).unwrap();
    assert_eq!(challenge.opened_at(), SystemTime::UNIX_EPOCH);
    assert_eq!(
        challenge.expires_at(),
        SystemTime::UNIX_EPOCH + Duration::from_millis(253_402_300_799_999)
    );
    assert!(bench.begin(1, far).is_err());
    assert!(bench.begin(1, before_epoch).is_ok());
}

#[test]
fn a_record_at_the_end_of_time_is_read_back() {
    let mut bench = Bench::new();
    let far = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40);
    let challenge = bench.record.open(new(1, Purpose::LOGIN, far), &bench.policy, far).unwrap();
    assert_eq!(challenge.resend_at(&bench.policy), Some(challenge.expires_at()));
    assert_eq!(SubjectRecord::from_bytes(&bench.record.to_bytes()), Ok(bench.record));
}

#[test]
fn no_nonce_and_no_code_shows_in_debug() {
    let mut bench = Bench::opened();
    let code = bench.right_code(&bench.record.challenges()[0]);
    let attempt = bench.begin(1, at(1)).unwrap();
    let verified = bench.verify_right(attempt, at(1)).unwrap();
    let shown = format!("{:?} {verified:?} {code:?} {:?}", bench.record, bench.keys);
    assert!(!shown.contains(code.expose_secret()), "{shown}");
    assert!(!shown.contains("1, 1, 1"), "{shown}");
}
