//! Clauses 1 to 3: counting, one winner, and what is never forgotten.

use std::time::Duration;

use otp_core::{
    AttemptRefused, ChallengeId, ConsumeRefused, DeliveryStatus, LockoutState, NewChallenge,
    OpenRefused, Purpose, ResendRefused, SubjectRecord,
};

use crate::{
    ChallengeStore,
    conformance::{
        amounts::{DAY, MINUTE, ROUNDS, SECOND, eight_purposes},
        kit::{CALLERS, Kit, granted, ok},
    },
};

/// Clause 1, **counted first**. A challenge has five attempts and a subject ten, one after the other and with 200
/// callers at once, over one challenge and over eight. An attempt that was returned stays counted, also beside the
/// first calls that open a challenge for the subject.
///
/// # Panics
///
/// If the clause is broken or the store fails.
pub async fn clause_1_counted_first<S: ChallengeStore>(kit: &Kit<S>) {
    each_attempt_is_counted_before_it_is_handed_out(kit).await;
    limits_hold_over_many_challenges(kit).await;
    limits_hold_on_one_challenge_under_load(kit).await;
    limits_hold_over_many_challenges_under_load(kit).await;
    for _ in 0..ROUNDS {
        no_attempt_is_lost_to_the_first_challenges(kit).await;
    }
}

async fn each_attempt_is_counted_before_it_is_handed_out<S: ChallengeStore>(kit: &Kit<S>) {
    let (who, now) = (kit.person(), kit.start());
    let challenge = kit.opened(&who, now).await;
    for count in 1..=5 {
        // Dropping the attempt changes nothing, because it has been counted.
        let attempt = kit.attempt(&who, challenge.id(), now).await.expect("clause 1: within limit");
        assert_eq!(attempt.challenge().attempts(), count, "clause 1: counted before handed out");
        assert_eq!(attempt.attempts_left(), 5 - count, "clause 1");
        let stored = kit.load(&who, challenge.id(), now).await;
        assert_eq!(stored.map(|c| c.attempts()), Some(count), "clause 1: counted in the store");
    }
    let sixth = kit.attempt(&who, challenge.id(), now).await.err();
    assert_eq!(sixth, Some(AttemptRefused::AttemptsExhausted), "clause 1");
}

async fn limits_hold_over_many_challenges<S: ChallengeStore>(kit: &Kit<S>) {
    let (who, now) = (kit.person(), kit.start());
    let mut handed_out = 0;
    for _ in 0..10 {
        let new = kit.new_challenge(Purpose::LOGIN, now);
        let Ok(challenge) = ok(kit.node().open(who.key(), new, &kit.policy, now).await) else {
            break;
        };
        handed_out += kit.attempts_until_refused(&who, challenge.id(), now).await;
    }
    assert_eq!(handed_out, 10, "clause 1: ten attempts per subject, over any challenges");
    let until = now + 15 * MINUTE;
    let new = kit.new_challenge(Purpose::LOGIN, now);
    let refused = ok(kit.node().open(who.key(), new, &kit.policy, until - SECOND).await).err();
    assert_eq!(refused, Some(OpenRefused::Locked { until }), "clause 1: locked");
    assert_eq!(
        kit.status(&who, until - SECOND).await.lockout_state,
        LockoutState::Locked { until }
    );
    assert_eq!(
        kit.status(&who, until).await.lockout_state,
        LockoutState::Open,
        "clause 1: lock ends"
    );
}

async fn limits_hold_on_one_challenge_under_load<S: ChallengeStore>(kit: &Kit<S>) {
    let (who, now) = (kit.person(), kit.start());
    let id = kit.opened(&who, now).await.id();
    let key = who.key();
    let answers = kit
        .at_once(CALLERS, |_, store| {
            let policy = kit.policy.clone();
            async move { ok(store.begin_attempt(key, id, &policy, now).await) }
        })
        .await;
    let mut left: Vec<u8> = answers.into_iter().flatten().map(|a| a.attempts_left()).collect();
    left.sort_unstable();
    assert_eq!(left, [0, 1, 2, 3, 4], "clause 1: each attempt handed out once, five in all");
}

async fn limits_hold_over_many_challenges_under_load<S: ChallengeStore>(kit: &Kit<S>) {
    let (who, now) = (kit.person(), kit.start());
    let mut ids = Vec::new();
    for purpose in eight_purposes() {
        ids.push(kit.opened_for(&who, purpose, now).await.id());
    }
    let key = who.key();
    let answers = kit
        .at_once(CALLERS, |number, store| {
            let (policy, id) = (kit.policy.clone(), ids[number % ids.len()]);
            async move { ok(store.begin_attempt(key, id, &policy, now).await) }
        })
        .await;
    let handed_out = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(handed_out, 10, "clause 1: ten attempts per subject over all its challenges");
    assert_eq!(kit.status(&who, now).await.consecutive_failures, 10, "clause 1: all counted");
}

async fn no_attempt_is_lost_to_the_first_challenges<S: ChallengeStore>(kit: &Kit<S>) {
    let (who, now) = (kit.person(), kit.start());
    let news = eight_purposes().map(|purpose| kit.new_challenge(purpose, now));
    let key = who.key();
    let answers = kit
        .in_turn(news.len(), |number, store| {
            let (policy, new) = (kit.policy.clone(), news[number]);
            async move {
                let _ = granted(store.open(key, new, &policy, now).await);
                ok(store.begin_attempt(key, new.id, &policy, now).await).is_ok()
            }
        })
        .await;
    let handed_out = answers.into_iter().filter(|is_ok| *is_ok).count();
    let counted = kit.status(&who, now).await.consecutive_failures;
    assert_eq!(usize::from(counted), handed_out, "clause 1: an attempt was lost to an open");
}

/// Clause 2, **one winner**. Of several right codes at once, one succeeds. A consumed or revoked challenge does not
/// come back.
///
/// # Panics
///
/// If the clause is broken or the store fails.
pub async fn clause_2_one_winner<S: ChallengeStore>(kit: &Kit<S>) {
    a_challenge_is_consumed_once(kit).await;
    what_is_gone_stays_gone(kit).await;
    one_proof_of_many_wins(kit).await;
    for _ in 0..4 {
        one_login_of_many_wins(kit).await;
    }
}

async fn a_challenge_is_consumed_once<S: ChallengeStore>(kit: &Kit<S>) {
    let (who, now) = (kit.person(), kit.start());
    let (challenge, first, second) = kit.two_proofs(&who, now).await;
    let consumed = granted(kit.node().consume(first, now).await);
    assert_eq!(consumed.challenge_id(), challenge.id(), "clause 2");
    assert_eq!(consumed.subject(), who.key(), "clause 2");
    assert_eq!(consumed.consumed_at(), now, "clause 2");
    let again = ok(kit.node().consume(second, now).await).err();
    assert_eq!(again, Some(ConsumeRefused::NotFound), "clause 2: one winner");
    let after = kit.attempt(&who, challenge.id(), now).await.err();
    assert_eq!(after, Some(AttemptRefused::NotFound), "clause 2: gone for good");
}

async fn what_is_gone_stays_gone<S: ChallengeStore>(kit: &Kit<S>) {
    let (who, now) = (kit.person(), kit.start());
    let (challenge, first, second) = kit.two_proofs(&who, now).await;
    ok(kit.node().revoke(who.key(), challenge.id()).await);
    ok(kit.node().revoke(who.key(), challenge.id()).await);
    for verified in [first, second] {
        let refused = ok(kit.node().consume(verified, now).await).err();
        assert_eq!(refused, Some(ConsumeRefused::NotFound), "clause 2: revoked");
    }
    let nobody = kit.person();
    for (who, id) in [(&who, challenge.id()), (&nobody, ChallengeId::from_bytes(kit.bytes()))] {
        let store = kit.node();
        let before = kit.status(who, now).await;
        assert!(kit.load(who, id, now).await.is_none(), "clause 2: gone");
        let attempt = kit.attempt(who, id, now).await.err();
        assert_eq!(attempt, Some(AttemptRefused::NotFound), "clause 2: gone");
        let resend = ok(store.grant_resend(who.key(), id, &kit.policy, now + MINUTE).await).err();
        assert_eq!(resend, Some(ResendRefused::NotFound), "clause 2: gone");
        ok(store.record_delivery(who.key(), id, DeliveryStatus::Delivered, &kit.policy, now).await);
        ok(store.revoke(who.key(), id).await);
        assert_eq!(kit.status(who, now).await, before, "clause 2: nothing came to be");
    }
}

/// Tests as many proofs as callers, more than a policy allows for one challenge.
async fn one_proof_of_many_wins<S: ChallengeStore>(kit: &Kit<S>) {
    let (who, now) = (kit.person(), kit.start());
    let id = kit.opened(&who, now).await.id();
    let first = kit.attempt(&who, id, now).await.expect("clause 2: within the limit");
    let challenge = first.challenge();
    let copy = NewChallenge {
        id,
        purpose: challenge.purpose(),
        kid: challenge.kid(),
        nonce: *challenge.nonce(),
        expires_at: challenge.expires_at(),
    };
    let proof = || {
        // A record of its own counts this attempt, so that the store's limit does not apply.
        let mut record = SubjectRecord::new();
        record.open(copy, &kit.policy, now).expect("the record is empty");
        let again = record.begin_attempt(who.key(), id, &kit.policy, now);
        kit.verified(&who, again.expect("the first attempt of this record"), now)
    };
    let answers = kit
        .at_once(CALLERS, |_, store| {
            let proof = proof();
            async move { ok(store.consume(proof, now).await) }
        })
        .await;
    let winners = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(winners, 1, "clause 2: {CALLERS} proofs at once, one winner");
}

/// All callers at once begin an attempt, compare and consume, as browsers do.
async fn one_login_of_many_wins<S: ChallengeStore>(kit: &Kit<S>) {
    let (who, now) = (kit.person(), kit.start());
    let id = kit.opened(&who, now).await.id();
    let answers = kit
        .at_once(CALLERS, |_, store| {
            let (who, codes, policy) = (who.clone(), kit.codes(), kit.policy.clone());
            async move {
                let attempt = ok(store.begin_attempt(who.key(), id, &policy, now).await).ok()?;
                let verified = codes.verified(&who, attempt, now);
                ok(store.consume(verified, now).await).ok()
            }
        })
        .await;
    let winners = answers.into_iter().flatten().count();
    assert_eq!(winners, 1, "clause 2: {CALLERS} right codes at once, one success");
}

/// Clause 3, **counters persist**. No resend, new challenge, time, sweep, or race of them lowers a count or lifts a
/// lock. A success or an administrator does, also after a hundred consecutive failures.
///
/// # Panics
///
/// If the clause is broken or the store fails.
pub async fn clause_3_nothing_forgets<S: ChallengeStore>(kit: &Kit<S>) {
    neither_resend_nor_new_challenge_nor_time_forgets(kit).await;
    success_forgets(kit).await;
    an_administrator_can_unlock(kit).await;
    the_hard_stop_needs_an_administrator(kit).await;
    resends_and_new_challenges_in_a_race_forget_nothing(kit).await;
}

async fn neither_resend_nor_new_challenge_nor_time_forgets<S: ChallengeStore>(kit: &Kit<S>) {
    let (who, now) = (kit.person(), kit.start());
    let first = kit.opened(&who, now).await;
    for _ in 0..2 {
        let _ = kit.attempt(&who, first.id(), now).await.expect("clause 3");
    }
    // A resend keeps the challenge's own count.
    let at = now + MINUTE;
    let resent = granted(kit.node().grant_resend(who.key(), first.id(), &kit.policy, at).await);
    assert_eq!(resent.challenge.attempts(), 2, "clause 3: a resend resets nothing");
    let third = kit.attempt(&who, first.id(), at).await.expect("clause 3");
    assert_eq!(third.attempts_left(), 2, "clause 3: a resend resets nothing");
    // A new challenge, a revocation and expiry keep the subject's count.
    let second = kit.opened(&who, at).await;
    assert_eq!(kit.status(&who, at).await.consecutive_failures, 3, "clause 3: new one");
    let _ = kit.attempt(&who, second.id(), at).await.expect("clause 3");
    ok(kit.node().revoke(who.key(), second.id()).await);
    let later = now + 30 * DAY;
    let status = kit.status(&who, later).await;
    assert_eq!(status.consecutive_failures, 4, "clause 3: time and revocation forget no failure");
    assert_eq!(status.attempts_in_window, 0, "clause 3: a quiet window is over");
    // Additions make a backend sweep. The counts of this subject stay.
    for _ in 0..20 {
        kit.opened(&kit.person(), later).await;
    }
    assert_eq!(kit.status(&who, later).await.consecutive_failures, 4, "clause 3: sweeping");
}

async fn success_forgets<S: ChallengeStore>(kit: &Kit<S>) {
    let (who, now) = (kit.person(), kit.start());
    let (_, proof, _) = kit.two_proofs(&who, now).await;
    let other = kit.opened_for(&who, Purpose::STEP_UP, now).await;
    let _ = granted(kit.node().consume(proof, now).await);
    let status = kit.status(&who, now).await;
    assert_eq!(status.consecutive_failures, 0, "clause 3: success clears");
    assert_eq!(status.open_challenges, 1, "clause 3: another purpose stays open");
    assert!(kit.load(&who, other.id(), now).await.is_some(), "clause 3");
}

async fn an_administrator_can_unlock<S: ChallengeStore>(kit: &Kit<S>) {
    let (who, now) = (kit.person(), kit.start());
    kit.lock(&who, now).await;
    assert!(
        matches!(kit.status(&who, now).await.lockout_state, LockoutState::Locked { .. }),
        "clause 3"
    );
    ok(kit.node().unlock(who.key()).await);
    let status = kit.status(&who, now).await;
    assert_eq!(
        (status.lockout_state, status.consecutive_locks),
        (LockoutState::Open, 0),
        "clause 3: unlock"
    );
    kit.opened(&who, now).await;
}

async fn the_hard_stop_needs_an_administrator<S: ChallengeStore>(kit: &Kit<S>) {
    let (who, mut now) = (kit.person(), kit.start());
    for _ in 0..10 {
        kit.lock(&who, now).await;
        now += 61 * MINUTE;
    }
    let status = kit.status(&who, now).await;
    assert_eq!(
        (status.lockout_state, status.consecutive_failures),
        (LockoutState::Blocked, 100),
        "clause 3"
    );
    let new = kit.new_challenge(Purpose::LOGIN, now);
    let refused = ok(kit.node().open(who.key(), new, &kit.policy, now).await).err();
    assert_eq!(refused, Some(OpenRefused::Blocked), "clause 3: blocked");
    let later = now + 365 * DAY;
    let lockout_state = kit.status(&who, later).await.lockout_state;
    assert_eq!(lockout_state, LockoutState::Blocked, "clause 3: the block stays");
    ok(kit.node().unlock(who.key()).await);
    kit.opened(&who, later).await;
}

async fn resends_and_new_challenges_in_a_race_forget_nothing<S: ChallengeStore>(kit: &Kit<S>) {
    let (who, now) = (kit.person(), kit.start());
    let first = kit.opened(&who, now).await.id();
    let news: Vec<_> = (0..CALLERS).map(|_| kit.new_challenge(Purpose::LOGIN, now)).collect();
    let (key, later) = (who.key(), now + Duration::from_secs(60));
    let answers = kit
        .at_once(CALLERS, |number, store| {
            let (policy, new) = (kit.policy.clone(), news[number]);
            async move {
                if number % 3 == 0 {
                    let _ = ok(store.grant_resend(key, first, &policy, later).await);
                }
                let id = if number % 2 == 0 {
                    drop(ok(store.open(key, new, &policy, later).await));
                    new.id
                } else {
                    first
                };
                ok(store.begin_attempt(key, id, &policy, later).await).is_ok()
            }
        })
        .await;
    let handed_out = answers.into_iter().filter(|is_ok| *is_ok).count();
    assert!(
        handed_out <= 10,
        "clause 3: {handed_out} attempts, resends and new codes reset nothing"
    );
    let counted = kit.status(&who, later).await.consecutive_failures;
    assert_eq!(usize::from(counted), handed_out, "clause 1: what was handed out was counted");
}
