//! Clauses 4, 7 and 8: what must be there after time has passed and after a restart, and what a full store refuses.

use std::time::Duration;

use otp_core::{
    AttemptRefused, ChallengeId, ConsumeRefused, LockoutState, OpenRefused, Purpose, ResendRefused,
    Verified,
};

use crate::{
    ChallengeStore, StoreErrorKind,
    conformance::{
        amounts::{DAY, MINUTE, SECOND},
        kit::{Kit, Person, granted, ok},
    },
};

/// How many calls a full store with forgettable records may take to make room for one more.
const PATIENCE: u32 = 10;

/// Clause 4, **the caller's clock decides**: a backend's own expiry only sweeps. While time passes in the backend,
/// failures, locks and open challenges stay.
///
/// `pass_time` lets that much time pass in the backend:
/// [`run_with_time`](crate::conformance::run_with_time) says how.
///
/// # Panics
///
/// If the clause is broken or the store fails.
pub async fn clause_4_own_expiry_only_sweeps<S: ChallengeStore>(
    kit: &Kit<S>,
    pass_time: impl AsyncFn(Duration),
) {
    let (locked, counted, resent, two) = (kit.person(), kit.person(), kit.person(), kit.person());
    let now = kit.start();
    kit.lock(&locked, now).await;
    let challenge = kit.opened(&counted, now).await;
    let _ = kit.attempt(&counted, challenge.id(), now).await.expect("below the limit");
    // Without a failure the record may be swept, but not before its last challenge has expired.
    let id = kit.opened(&resent, now).await.id();
    let almost = now + 5 * MINUTE - Duration::from_millis(1);
    let _ = granted(kit.node().grant_resend(resent.key(), id, &kit.policy, now + MINUTE).await);
    let mut long = kit.new_challenge(Purpose::LOGIN, now);
    long.expires_at = now + DAY;
    let _ = granted(kit.node().open(two.key(), long, &kit.policy, now).await);
    let short = kit.opened_for(&two, Purpose::STEP_UP, now).await;
    ok(kit.node().revoke(two.key(), short.id()).await);

    pass_time((5 * MINUTE).saturating_sub(Duration::from_millis(1))).await;
    let stored = kit.load(&resent, id, almost).await.map(|challenge| challenge.resends());
    assert_eq!(stored, Some(1), "clause 4: an open challenge stays");
    pass_time((10 * MINUTE).saturating_sub(SECOND)).await;
    let at = now + 15 * MINUTE - SECOND;
    let new = kit.new_challenge(Purpose::LOGIN, at);
    let refused = ok(kit.node().open(locked.key(), new, &kit.policy, at).await).err();
    let until = now + 15 * MINUTE;
    assert_eq!(refused, Some(OpenRefused::Locked { until }), "clause 4: a lock stays");
    pass_time(DAY.saturating_sub(15 * MINUTE)).await;
    let at = now + DAY - SECOND;
    let stays = kit.load(&two, long.id, at).await.is_some();
    assert!(stays, "clause 4: an open challenge outlives a shorter one of its subject");
    pass_time(365 * DAY).await;
    let at = now + 366 * DAY;
    let status = kit.status(&locked, at).await;
    let counts = (status.consecutive_failures, status.consecutive_locks);
    assert_eq!(counts, (10, 1), "clause 4: failures and locks stay for as long as it takes");
    let failures = kit.status(&counted, at).await.consecutive_failures;
    assert_eq!(failures, 1, "clause 4: a failure stays for as long as it takes");
}

/// Clause 7, **acknowledged means kept**. `open` is called twice and must return the same data again. Everything
/// that was acknowledged through the first handle is there through the second.
///
/// The first handle is dropped before that. What a killed process leaves behind needs a test with processes.
///
/// # Panics
///
/// If something was lost or a store fails.
pub async fn clause_7_acknowledged_means_kept<S, F>(open: impl Fn() -> F)
where
    S: ChallengeStore,
    F: Future<Output = S>,
{
    let before = prepare(&Kit::new(open().await)).await;
    is_still_there(&Kit::new(open().await), before).await;
}

/// What [`prepare`] left behind.
struct Before {
    locked: Person,
    open: Person,
    id: ChallengeId,
    ended: [(Person, Verified); 2],
}

async fn prepare<S: ChallengeStore>(kit: &Kit<S>) -> Before {
    let now = kit.start();
    let (locked, open, consumed, revoked) =
        (kit.person(), kit.person(), kit.person(), kit.person());
    kit.lock(&locked, now).await;
    let id = kit.opened(&open, now).await.id();
    let _ = granted(kit.node().grant_resend(open.key(), id, &kit.policy, now + MINUTE).await);
    for _ in 0..3 {
        let _ = kit.attempt(&open, id, now + MINUTE).await.expect("below the limit");
    }
    let (_, first, second) = kit.two_proofs(&consumed, now).await;
    let _ = granted(kit.node().consume(first, now).await);
    let (gone, proof, _) = kit.two_proofs(&revoked, now).await;
    ok(kit.node().revoke(revoked.key(), gone.id()).await);
    Before { locked, open, id, ended: [(consumed, second), (revoked, proof)] }
}

async fn is_still_there<S: ChallengeStore>(kit: &Kit<S>, before: Before) {
    let now = kit.start() + MINUTE;
    let status = kit.status(&before.locked, now).await;
    let until = kit.start() + 15 * MINUTE;
    assert_eq!(status.lockout_state, LockoutState::Locked { until }, "clause 7: the lock survives");
    assert_eq!(status.consecutive_failures, 10, "clause 7: the count survives");
    let (key, id) = (before.open.key(), before.id);
    let again = ok(kit.node().grant_resend(key, id, &kit.policy, now).await).err();
    let early = matches!(again, Some(ResendRefused::TooEarly { .. }));
    assert!(early, "clause 7: the resend survives, not {again:?}");
    for left in [1, 0] {
        let attempt = kit.attempt(&before.open, id, now).await;
        let attempt = attempt.expect("clause 7: the open challenge survives");
        assert_eq!(attempt.attempts_left(), left, "clause 7: its count survives");
    }
    let sixth = kit.attempt(&before.open, id, now).await.err();
    assert_eq!(sixth, Some(AttemptRefused::AttemptsExhausted), "clause 7");
    for (who, proof) in before.ended {
        let refused = ok(kit.node().consume(proof, now).await).err();
        assert_eq!(refused, Some(ConsumeRefused::NotFound), "clause 7: what ended stays so");
        assert_eq!(kit.status(&who, now).await.open_challenges, 0, "clause 7");
    }
}

/// Clause 8, **full means refuse**. A store with room for `at_most` subjects refuses the next one as
/// [`Capacity`](StoreErrorKind::Capacity). It keeps and serves those that it has, and accepts new ones after their
/// challenges have expired. A subject with failures is never dropped.
///
/// # Panics
///
/// If the store accepts more, drops something live, or never accepts anything again.
pub async fn clause_8_full_means_refuse<S: ChallengeStore>(kit: &Kit<S>, at_most: u32) {
    let now = kit.start();
    let guesser = kit.person();
    let kept = kit.opened(&guesser, now).await;
    let _ = kit.attempt(&guesser, kept.id(), now).await.expect("clause 8");
    let mut open = Vec::new();
    let error = loop {
        let (who, new) = (kit.person(), kit.new_challenge(Purpose::LOGIN, now));
        match kit.node().open(who.key(), new, &kit.policy, now).await {
            Ok(opened) => open.push((who, opened.expect("the rules grant").id())),
            Err(error) => break error,
        }
        let taken = open.len() + 1;
        assert!(taken <= at_most as usize, "clause 8: {taken} taken, {at_most} is full");
    };
    assert_eq!(error.kind(), StoreErrorKind::Capacity, "clause 8: full means refuse: {error:?}");
    for (who, id) in &open {
        assert!(kit.load(who, *id, now).await.is_some(), "clause 8: live ones stay");
    }
    // Subjects that the store holds are still served.
    let _ = kit.attempt(&guesser, kept.id(), now).await.expect("clause 8: counting goes on");
    // After challenges have expired there is room again, except that of the subject with failures.
    let later = now + 6 * MINUTE;
    for _ in 0..open.len() / 2 {
        opens_in_time(kit, later).await;
    }
    assert_eq!(
        kit.status(&guesser, later).await.consecutive_failures,
        2,
        "clause 8: counters stay"
    );
}

async fn opens_in_time<S: ChallengeStore>(kit: &Kit<S>, later: std::time::SystemTime) {
    for _ in 0..PATIENCE {
        let (who, new) = (kit.person(), kit.new_challenge(Purpose::LOGIN, later));
        match kit.node().open(who.key(), new, &kit.policy, later).await {
            Ok(opened) => {
                let _ = opened.expect("the rules grant");
                return;
            }
            Err(error) => assert_eq!(error.kind(), StoreErrorKind::Capacity, "{error:?}"),
        }
    }
    panic!("clause 8: what has expired makes no room");
}
