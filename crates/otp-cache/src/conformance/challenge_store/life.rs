//! Clauses 4 to 6 and 10: the lifetime of a challenge, resends, replacement, and separate subjects.

use std::time::{Duration, SystemTime};

use otp_core::{
    AttemptRefused, Challenge, ConsumeRefused, DeliveryStatus, LockoutState, MAX_CLOCK_LEAD,
    OpenRefused, Purpose, ResendRefused,
};

use crate::{
    ChallengeStore,
    conformance::{
        amounts::{DAY, MINUTE, ROUNDS, SECOND, eight_purposes},
        kit::{CALLERS, Kit, granted, ok},
    },
};

/// Clause 4, **the caller's clock decides**. In any year, a challenge lives up to its last millisecond. A clock that
/// is set back does not extend its lifetime. What a wrong clock has counted locks nobody once the clock is right.
///
/// # Panics
///
/// If the clause is broken or the store fails.
pub async fn clause_4_the_callers_clock_decides<S: ChallengeStore>(kit: &Kit<S>) {
    // Years before and after the clock of any backend.
    for year in [1, 40, 200] {
        it_ends_at_its_end(kit, SystemTime::UNIX_EPOCH + Duration::from_secs(year * 31_536_000))
            .await;
    }
    fractions_of_a_millisecond_are_cut_off(kit).await;
    a_clock_that_is_set_back_prolongs_nothing(kit).await;
    for lead in [MAX_CLOCK_LEAD, DAY, 365 * DAY] {
        a_clock_that_was_wrong_locks_nobody(kit, lead).await;
    }
}

async fn it_ends_at_its_end<S: ChallengeStore>(kit: &Kit<S>, now: SystemTime) {
    let who = kit.person();
    let challenge = kit.opened(&who, now).await;
    let end = challenge.expires_at();
    let last = end - Duration::from_millis(1);
    assert!(kit.load(&who, challenge.id(), last).await.is_some(), "clause 4: still there");
    let attempt = kit.attempt(&who, challenge.id(), last).await.expect("clause 4: in time");
    assert!(kit.load(&who, challenge.id(), end).await.is_none(), "clause 4: gone at its end");
    let late = kit.attempt(&who, challenge.id(), end).await.err();
    assert_eq!(late, Some(AttemptRefused::Expired), "clause 4: at its end it is gone");
    let resend = ok(kit.node().grant_resend(who.key(), challenge.id(), &kit.policy, end).await);
    assert_eq!(resend.err(), Some(ResendRefused::Expired), "clause 4");
    let verified = kit.verified(&who, attempt, last);
    let consumed = ok(kit.node().consume(verified, end).await).err();
    assert_eq!(consumed, Some(ConsumeRefused::Expired), "clause 4: too late to consume");
}

async fn fractions_of_a_millisecond_are_cut_off<S: ChallengeStore>(kit: &Kit<S>) {
    let (who, now) = (kit.person(), kit.start());
    let mut new = kit.new_challenge(Purpose::LOGIN, now);
    let end = new.expires_at;
    new.expires_at += Duration::from_nanos(999_999);
    let challenge = granted(kit.node().open(who.key(), new, &kit.policy, now).await);
    assert_eq!(challenge.expires_at(), end, "clause 4: whole milliseconds");
    let just_before = end - Duration::from_nanos(1);
    assert!(kit.load(&who, challenge.id(), just_before).await.is_some(), "clause 4");
    assert!(kit.load(&who, challenge.id(), end).await.is_none(), "clause 4");
}

async fn a_clock_that_is_set_back_prolongs_nothing<S: ChallengeStore>(kit: &Kit<S>) {
    let (who, now) = (kit.person(), kit.start());
    let (challenge, proof, _) = kit.two_proofs(&who, now).await;
    let (store, id) = (kit.node(), challenge.id());
    let back = now - Challenge::CLOCK_TOLERANCE;
    assert!(kit.load(&who, id, back).await.is_some(), "clause 4: clocks may be apart by as much");
    let back = back - Duration::from_millis(1);
    assert!(kit.load(&who, id, back).await.is_none(), "clause 4: and by no more");
    let attempt = kit.attempt(&who, id, back).await.err();
    assert_eq!(attempt, Some(AttemptRefused::Expired), "clause 4: a clock set back");
    let resend = ok(store.grant_resend(who.key(), id, &kit.policy, back).await).err();
    assert_eq!(resend, Some(ResendRefused::Expired), "clause 4: a clock set back");
    let consumed = ok(store.consume(proof, back).await).err();
    assert_eq!(consumed, Some(ConsumeRefused::Expired), "clause 4: a clock set back");
    assert!(kit.load(&who, id, now).await.is_some(), "clause 4: until it has caught up");
}

/// Checks the attempts that a clock counted while it was ahead by `lead`. At a lead of [`MAX_CLOCK_LEAD`] they count in
/// full. At one more millisecond they lock nobody.
async fn a_clock_that_was_wrong_locks_nobody<S: ChallengeStore>(kit: &Kit<S>, lead: Duration) {
    let (who, wrong) = (kit.person(), kit.start() + lead);
    kit.lock(&who, wrong).await;
    let new = kit.new_challenge(Purpose::LOGIN, wrong);
    let refused = ok(kit.node().open(who.key(), new, &kit.policy, wrong).await).err();
    let until = wrong + 15 * MINUTE;
    assert_eq!(refused, Some(OpenRefused::Locked { until }), "clause 4: locked by a clock ahead");
    if lead == MAX_CLOCK_LEAD {
        let now = kit.start();
        let new = kit.new_challenge(Purpose::LOGIN, now);
        let refused = ok(kit.node().open(who.key(), new, &kit.policy, now).await).err();
        let locked = Some(OpenRefused::Locked { until });
        assert_eq!(refused, locked, "clause 4: another machine's clock may be ahead");
    }
    let now = kit.start() - Duration::from_millis(1);
    let status = kit.status(&who, now).await;
    assert_eq!(status.lockout_state, LockoutState::Open, "clause 4: a clock that was wrong");
    assert_eq!(status.consecutive_failures, 10, "clause 4: and forgets nothing");
    let new = kit.new_challenge(Purpose::LOGIN, now);
    let opened = ok(kit.node().open(who.key(), new, &kit.policy, now).await);
    let challenge = opened.expect("clause 4: a clock that was wrong locks nobody");
    let attempt = kit.attempt(&who, challenge.id(), now).await;
    let attempt = attempt.expect("clause 4: a clock that was wrong locks nobody");
    let until = now + 30 * MINUTE;
    let locked = LockoutState::Locked { until };
    assert_eq!(attempt.lockout_state(), locked, "clause 4: one more attempt, and a lock in time");
    let refused = kit.attempt(&who, challenge.id(), now).await.err();
    assert_eq!(refused, Some(AttemptRefused::Locked { until }), "clause 4: a lock in time");
    let lockout_state = kit.status(&who, until).await.lockout_state;
    assert_eq!(lockout_state, LockoutState::Open, "clause 4: that ends in time");
}

/// Clause 5, **a resend is the same challenge**. It is granted after the cooldown, up to its limit, and to one of
/// 200 callers at once. Id, code, expiry and counters stay.
///
/// # Panics
///
/// If the clause is broken or the store fails.
pub async fn clause_5_a_resend_is_the_same_challenge<S: ChallengeStore>(kit: &Kit<S>) {
    a_resend_changes_nothing_but_its_count(kit).await;
    a_failed_delivery_shortens_the_wait(kit).await;
    every_delivery_is_kept(kit).await;
    one_resend_a_cooldown(kit).await;
}

async fn a_resend_changes_nothing_but_its_count<S: ChallengeStore>(kit: &Kit<S>) {
    let (who, now) = (kit.person(), kit.start());
    let mut new = kit.new_challenge(Purpose::LOGIN, now);
    new.expires_at = now + 10 * MINUTE;
    let challenge = granted(kit.node().open(who.key(), new, &kit.policy, now).await);
    let mut at = now;
    for (count, wait) in [(1, 60), (2, 90), (3, 180)] {
        let (key, id, next) = (who.key(), challenge.id(), at + wait * SECOND);
        let almost = next - Duration::from_millis(1);
        let early = ok(kit.node().grant_resend(key, id, &kit.policy, almost).await).err();
        assert_eq!(early, Some(ResendRefused::TooEarly { at: next }), "clause 5: cooldown");
        let again = ok(kit.node().grant_resend(key, id, &kit.policy, next).await);
        let again = again.expect("clause 5: granted after the cooldown");
        assert_eq!(again.resends_left, 3 - count, "clause 5");
        let stored = kit.load(&who, challenge.id(), next).await.expect("clause 5: still open");
        for resent in [&again.challenge, &stored] {
            assert_eq!(resent.resends(), count, "clause 5");
            assert_eq!(resent.id(), challenge.id(), "clause 5: same id");
            assert_eq!(resent.nonce(), challenge.nonce(), "clause 5: same code");
            assert_eq!(resent.expires_at(), challenge.expires_at(), "clause 5: same end");
        }
        at = next;
    }
    let late = now + 9 * MINUTE;
    let more = ok(kit.node().grant_resend(who.key(), challenge.id(), &kit.policy, late).await);
    assert_eq!(more.err(), Some(ResendRefused::Exhausted), "clause 5: count");
}

async fn a_failed_delivery_shortens_the_wait<S: ChallengeStore>(kit: &Kit<S>) {
    let (who, now) = (kit.person(), kit.start());
    let challenge = kit.opened(&who, now).await;
    let (store, id) = (kit.node(), challenge.id());
    ok(store.record_delivery(who.key(), id, DeliveryStatus::OutOfRange, &kit.policy, now).await);
    let at = now + 15 * SECOND;
    let early = ok(store.grant_resend(who.key(), id, &kit.policy, at - SECOND).await);
    assert_eq!(early.err(), Some(ResendRefused::TooEarly { at }), "clause 5: short cooldown");
    let resent = granted(store.grant_resend(who.key(), id, &kit.policy, at).await);
    assert_eq!(resent.challenge.delivery(), DeliveryStatus::Pending, "clause 5");
}

async fn every_delivery_is_kept<S: ChallengeStore>(kit: &Kit<S>) {
    for delivery in (1..5).filter_map(DeliveryStatus::from_u8) {
        let (who, now) = (kit.person(), kit.start());
        let id = kit.opened(&who, now).await.id();
        ok(kit.node().record_delivery(who.key(), id, delivery, &kit.policy, now).await);
        let stored = kit.load(&who, id, now).await;
        assert_eq!(stored.map(|c| c.delivery()), Some(delivery), "clause 5: delivery is kept");
    }
}

async fn one_resend_a_cooldown<S: ChallengeStore>(kit: &Kit<S>) {
    let (who, now) = (kit.person(), kit.start());
    let id = kit.opened(&who, now).await.id();
    let (key, at) = (who.key(), now + MINUTE);
    let answers = kit
        .at_once(CALLERS, |_, store| {
            let policy = kit.policy.clone();
            async move { ok(store.grant_resend(key, id, &policy, at).await) }
        })
        .await;
    let granted = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(granted, 1, "clause 5: one resend per cooldown");
}

/// Clause 6, **the newest replaces**. There is one open challenge per purpose, even if 200 callers open one at once.
/// An open for one purpose loses none for another, for a subject without a record too.
///
/// # Panics
///
/// If the clause is broken or the store fails.
pub async fn clause_6_the_newest_replaces<S: ChallengeStore>(kit: &Kit<S>) {
    the_older_one_is_gone(kit).await;
    one_of_many_stays(kit).await;
    for _ in 0..ROUNDS {
        one_of_each_purpose_stays(kit).await;
    }
}

async fn the_older_one_is_gone<S: ChallengeStore>(kit: &Kit<S>) {
    let (who, now) = (kit.person(), kit.start());
    let (old, in_flight, _) = kit.two_proofs(&who, now).await;
    let other = kit.opened_for(&who, Purpose::STEP_UP, now).await;
    let new = kit.opened(&who, now).await;
    assert!(kit.load(&who, old.id(), now).await.is_none(), "clause 6: old is gone");
    assert!(kit.load(&who, new.id(), now).await.is_some(), "clause 6: new is there");
    assert!(kit.load(&who, other.id(), now).await.is_some(), "clause 6: purposes");
    let refused = kit.attempt(&who, old.id(), now).await.err();
    assert_eq!(refused, Some(AttemptRefused::NotFound), "clause 6");
    let refused = ok(kit.node().consume(in_flight, now).await).err();
    assert_eq!(refused, Some(ConsumeRefused::NotFound), "clause 6: in flight too");
}

async fn one_of_many_stays<S: ChallengeStore>(kit: &Kit<S>) {
    let (who, now) = (kit.person(), kit.start());
    let news: Vec<_> = (0..CALLERS).map(|_| kit.new_challenge(Purpose::LOGIN, now)).collect();
    let key = who.key();
    kit.at_once(news.len(), |number, store| {
        let (policy, new) = (kit.policy.clone(), news[number]);
        async move { drop(ok(store.open(key, new, &policy, now).await)) }
    })
    .await;
    let mut open = 0;
    for new in &news {
        open += usize::from(kit.load(&who, new.id, now).await.is_some());
    }
    assert_eq!(open, 1, "clause 6: one open challenge per purpose");
}

/// Nobody has a row to lock yet, so a store that locks rows must insert one first, or lock something else.
async fn one_of_each_purpose_stays<S: ChallengeStore>(kit: &Kit<S>) {
    let (who, now) = (kit.person(), kit.start());
    let news = eight_purposes().map(|purpose| kit.new_challenge(purpose, now));
    let key = who.key();
    kit.in_turn(news.len(), |number, store| {
        let (policy, new) = (kit.policy.clone(), news[number]);
        async move { granted(store.open(key, new, &policy, now).await) }
    })
    .await;
    for new in &news {
        let stays = kit.load(&who, new.id, now).await.is_some();
        assert!(stays, "clause 6: an acknowledged challenge was lost to one of another purpose");
    }
}

/// Clause 10, **subjects are apart**. A call on one subject changes nothing of another, even with the id of the
/// other's challenge.
///
/// # Panics
///
/// If the clause is broken or the store fails.
pub async fn clause_10_subjects_are_apart<S: ChallengeStore>(kit: &Kit<S>) {
    let (one, other, now) = (kit.person(), kit.person(), kit.start());
    let id = kit.opened(&other, now).await.id();
    kit.lock(&one, now).await;
    let later = now + 16 * MINUTE;
    let before = kit.load(&other, id, now).await;
    assert!(before.is_some(), "clause 10: another one's lock revokes nothing");
    assert!(kit.load(&one, id, now).await.is_none(), "clause 10: not this subject's");
    let foreign = kit.attempt(&one, id, later).await.err();
    assert_eq!(foreign, Some(AttemptRefused::NotFound), "clause 10: not this subject's");
    let resend = ok(kit.node().grant_resend(one.key(), id, &kit.policy, later).await).err();
    assert_eq!(resend, Some(ResendRefused::NotFound), "clause 10: not this subject's");
    let delivery = DeliveryStatus::Delivered;
    ok(kit.node().record_delivery(one.key(), id, delivery, &kit.policy, now).await);
    ok(kit.node().revoke(one.key(), id).await);
    ok(kit.node().unlock(one.key()).await);
    assert_eq!(kit.load(&other, id, now).await, before, "clause 10: untouched");
    let status = kit.status(&other, now).await;
    assert_eq!((status.consecutive_failures, status.open_challenges), (0, 1), "clause 10");
}
