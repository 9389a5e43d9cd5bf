//! Clauses 3, 4 and 9: what ends, and when.

use std::time::Duration;

use crate::{
    conformance::{
        SessionsKit,
        kit::{
            CALLERS, HOUR, MINUTE, SECOND, at_once, ok, pending_of, session_of, start, token, user,
        },
    },
    session_store::{EndAll, UpdateOutcome, Version},
    token::TokenDigest,
};

const MILLISECOND: Duration = Duration::from_millis(1);

/// Clause 3, **ended is ended**, by each of the calls that end something, also beside other calls, and
/// nothing else ends.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_3_ended_is_ended(kit: &SessionsKit) {
    each_call_ends_its_own(kit).await;
    all_of_a_user_end(kit).await;
    one_call_reports_the_end(kit).await;
    nothing_outlives_the_end_of_all(kit).await;
    no_save_outlives_an_end(kit).await;
}

/// Whether the session is over: at once through one handle, and a second later through any.
async fn is_over(kit: &SessionsKit, token: TokenDigest) -> bool {
    kit.session(token, start() + SECOND).await.is_none()
}

async fn each_call_ends_its_own(kit: &SessionsKit) {
    let user = user();
    let (one, two, three) = (0, 1, 2);
    let mut tokens = Vec::new();
    let mut ids = Vec::new();
    for _ in [one, two, three] {
        let session = session_of(&user, start());
        ids.push(session.id.clone());
        let token = kit.opened(&user, session).await;
        // Loaded before: an implementation may remember what it has loaded.
        assert!(kit.is_open(token).await, "clause 3: open");
        tokens.push(token);
    }
    let node = kit.node();
    let ended = ok(node.end_session(tokens[one]).await).expect("clause 3: it was open");
    assert_eq!(ended.id, ids[one], "clause 3: what has ended");
    assert_eq!(ok(node.load_session(tokens[one], start()).await), None, "clause 3: at once");
    assert!(is_over(kit, tokens[one]).await, "clause 3: end_session");
    assert_eq!(ok(kit.node().end_session(tokens[one]).await), None, "clause 3: ends once");

    let ended = ok(node.end_session_by_id(&user.id, &ids[two]).await);
    assert_eq!(ended.expect("clause 3: it was open").id, ids[two], "clause 3: what has ended");
    assert_eq!(ok(node.load_session(tokens[two], start()).await), None, "clause 3: at once");
    assert!(is_over(kit, tokens[two]).await, "clause 3: end_session_by_id");
    let again = ok(kit.node().end_session_by_id(&user.id, &ids[two]).await);
    assert_eq!(again, None, "clause 3: ends once");
    assert!(kit.is_open(tokens[three]).await, "clause 3: another session of the user");

    let (pending, other) = (kit.open(&pending_of(&user)).await, kit.open(&pending_of(&user)).await);
    assert!(ok(kit.node().end_pending(pending).await), "clause 3: it was open");
    assert!(kit.pending(pending, start()).await.is_none(), "clause 3: end_pending");
    assert!(!ok(kit.node().end_pending(pending).await), "clause 3: ends once");
    assert!(kit.pending(other, start()).await.is_some(), "clause 3: another login of the user");
}

async fn all_of_a_user_end(kit: &SessionsKit) {
    let (user, other) = (user(), user());
    let mut sessions = Vec::new();
    for user in [&user, &user, &other] {
        let token = kit.opened(user, session_of(user, start())).await;
        assert!(kit.is_open(token).await, "clause 3: open");
        sessions.push(token);
    }
    let pending = kit.open(&pending_of(&user)).await;
    let others = kit.open(&pending_of(&other)).await;
    let node = kit.node();
    let ended = ok(node.end_all(&user.id, EndAll::PendingLogins).await);
    assert_eq!(ended, 1, "clause 3: one pending login");
    assert!(kit.pending(pending, start()).await.is_none(), "clause 3: end_all, pending logins");
    assert!(kit.is_open(sessions[0]).await, "clause 3: sessions stay");

    kit.open(&pending_of(&user)).await;
    let ended = ok(node.end_all(&user.id, EndAll::PendingLoginsAndSessions).await);
    assert_eq!(ended, 3, "clause 3: one pending login and two sessions");
    for token in &sessions[..2] {
        assert_eq!(ok(node.load_session(*token, start()).await), None, "clause 3: at once");
        assert!(is_over(kit, *token).await, "clause 3: end_all");
    }
    assert!(kit.is_open(sessions[2]).await, "clause 3: another user's session");
    assert!(kit.pending(others, start()).await.is_some(), "clause 3: another user's login");
    let ended = ok(kit.node().end_all(&user.id, EndAll::PendingLoginsAndSessions).await);
    assert_eq!(ended, 0, "clause 3: ends once");
}

async fn one_call_reports_the_end(kit: &SessionsKit) {
    let user = user();
    let session = session_of(&user, start());
    let id = session.id.clone();
    let token = kit.opened(&user, session).await;
    let ends = at_once(|number| {
        let (node, user, id) = (kit.node(), user.id.clone(), id.clone());
        async move {
            match number % 3 {
                0 => usize::from(ok(node.end_session(token).await).is_some()),
                1 => usize::from(ok(node.end_session_by_id(&user, &id).await).is_some()),
                _ => ok(node.end_all(&user, EndAll::PendingLoginsAndSessions).await),
            }
        }
    })
    .await;
    assert_eq!(ends.iter().sum::<usize>(), 1, "clause 3: one session ends once");
    assert!(is_over(kit, token).await, "clause 3: many ends");
}

/// Logins complete while all of their user ends: each of them ends, as a login or as a session.
async fn nothing_outlives_the_end_of_all(kit: &SessionsKit) {
    let user = user();
    let mut logins = Vec::with_capacity(CALLERS);
    for _ in 0..CALLERS {
        logins.push((kit.open(&pending_of(&user)).await, token()));
    }
    let ended = at_once(|number| {
        let (node, session) = (kit.node(), session_of(&user, start()));
        let ((pending, token), user) = (logins[number], user.id.clone());
        async move {
            if number % (CALLERS / 2) == 1 {
                return ok(node.end_all(&user, EndAll::PendingLoginsAndSessions).await);
            }
            let outcome = ok(node.complete(pending, Version::FIRST, token, session, None).await);
            assert_ne!(outcome, UpdateOutcome::Conflict, "clause 3: ended, not changed");
            0
        }
    })
    .await;
    for (pending, token) in &logins {
        assert!(kit.pending(*pending, start()).await.is_none(), "clause 3: no login is left");
        assert!(is_over(kit, *token).await, "clause 3: no session is left");
    }
    assert_eq!(ended.iter().sum::<usize>(), CALLERS, "clause 3: each ends once");
}

async fn no_save_outlives_an_end(kit: &SessionsKit) {
    let login = pending_of(&user());
    let token = kit.open(&login).await;
    at_once(|number| {
        let (node, login) = (kit.node(), login.clone());
        async move {
            if number == CALLERS / 2 {
                assert!(ok(node.end_pending(token).await), "clause 3: it was open");
                let found = ok(node.load_pending(token, start()).await);
                assert_eq!(found, None, "clause 3: at once");
            } else {
                ok(node.save_pending(token, login, Version::FIRST).await);
            }
        }
    })
    .await;
    assert!(kit.pending(token, start()).await.is_none(), "clause 3: saved while it ended");
}

/// Clause 4, **the caller's clock decides**: up to the last millisecond and no longer, in any year.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_4_the_callers_clock_decides(kit: &SessionsKit) {
    let user = user();
    for years in [0, 200] {
        let later = years * 365 * 24 * HOUR;
        let mut login = pending_of(&user);
        login.expires_at += later;
        let end = login.expires_at;
        let token = kit.open(&login).await;
        assert!(kit.pending(token, end - MILLISECOND).await.is_some(), "clause 4: a login, before");
        assert!(kit.pending(token, end).await.is_none(), "clause 4: a login, at its end");

        let session = session_of(&user, start() + later);
        let end = session.expires_at;
        let token = kit.opened(&user, session).await;
        assert!(kit.session(token, end - MILLISECOND).await.is_some(), "clause 4: before");
        assert!(kit.session(token, end).await.is_none(), "clause 4: at its end");
        let listed = ok(kit.node().sessions_of(&user.id, end, 100).await);
        assert!(listed.iter().all(|s| s.record.expires_at > end), "clause 4: lists too");
    }
}

/// Clause 9, **a sweep removes only what is expired or idle**.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_9_a_sweep_removes_what_is_over(kit: &SessionsKit) {
    // Longer ago than the sessions of other clauses, which a sweep at this instant leaves alone.
    let now = start() - 24 * HOUR;
    let user = user();
    let mut login = pending_of(&user);
    login.expires_at = now;
    let expired = kit.open(&login).await;
    login.expires_at = now + MILLISECOND;
    let fresh = kit.open(&login).await;
    let idle_since = now - 20 * MINUTE;
    let mut sessions = Vec::new();
    for (opened_at, lasts) in [
        (now - HOUR / 4, HOUR / 4),
        (idle_since, HOUR),
        (now - HOUR / 4, HOUR / 4 + MILLISECOND),
        (idle_since + MILLISECOND, HOUR),
    ] {
        let mut session = session_of(&user, opened_at);
        session.expires_at = opened_at + lasts;
        sessions.push(kit.opened(&user, session).await);
    }
    let swept = ok(kit.node().sweep(now, idle_since).await);
    assert!(swept >= 3, "clause 9: a login and two sessions, not {swept}");
    let early = now - HOUR / 2;
    assert!(kit.pending(expired, early).await.is_none(), "clause 9: an expired login");
    assert!(kit.pending(fresh, early).await.is_some(), "clause 9: a login that is not expired");
    for (number, is_kept) in [(0, false), (1, false), (2, true), (3, true)] {
        let found = kit.session(sessions[number], early).await;
        assert_eq!(found.is_some(), is_kept, "clause 9: session {number}");
    }
    assert_eq!(ok(kit.node().sweep(now, idle_since).await), 0, "clause 9: nothing else");
    ok(kit.node().end_all(&user.id, EndAll::PendingLoginsAndSessions).await);
}
