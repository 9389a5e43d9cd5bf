//! The contract of the session store, for each of its implementations.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use auth_module::{
    Completed, EndAll, MemorySessionStore, PendingToken, SessionStore, SessionToken, Swapped,
    TokenDigest, UserId, Version,
};
use auth_store_sqlite::Database;

use crate::common::{World, client, destination};

/// Both implementations, each over stores of its own.
async fn worlds() -> Vec<Arc<World>> {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(folder.path().join("auth.db")).await.unwrap();
    let memory = Arc::new(MemorySessionStore::new(1000));
    vec![
        Arc::new(World::new().await),
        Arc::new(World::with_sessions(folder, database, memory).await),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_complete_one_login_exactly_one_succeeds() {
    for world in worlds().await {
        let (_, login) = world.alice_pending("/").await;
        let login = world.record_sms(&login).await;
        let tasks: Vec<_> = (0..64)
            .map(|_| {
                let (world, login) = (Arc::clone(&world), login.clone());
                tokio::spawn(async move { world.complete(&login).await })
            })
            .collect();
        let mut tokens = Vec::new();
        for task in tasks {
            match task.await.unwrap() {
                Completed::Opened { token, .. } => tokens.push(token),
                Completed::Gone => {}
                Completed::Missing(missing) => panic!("{missing:?}"),
            }
        }
        assert_eq!(tokens.len(), 1);
        assert!(world.auth.load_session(&tokens[0], world.now()).await.unwrap().is_some());
        let ended = world.sessions.end_all(&login.user().id, EndAll::PendingLoginsAndSessions);
        assert_eq!(ended.await.unwrap(), 1, "there is one session and no pending login");
        let opened = world.events().into_iter().filter(|&event| event == "session.opened");
        assert_eq!(opened.count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn evidence_from_many_tabs_at_once_is_never_lost() {
    for world in worlds().await {
        let (token, login) = world.alice_pending("/").await;
        let factors: Vec<_> =
            (0..8).map(|n| mfa_plugin_api::FactorId::new(format!("factor-{n}")).unwrap()).collect();
        let tasks: Vec<_> = factors
            .iter()
            .map(|factor| {
                let (world, login, factor) = (Arc::clone(&world), login.clone(), factor.clone());
                tokio::spawn(async move {
                    let evidence = crate::common::sms_evidence(world.now());
                    world
                        .auth
                        .record_evidence(&login, &factor, evidence, world.now())
                        .await
                        .unwrap()
                })
            })
            .collect();
        for task in tasks {
            assert!(matches!(task.await.unwrap(), auth_module::Recorded::Done { .. }));
        }
        let login = world.auth.load_pending(&token, world.now()).await.unwrap().unwrap();
        let mut proved: Vec<_> = login.evidence().iter().map(|e| e.factor.clone()).collect();
        assert_eq!(proved.remove(0), mfa_plugin_api::FactorId::PASSWORD);
        proved.sort();
        assert_eq!(proved, factors);
    }
}

/// A pending login and a session as the module makes them, to use the store by hand.
struct Records {
    store: Arc<dyn SessionStore>,
    pending: auth_module::PendingRecord,
    session: auth_module::SessionRecord,
    now: SystemTime,
}

impl Records {
    async fn of(world: &World) -> Self {
        let now = world.now();
        let (token, _) = world.alice_pending("/").await;
        let (pending, version) =
            world.sessions.load_pending(token.digest(), now).await.unwrap().unwrap();
        assert_eq!(version, Version::FIRST);
        world.sessions.end_pending(token.digest()).await.unwrap();
        let (token, _) = world.alice_session().await;
        let (session, seen_at) =
            world.sessions.load_session(token.digest()).await.unwrap().unwrap();
        assert_eq!(seen_at, now);
        world.sessions.end_session(token.digest()).await.unwrap();
        Self { store: Arc::clone(&world.sessions), pending, session, now }
    }

    async fn open(&self, n: u8) -> TokenDigest {
        let token = PendingToken::from_bytes([n; 32]).digest();
        self.store.open_pending(token, self.pending.clone()).await.unwrap();
        token
    }

    async fn complete(
        &self,
        pending: TokenDigest,
        version: Version,
        n: u8,
        replaces: Option<TokenDigest>,
    ) -> (TokenDigest, Swapped) {
        let token = SessionToken::from_bytes([n; 32]).digest();
        let swapped =
            self.store.complete(pending, version, token, self.session.clone(), replaces).await;
        (token, swapped.unwrap())
    }

    async fn has_session(&self, token: TokenDigest) -> bool {
        self.store.load_session(token).await.unwrap().is_some()
    }
}

#[tokio::test]
async fn a_stale_version_writes_nothing() {
    for world in worlds().await {
        let records = Records::of(&world).await;
        let (store, now) = (&records.store, records.now);
        let token = records.open(1).await;
        let save = |login: &auth_module::PendingRecord, version| {
            store.save_pending(token, login.clone(), version)
        };
        let mut changed = records.pending.clone();
        changed.destination = destination("/changed");
        assert_eq!(save(&changed, Version::FIRST).await.unwrap(), Swapped::Done);
        assert_eq!(save(&records.pending, Version::FIRST).await.unwrap(), Swapped::Conflict);
        let (kept, version) = store.load_pending(token, now).await.unwrap().unwrap();
        assert_eq!((kept, version), (changed, Version::FIRST.next()));

        let (session, swapped) = records.complete(token, Version::FIRST, 1, None).await;
        assert_eq!(swapped, Swapped::Conflict);
        assert!(!records.has_session(session).await);
        assert!(store.end_pending(token).await.unwrap());
        assert!(!store.end_pending(token).await.unwrap());
        assert_eq!(save(&records.pending, version).await.unwrap(), Swapped::Gone);
        let (session, swapped) = records.complete(token, version, 1, None).await;
        assert_eq!(swapped, Swapped::Gone);
        assert!(!records.has_session(session).await);
    }
}

#[tokio::test]
async fn completing_replaces_the_old_session_or_does_nothing() {
    for world in worlds().await {
        let records = Records::of(&world).await;
        let first = records.open(1).await;
        let (old, swapped) = records.complete(first, Version::FIRST, 1, None).await;
        assert_eq!(swapped, Swapped::Done);
        assert!(records.store.load_pending(first, records.now).await.unwrap().is_none());

        let second = records.open(2).await;
        let (new, swapped) = records.complete(second, Version::FIRST, 2, Some(old)).await;
        assert_eq!(swapped, Swapped::Done);
        assert!(!records.has_session(old).await);
        assert!(records.has_session(new).await);

        let third = records.open(3).await;
        let (never, swapped) = records.complete(third, Version::FIRST, 3, Some(old)).await;
        assert_eq!(swapped, Swapped::Gone, "what it replaces is gone");
        assert!(!records.has_session(never).await);
    }
}

#[tokio::test]
async fn a_use_never_moves_backward_and_revives_nothing() {
    for world in worlds().await {
        let records = Records::of(&world).await;
        let pending = records.open(1).await;
        let (token, _) = records.complete(pending, Version::FIRST, 1, None).await;
        let later = records.now + Duration::from_secs(90);
        for seen_at in [later, records.now] {
            records.store.touch_session(token, seen_at).await.unwrap();
        }
        world.settle().await;
        let (_, seen_at) = records.store.load_session(token).await.unwrap().unwrap();
        assert_eq!(seen_at, later);
        assert!(records.store.end_session(token).await.unwrap().is_some());
        assert!(records.store.end_session(token).await.unwrap().is_none());
        records.store.touch_session(token, later).await.unwrap();
        world.settle().await;
        assert!(!records.has_session(token).await);
    }
}

#[tokio::test]
async fn ending_all_of_one_user_leaves_the_others() {
    for world in worlds().await {
        let (alice, session) = world.alice_session().await;
        let (pending, _) = world.alice_pending("/").await;
        let (bob, _) = world.session("bob", "bob's own password").await;
        let id = &session.user().id;
        assert_eq!(world.sessions.end_all(id, EndAll::PendingLogins).await.unwrap(), 1);
        let is_open = async |token: &SessionToken| {
            world.auth.load_session(token, world.now()).await.unwrap().is_some()
        };
        assert!(is_open(&alice).await);
        assert!(world.auth.load_pending(&pending, world.now()).await.unwrap().is_none());
        assert_eq!(world.sessions.end_all(id, EndAll::PendingLoginsAndSessions).await.unwrap(), 1);
        assert!(!is_open(&alice).await);
        assert!(is_open(&bob).await);
        let nobody = UserId::from_random([9; 16]);
        let ended = world.sessions.end_all(&nobody, EndAll::PendingLoginsAndSessions).await;
        assert_eq!(ended.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_full_memory_store_refuses_and_drops_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(folder.path().join("auth.db")).await.unwrap();
    let memory = Arc::new(MemorySessionStore::new(2));
    let world = World::with_sessions(folder, database, memory).await;
    let (first, _) = world.alice_pending("/").await;
    world.alice_pending("/").await;
    let verified = world.verified("alice", crate::common::ALICE_PASSWORD).await;
    let (client, now) = (client(), world.now());
    let to = destination("/");
    let third = world.auth.open_pending(verified, to, &client, &world.randomness, now).await;
    assert!(third.is_err());
    assert!(world.auth.load_pending(&first, now).await.unwrap().is_some());
}
