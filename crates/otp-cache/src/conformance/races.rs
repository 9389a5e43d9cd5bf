//! The clauses of [`ChallengeStore`](crate::ChallengeStore) under many callers at once.

use std::time::Duration;

use otp_core::Purpose;

use super::kit::{Kit, ok};
use crate::{ChallengeStore, Quota};

/// Callers at once: four times what the issue tracker of a known product says it loses at.
const CALLERS: usize = 200;

pub(super) async fn clause_1_parallel_attempts_on_one_challenge<S: ChallengeStore + Quota>(
    kit: &Kit<S>,
) {
    let (who, now) = (kit.person(), kit.start());
    let id = kit.opened(&who, now).await.id();
    let key = who.key;
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

pub(super) async fn clause_1_parallel_attempts_over_many_challenges<S: ChallengeStore + Quota>(
    kit: &Kit<S>,
) {
    let (who, now) = (kit.person(), kit.start());
    let mut ids = Vec::new();
    for purpose in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        let purpose = Purpose::new(purpose).expect("a short name");
        let new = kit.new_challenge(purpose, now);
        ids.push(new.id);
        let opened = ok(kit.node().open(who.key, new, &kit.policy, now).await);
        let _ = opened.expect("clause 1: one challenge a purpose");
    }
    let key = who.key;
    let answers = kit
        .at_once(CALLERS, |number, store| {
            let (policy, id) = (kit.policy.clone(), ids[number % ids.len()]);
            async move { ok(store.begin_attempt(key, id, &policy, now).await) }
        })
        .await;
    let handed_out = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(handed_out, 10, "clause 1: ten attempts per subject over all its challenges");
    assert_eq!(kit.status(&who, now).await.failures_in_a_row, 10, "clause 1: all counted");
}

pub(super) async fn clause_2_parallel_right_codes<S: ChallengeStore + Quota>(kit: &Kit<S>) {
    for _ in 0..4 {
        let (who, now) = (kit.person(), kit.start());
        let id = kit.opened(&who, now).await.id();
        let mut proofs = Vec::new();
        for _ in 0..5 {
            let attempt = kit.attempt(&who, id, now).await.expect("clause 2: within the limit");
            proofs.push(kit.verified(&who, attempt, now));
        }
        let proofs = std::sync::Mutex::new(proofs);
        let take = || proofs.lock().expect("no panic holds it").pop().expect("one each");
        let answers = kit
            .at_once(5, |_, store| {
                let proof = take();
                async move { ok(store.consume(proof, now).await) }
            })
            .await;
        let winners = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(winners, 1, "clause 2: one winner");
    }
    whole_logins_race(kit).await;
}

/// Attempt, comparison and consumption by all callers at once, as browsers would do it.
async fn whole_logins_race<S: ChallengeStore + Quota>(kit: &Kit<S>) {
    let (who, now) = (kit.person(), kit.start());
    let id = kit.opened(&who, now).await.id();
    let key = who.key;
    let attempts = kit
        .at_once(CALLERS, |_, store| {
            let policy = kit.policy.clone();
            async move { ok(store.begin_attempt(key, id, &policy, now).await).ok().map(|a| (a, store)) }
        })
        .await;
    let mut winners = 0;
    for (attempt, store) in attempts.into_iter().flatten() {
        let verified = kit.verified(&who, attempt, now);
        winners += usize::from(ok(store.consume(verified, now).await).is_ok());
    }
    assert_eq!(winners, 1, "clause 2: {CALLERS} right codes at once, one success");
}

pub(super) async fn clause_5_parallel_resends<S: ChallengeStore + Quota>(kit: &Kit<S>) {
    let (who, now) = (kit.person(), kit.start());
    let id = kit.opened(&who, now).await.id();
    let (key, at) = (who.key, now + Duration::from_secs(60));
    let answers = kit
        .at_once(CALLERS / 2, |_, store| {
            let policy = kit.policy.clone();
            async move { ok(store.grant_resend(key, id, &policy, at).await) }
        })
        .await;
    let granted = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(granted, 1, "clause 5: one resend per cooldown");
}

pub(super) async fn clause_6_parallel_opens<S: ChallengeStore + Quota>(kit: &Kit<S>) {
    let (who, now) = (kit.person(), kit.start());
    let news: Vec<_> = (0..50).map(|_| kit.new_challenge(Purpose::LOGIN, now)).collect();
    let key = who.key;
    kit.at_once(news.len(), |number, store| {
        let (policy, new) = (kit.policy.clone(), news[number]);
        async move { drop(ok(store.open(key, new, &policy, now).await)) }
    })
    .await;
    let mut open = 0;
    for new in &news {
        open += usize::from(ok(kit.node().load(key, new.id, now).await).is_some());
    }
    assert_eq!(open, 1, "clause 6: one open challenge per purpose");
}

pub(super) async fn clause_3_attempts_race_resends_and_opens<S: ChallengeStore + Quota>(
    kit: &Kit<S>,
) {
    let (who, now) = (kit.person(), kit.start());
    let first = kit.opened(&who, now).await.id();
    let news: Vec<_> = (0..CALLERS).map(|_| kit.new_challenge(Purpose::LOGIN, now)).collect();
    let (key, later) = (who.key, now + Duration::from_secs(60));
    let answers = kit
        .at_once(CALLERS, |number, store| {
            let (policy, new) = (kit.policy.clone(), news[number]);
            async move {
                let id = new.id;
                if number % 3 == 0 {
                    let _ = ok(store.grant_resend(key, first, &policy, later).await);
                }
                let id = if number % 2 == 0 {
                    drop(ok(store.open(key, new, &policy, later).await));
                    id
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
    let counted = kit.status(&who, later).await.failures_in_a_row;
    assert_eq!(usize::from(counted), handed_out, "clause 1: what was handed out was counted");
}
