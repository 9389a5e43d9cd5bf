//! The limits of a subject over all of its challenges: the lock, the block and what ends them.

use super::*;

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
        let lockout_state = LockoutState::Locked { until };
        let tenth = bench.begin(3, now).unwrap();
        assert_eq!((tenth.attempts_left(), tenth.lockout_state()), (0, lockout_state));
        assert_eq!(bench.record.attempts_in_window(&bench.policy, now), 0, "a lock starts anew");
        assert_eq!(
            bench.verify_wrong(tenth, now),
            Rejected::WrongCode { attempts_left: 0, lockout_state }
        );
        let before = until - Duration::from_millis(1);
        assert_eq!(bench.begin(3, before).unwrap_err(), AttemptRefused::Locked { until });
        assert_eq!(bench.open(4, before).unwrap_err(), OpenRefused::Locked { until });
        assert_eq!(
            bench.record.grant_resend(id(3), &bench.policy, before),
            Err(ResendRefused::Locked { until })
        );
        assert_eq!(bench.lockout_state(before), lockout_state);
        assert_eq!(bench.lockout_state(until), LockoutState::Open);
        now = until;
        bench.record.revoke(id(3));
    }
    assert_eq!(bench.record.consecutive_locks(), 4);
    assert_eq!(bench.record.consecutive_failures(), 40);
}

#[test]
fn attempts_left_is_cut_short_by_the_subjects_limit() {
    let mut bench = Bench::new();
    bench.fail(7, at(0));
    bench.open(1, at(0)).unwrap();
    assert_eq!(bench.begin(1, at(0)).unwrap().attempts_left(), 2);
}

#[test]
fn attempts_left_is_cut_short_by_the_consecutive_failure_limit() {
    let settings = PolicySettings { max_consecutive_failures: 52, ..PolicySettings::default() };
    let mut bench = Bench { policy: Policy::new(settings).unwrap(), ..Bench::new() };
    let now = bench.fail_in_a_row(50, at(0)) + Duration::from_secs(60 * MINUTE);
    bench.open(90, now).unwrap();
    assert_eq!(bench.begin(90, now).unwrap().attempts_left(), 1);
    let last = bench.begin(90, now).unwrap();
    assert_eq!((last.attempts_left(), last.lockout_state()), (0, LockoutState::Blocked));
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
    assert!(matches!(attempt.lockout_state(), LockoutState::Locked { .. }));
    // ... and at fifteen minutes it is the first again.
    bench.open(1, at(15 * MINUTE)).unwrap();
    assert_eq!(bench.record.attempts_in_window(&bench.policy, at(15 * MINUTE)), 0);
    assert_eq!(bench.begin(1, at(15 * MINUTE)).unwrap().lockout_state(), LockoutState::Open);
    assert_eq!(bench.record.attempts_in_window(&bench.policy, at(15 * MINUTE)), 1);
    assert_eq!(bench.record.consecutive_failures(), 10, "time alone clears no failure");
}

#[test]
fn the_quiet_period_runs_from_the_last_attempt_and_not_from_the_first() {
    let mut bench = Bench::new();
    for n in 0..9 {
        let now = at(u64::from(n) * 14 * MINUTE);
        bench.open(n, now).unwrap();
        assert_eq!(bench.begin(n, now).unwrap().lockout_state(), LockoutState::Open);
    }
    let now = at(9 * 14 * MINUTE);
    bench.open(9, now).unwrap();
    assert!(matches!(bench.begin(9, now).unwrap().lockout_state(), LockoutState::Locked { .. }));
}

/// Another machine's clock may be ahead: what it counted counts in full, up to its longest lead.
#[test]
fn a_clock_that_is_behind_shortens_nothing() {
    let lead = MAX_CLOCK_LEAD.as_secs();
    let mut bench = Bench::new();
    bench.fail(9, at(lead));
    bench.open(1, at(0)).unwrap();
    let attempt = bench.begin(1, at(0)).unwrap();
    let until = at(lead + 15 * MINUTE);
    assert_eq!(attempt.lockout_state(), LockoutState::Locked { until });
    let early = bench.begin(1, just_before(lead + 15 * MINUTE));
    assert_eq!(early.unwrap_err(), AttemptRefused::Locked { until });

    let mut bench = Bench::new();
    bench.fail(10, at(lead));
    assert_eq!(bench.lockout_state(at(0)), LockoutState::Locked { until });
    assert_eq!(bench.open(1, at(0)).unwrap_err(), OpenRefused::Locked { until });
}

const DAY: u64 = 24 * 60 * MINUTE;

/// Instants further ahead than that, up to a year.
fn wrong_clocks() -> [SystemTime; 4] {
    let lead = at(0) + MAX_CLOCK_LEAD;
    [lead + Duration::from_millis(1), at(60 * MINUTE), at(DAY), at(365 * DAY)]
}

#[test]
fn a_lock_of_a_wrong_clock_ends_after_one_more_attempt_and_a_lock_in_time() {
    for wrong in wrong_clocks() {
        let mut bench = Bench::new();
        bench.fail(10, wrong);
        assert!(matches!(bench.lockout_state(wrong), LockoutState::Locked { .. }));
        // The clock is right again.
        assert_eq!(bench.lockout_state(at(0)), LockoutState::Open);
        assert_eq!(bench.record.attempts_in_window(&bench.policy, at(0)), 9);
        bench.open(1, at(0)).unwrap();
        let attempt = bench.begin(1, at(0)).unwrap();
        let until = at(30 * MINUTE);
        let lockout_state = LockoutState::Locked { until };
        assert_eq!((attempt.attempts_left(), attempt.lockout_state()), (0, lockout_state));
        assert_eq!(bench.begin(1, at(0)).unwrap_err(), AttemptRefused::Locked { until });
        assert_eq!(bench.lockout_state(just_before(30 * MINUTE)), lockout_state);
        assert_eq!(bench.lockout_state(until), LockoutState::Open);
        assert_eq!(bench.record.consecutive_failures(), 11);
        assert_eq!(bench.record.consecutive_locks(), 2);
    }
}

#[test]
fn attempts_of_a_wrong_clock_count_until_a_quiet_period_in_time() {
    for wrong in wrong_clocks() {
        let mut bench = Bench::new();
        bench.fail(8, wrong);
        bench.open(1, at(0)).unwrap();
        assert_eq!(bench.begin(1, at(0)).unwrap().lockout_state(), LockoutState::Open);
        assert_eq!(bench.record.attempts_in_window(&bench.policy, just_before(15 * MINUTE)), 9);
        assert_eq!(bench.record.attempts_in_window(&bench.policy, at(15 * MINUTE)), 0);
        let attempt = bench.begin(1, at(1)).unwrap();
        let until = at(15 * MINUTE + 1);
        assert_eq!(attempt.lockout_state(), LockoutState::Locked { until });
    }
}

/// One typing mistake a day is no reason for a lock, whatever the clock was before.
#[test]
fn one_failure_a_day_after_a_wrong_clock_does_not_lock() {
    for wrong in wrong_clocks() {
        let mut bench = Bench::new();
        bench.fail(1, wrong);
        for day in 0..20_u8 {
            let now = at(u64::from(day) * DAY);
            bench.open(day, now).unwrap();
            assert_eq!(bench.begin(day, now).unwrap().lockout_state(), LockoutState::Open);
        }
    }
}

#[test]
fn a_block_of_a_wrong_clock_stays() {
    let mut bench = Bench::new();
    let now = bench.fail_in_a_row(100, at(365 * DAY));
    assert_eq!(bench.lockout_state(now), LockoutState::Blocked);
    assert_eq!(bench.lockout_state(at(0)), LockoutState::Blocked);
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
        let refused = consumed.err().map(|not_consumed| not_consumed.refused);
        assert_eq!(refused, (!is_open).then_some(ConsumeRefused::Expired));
    }
    // An hour forwards it is gone by the plain rule.
    let mut bench = Bench::opened();
    assert_eq!(bench.begin(1, at(hour)).unwrap_err(), AttemptRefused::Expired);
}

#[test]
fn locked_to_open_by_unlock() {
    let mut bench = Bench::new();
    bench.fail(10, at(0));
    assert!(matches!(bench.lockout_state(at(0)), LockoutState::Locked { .. }));
    bench.record.unlock();
    assert_eq!(bench.lockout_state(at(0)), LockoutState::Open);
    assert_eq!(bench.record.consecutive_locks(), 0);
    bench.open(1, at(0)).unwrap();
    assert_eq!(bench.begin(1, at(0)).unwrap().attempts_left(), 4);
}

#[test]
fn blocked_to_open_by_a_consume_in_flight() {
    let mut bench = Bench::new();
    let now = bench.fail_in_a_row(99, at(0));
    bench.open(90, now).unwrap();
    let hundredth = bench.begin(90, now).unwrap();
    assert_eq!(bench.lockout_state(now), LockoutState::Blocked);
    let verified = bench.verify_right(hundredth, now).unwrap();
    let _ = bench.record.consume(verified, now).unwrap();
    assert_eq!(bench.lockout_state(now), LockoutState::Open);
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
        let lockout_state = bench.lockout_state(now);
        assert_ne!(lockout_state, LockoutState::Open);
        assert!(bench.record.record_delivery(id(n), DeliveryStatus::Delivered, &bench.policy, now));
        assert_eq!(bench.record.challenges()[0].delivery(), DeliveryStatus::Delivered);
        assert_eq!(bench.lockout_state(now), lockout_state);
        assert!(bench.record.revoke(id(n)));
        assert_eq!(bench.record.challenges(), []);
        assert_eq!(bench.lockout_state(now), lockout_state, "no way round a lock");
    }
}

#[test]
fn after_a_hundred_in_a_row_only_an_administrator_helps() {
    let mut bench = Bench::new();
    let now = bench.fail_in_a_row(99, at(0));
    assert_eq!(bench.lockout_state(now), LockoutState::Open);
    bench.open(90, now).unwrap();
    assert_eq!(bench.record.consecutive_failures(), 99);
    let hundredth = bench.begin(90, now).unwrap();
    assert_eq!((hundredth.attempts_left(), hundredth.lockout_state()), (0, LockoutState::Blocked));
    let years = now + Duration::from_secs(10 * 365 * 24 * 60 * MINUTE);
    assert_eq!(bench.begin(90, now).unwrap_err(), AttemptRefused::Blocked);
    assert_eq!(bench.open(91, years).unwrap_err(), OpenRefused::Blocked);
    assert_eq!(
        bench.record.grant_resend(id(90), &bench.policy, years),
        Err(ResendRefused::Blocked)
    );
    assert_eq!(bench.lockout_state(years), LockoutState::Blocked);
    bench.record.unlock();
    assert_eq!(bench.lockout_state(now), LockoutState::Open);
    assert_eq!(bench.record.consecutive_failures(), 0);
    bench.open(92, now).unwrap();
}

#[test]
fn a_block_outlives_a_policy_that_is_loosened() {
    let strict = PolicySettings { max_consecutive_failures: 50, ..PolicySettings::default() };
    let mut bench = Bench { policy: Policy::new(strict).unwrap(), ..Bench::new() };
    let now = bench.fail_in_a_row(50, at(0));
    assert_eq!(bench.lockout_state(now), LockoutState::Blocked);
    bench.policy = Policy::default();
    assert_eq!(bench.lockout_state(now), LockoutState::Blocked);
}

#[test]
fn a_policy_that_is_tightened_blocks_at_once() {
    let mut bench = Bench::new();
    let now = bench.fail_in_a_row(50, at(0));
    let after = now + Duration::from_secs(60 * MINUTE);
    assert_eq!(bench.lockout_state(after), LockoutState::Open);
    bench.policy =
        Policy::new(PolicySettings { max_consecutive_failures: 50, ..PolicySettings::default() })
            .unwrap();
    assert_eq!(bench.lockout_state(after), LockoutState::Blocked);
    assert_eq!(bench.open(1, after).unwrap_err(), OpenRefused::Blocked);
}

#[test]
fn unlock_leaves_challenges_and_their_attempts() {
    let mut bench = Bench::opened();
    let _ = bench.begin(1, at(1)).unwrap();
    bench.record.unlock();
    assert_eq!(bench.record.challenges()[0].attempts(), 1);
    assert_eq!(bench.record.consecutive_failures(), 0);
}
