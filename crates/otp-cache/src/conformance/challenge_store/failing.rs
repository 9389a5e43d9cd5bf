//! Clauses 9, 11 and 12: calls that fail, calls that are dropped, and calls that nobody answers.

use std::{fmt::Debug, time::Duration};

use otp_core::{
    AttemptRefused, ChallengeId, DeliveryStatus, LockoutState, OpenRefused, Purpose, ResendRefused,
    Verified,
};

use crate::{
    ChallengeStore,
    conformance::{
        amounts::MINUTE,
        kit::{CALLERS, Kit, Person, dropped_after, granted, ok},
        outage::{Outage, over},
    },
};

/// Clause 9, **failed means refused**. While `outage` lasts, every call that changes something fails. After it,
/// the store recovers automatically, earlier counts are still there, and no failed call counts more than once. A
/// proof that came back with an error can still be consumed.
///
/// # Panics
///
/// If the clause is broken, or the store does not recover within ten seconds.
pub async fn clause_9_failed_means_refused<S: ChallengeStore>(kit: &Kit<S>, outage: &dyn Outage) {
    let (cast, first, second) = Cast::prepare(kit).await;
    outage.begin().await;
    let returned = every_call_fails(kit, &cast, first).await;
    outage.end().await;
    let (who, now) = (cast.guessing.0.key(), kit.start());
    over(async || kit.node().subject_status(who, &kit.policy, now).await.is_ok()).await;
    what_was_counted_still_is(kit, &cast).await;
    what_failed_is_worth_nothing_more(kit, &cast, returned, second).await;
}

/// The subjects that an outage meets, each with its challenge.
struct Cast {
    opening: Person,
    /// Has used three of five attempts.
    guessing: (Person, ChallengeId),
    /// Has two proofs.
    winning: (Person, ChallengeId),
    waiting: (Person, ChallengeId),
    leaving: (Person, ChallengeId),
    locked: Person,
}

impl Cast {
    async fn prepare<S: ChallengeStore>(kit: &Kit<S>) -> (Self, Verified, Verified) {
        let now = kit.start();
        let [opening, guessing, winning, waiting, leaving, locked] =
            std::array::from_fn(|_| kit.person());
        let guessed = kit.opened(&guessing, now).await.id();
        for _ in 0..3 {
            let _ = kit.attempt(&guessing, guessed, now).await.expect("below the limit");
        }
        let (won, first, second) = kit.two_proofs(&winning, now).await;
        let resent = kit.opened(&waiting, now).await.id();
        let left = kit.opened(&leaving, now).await.id();
        kit.lock(&locked, now).await;
        let cast = Self {
            opening,
            guessing: (guessing, guessed),
            winning: (winning, won.id()),
            waiting: (waiting, resent),
            leaving: (leaving, left),
            locked,
        };
        (cast, first, second)
    }
}

/// Returns the proof if the store has given it back.
async fn every_call_fails<S: ChallengeStore>(
    kit: &Kit<S>,
    cast: &Cast,
    proof: Verified,
) -> Option<Verified> {
    let (store, policy, now) = (kit.node(), &kit.policy, kit.start());
    let new = kit.new_challenge(Purpose::LOGIN, now);
    let (guessing, waiting, leaving) = (&cast.guessing, &cast.waiting, &cast.leaving);
    // At once, because each may take as long as the store waits for its backend.
    let (opened, attempted, consumed, resent, reported, revoked, unlocked, loaded) = tokio::join!(
        store.open(cast.opening.key(), new, policy, now),
        store.begin_attempt(guessing.0.key(), guessing.1, policy, now),
        store.consume(proof, now),
        store.grant_resend(waiting.0.key(), waiting.1, policy, now + MINUTE),
        store.record_delivery(leaving.0.key(), leaving.1, DeliveryStatus::Delivered, policy, now),
        store.revoke(leaving.0.key(), leaving.1),
        store.unlock(cast.locked.key()),
        store.load(guessing.0.key(), guessing.1, now),
    );
    fails("open", &opened);
    fails("begin_attempt", &attempted);
    fails("consume", &consumed);
    fails("grant_resend", &resent);
    fails("record_delivery", &reported);
    fails("revoke", &revoked);
    fails("unlock", &unlocked);
    if let Ok(loaded) = loaded {
        let attempts = loaded.map(|challenge| challenge.attempts());
        assert_eq!(attempts, Some(3), "clause 9: a store that can still read reads right");
    }
    let (error, returned) = consumed.expect_err("checked above").into_parts();
    assert!(
        returned.is_some() || error.is_outcome_unknown() || !error.is_retryable(),
        "clause 9: nothing was done, and the proof did not come back: {error:?}"
    );
    returned
}

async fn what_was_counted_still_is<S: ChallengeStore>(kit: &Kit<S>, cast: &Cast) {
    let ((guessing, guessed), now) = (&cast.guessing, kit.start());
    let more = kit.attempts_until_refused(guessing, *guessed, now).await;
    assert!((1..=2).contains(&more), "clause 9: {more} of 2 attempts left, of which one failed");
    let counted = kit.status(guessing, now).await.consecutive_failures;
    assert_eq!(counted, 5, "clause 9: counters stay");
    let lockout_state = kit.status(&cast.locked, now).await.lockout_state;
    assert!(
        matches!(lockout_state, LockoutState::Locked { .. } | LockoutState::Open),
        "clause 9: {lockout_state:?}"
    );
    let new = kit.new_challenge(Purpose::LOGIN, now);
    let opened = ok(kit.node().open(cast.locked.key(), new, &kit.policy, now).await);
    let is_refused = matches!(opened, Err(OpenRefused::Locked { .. }));
    assert_eq!(
        is_refused,
        lockout_state != LockoutState::Open,
        "clause 9: locked or not, not both"
    );
}

/// A failed call may have happened. Then it must not be granted again.
async fn what_failed_is_worth_nothing_more<S: ChallengeStore>(
    kit: &Kit<S>,
    cast: &Cast,
    returned: Option<Verified>,
    second: Verified,
) {
    let now = kit.start();
    if let Some(proof) = returned {
        let consumed = ok(kit.node().consume(proof, now).await);
        assert!(consumed.is_ok(), "clause 9: the proof came back, and it had been consumed");
    }
    let _ = ok(kit.node().consume(second, now).await);
    let (winning, won) = &cast.winning;
    let gone = kit.attempt(winning, *won, now).await.err();
    assert_eq!(gone, Some(AttemptRefused::NotFound), "clause 9: one success at most");
    let open = kit.status(&cast.opening, now).await.open_challenges;
    assert!(open <= 1, "clause 9: opened once or not");
    kit.opened(&cast.opening, now).await;
    let (waiting, resent) = &cast.waiting;
    match ok(kit.node().grant_resend(waiting.key(), *resent, &kit.policy, now + MINUTE).await) {
        Ok(resent) => assert_eq!(resent.challenge.resends(), 1, "clause 9: it had not happened"),
        Err(refused) => {
            let had_happened = matches!(refused, ResendRefused::TooEarly { .. });
            assert!(had_happened, "clause 9: {refused:?}");
        }
    }
}

#[track_caller]
fn fails<T: Debug, E>(what: &str, answer: &Result<T, E>) {
    if let Ok(answer) = answer {
        panic!("clause 9: {what} was answered while the backend was out: {answer:?}");
    }
}

/// Clause 11, **dropped means once or not at all**. A call that is dropped at any point before it returns has
/// happened completely or not at all. No caller gets more than the limits.
///
/// # Panics
///
/// If the clause is broken or the store fails.
pub async fn clause_11_dropped_means_once_or_not_at_all<S: ChallengeStore>(kit: &Kit<S>) {
    for polls in 0..4 {
        dropped_attempts_are_counted_wholly_or_not(kit, polls).await;
        dropped_opens_leave_one_challenge(kit, polls).await;
        a_dropped_consume_ends_all_or_nothing(kit, polls).await;
        a_dropped_resend_counts_once_or_not(kit, polls).await;
    }
}

async fn dropped_attempts_are_counted_wholly_or_not<S: ChallengeStore>(kit: &Kit<S>, polls: u32) {
    let (who, now) = (kit.person(), kit.start());
    let id = kit.opened(&who, now).await.id();
    let key = who.key();
    let answers = kit
        .at_once(CALLERS, |number, store| {
            let policy = kit.policy.clone();
            let polls = if number % 2 == 0 { polls } else { u32::MAX };
            async move {
                let call = store.begin_attempt(key, id, &policy, now);
                dropped_after(polls, call).await.is_some_and(|answer| ok(answer).is_ok())
            }
        })
        .await;
    let heard = answers.into_iter().filter(|is_heard| *is_heard).count();
    let more = kit.attempts_until_refused(&who, id, now).await;
    let in_all = heard + usize::from(more);
    assert!(in_all <= 5, "clause 11: {in_all} attempts beside calls that were dropped");
    let of_challenge = kit.load(&who, id, now).await.map(|challenge| challenge.attempts());
    assert_eq!(of_challenge, Some(5), "clause 11: counted wholly or not");
    let of_subject = kit.status(&who, now).await.consecutive_failures;
    assert_eq!(of_subject, 5, "clause 11: counted on both or on neither");
}

async fn dropped_opens_leave_one_challenge<S: ChallengeStore>(kit: &Kit<S>, polls: u32) {
    let (who, now) = (kit.person(), kit.start());
    kit.opened(&who, now).await;
    for _ in 0..5 {
        let (store, new) = (kit.node(), kit.new_challenge(Purpose::LOGIN, now));
        let call = store.open(who.key(), new, &kit.policy, now);
        if let Some(answer) = dropped_after(polls, call).await {
            let _ = granted(answer);
        }
        let open = kit.status(&who, now).await.open_challenges;
        assert_eq!(open, 1, "clause 11: the old one or the new one");
    }
}

async fn a_dropped_consume_ends_all_or_nothing<S: ChallengeStore>(kit: &Kit<S>, polls: u32) {
    let (who, now) = (kit.person(), kit.start());
    let (_, first, second) = kit.two_proofs(&who, now).await;
    let store = kit.node();
    let call = store.consume(first, now);
    let heard = dropped_after(polls, call).await.is_some_and(|answer| ok(answer).is_ok());
    let status = kit.status(&who, now).await;
    let seen = (status.open_challenges, status.consecutive_failures);
    assert!(matches!(seen, (0, 0) | (1, 2)), "clause 11: ended and cleared, or neither: {seen:?}");
    let again = ok(kit.node().consume(second, now).await).is_ok();
    assert!(!(heard && again), "clause 11: one winner");
    assert_eq!(kit.status(&who, now).await.open_challenges, 0, "clause 11: ended by now");
}

async fn a_dropped_resend_counts_once_or_not<S: ChallengeStore>(kit: &Kit<S>, polls: u32) {
    let (who, now) = (kit.person(), kit.start() + MINUTE);
    let id = kit.opened(&who, kit.start()).await.id();
    let store = kit.node();
    let call = store.grant_resend(who.key(), id, &kit.policy, now);
    if let Some(answer) = dropped_after(polls, call).await {
        let _ = granted(answer);
    }
    let _ = ok(kit.node().grant_resend(who.key(), id, &kit.policy, now).await);
    let resends = kit.load(&who, id, now).await.map(|challenge| challenge.resends());
    assert_eq!(resends, Some(1), "clause 11: one resend a cooldown");
}

/// Clause 12, **in time**. While `stall` lasts, the backend neither replies nor refuses. Every call ends within `limit`,
/// and so do 200 at once. After it, the store recovers automatically, and no subject got more attempts than the limit.
///
/// `limit` is what the backend states, with some time for a busy machine. [`Outage`] begins and ends the stall.
///
/// # Panics
///
/// If the clause is broken, or the store does not recover within ten seconds.
pub async fn clause_12_every_call_ends_in_time<S: ChallengeStore>(
    kit: &Kit<S>,
    stall: &dyn Outage,
    limit: Duration,
) {
    let (cast, first, _) = Cast::prepare(kit).await;
    let (key, id, now) = (cast.guessing.0.key(), cast.guessing.1, kit.start());
    stall.begin().await;
    let one_of_each = async { every_call_ends(kit, &cast, first).await };
    let many = kit.at_once(CALLERS, |_, store| {
        let policy = kit.policy.clone();
        async move {
            let answer = store.begin_attempt(key, id, &policy, now).await;
            usize::from(answer.is_ok_and(|answer| answer.is_ok()))
        }
    });
    let ended = tokio::time::timeout(limit, async { tokio::join!(one_of_each, many) }).await;
    let Ok(((), handed_out)) = ended else {
        panic!("clause 12: a call does not end within {limit:?}");
    };
    stall.end().await;
    over(async || kit.node().subject_status(key, &kit.policy, now).await.is_ok()).await;
    let handed_out: usize = handed_out.into_iter().sum();
    let more = usize::from(kit.attempts_until_refused(&cast.guessing.0, id, now).await);
    assert!(handed_out + more <= 2, "clause 12: {handed_out} and {more} attempts of 2");
}

async fn every_call_ends<S: ChallengeStore>(kit: &Kit<S>, cast: &Cast, proof: Verified) {
    let (store, policy, now) = (kit.node(), &kit.policy, kit.start());
    let new = kit.new_challenge(Purpose::LOGIN, now);
    let (winning, waiting, leaving) = (&cast.winning, &cast.waiting, &cast.leaving);
    // What they return is the matter of clause 9.
    let _ = tokio::join!(
        store.open(cast.opening.key(), new, policy, now),
        store.load(winning.0.key(), winning.1, now),
        store.begin_attempt(winning.0.key(), winning.1, policy, now),
        store.consume(proof, now),
        store.grant_resend(waiting.0.key(), waiting.1, policy, now + MINUTE),
        store.record_delivery(leaving.0.key(), leaving.1, DeliveryStatus::Delivered, policy, now),
        store.revoke(leaving.0.key(), leaving.1),
        store.subject_status(leaving.0.key(), policy, now),
        store.unlock(cast.locked.key()),
    );
}
