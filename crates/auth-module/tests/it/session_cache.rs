//! Sessions in memory: what a request costs, and how soon the end of a session is known.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use auth_module::{
    AuthError, AuthModule, AuthParts, EndAll, LoginName, MemorySessions, MemoryUsers,
    PendingRecord, SessionId, SessionRecord, SessionToken, Sessions, StoredSession, TokenDigest,
    UpdateOutcome, User, UserId, UserSnapshot, Users, Version,
};
use tokio::sync::Notify;

use crate::common::{MINUTE, World, client, settings};

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// Counts the calls that each part of the store gets, and can hold a load between its read and its
/// return.
#[derive(Debug)]
struct Counting {
    store: MemorySessions,
    loads: AtomicUsize,
    notes: AtomicUsize,
    others: AtomicUsize,
    hold: Option<(Notify, Notify)>,
}

impl Counting {
    fn new() -> Self {
        Self {
            store: MemorySessions::new(1000),
            loads: AtomicUsize::new(0),
            notes: AtomicUsize::new(0),
            others: AtomicUsize::new(0),
            hold: None,
        }
    }

    fn other(&self) -> &MemorySessions {
        self.others.fetch_add(1, Ordering::SeqCst);
        &self.store
    }

    /// Loads, notes and other calls since the last look.
    fn take(&self) -> [usize; 3] {
        [&self.loads, &self.notes, &self.others].map(|count| count.swap(0, Ordering::SeqCst))
    }
}

#[async_trait]
impl Sessions for Counting {
    async fn open_pending(
        &self,
        token: TokenDigest,
        login: PendingRecord,
    ) -> Result<(), AuthError> {
        self.other().open_pending(token, login).await
    }

    async fn load_pending(
        &self,
        token: TokenDigest,
        now: SystemTime,
    ) -> Result<Option<(PendingRecord, Version)>, AuthError> {
        self.other().load_pending(token, now).await
    }

    async fn save_pending(
        &self,
        token: TokenDigest,
        login: PendingRecord,
        read: Version,
    ) -> Result<UpdateOutcome, AuthError> {
        self.other().save_pending(token, login, read).await
    }

    async fn end_pending(&self, token: TokenDigest) -> Result<bool, AuthError> {
        self.other().end_pending(token).await
    }

    async fn complete(
        &self,
        pending: TokenDigest,
        read: Version,
        token: TokenDigest,
        session: SessionRecord,
        replaces: Option<TokenDigest>,
    ) -> Result<UpdateOutcome, AuthError> {
        self.other().complete(pending, read, token, session, replaces).await
    }

    async fn load_session(
        &self,
        token: TokenDigest,
        now: SystemTime,
    ) -> Result<Option<StoredSession>, AuthError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        let found = self.store.load_session(token, now).await;
        if let Some((has_read, may_return)) = &self.hold {
            has_read.notify_one();
            may_return.notified().await;
        }
        found
    }

    fn touch_session(&self, token: TokenDigest, seen_at: SystemTime) {
        self.notes.fetch_add(1, Ordering::SeqCst);
        self.store.touch_session(token, seen_at);
    }

    fn refresh_user(&self, token: TokenDigest, user: UserSnapshot) {
        self.notes.fetch_add(1, Ordering::SeqCst);
        self.store.refresh_user(token, user);
    }

    async fn sessions_of(
        &self,
        user: &UserId,
        now: SystemTime,
        limit: usize,
    ) -> Result<Vec<StoredSession>, AuthError> {
        self.other().sessions_of(user, now, limit).await
    }

    async fn end_session(&self, token: TokenDigest) -> Result<Option<SessionRecord>, AuthError> {
        self.other().end_session(token).await
    }

    async fn end_session_by_id(
        &self,
        user: &UserId,
        id: &SessionId,
    ) -> Result<Option<SessionRecord>, AuthError> {
        self.other().end_session_by_id(user, id).await
    }

    async fn end_all(&self, user: &UserId, what: EndAll) -> Result<usize, AuthError> {
        self.other().end_all(user, what).await
    }

    async fn sweep(&self, now: SystemTime, idle_since: SystemTime) -> Result<usize, AuthError> {
        self.other().sweep(now, idle_since).await
    }
}

/// Counts how often users are looked up by their ids.
#[derive(Debug)]
struct CountingUsers(MemoryUsers, AtomicUsize);

#[async_trait]
impl Users for CountingUsers {
    async fn find_by_name(&self, name: &LoginName) -> Result<Option<User>, AuthError> {
        self.0.find_by_name(name).await
    }

    async fn find_by_id(&self, id: &UserId) -> Result<Option<User>, AuthError> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.find_by_id(id).await
    }

    async fn list(&self, after: Option<&LoginName>, limit: usize) -> Result<Vec<User>, AuthError> {
        self.0.list(after, limit).await
    }

    async fn search(
        &self,
        text: &str,
        after: Option<&LoginName>,
        limit: usize,
    ) -> Result<Vec<User>, AuthError> {
        self.0.search(text, after, limit).await
    }
}

struct Counted {
    world: World,
    store: Arc<Counting>,
    users: Arc<CountingUsers>,
    auth: AuthModule,
}

impl Counted {
    async fn new() -> Self {
        Self::over(Counting::new()).await
    }

    async fn over(store: Counting) -> Self {
        let store = Arc::new(store);
        let world = World::with_sessions(Arc::clone(&store) as _).await;
        let users = Arc::new(CountingUsers(world.users.clone(), AtomicUsize::new(0)));
        let auth = world.module_with(|parts| AuthParts { users: Arc::clone(&users) as _, ..parts });
        Self { world, store, users, auth }
    }

    async fn session(&self) -> SessionToken {
        let (token, _) = self.world.alice_session().await;
        self.take();
        token
    }

    async fn is_open(&self, token: &SessionToken) -> bool {
        self.auth.load_session(token, self.world.now()).await.unwrap().is_some()
    }

    /// Loads, notes and other calls of the session store, and look-ups of users, since the last look.
    fn take(&self) -> [usize; 4] {
        let [loads, notes, others] = self.store.take();
        [loads, notes, others, self.users.1.swap(0, Ordering::SeqCst)]
    }
}

#[tokio::test]
async fn a_known_fresh_session_touches_no_store_at_all() {
    let counted = Counted::new().await;
    let token = counted.session().await;
    assert!(counted.is_open(&token).await);
    assert_eq!(counted.take(), [1, 0, 0, 0], "the first load");
    for _ in 0..1000 {
        assert!(counted.is_open(&token).await);
    }
    counted.world.clock.advance(SECOND - MILLISECOND);
    assert!(counted.is_open(&token).await);
    assert_eq!(counted.take(), [0, 0, 0, 0], "no load, no note, no look-up");
    counted.world.clock.advance(MILLISECOND);
    for _ in 0..1000 {
        assert!(counted.is_open(&token).await);
    }
    assert_eq!(counted.take(), [1, 0, 0, 0], "a second later, one load");
}

#[tokio::test]
async fn a_session_in_use_costs_two_notes_and_one_look_up_a_minute() {
    let counted = Counted::new().await;
    let token = counted.session().await;
    for _ in 0..600 {
        counted.world.clock.advance(SECOND);
        for _ in 0..10 {
            assert!(counted.is_open(&token).await);
        }
    }
    assert_eq!(counted.take(), [600, 20, 0, 10]);
}

#[tokio::test]
async fn without_a_cache_age_and_a_refresh_time_each_load_asks() {
    let counted = Counted::new().await;
    let settings = settings()
        .with_session_cache_age(Duration::ZERO)
        .and_then(|settings| settings.with_user_refresh(Duration::ZERO))
        .unwrap();
    let users = Arc::clone(&counted.users) as Arc<dyn Users>;
    let auth = counted.world.module_with(|parts| AuthParts { users, settings, ..parts });
    let token = counted.session().await;
    for _ in 0..10 {
        assert!(auth.load_session(&token, counted.world.now()).await.unwrap().is_some());
    }
    let [loads, _, _, users] = counted.take();
    assert_eq!((loads, users), (10, 10));
}

#[test]
fn settings_outside_their_range_are_refused() {
    assert!(settings().with_user_refresh(10 * MINUTE).is_ok());
    assert!(settings().with_user_refresh(10 * MINUTE + MILLISECOND).is_err());
    assert!(settings().with_session_cache_age(SECOND).is_ok());
    assert!(settings().with_session_cache_age(SECOND + MILLISECOND).is_err());
}

#[tokio::test]
async fn what_another_node_ends_is_over_within_a_second() {
    let counted = Counted::new().await;
    let other_node = counted.world.module_with(|parts| parts);
    let token = counted.session().await;
    assert!(counted.is_open(&token).await);
    other_node.logout(&token, &client(), counted.world.now()).await.unwrap();
    counted.world.clock.advance(SECOND - MILLISECOND);
    assert!(counted.is_open(&token).await, "within the stated bound");
    counted.world.clock.advance(MILLISECOND);
    assert!(!counted.is_open(&token).await);
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_prolong_a_cached_session() {
    let counted = Counted::new().await;
    let token = counted.session().await;
    assert!(counted.is_open(&token).await);
    counted.take();
    counted.world.clock.set(counted.world.now() - MINUTE);
    assert!(counted.is_open(&token).await);
    let [loads, _, _, users] = counted.take();
    assert_eq!((loads, users), (1, 1), "nothing says how old the entries are");
}

/// A load reads the store, then the session ends, then the load returns and caches what it read.
#[tokio::test]
async fn a_load_that_is_overtaken_by_the_end_of_its_session_caches_nothing() {
    type End = for<'a> fn(&'a Counted, &'a SessionToken, &'a UserId, &'a SessionId) -> Ending<'a>;
    type Ending<'a> = std::pin::Pin<Box<dyn Future<Output = ()> + 'a>>;
    let ends: [End; 3] = [
        |counted, token, _, _| {
            Box::pin(async move {
                counted.auth.logout(token, &client(), counted.world.now()).await.unwrap();
            })
        },
        |counted, _, user, id| {
            Box::pin(async move {
                let now = counted.world.now();
                assert!(counted.auth.end_session_by_id(user, id, None, now).await.unwrap());
            })
        },
        |counted, _, user, _| {
            Box::pin(async move {
                counted.auth.end_all_sessions(user, None, counted.world.now()).await.unwrap();
            })
        },
    ];
    for end in ends {
        let store = Counting { hold: Some((Notify::new(), Notify::new())), ..Counting::new() };
        let counted = Counted::over(store).await;
        let (token, session) = counted.world.alice_session().await;
        let (has_read, may_return) = counted.store.hold.as_ref().unwrap();
        let ending = async {
            has_read.notified().await;
            end(&counted, &token, &session.user().id, session.id()).await;
            may_return.notify_one();
        };
        let (was_open, ()) = tokio::join!(counted.is_open(&token), ending);
        assert!(was_open, "the load began before the end");
        // The next load must not be served from memory.
        may_return.notify_one();
        assert!(!counted.is_open(&token).await);
    }
}

#[tokio::test]
async fn an_end_through_this_module_is_known_at_once() {
    let counted = Counted::new().await;
    let token = counted.session().await;
    let other = counted.session().await;
    assert!(counted.is_open(&token).await && counted.is_open(&other).await);
    counted.auth.logout(&token, &client(), counted.world.now()).await.unwrap();
    assert!(!counted.is_open(&token).await);
    assert!(counted.is_open(&other).await);
    let alice = LoginName::parse("alice").unwrap();
    let disabled = auth_module::Disabled::Yes;
    counted.auth.set_disabled(&alice, disabled, "test", counted.world.now()).await.unwrap();
    assert!(!counted.is_open(&other).await);
}

/// The directory is asked again, and its failure is not taken for an unchanged user.
#[tokio::test]
async fn a_session_is_refused_while_its_user_cannot_be_read() {
    #[derive(Debug)]
    struct Broken;

    #[async_trait]
    impl Users for Broken {
        async fn find_by_name(&self, _: &LoginName) -> Result<Option<User>, AuthError> {
            Err(AuthError::new(auth_module::AuthErrorKind::Unavailable, "no directory"))
        }

        async fn find_by_id(&self, _: &UserId) -> Result<Option<User>, AuthError> {
            Err(AuthError::new(auth_module::AuthErrorKind::Unavailable, "no directory"))
        }

        async fn list(&self, _: Option<&LoginName>, _: usize) -> Result<Vec<User>, AuthError> {
            Ok(Vec::new())
        }

        async fn search(
            &self,
            _: &str,
            _: Option<&LoginName>,
            _: usize,
        ) -> Result<Vec<User>, AuthError> {
            Ok(Vec::new())
        }
    }

    let counted = Counted::new().await;
    let auth = counted.world.module_with(|parts| AuthParts { users: Arc::new(Broken), ..parts });
    let token = counted.session().await;
    assert!(auth.load_session(&token, counted.world.now()).await.unwrap().is_some());
    counted.world.clock.advance(MINUTE);
    assert!(auth.load_session(&token, counted.world.now()).await.is_err());
    // The session is still open once the directory is back.
    assert!(counted.is_open(&token).await);
}
