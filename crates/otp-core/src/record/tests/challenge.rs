//! Opening a challenge, answering it, and its end.

use super::*;

// --- open -------------------------------------------------------------------------------------------

#[test]
fn open_to_open() {
    let mut bench = Bench::new();
    let challenge = bench.open(1, at(0)).unwrap();
    assert_eq!(challenge.id(), id(1));
    assert_eq!((challenge.opened_at(), challenge.expires_at()), (at(0), at(LIFE)));
    assert_eq!((challenge.attempts(), challenge.resends()), (0, 0));
    assert_eq!(challenge.delivery(), DeliveryStatus::Pending);
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
    assert_eq!(bench.record.consecutive_failures(), 1);
    assert_eq!(bench.record.attempts_in_window(&bench.policy, at(2)), 1);
    let verified = bench.verify_right(in_flight, at(3)).unwrap();
    assert_eq!(
        bench.record.consume(verified, at(3)).unwrap_err().refused,
        ConsumeRefused::NotFound
    );
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

// --- attempts ---------------------------------------------------------------------------------------

#[test]
fn the_sixth_attempt_at_a_challenge_is_refused() {
    let mut bench = Bench::opened();
    for left in (0..5).rev() {
        let attempt = bench.begin(1, at(1)).unwrap();
        assert_eq!(attempt.attempts_left(), left);
        assert_eq!(attempt.challenge().attempts(), 5 - left);
        let lockout_state = LockoutState::Open;
        assert_eq!(
            bench.verify_wrong(attempt, at(1)),
            Rejected::WrongCode { attempts_left: left, lockout_state }
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
    assert_eq!(
        bench.record.consume(verified, at(LIFE)).unwrap_err().refused,
        ConsumeRefused::Expired
    );
    assert_eq!(bench.record.consecutive_failures(), 2, "what came too late clears nothing");
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
    assert_eq!(bench.record.consecutive_failures(), 0);
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
        Binding { destination: other_phone.as_e164().as_bytes(), ..right },
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

// --- consume ----------------------------------------------------------------------------------------

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
    assert_eq!(bench.record.consume(second, at(2)).unwrap_err().refused, ConsumeRefused::NotFound);
    assert_eq!(bench.begin(1, at(2)).unwrap_err(), AttemptRefused::NotFound);
    assert!(bench.record.is_empty());
}

/// As in a store whose write met another one: it reads again and tries once more.
#[test]
fn a_proof_comes_back_from_a_write_that_did_not_happen_and_from_a_refusal() {
    let mut bench = Bench::opened();
    let attempt = bench.begin(1, at(1)).unwrap();
    let verified = bench.verify_right(attempt, at(1)).unwrap();
    let not_consumed = SubjectRecord::new().consume(verified, at(1)).unwrap_err();
    assert_eq!(not_consumed.refused, ConsumeRefused::NotFound);
    assert_eq!(not_consumed.to_string(), not_consumed.refused.to_string());
    let not_written = bench.record.clone().consume(not_consumed.verified, at(1)).unwrap();
    let verified = not_written.into_verified();
    assert_eq!((verified.challenge_id(), verified.subject()), (id(1), Bench::subject()));
    let before = bench.record.clone();
    let late = bench.record.consume(verified, at(LIFE)).unwrap_err();
    assert_eq!((late.refused, &bench.record), (ConsumeRefused::Expired, &before));
    let consumed = bench.record.consume(late.verified, at(2)).unwrap();
    let again = bench.record.consume(consumed.into_verified(), at(2)).unwrap_err();
    assert_eq!(again.refused, ConsumeRefused::NotFound);
}

#[test]
fn a_record_can_be_swept_when_its_last_challenge_expires_unless_it_counts_something() {
    let mut bench = Bench::new();
    assert_eq!(bench.record.sweep_at(), Some(SystemTime::UNIX_EPOCH));
    bench.open(1, at(0)).unwrap();
    assert_eq!(bench.record.sweep_at(), Some(at(LIFE)));
    bench.record.open(new(2, Purpose::STEP_UP, at(400)), &bench.policy, at(0)).unwrap();
    assert_eq!(bench.record.sweep_at(), Some(at(400)));
    let _ = bench.begin(1, at(1)).unwrap();
    assert_eq!(bench.record.sweep_at(), None);
    bench.record.revoke(id(2));
    bench.record.unlock();
    assert_eq!(bench.record.sweep_at(), Some(at(LIFE)));
}

#[test]
fn a_success_clears_the_counters_the_lock_and_nothing_else() {
    let mut bench = Bench::new();
    bench.fail(9, at(0));
    bench.record.open(new(2, Purpose::STEP_UP, at(LIFE)), &bench.policy, at(0)).unwrap();
    bench.open(1, at(0)).unwrap();
    let tenth = bench.begin(1, at(1)).unwrap();
    assert!(matches!(bench.lockout_state(at(1)), LockoutState::Locked { .. }));
    let verified = bench.verify_right(tenth, at(1)).unwrap();
    let _ = bench.record.consume(verified, at(1)).unwrap();
    assert_eq!(bench.lockout_state(at(1)), LockoutState::Open);
    assert_eq!((bench.record.consecutive_failures(), bench.record.consecutive_locks()), (0, 0));
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
    assert_eq!(
        bench.record.consume(verified, at(1)).unwrap_err().refused,
        ConsumeRefused::NotFound
    );
    assert_eq!(bench.record.consecutive_failures(), 1);
    assert!(!bench.record.is_empty(), "a failure is never forgotten");
}

#[test]
fn a_new_challenge_drops_the_expired_ones_and_no_counter() {
    let mut bench = Bench::opened();
    bench.record.open(new(2, Purpose::STEP_UP, at(400)), &bench.policy, at(0)).unwrap();
    let _ = bench.begin(1, at(1)).unwrap();
    let ids =
        |record: &SubjectRecord| record.challenges().iter().map(Challenge::id).collect::<Vec<_>>();
    bench.record.open(new(3, purpose(3), at(900)), &bench.policy, just_before(LIFE)).unwrap();
    assert_eq!(ids(&bench.record), [id(1), id(2), id(3)]);
    bench.record.open(new(4, purpose(4), at(900)), &bench.policy, at(LIFE)).unwrap();
    assert_eq!(ids(&bench.record), [id(2), id(3), id(4)]);
    assert_eq!(bench.record.consecutive_failures(), 1);
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

#[test]
fn a_success_says_how_many_attempts_it_took() {
    let mut bench = Bench::opened();
    let wrong = bench.begin(1, at(1)).unwrap();
    bench.verify_wrong(wrong, at(1));
    let right = bench.begin(1, at(2)).unwrap();
    let verified = bench.verify_right(right, at(2)).unwrap();
    assert_eq!(bench.record.consume(verified, at(2)).unwrap().attempts(), 2);
}
