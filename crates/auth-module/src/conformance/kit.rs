//! What the clauses share: ports, names that no other call uses, and an instant.

use std::{
    fmt::Debug,
    hash::{BuildHasher as _, RandomState},
    net::IpAddr,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD};
use mfa_plugin_api::{AuthenticationMethod, ClientFacts, Evidence, FactorId};
use otp_core::PhoneNumber;
use secrecy::SecretString;

use crate::{
    audit::AuditTrail,
    audit_archive::AuditArchive,
    audit_chain::ChainKey,
    audit_reader::AuditReader,
    destination::{AppName, Destination},
    error::AuthError,
    evidence::FactorEvidence,
    name::LoginName,
    password::{HashSource, PasswordCheck, PasswordHash, PasswordHasher},
    session_record::{SessionClient, SessionId, SessionRecord, StoredSession, UserSnapshot},
    session_store::{PendingRecord, Sessions, UpdateOutcome, Version},
    token::TokenDigest,
    user::{Account, User, UserId},
    users::{AccountsAdded, Change, UserAdministration, Users},
};

/// Callers in a race.
pub(super) const CALLERS: usize = 32;

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3600);

/// Numbers given out in this process.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// Tells this run from others on the same data, also if process ids repeat.
static RUN: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one("conformance"));

/// Sixteen bytes that no other call and no other run gets.
pub(super) fn bytes() -> [u8; 16] {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    ((u128::from(*RUN) << 64) | u128::from(number)).to_be_bytes()
}

/// A text of 32 hexadecimal digits that no other call gets. Later calls sort after earlier ones.
pub(super) fn unique() -> String {
    format!("{:032x}", u128::from_be_bytes(bytes()))
}

/// The instant at which a clause begins: in the year 2100. A store that sweeps by its own clock, as with
/// a time to live, sweeps nothing before a clause has looked at it.
pub(super) fn start() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(4_102_444_800)
}

/// A user whom no other call uses.
pub(super) fn user() -> User {
    named(&format!("u{}x", unique()))
}

/// A user with this login name.
pub(super) fn named(name: &str) -> User {
    let name = LoginName::parse(name).expect("a login name");
    let mut user = User::new(UserId::from_random(bytes()), name, "A Name", start());
    user.groups = ["admins", "staff"].map(str::to_owned).into();
    user.phone_number = Some(phone_number());
    user.phone_number_changed_at = Some(start());
    user
}

/// The phone number of the users of this module.
pub(super) fn phone_number() -> PhoneNumber {
    PhoneNumber::from_japanese("090-1234-5678").expect("a number")
}

/// A digest that no other call uses.
pub(super) fn token() -> TokenDigest {
    let mut digest = [0; 32];
    digest[..16].copy_from_slice(&bytes());
    TokenDigest::from_bytes(digest)
}

/// A hash with these passes that no other call gets and no password has.
pub(super) fn hash(passes: u32) -> PasswordHash {
    let salt = BASE64_STANDARD_NO_PAD.encode(bytes());
    // The memory is unusual, so that clauses can tell these hashes from others in the store.
    let hash = format!("$argon2id$v=19$m=4104,t={passes},p=1${salt}${salt}");
    PasswordHash::parse(&hash).expect("a hash")
}

/// A destination with this path, whose query is awkward to store.
pub(super) fn destination(path: &str) -> Destination {
    let app = AppName::new("shop").expect("a name");
    let query = Some("b=%27\"c\"".to_owned());
    Destination::new(app, path, query).expect("a destination")
}

/// A pending login of `user` that lasts ten minutes.
pub(super) fn pending_of(user: &User) -> PendingRecord {
    let (now, end) = (start(), start() + 10 * MINUTE);
    PendingRecord::new(unique(), user, destination("/a"), now, end)
}

/// A session of `user` that was opened at `opened_at` and lasts an hour.
pub(super) fn session_of(user: &User, opened_at: SystemTime) -> SessionRecord {
    let client = ClientFacts::new(IpAddr::from([192, 0, 2, 7]), "ja").with_user_agent("Browser/1");
    let mut session = SessionRecord::new(
        SessionId::from_random(bytes()),
        unique(),
        UserSnapshot::new(user, start()),
        SessionClient::new(&client),
        opened_at,
        opened_at + HOUR,
    );
    let evidence = Evidence::new([AuthenticationMethod::PWD], start());
    session.evidence.push(FactorEvidence::new(FactorId::PASSWORD, &evidence));
    session
}

/// Returns what an implementation returned.
///
/// # Panics
///
/// If it failed.
#[track_caller]
pub(super) fn ok<T>(result: Result<T, AuthError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("the implementation failed: {error} ({error:?})"),
    }
}

/// Whether `holds` becomes true within ten seconds: for what is not acknowledged.
pub(super) async fn eventually(holds: impl AsyncFn() -> bool) -> bool {
    for _ in 0..1000 {
        if holds().await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

/// Runs a call of each number at the same time and returns what they returned.
pub(super) async fn at_once<T, F>(call: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = (0..CALLERS).map(|number| tokio::spawn(call(number))).collect();
    let mut results = Vec::with_capacity(CALLERS);
    for task in tasks {
        results.push(task.await.expect("the call does not panic"));
    }
    results
}

/// Puts users into the directory under test, behind its back if it is read-only.
///
/// For an LDAP server, it writes the entries as an administrator of that server would.
#[async_trait]
pub trait Seed: Debug + Send + Sync {
    /// Adds a user with the login name, the display name, the groups and the phone number of `user`, and
    /// with this password. Returns the user's id.
    ///
    /// A directory that makes its own ids does not use that of `user`.
    async fn add(&self, user: &User, password: Option<&str>) -> UserId;

    /// Sets the password of a user.
    async fn set_password(&self, id: &UserId, password: &str);

    /// Disables a user.
    async fn disable(&self, id: &UserId);
}

/// A [`Seed`] for stores with an administration.
#[derive(Debug)]
pub struct StoreSeed {
    /// The administration.
    pub administration: Arc<dyn UserAdministration>,
    /// Makes the hashes; low parameters do.
    pub hasher: PasswordHasher,
}

impl StoreSeed {
    async fn hash(&self, password: &str) -> PasswordHash {
        let hash = self.hasher.hash(&SecretString::from(password), bytes()).await;
        ok(hash).expect("the hasher has room")
    }

    async fn change(&self, id: &UserId, change: Change) {
        assert!(ok(self.administration.change(id, change, start()).await), "the user is there");
    }
}

#[async_trait]
impl Seed for StoreSeed {
    async fn add(&self, user: &User, password: Option<&str>) -> UserId {
        let hash = match password {
            Some(password) => Some(self.hash(password).await),
            None => None,
        };
        let added = self.administration.add(vec![Account::new(user.clone(), hash)]).await;
        assert_eq!(ok(added), AccountsAdded::Done);
        user.id.clone()
    }

    async fn set_password(&self, id: &UserId, password: &str) {
        self.change(id, Change::Password(self.hash(password).await)).await;
    }

    async fn disable(&self, id: &UserId) {
        self.change(id, Change::Disabled(true)).await;
    }
}

/// What the clauses of [`Users`] need.
#[derive(Debug, Clone)]
pub struct UsersKit {
    /// The port.
    pub users: Arc<dyn Users>,
    /// Adds the users that the clauses look up.
    pub seed: Arc<dyn Seed>,
}

impl UsersKit {
    /// Adds `user`, who gets the id of the directory.
    pub(super) async fn added(&self, mut user: User, password: Option<&str>) -> User {
        user.id = self.seed.add(&user, password).await;
        user
    }
}

/// What the clauses of [`PasswordCheck`] need.
#[derive(Debug, Clone)]
pub struct PasswordCheckKit {
    /// The port.
    pub passwords: Arc<dyn PasswordCheck>,
    /// The users whose passwords it checks.
    pub users: Arc<dyn Users>,
    /// Adds the users that the clauses check.
    pub seed: Arc<dyn Seed>,
}

/// What the clauses of [`UserAdministration`] and [`HashSource`] need: one store.
#[derive(Debug, Clone)]
pub struct StoredUsersKit {
    /// Its users.
    pub users: Arc<dyn Users>,
    /// Its hashes.
    pub hashes: Arc<dyn HashSource>,
    /// Its administration.
    pub administration: Arc<dyn UserAdministration>,
}

impl StoredUsersKit {
    /// Makes a kit of one store that has all three ports.
    pub fn new<S: Users + HashSource + UserAdministration>(store: Arc<S>) -> Self {
        let users: Arc<dyn Users> = Arc::clone(&store) as _;
        Self { users, hashes: Arc::clone(&store) as _, administration: store }
    }

    pub(super) async fn added(&self, user: &User, hash: Option<PasswordHash>) {
        let added = self.administration.add(vec![Account::new(user.clone(), hash)]).await;
        assert_eq!(ok(added), AccountsAdded::Done);
    }

    pub(super) async fn found(&self, user: &User) -> User {
        ok(self.users.find_by_id(&user.id).await).expect("the user is there")
    }
}

/// What the clauses of [`Sessions`] need.
#[derive(Debug)]
pub struct SessionsKit {
    nodes: Vec<Arc<dyn Sessions>>,
    next: AtomicUsize,
}

impl SessionsKit {
    /// Makes a kit of one handle.
    pub fn new(sessions: Arc<dyn Sessions>) -> Self {
        Self::over(vec![sessions])
    }

    /// Makes a kit of several handles on the same data, one for each node or process. The calls of a
    /// clause are spread over them.
    ///
    /// # Panics
    ///
    /// If there is no handle.
    pub fn over(nodes: Vec<Arc<dyn Sessions>>) -> Self {
        assert!(!nodes.is_empty(), "a kit needs a handle");
        Self { nodes, next: AtomicUsize::new(0) }
    }

    pub(super) fn nodes(&self) -> &[Arc<dyn Sessions>] {
        &self.nodes
    }

    pub(super) async fn open(&self, login: &PendingRecord) -> TokenDigest {
        let token = token();
        ok(self.node().open_pending(token, login.clone()).await);
        token
    }

    /// Opens a session by way of a pending login.
    pub(super) async fn opened(&self, user: &User, session: SessionRecord) -> TokenDigest {
        let pending = self.open(&pending_of(user)).await;
        let (token, outcome) = self.complete(pending, Version::FIRST, session, None).await;
        assert_eq!(outcome, UpdateOutcome::Done, "a login completes");
        token
    }

    pub(super) async fn complete(
        &self,
        pending: TokenDigest,
        read: Version,
        session: SessionRecord,
        replaces: Option<TokenDigest>,
    ) -> (TokenDigest, UpdateOutcome) {
        let token = token();
        (token, ok(self.node().complete(pending, read, token, session, replaces).await))
    }

    pub(super) async fn pending(
        &self,
        token: TokenDigest,
        now: SystemTime,
    ) -> Option<PendingRecord> {
        ok(self.node().load_pending(token, now).await).map(|(login, _)| login)
    }

    pub(super) async fn session(
        &self,
        token: TokenDigest,
        now: SystemTime,
    ) -> Option<StoredSession> {
        ok(self.node().load_session(token, now).await)
    }

    pub(super) async fn is_open(&self, token: TokenDigest) -> bool {
        self.session(token, start()).await.is_some()
    }

    /// Returns the handles in turn.
    pub fn node(&self) -> Arc<dyn Sessions> {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        Arc::clone(&self.nodes[next % self.nodes.len()])
    }
}

/// What the clauses of [`AuditTrail`] and [`AuditReader`] need: one trail.
#[derive(Debug, Clone)]
pub struct AuditKit {
    /// Takes the records.
    pub trail: Arc<dyn AuditTrail>,
    /// Reads them.
    pub reader: Arc<dyn AuditReader>,
    /// The key of the chain.
    pub key: Arc<ChainKey>,
}

impl AuditKit {
    /// Makes a kit of one trail that has both ports, and of the key of its chain.
    pub fn new<S: AuditTrail + AuditReader>(trail: Arc<S>, key: ChainKey) -> Self {
        Self { trail: Arc::clone(&trail) as _, reader: trail, key: Arc::new(key) }
    }
}

/// What the clauses of [`AuditArchive`] need: one trail that no other test writes to.
#[derive(Debug, Clone)]
pub struct ArchiveKit {
    /// The port.
    pub archive: Arc<dyn AuditArchive>,
    /// The key of the chain.
    pub key: Arc<ChainKey>,
}

impl ArchiveKit {
    /// Makes a kit of one trail, and of the key of its chain.
    pub fn new(archive: Arc<dyn AuditArchive>, key: ChainKey) -> Self {
        Self { archive, key: Arc::new(key) }
    }
}
