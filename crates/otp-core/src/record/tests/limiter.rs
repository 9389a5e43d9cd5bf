use proptest::prelude::*;

use super::*;
use crate::{AttemptLimiter, LimiterParts, LockedOut, layout::LAST_MILLIS};

#[test]
fn the_last_allowed_attempt_locks_and_a_success_clears() {
    let policy = Policy::default();
    let mut limiter = AttemptLimiter::new();
    for left in (1..10).rev() {
        let attempt = limiter.begin_attempt(&policy, at(0)).unwrap();
        assert_eq!((attempt.attempts_left(), attempt.lockout_state()), (left, LockoutState::Open));
    }
    let until = at(15 * MINUTE);
    let last = limiter.begin_attempt(&policy, at(0)).unwrap();
    assert_eq!((last.attempts_left(), last.lockout_state()), (0, LockoutState::Locked { until }));
    let early = limiter.begin_attempt(&policy, just_before(15 * MINUTE));
    assert_eq!(early, Err(LockedOut::Locked { until }));
    assert_eq!(limiter.consecutive_failures(), 10, "a refused attempt is not counted");

    let mut other = limiter.clone();
    assert_eq!(other.begin_attempt(&policy, until).map(|a| a.attempts_left()), Ok(9));
    limiter.succeed(last);
    assert!(limiter.is_empty());
    assert_eq!(limiter.lockout_state(&policy, at(0)), LockoutState::Open);
}

#[test]
fn only_an_administrator_ends_a_block() {
    let policy = Policy::default();
    let mut limiter = AttemptLimiter::new();
    for day in 0..100 {
        let attempt = limiter.begin_attempt(&policy, at(day * 86_400)).unwrap();
        let is_last = day == 99;
        assert_eq!(attempt.lockout_state() == LockoutState::Blocked, is_last, "{day}");
    }
    let later = at(1_000 * 86_400);
    assert_eq!(limiter.begin_attempt(&policy, later), Err(LockedOut::Blocked));
    limiter.unlock();
    assert!(limiter.begin_attempt(&policy, later).is_ok());
}

#[test]
fn parts_out_of_range_are_refused() {
    let parts = |last_attempt_at_millis, locked_until_millis| LimiterParts {
        last_attempt_at_millis,
        locked_until_millis,
        ..AttemptLimiter::new().to_parts()
    };
    assert!(AttemptLimiter::from_parts(&parts(LAST_MILLIS, LAST_MILLIS)).is_ok());
    assert_eq!(AttemptLimiter::from_parts(&parts(LAST_MILLIS + 1, 0)), Err(InvalidRecord));
    assert_eq!(AttemptLimiter::from_parts(&parts(0, LAST_MILLIS + 1)), Err(InvalidRecord));
}

#[cfg(feature = "serde")]
#[test]
fn a_limiter_is_serialised_as_its_parts() {
    let mut limiter = AttemptLimiter::new();
    let _wrong = limiter.begin_attempt(&Policy::default(), at(0)).unwrap();
    let json = serde_json::to_string(&limiter).unwrap();
    assert_eq!(
        json,
        r#"{"consecutive_failures":1,"attempts_in_window":1,"consecutive_locks":0,"is_blocked":false,"last_attempt_at_millis":1800000000000,"locked_until_millis":0}"#
    );
    assert_eq!(serde_json::from_str::<AttemptLimiter>(&json).unwrap(), limiter);
    let late = json.replace("1800000000000", "253402300800000");
    assert!(serde_json::from_str::<AttemptLimiter>(&late).is_err());
}

/// Seconds until the next event. Now and then the clock jumps.
fn wait() -> impl Strategy<Value = i64> {
    let jump = proptest::sample::select(vec![-31_536_000, -86_400, -901, -900, 86_400, 31_536_000]);
    prop_oneof![20 => 0..4_000_i64, 1 => jump]
}

proptest! {
    /// One attempt per challenge, so that only the limits of the subject count: the limiter alone decides as a
    /// record does.
    #[test]
    fn a_limiter_decides_as_a_record_does(
        events in proptest::collection::vec((wait(), 0..20_u8), 0..150),
    ) {
        let mut bench = Bench::new();
        let mut limiter = AttemptLimiter::new();
        let mut now = 365_000_000_u64;
        for (wait, event) in events {
            now = now.saturating_add_signed(wait);
            if event == 0 {
                bench.record.unlock();
                limiter.unlock();
                continue;
            }
            let opened = bench.open(1, at(now));
            let counted = limiter.begin_attempt(&bench.policy, at(now));
            prop_assert_eq!(opened.is_ok(), counted.is_ok());
            if let Ok(counted) = counted {
                let attempt = bench.begin(1, at(now)).unwrap();
                prop_assert_eq!(attempt.lockout_state(), counted.lockout_state());
                prop_assert_eq!(attempt.attempts_left(), counted.attempts_left().min(4));
                bench.record.revoke(id(1));
            }
            prop_assert_eq!(&bench.record.limiter, &limiter);
            let read = AttemptLimiter::from_parts(&limiter.to_parts());
            prop_assert_eq!(read.as_ref(), Ok(&limiter));
        }
    }
}
