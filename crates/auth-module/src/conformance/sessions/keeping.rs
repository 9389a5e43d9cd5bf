//! Clauses 6 to 8, 10 and 11: what is kept, listed and noted.

use std::{cell::Cell, future::Future, sync::Arc, time::Duration};

use mfa_plugin_api::{FactorId, PluginState};

use crate::{
    conformance::{
        SessionsKit,
        kit::{
            CALLERS, MINUTE, SECOND, at_once, destination, eventually, ok, pending_of, session_of,
            start, token, user,
        },
    },
    factor_snapshot::{FactorSnapshot, FactorStatus},
    session_record::UserSnapshot,
    session_store::{Sessions, UpdateOutcome, Version},
};

/// Clause 6, **a use moves forward and revives nothing**; neither does a refresh of the user.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_6_a_use_moves_forward(kit: &SessionsKit) {
    uses_move_forward(kit).await;
    snapshots_move_forward(kit).await;
    nothing_is_revived(kit).await;
    notes_beside_each_other_move_forward(kit).await;
    no_note_outlives_an_end(kit).await;
}

async fn uses_move_forward(kit: &SessionsKit) {
    let user = user();
    let token = kit.opened(&user, session_of(&user, start())).await;
    let stored = kit.session(token, start()).await.expect("clause 6: open");
    assert_eq!(stored.seen_at, start(), "clause 6: last used when it was opened");
    let (late, later) = (start() + 90 * SECOND, start() + 150 * SECOND);
    let seen_at = async || kit.session(token, later).await.map(|session| session.seen_at);
    let node = kit.node();
    for use_at in [late, start()] {
        node.touch_session(token, use_at);
    }
    assert!(eventually(async || seen_at().await == Some(late)).await, "clause 6: forward");
    // Queued behind the earlier instant, so it shows that the earlier one had no effect.
    node.touch_session(token, late - SECOND);
    node.touch_session(token, later);
    assert!(eventually(async || seen_at().await == Some(later)).await, "clause 6: forward again");
}

async fn snapshots_move_forward(kit: &SessionsKit) {
    let mut user = user();
    let token = kit.opened(&user, session_of(&user, start())).await;
    let other = kit.opened(&user, session_of(&user, start())).await;
    user.groups.clear();
    "Another \"Name\"".clone_into(&mut user.display_name);
    let newer = UserSnapshot::new(&user, start() + 2 * MINUTE);
    "Outdated".clone_into(&mut user.display_name);
    let older = UserSnapshot::new(&user, start() + MINUTE);
    let newest = UserSnapshot::new(&user, start() + 3 * MINUTE);
    let now = start() + 4 * MINUTE;
    let snapshot = async || kit.session(token, now).await.map(|session| session.record.user);
    let before = kit.session(token, start()).await.expect("clause 6: open");
    let node = kit.node();
    node.refresh_user(token, newer.clone());
    assert!(
        eventually(async || snapshot().await.as_ref() == Some(&newer)).await,
        "clause 6: newer"
    );
    let used_at = kit.session(token, now).await.map(|session| session.seen_at);
    assert_eq!(used_at, Some(start()), "clause 6: a refresh is no use");
    node.refresh_user(token, older);
    // A use behind it shows that it was handled.
    node.touch_session(token, now);
    let is_touched = async || kit.session(token, now).await.is_some_and(|s| s.seen_at == now);
    assert!(eventually(is_touched).await, "clause 6: the use behind it");
    assert_eq!(snapshot().await, Some(newer), "clause 6: an older snapshot has no effect");
    node.refresh_user(token, newest.clone());
    let is_newest = async || snapshot().await.as_ref() == Some(&newest);
    assert!(eventually(is_newest).await, "clause 6: the newest");
    let mut after = kit.session(token, now).await.expect("clause 6: open").record;
    after.user = before.record.user.clone();
    assert_eq!(after, before.record, "clause 6: a refresh changes nothing else");
    let untouched = kit.session(other, now).await.expect("clause 6: open").record.user;
    assert_eq!(untouched, before.record.user, "clause 6: another session");
}

async fn nothing_is_revived(kit: &SessionsKit) {
    let user = user();
    let token = kit.opened(&user, session_of(&user, start())).await;
    assert!(kit.is_open(token).await, "clause 6: open");
    let node = kit.node();
    ok(node.end_session(token).await);
    node.touch_session(token, start() + MINUTE);
    node.refresh_user(token, UserSnapshot::new(&user, start() + MINUTE));
    // An acknowledged write behind both.
    let marker = kit.opened(&user, session_of(&user, start())).await;
    node.touch_session(marker, start() + MINUTE);
    let now = start() + MINUTE;
    let is_marked = async || kit.session(marker, now).await.is_some_and(|s| s.seen_at == now);
    assert!(eventually(is_marked).await, "clause 6: what is queued behind both");
    assert!(kit.session(token, now).await.is_none(), "clause 6: an ended session");
    let listed = ok(kit.node().sessions_of(&user.id, now, 100).await);
    assert_eq!(listed.len(), 1, "clause 6: lists too");
}

/// Many uses and refreshes at once: the latest of each holds.
async fn notes_beside_each_other_move_forward(kit: &SessionsKit) {
    let user = user();
    let token = kit.opened(&user, session_of(&user, start())).await;
    let snapshot = |minutes: usize| {
        let minutes = u32::try_from(minutes).expect("few callers");
        UserSnapshot::new(&user, start() + minutes * MINUTE)
    };
    // The latest is not the last.
    let minutes = |number: usize| (number + CALLERS / 2) % CALLERS;
    at_once(|number| {
        let (node, note) = (kit.node(), snapshot(minutes(number)));
        async move {
            node.touch_session(token, note.checked_at);
            node.refresh_user(token, note);
        }
    })
    .await;
    let latest = snapshot(CALLERS - 1);
    // Each load is a second later than the one before, so that no cache has the old state.
    let loads = Cell::new(1);
    let is_latest = async || {
        let now = latest.checked_at + loads.replace(loads.get() + 1) * SECOND;
        let found = kit.session(token, now).await.expect("clause 6: open");
        found.seen_at == latest.checked_at && found.record.user == latest
    };
    assert!(eventually(is_latest).await, "clause 6: the latest of many notes at once");
    notes_are_written(kit).await;
    assert!(is_latest().await, "clause 6: the latest stays");
}

/// Waits until each handle has written the notes that it took before. The notes of a marker behind them show it.
async fn notes_are_written(kit: &SessionsKit) {
    let (user, used_at) = (user(), start() + MINUTE);
    let snapshot = UserSnapshot::new(&user, used_at);
    for node in kit.nodes() {
        let marker = kit.opened(&user, session_of(&user, start())).await;
        node.touch_session(marker, used_at);
        node.refresh_user(marker, snapshot.clone());
        // Each load is a second later than the one before, so that no cache has the old state.
        let loads = Cell::new(1);
        let is_written = async || {
            let now = used_at + loads.replace(loads.get() + 1) * SECOND;
            let found = ok(node.load_session(marker, now).await);
            found.is_some_and(|s| s.seen_at == used_at && s.record.user == snapshot)
        };
        assert!(eventually(is_written).await, "clause 6: the notes of a marker");
    }
}

/// Sessions end while their notes are under way.
async fn no_note_outlives_an_end(kit: &SessionsKit) {
    let user = user();
    let mut sessions = Vec::with_capacity(CALLERS);
    for _ in 0..CALLERS {
        sessions.push(kit.opened(&user, session_of(&user, start())).await);
    }
    let later = start() + MINUTE;
    at_once(|number| {
        let (node, token) = (kit.node(), sessions[number]);
        let snapshot = UserSnapshot::new(&user, later);
        async move {
            node.touch_session(token, later);
            node.refresh_user(token, snapshot);
            assert!(ok(node.end_session(token).await).is_some(), "clause 6: it was open");
        }
    })
    .await;
    notes_are_written(kit).await;
    for token in sessions {
        assert!(kit.session(token, later).await.is_none(), "clause 6: ended after a note");
    }
    let listed = ok(kit.node().sessions_of(&user.id, later, 100).await);
    assert_eq!(listed, [], "clause 6: lists too");
}

/// Clause 7, **lists are of one user**: the newest first, no more than asked for, with what was kept;
/// and no session of another user can be ended.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_7_lists_are_of_one_user(kit: &SessionsKit) {
    let (user, other) = (user(), user());
    let mut sessions = Vec::new();
    for minutes in [1, 3, 2] {
        let session = session_of(&user, start() + minutes * MINUTE);
        kit.opened(&user, session.clone()).await;
        sessions.push(session);
    }
    let others = session_of(&other, start());
    let others_token = kit.opened(&other, others.clone()).await;
    kit.open(&pending_of(&user)).await;
    let now = start() + 4 * MINUTE;
    let list = async |limit| {
        let listed = ok(kit.node().sessions_of(&user.id, now, limit).await);
        listed.into_iter().map(|session| session.record).collect::<Vec<_>>()
    };
    let expected = [1, 2, 0].map(|number: usize| sessions[number].clone());
    assert_eq!(list(100).await, expected, "clause 7: the newest first");
    assert_eq!(list(2).await, expected[..2], "clause 7: no more than the limit");
    let stolen = ok(kit.node().end_session_by_id(&user.id, &others.id).await);
    assert_eq!(stolen, None, "clause 7: another user's session");
    assert!(kit.session(others_token, now).await.is_some(), "clause 7: it stays open");
    assert_eq!(ok(kit.node().sessions_of(&other.id, now, 9).await).len(), 1, "clause 7: its own");
    let ended = ok(kit.node().end_session_by_id(&user.id, &expected[0].id).await);
    assert_eq!(ended.as_ref(), Some(&expected[0]), "clause 7: by its id");
    assert_eq!(list(100).await, expected[1..], "clause 7: the others are left");
}

/// Clause 8, **kept as it was**, to the millisecond.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_8_kept_as_it_was(kit: &SessionsKit) {
    let user = user();
    let mut login = pending_of(&user);
    let snapshot = FactorSnapshot {
        status: FactorStatus::Prompted { notice: None, rejection: None },
        state: Some(PluginState::from_bytes(b"\x00state\xff".as_slice())),
    };
    login.factors.insert(FactorId::PASSWORD, snapshot);
    login.step_up_session = Some(token());
    login.opened_at += Duration::from_millis(7);
    let pending = kit.open(&login).await;
    assert_eq!(kit.pending(pending, start()).await, Some(login.clone()), "clause 8: a login");
    login.factors.clear();
    login.destination = destination("/b");
    let saved = ok(kit.node().save_pending(pending, login.clone(), Version::FIRST).await);
    assert_eq!(saved, UpdateOutcome::Done);
    assert_eq!(kit.pending(pending, start()).await, Some(login), "clause 8: a changed login");

    let session = session_of(&user, start() + Duration::from_millis(7));
    let token = kit.opened(&user, session.clone()).await;
    let found = kit.session(token, start()).await.expect("clause 8: open");
    assert_eq!(found.record, session, "clause 8: a session");
    assert_eq!(found.seen_at, session.opened_at, "clause 8: last used when it was opened");
}

/// Clause 10, **acknowledged means kept**. `open` is called twice and has to return the same data again.
///
/// # Panics
///
/// If the clause is broken, or the implementation fails.
pub async fn clause_10_acknowledged_means_kept<F>(open: impl Fn() -> F)
where
    F: Future<Output = SessionsKit>,
{
    let user = user();
    let (login, session) = (pending_of(&user), session_of(&user, start()));
    let (pending, kept, ended) = {
        let kit = open().await;
        let pending = kit.open(&login).await;
        let kept = kit.opened(&user, session.clone()).await;
        let ended = kit.opened(&user, session_of(&user, start())).await;
        assert!(ok(kit.node().end_session(ended).await).is_some());
        (pending, kept, ended)
    };
    let kit = open().await;
    let found = kit.pending(pending, start()).await.map(|found| found.flow);
    assert_eq!(found, Some(login.flow), "clause 10: a login");
    let found = kit.session(kept, start()).await.map(|found| found.record.id);
    assert_eq!(found, Some(session.id), "clause 10: a session");
    assert!(!kit.is_open(ended).await, "clause 10: an end");
}

/// Clause 11, **full means refused**. `store` is empty, and has no room for more than `at_most` pending
/// logins or as many sessions.
///
/// # Panics
///
/// If the store takes more, drops something live, or never takes anything again.
pub async fn clause_11_full_means_refused(store: Arc<dyn Sessions>, at_most: usize) {
    let kit = SessionsKit::new(store);
    let user = user();
    let mut sessions = Vec::new();
    let refused = loop {
        let pending = kit.open(&pending_of(&user)).await;
        let (token, session) = (token(), session_of(&user, start()));
        let opened = kit.node().complete(pending, Version::FIRST, token, session, None).await;
        match opened {
            Ok(_) => sessions.push(token),
            Err(_) => break pending,
        }
        assert!(sessions.len() <= at_most, "clause 11: no more than {at_most} sessions");
    };
    assert!(kit.pending(refused, start()).await.is_some(), "clause 11: the login stays");
    for token in &sessions {
        assert!(kit.is_open(*token).await, "clause 11: no session is dropped");
    }
    let mut logins = vec![refused];
    loop {
        let token = token();
        match kit.node().open_pending(token, pending_of(&user)).await {
            Ok(()) => logins.push(token),
            Err(_) => break,
        }
        assert!(logins.len() <= at_most, "clause 11: no more than {at_most} logins");
    }
    for token in &logins {
        assert!(kit.pending(*token, start()).await.is_some(), "clause 11: no login is dropped");
    }
    ok(kit.node().end_session(sessions[0]).await);
    let session = session_of(&user, start());
    let (_, outcome) = kit.complete(refused, Version::FIRST, session, None).await;
    assert_eq!(outcome, UpdateOutcome::Done, "clause 11: there is room again");
}
