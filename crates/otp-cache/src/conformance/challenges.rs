//! The clauses of [`ChallengeStore`](crate::ChallengeStore), one call after the other.

use std::time::{Duration, SystemTime};

use otp_core::{
    AttemptRefused, ChallengeId, ConsumeRefused, Delivery, OpenRefused, Purpose, ResendRefused,
    Standing,
};

use super::kit::{Kit, Person, granted, ok};
use crate::{ChallengeStore, Quota, StoreErrorKind};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

pub(super) async fn clause_1_attempts_are_counted_first<S: ChallengeStore + Quota>(kit: &Kit<S>) {
    let (who, now) = (kit.person(), kit.start());
    let challenge = kit.opened(&who, now).await;
    for count in 1..=5 {
        // Dropping the attempt changes nothing: it has been counted.
        let attempt = kit.attempt(&who, challenge.id(), now).await.expect("clause 1: within limit");
        assert_eq!(attempt.challenge().attempts(), count, "clause 1: counted before handed out");
        assert_eq!(attempt.attempts_left(), 5 - count, "clause 1");
        let stored = ok(kit.node().load(who.key, challenge.id(), now).await);
        assert_eq!(stored.map(|c| c.attempts()), Some(count), "clause 1: counted in the store");
    }
    let sixth = kit.attempt(&who, challenge.id(), now).await.err();
    assert_eq!(sixth, Some(AttemptRefused::AttemptsExhausted), "clause 1");
}

pub(super) async fn clause_1_limits_hold_over_many_challenges<S: ChallengeStore + Quota>(
    kit: &Kit<S>,
) {
    let (who, now) = (kit.person(), kit.start());
    let mut handed_out = 0;
    for _ in 0..10 {
        let new = kit.new_challenge(Purpose::LOGIN, now);
        let Ok(challenge) = ok(kit.node().open(who.key, new, &kit.policy, now).await) else {
            break;
        };
        while kit.attempt(&who, challenge.id(), now).await.is_ok() {
            handed_out += 1;
        }
    }
    assert_eq!(handed_out, 10, "clause 1: ten attempts per subject, over any challenges");
    let until = now + 15 * MINUTE;
    let new = kit.new_challenge(Purpose::LOGIN, now);
    let refused = ok(kit.node().open(who.key, new, &kit.policy, until - SECOND).await).err();
    assert_eq!(refused, Some(OpenRefused::Locked { until }), "clause 1: locked");
    assert_eq!(kit.status(&who, until - SECOND).await.standing, Standing::Locked { until });
    assert_eq!(kit.status(&who, until).await.standing, Standing::Open, "clause 1: lock ends");
}

pub(super) async fn clause_2_a_challenge_is_consumed_once<S: ChallengeStore + Quota>(kit: &Kit<S>) {
    let (who, now) = (kit.person(), kit.start());
    let challenge = kit.opened(&who, now).await;
    let first = kit.attempt(&who, challenge.id(), now).await.expect("clause 2");
    let second = kit.attempt(&who, challenge.id(), now).await.expect("clause 2");
    let first = kit.verified(&who, first, now);
    let second = kit.verified(&who, second, now);
    let consumed = granted(kit.node().consume(first, now).await);
    assert_eq!(consumed.challenge_id(), challenge.id(), "clause 2");
    assert_eq!(consumed.subject(), who.key, "clause 2");
    assert_eq!(consumed.consumed_at(), now, "clause 2");
    let again = ok(kit.node().consume(second, now).await).err();
    assert_eq!(again, Some(ConsumeRefused::NotFound), "clause 2: one winner");
    let after = kit.attempt(&who, challenge.id(), now).await.err();
    assert_eq!(after, Some(AttemptRefused::NotFound), "clause 2: gone for good");
}

pub(super) async fn clause_3_nothing_but_success_forgets<S: ChallengeStore + Quota>(kit: &Kit<S>) {
    let (who, now) = (kit.person(), kit.start());
    let first = kit.opened(&who, now).await;
    for _ in 0..2 {
        let _ = kit.attempt(&who, first.id(), now).await.expect("clause 3");
    }
    // A resend keeps the challenge's own count.
    let resent =
        granted(kit.node().grant_resend(who.key, first.id(), &kit.policy, now + MINUTE).await);
    assert_eq!(resent.challenge.attempts(), 2, "clause 3: a resend resets nothing");
    // A new challenge, a revocation and expiry keep the subject's.
    let second = kit.opened(&who, now + MINUTE).await;
    assert_eq!(kit.status(&who, now + MINUTE).await.failures_in_a_row, 2, "clause 3: new one");
    let _ = kit.attempt(&who, second.id(), now + MINUTE).await.expect("clause 3");
    ok(kit.node().revoke(who.key, second.id()).await);
    let later = now + 30 * 24 * 60 * MINUTE;
    let status = kit.status(&who, later).await;
    assert_eq!(status.failures_in_a_row, 3, "clause 3: time and revocation forget no failure");
    assert_eq!(status.attempts_in_window, 0, "clause 3: a quiet window is over");
    // Additions make a backend sweep: what is remembered of this subject stays.
    for _ in 0..20 {
        kit.opened(&kit.person(), later).await;
    }
    assert_eq!(kit.status(&who, later).await.failures_in_a_row, 3, "clause 3: sweeping");
}

pub(super) async fn clause_3_success_forgets<S: ChallengeStore + Quota>(kit: &Kit<S>) {
    let (who, now) = (kit.person(), kit.start());
    let challenge = kit.opened(&who, now).await;
    let _ = kit.attempt(&who, challenge.id(), now).await.expect("clause 3");
    let new = kit.new_challenge(Purpose::STEP_UP, now);
    let other = granted(kit.node().open(who.key, new, &kit.policy, now).await);
    let attempt = kit.attempt(&who, challenge.id(), now).await.expect("clause 3");
    let verified = kit.verified(&who, attempt, now);
    let _ = granted(kit.node().consume(verified, now).await);
    let status = kit.status(&who, now).await;
    assert_eq!(status.failures_in_a_row, 0, "clause 3: success clears");
    assert_eq!(status.open_challenges, 1, "clause 3: another purpose stays open");
    assert!(ok(kit.node().load(who.key, other.id(), now).await).is_some(), "clause 3");
}

pub(super) async fn clause_3_an_administrator_can_unlock<S: ChallengeStore + Quota>(kit: &Kit<S>) {
    let (who, now) = (kit.person(), kit.start());
    lock(kit, &who, now).await;
    assert!(matches!(kit.status(&who, now).await.standing, Standing::Locked { .. }), "clause 3");
    ok(kit.node().unlock(who.key).await);
    let status = kit.status(&who, now).await;
    assert_eq!((status.standing, status.locks_in_a_row), (Standing::Open, 0), "clause 3: unlock");
    kit.opened(&who, now).await;
}

/// Uses up the subject's ten attempts.
async fn lock<S: ChallengeStore + Quota>(kit: &Kit<S>, who: &Person, now: SystemTime) {
    for _ in 0..2 {
        let challenge = kit.opened(who, now).await;
        for _ in 0..5 {
            let _ = kit.attempt(who, challenge.id(), now).await.expect("below the limit");
        }
    }
}

pub(super) async fn clause_4_the_callers_clock_decides<S: ChallengeStore + Quota>(kit: &Kit<S>) {
    // Years before and after any backend's own clock.
    for year in [1, 40, 200] {
        let (who, now) =
            (kit.person(), SystemTime::UNIX_EPOCH + Duration::from_secs(year * 31_536_000));
        let challenge = kit.opened(&who, now).await;
        let end = challenge.expires_at();
        let last = end - Duration::from_millis(1);
        assert!(ok(kit.node().load(who.key, challenge.id(), last).await).is_some(), "clause 4");
        assert!(ok(kit.node().load(who.key, challenge.id(), end).await).is_none(), "clause 4");
        let attempt = kit.attempt(&who, challenge.id(), last).await.expect("clause 4: in time");
        let late = kit.attempt(&who, challenge.id(), end).await.err();
        assert_eq!(late, Some(AttemptRefused::Expired), "clause 4: at its end it is gone");
        let resend = ok(kit.node().grant_resend(who.key, challenge.id(), &kit.policy, end).await);
        assert_eq!(resend.err(), Some(ResendRefused::Expired), "clause 4");
        let verified = kit.verified(&who, attempt, last);
        let consumed = ok(kit.node().consume(verified, end).await).err();
        assert_eq!(consumed, Some(ConsumeRefused::Expired), "clause 4: too late to consume");
    }
}

pub(super) async fn clause_4_fractions_of_a_millisecond_are_cut_off<S: ChallengeStore + Quota>(
    kit: &Kit<S>,
) {
    let (who, now) = (kit.person(), kit.start());
    let mut new = kit.new_challenge(Purpose::LOGIN, now);
    let end = new.expires_at;
    new.expires_at += Duration::from_nanos(999_999);
    let challenge = granted(kit.node().open(who.key, new, &kit.policy, now).await);
    assert_eq!(challenge.expires_at(), end, "clause 4: whole milliseconds");
    let just_before = end - Duration::from_nanos(1);
    assert!(ok(kit.node().load(who.key, challenge.id(), just_before).await).is_some(), "clause 4");
    assert!(ok(kit.node().load(who.key, challenge.id(), end).await).is_none(), "clause 4");
}

pub(super) async fn clause_5_a_resend_is_the_same_challenge<S: ChallengeStore + Quota>(
    kit: &Kit<S>,
) {
    let (who, now) = (kit.person(), kit.start());
    let mut new = kit.new_challenge(Purpose::LOGIN, now);
    new.expires_at = now + 10 * MINUTE;
    let challenge = granted(kit.node().open(who.key, new, &kit.policy, now).await);
    let resend = async |at: SystemTime| {
        ok(kit.node().grant_resend(who.key, challenge.id(), &kit.policy, at).await)
    };
    let mut at = now;
    for (count, wait) in [(1, 60), (2, 90), (3, 180)] {
        let next = at + wait * SECOND;
        let early = resend(next - Duration::from_millis(1)).await.err();
        assert_eq!(early, Some(ResendRefused::TooEarly { at: next }), "clause 5: cooldown");
        let again = resend(next).await.expect("clause 5: granted after the cooldown");
        assert_eq!(again.challenge.resends(), count, "clause 5");
        assert_eq!(again.resends_left, 3 - count, "clause 5");
        assert_eq!(again.challenge.id(), challenge.id(), "clause 5: same id");
        assert_eq!(again.challenge.nonce(), challenge.nonce(), "clause 5: same code");
        assert_eq!(again.challenge.expires_at(), challenge.expires_at(), "clause 5: same end");
        at = next;
    }
    let more = resend(now + 9 * MINUTE).await.err();
    assert_eq!(more, Some(ResendRefused::Exhausted), "clause 5: count");
}

pub(super) async fn clause_5_failed_delivery_shortens_the_wait<S: ChallengeStore + Quota>(
    kit: &Kit<S>,
) {
    let (who, now) = (kit.person(), kit.start());
    let challenge = kit.opened(&who, now).await;
    let store = kit.node();
    let delivery = Delivery::OutOfRange;
    ok(store.record_delivery(who.key, challenge.id(), delivery, &kit.policy, now).await);
    let at = now + 15 * SECOND;
    let early = ok(store.grant_resend(who.key, challenge.id(), &kit.policy, at - SECOND).await);
    assert_eq!(early.err(), Some(ResendRefused::TooEarly { at }), "clause 5: short cooldown");
    let resent = granted(store.grant_resend(who.key, challenge.id(), &kit.policy, at).await);
    assert_eq!(resent.challenge.delivery(), Delivery::Pending, "clause 5");
}

pub(super) async fn clause_6_the_newest_replaces<S: ChallengeStore + Quota>(kit: &Kit<S>) {
    let (who, now) = (kit.person(), kit.start());
    let old = kit.opened(&who, now).await;
    let in_flight = kit.attempt(&who, old.id(), now).await.expect("clause 6");
    let new = kit.new_challenge(Purpose::STEP_UP, now);
    let other = granted(kit.node().open(who.key, new, &kit.policy, now).await);
    let new = kit.opened(&who, now).await;
    assert!(ok(kit.node().load(who.key, old.id(), now).await).is_none(), "clause 6: old is gone");
    assert!(ok(kit.node().load(who.key, new.id(), now).await).is_some(), "clause 6: new is there");
    assert!(ok(kit.node().load(who.key, other.id(), now).await).is_some(), "clause 6: purposes");
    let refused = kit.attempt(&who, old.id(), now).await.err();
    assert_eq!(refused, Some(AttemptRefused::NotFound), "clause 6");
    let verified = kit.verified(&who, in_flight, now);
    let refused = ok(kit.node().consume(verified, now).await).err();
    assert_eq!(refused, Some(ConsumeRefused::NotFound), "clause 6: in flight too");
}

pub(super) async fn clause_9_what_is_gone_stays_gone<S: ChallengeStore + Quota>(kit: &Kit<S>) {
    let (who, now) = (kit.person(), kit.start());
    let (store, unknown) = (kit.node(), ChallengeId::from_bytes(kit.bytes()));
    assert!(ok(store.load(who.key, unknown, now).await).is_none(), "clause 9");
    assert_eq!(
        kit.attempt(&who, unknown, now).await.err(),
        Some(AttemptRefused::NotFound),
        "clause 9"
    );
    let resend = ok(store.grant_resend(who.key, unknown, &kit.policy, now).await).err();
    assert_eq!(resend, Some(ResendRefused::NotFound), "clause 9");
    ok(store.record_delivery(who.key, unknown, Delivery::Delivered, &kit.policy, now).await);
    ok(store.revoke(who.key, unknown).await);
    ok(store.unlock(who.key).await);
    assert_eq!(kit.status(&who, now).await.open_challenges, 0, "clause 9: nothing came to be");
    let challenge = kit.opened(&who, now).await;
    let attempt = kit.attempt(&who, challenge.id(), now).await.expect("clause 9");
    ok(store.revoke(who.key, challenge.id()).await);
    ok(store.revoke(who.key, challenge.id()).await);
    let verified = kit.verified(&who, attempt, now);
    let refused = ok(store.consume(verified, now).await).err();
    assert_eq!(refused, Some(ConsumeRefused::NotFound), "clause 9: revoked");
}

pub(super) async fn clause_10_subjects_are_apart<S: ChallengeStore + Quota>(kit: &Kit<S>) {
    let (one, other, now) = (kit.person(), kit.person(), kit.start());
    let challenge = kit.opened(&other, now).await;
    lock(kit, &one, now).await;
    let foreign = kit.attempt(&one, challenge.id(), now + 20 * MINUTE).await.err();
    assert_eq!(foreign, Some(AttemptRefused::NotFound), "clause 10: not this subject's");
    ok(kit.node().revoke(one.key, challenge.id()).await);
    ok(kit.node().unlock(one.key).await);
    let status = kit.status(&other, now).await;
    assert_eq!((status.failures_in_a_row, status.open_challenges), (0, 1), "clause 10");
}

pub(super) async fn hard_stop_needs_an_administrator<S: ChallengeStore + Quota>(kit: &Kit<S>) {
    let (who, mut now) = (kit.person(), kit.start());
    for _ in 0..10 {
        lock(kit, &who, now).await;
        now += 61 * MINUTE;
    }
    let status = kit.status(&who, now).await;
    assert_eq!((status.standing, status.failures_in_a_row), (Standing::Blocked, 100), "hard stop");
    let new = kit.new_challenge(Purpose::LOGIN, now);
    let refused = ok(kit.node().open(who.key, new, &kit.policy, now).await).err();
    assert_eq!(refused, Some(OpenRefused::Blocked), "hard stop");
    let later = now + 365 * 24 * 60 * MINUTE;
    assert_eq!(kit.status(&who, later).await.standing, Standing::Blocked, "hard stop stays");
    ok(kit.node().unlock(who.key).await);
    kit.opened(&who, later).await;
}

pub(super) async fn every_delivery_is_kept<S: ChallengeStore + Quota>(kit: &Kit<S>) {
    for delivery in [Delivery::Delivered, Delivery::OutOfRange, Delivery::Error] {
        let (who, now) = (kit.person(), kit.start());
        let challenge = kit.opened(&who, now).await;
        ok(kit.node().record_delivery(who.key, challenge.id(), delivery, &kit.policy, now).await);
        let stored = ok(kit.node().load(who.key, challenge.id(), now).await);
        assert_eq!(stored.map(|c| c.delivery()), Some(delivery), "delivery is kept");
    }
}

/// What [`prepare_for_reopening`] left behind.
#[derive(Debug)]
pub(super) struct Before {
    locked: Person,
    open: Person,
    challenge: ChallengeId,
    consumed: Person,
}

pub(super) async fn prepare_for_reopening<S: ChallengeStore + Quota>(kit: &Kit<S>) -> Before {
    let now = kit.start();
    let (locked, open, consumed) = (kit.person(), kit.person(), kit.person());
    lock(kit, &locked, now).await;
    let challenge = kit.opened(&open, now).await.id();
    for _ in 0..3 {
        let _ = kit.attempt(&open, challenge, now).await.expect("below the limit");
    }
    let gone = kit.opened(&consumed, now).await;
    let attempt = kit.attempt(&consumed, gone.id(), now).await.expect("below the limit");
    let verified = kit.verified(&consumed, attempt, now);
    let _ = granted(kit.node().consume(verified, now).await);
    Before { locked, open, challenge, consumed }
}

pub(super) async fn clause_3_a_restart_forgets_nothing<S: ChallengeStore + Quota>(
    kit: &Kit<S>,
    before: Before,
) {
    let now = kit.start();
    let status = kit.status(&before.locked, now).await;
    let until = now + 15 * MINUTE;
    assert_eq!(status.standing, Standing::Locked { until }, "clause 3: the lock survives");
    assert_eq!(status.failures_in_a_row, 10, "clause 3: the count survives");
    for left in [1, 0] {
        let attempt = kit.attempt(&before.open, before.challenge, now).await;
        let attempt = attempt.expect("clause 7: the open challenge survives");
        assert_eq!(attempt.attempts_left(), left, "clause 3: its count survives");
    }
    let sixth = kit.attempt(&before.open, before.challenge, now).await.err();
    assert_eq!(sixth, Some(AttemptRefused::AttemptsExhausted), "clause 3");
    let status = kit.status(&before.consumed, now).await;
    assert_eq!(status.open_challenges, 0, "clause 7: what was consumed stays consumed");
}

pub(super) async fn clause_8_full_means_refuse<S: ChallengeStore + Quota>(
    kit: &Kit<S>,
    capacity: u32,
) {
    let (now, store) = (kit.start(), kit.node());
    let guesser = kit.person();
    let kept = kit.opened(&guesser, now).await;
    let _ = kit.attempt(&guesser, kept.id(), now).await.expect("clause 8");
    let mut open = Vec::new();
    for _ in 1..capacity {
        let who = kit.person();
        let challenge = kit.opened(&who, now).await;
        open.push((who, challenge.id()));
    }
    for _ in 0..3 {
        let new = kit.new_challenge(Purpose::LOGIN, now);
        let refused = store.open(kit.person().key, new, &kit.policy, now).await.err();
        let kind = refused.map(|error| error.kind());
        assert_eq!(kind, Some(StoreErrorKind::Capacity), "clause 8: full means refuse");
    }
    for (who, id) in &open {
        assert!(ok(store.load(who.key, *id, now).await).is_some(), "clause 8: live ones stay");
    }
    // Who has a place already goes on.
    let _ = kit.attempt(&guesser, kept.id(), now).await.expect("clause 8: counting goes on");
    // Once challenges have expired there is room again, but not for the one with failures.
    let later = now + 6 * MINUTE;
    for _ in 1..capacity {
        kit.opened(&kit.person(), later).await;
    }
    assert_eq!(kit.status(&guesser, later).await.failures_in_a_row, 2, "clause 8: counters stay");
}
