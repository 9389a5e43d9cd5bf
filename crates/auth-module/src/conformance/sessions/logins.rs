//! Clauses 1, 2 and 5: what happens to a pending login, and what becomes of it.

use crate::{
    conformance::{
        SessionsKit,
        kit::{CALLERS, at_once, destination, ok, pending_of, session_of, start, token, user},
    },
    session_store::{UpdateOutcome, Version},
};

/// Clause 1, **one winner**: of many callers who complete or end one login, one succeeds.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_1_one_winner(kit: &SessionsKit) {
    let user = user();
    let pending = kit.open(&pending_of(&user)).await;
    let results = at_once(|_| {
        let (node, session) = (kit.node(), session_of(&user, start()));
        async move {
            let token = token();
            (token, ok(node.complete(pending, Version::FIRST, token, session, None).await))
        }
    })
    .await;
    let winners: Vec<_> =
        results.iter().filter(|(_, outcome)| *outcome == UpdateOutcome::Done).collect();
    assert_eq!(winners.len(), 1, "clause 1: one winner");
    let mut open = 0;
    for (token, _) in &results {
        open += usize::from(kit.is_open(*token).await);
    }
    assert_eq!(open, 1, "clause 1: one session");
    assert!(kit.is_open(winners[0].0).await, "clause 1: the winner's");
    assert!(kit.pending(pending, start()).await.is_none(), "clause 1: the login has ended");
    completions_race_with_an_end(kit).await;
}

/// A login is completed or ended, not both.
async fn completions_race_with_an_end(kit: &SessionsKit) {
    let user = user();
    let pending = kit.open(&pending_of(&user)).await;
    let results = at_once(|number| {
        let (node, session) = (kit.node(), session_of(&user, start()));
        async move {
            if number == CALLERS / 2 {
                return (None, ok(node.end_pending(pending).await));
            }
            let token = token();
            let outcome = ok(node.complete(pending, Version::FIRST, token, session, None).await);
            (Some(token), outcome == UpdateOutcome::Done)
        }
    })
    .await;
    let winners: Vec<_> = results.iter().filter(|(_, is_done)| *is_done).collect();
    assert_eq!(winners.len(), 1, "clause 1: a login is completed once or ended");
    for (token, is_done) in &results {
        let Some(token) = token else { continue };
        assert_eq!(kit.is_open(*token).await, *is_done, "clause 1: the winner's session");
    }
    assert!(kit.pending(pending, start()).await.is_none(), "clause 1: the login has ended");
}

/// Clause 2, **no lost update**: a stale version writes nothing, and of many callers who change one
/// version, one succeeds.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_2_no_lost_update(kit: &SessionsKit) {
    let user = user();
    let first = pending_of(&user);
    let token = kit.open(&first).await;
    let loaded = ok(kit.node().load_pending(token, start()).await);
    assert_eq!(loaded, Some((first.clone(), Version::FIRST)), "clause 2: as it was opened");
    let outcomes = at_once(|number| {
        let (node, mut changed) = (kit.node(), first.clone());
        changed.destination = destination(&format!("/{number}"));
        async move { ok(node.save_pending(token, changed, Version::FIRST).await) }
    })
    .await;
    let winners: Vec<usize> =
        (0..CALLERS).filter(|&number| outcomes[number] == UpdateOutcome::Done).collect();
    let [winner] = winners[..] else { panic!("clause 2: one winner, not {winners:?}") };
    assert!(!outcomes.contains(&UpdateOutcome::Gone), "clause 2: the others conflict");
    let (kept, version) = ok(kit.node().load_pending(token, start()).await).expect("clause 2");
    assert_eq!(kept.destination, destination(&format!("/{winner}")), "clause 2: the winner's");
    assert_eq!(version, Version::FIRST.next(), "clause 2: the next version");

    let stale = ok(kit.node().save_pending(token, first.clone(), Version::FIRST).await);
    assert_eq!(stale, UpdateOutcome::Conflict, "clause 2: a stale save");
    let session = session_of(&user, start());
    let (opened, outcome) = kit.complete(token, Version::FIRST, session, None).await;
    assert_eq!(outcome, UpdateOutcome::Conflict, "clause 2: a stale completion");
    assert!(!kit.is_open(opened).await, "clause 2: opens nothing");
    assert_eq!(kit.pending(token, start()).await, Some(kept), "clause 2: nothing was written");

    assert!(ok(kit.node().end_pending(token).await), "clause 2: it ends");
    let gone = ok(kit.node().save_pending(token, first, version).await);
    assert_eq!(gone, UpdateOutcome::Gone, "clause 2: a save of an ended login");
    let (opened, outcome) = kit.complete(token, version, session_of(&user, start()), None).await;
    assert_eq!(outcome, UpdateOutcome::Gone, "clause 2: a completion of an ended login");
    assert!(!kit.is_open(opened).await, "clause 2: opens nothing");
    assert!(kit.pending(token, start()).await.is_none(), "clause 2: revives nothing");
}

/// Clause 5, **a session is replaced or nothing happens**, also beside a logout.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_5_replaced_or_nothing(kit: &SessionsKit) {
    let user = user();
    let session = || session_of(&user, start());
    let old = kit.opened(&user, session()).await;
    let pending = kit.open(&pending_of(&user)).await;
    let (new, outcome) = kit.complete(pending, Version::FIRST, session(), Some(old)).await;
    assert_eq!(outcome, UpdateOutcome::Done, "clause 5: replaced");
    assert!(!kit.is_open(old).await, "clause 5: the old session has ended");
    assert!(kit.is_open(new).await, "clause 5: the new session is open");

    let pending = kit.open(&pending_of(&user)).await;
    let (never, outcome) = kit.complete(pending, Version::FIRST, session(), Some(old)).await;
    assert_eq!(outcome, UpdateOutcome::Gone, "clause 5: what it replaces has ended");
    assert!(!kit.is_open(never).await, "clause 5: opens nothing");
    assert!(kit.is_open(new).await, "clause 5: the other session stays");
    assert!(kit.pending(pending, start()).await.is_some(), "clause 5: the login stays");
    replacements_race_with_a_logout(kit).await;
}

/// Many logins step up one session while it is ended: one call ends it.
async fn replacements_race_with_a_logout(kit: &SessionsKit) {
    let user = user();
    let old = kit.opened(&user, session_of(&user, start())).await;
    let mut logins = Vec::with_capacity(CALLERS);
    for _ in 0..CALLERS {
        logins.push(kit.open(&pending_of(&user)).await);
    }
    let logout = CALLERS / 2;
    let results = at_once(|number| {
        let (node, session) = (kit.node(), session_of(&user, start()));
        let (pending, token) = (logins[number], token());
        async move {
            if number == logout {
                return (token, ok(node.end_session(old).await).is_some());
            }
            let done = node.complete(pending, Version::FIRST, token, session, Some(old)).await;
            (token, ok(done) == UpdateOutcome::Done)
        }
    })
    .await;
    let winners = results.iter().filter(|(_, has_ended_it)| *has_ended_it).count();
    assert_eq!(winners, 1, "clause 5: one logout or one login ends the old session");
    for (number, (token, is_done)) in results.iter().enumerate() {
        let is_session = *is_done && number != logout;
        assert_eq!(kit.is_open(*token).await, is_session, "clause 5: opened or not");
        let is_pending = kit.pending(logins[number], start()).await.is_some();
        assert_eq!(is_pending, !is_session, "clause 5: a login that replaces nothing stays");
    }
}
