//! A file, and an authentication module over it with the user alice.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use auth_module::{
    Administration, AppName, AuthModule, AuthParts, AuthSettings, ChainKey, Completed, Destination,
    HashParameters, HashedPasswords, HasherLimits, LoginName, NewPassword, NewUser, PasswordHasher,
    PasswordLimits, PasswordOutcome, PendingLogin, PendingToken, PhoneTagKey, Policy, Recorded,
    Requirement, SessionToken, UserAdded,
};
use auth_store_sqlite::Database;
use mfa_plugin_api::{AuthenticationMethod, ClientFacts, Evidence, FactorId};
use otp_cache::{LocalNotifier, memory::MemoryStore};
use otp_core::{PhoneNumber, gcra::Rate};
use secrecy::SecretString;
use testkit::{ManualClock, SeededRandomness};

/// The key of the hash chain.
pub(crate) fn chain_key() -> ChainKey {
    ChainKey::from_bytes([7; 32])
}

pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const PHONE: &str = "09012345678";
/// The second factor, as the SMS plugin names it.
const SMS_OTP: FactorId = FactorId::from_static("sms-otp");

/// A folder for the file, which goes with it.
pub(crate) struct File {
    folder: tempfile::TempDir,
}

impl File {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("auth.db")
    }

    pub(crate) async fn open(&self) -> Database {
        Database::open(self.path()).await.unwrap()
    }
}

pub(crate) struct World {
    pub(crate) auth: AuthModule,
    pub(crate) clock: ManualClock,
    pub(crate) randomness: SeededRandomness,
}

impl World {
    /// A module over `database`.
    pub(crate) fn over(database: &Database) -> Self {
        let hasher =
            PasswordHasher::new(HashParameters::new(4096, 1, 1).unwrap(), HasherLimits::default());
        let users = Arc::new(database.users());
        let cache = Arc::new(MemoryStore::new());
        let factors = Requirement::new([FactorId::PASSWORD, SMS_OTP]).unwrap();
        // The tests log in as often as the file allows.
        let successes = Rate::new(1_000_000, Duration::from_secs(1)).unwrap();
        let limits = PasswordLimits { successes, ..PasswordLimits::default() };
        let auth = AuthModule::new(AuthParts {
            users: Arc::clone(&users) as _,
            passwords: Arc::new(HashedPasswords::new(
                Arc::clone(&users) as _,
                hasher.clone(),
                [8; 32],
            )),
            administration: Some(Administration { users, hasher }),
            sessions: Arc::new(database.sessions()),
            otp_cache: Arc::clone(&cache) as _,
            notes: cache,
            notifier: Arc::new(LocalNotifier::new()),
            audit: Arc::new(database.audit_trail(chain_key())),
            policy: Policy::new(factors, Vec::new()).unwrap(),
            settings: AuthSettings::new("test", PhoneTagKey::from_bytes([9; 32]))
                .with_password_limits(limits),
        });
        Self { auth, clock: ManualClock::new(), randomness: SeededRandomness::new(1) }
    }

    /// A module over `database`, with alice in it.
    pub(crate) async fn with_alice(database: &Database) -> Self {
        let world = Self::over(database);
        world.add("alice", Some(PASSWORD)).await;
        world
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.clock.now()
    }

    pub(crate) async fn add(&self, name: &str, password: Option<&str>) {
        let mut user = NewUser::new(LoginName::parse(name).unwrap());
        user.password = password.map(|p| NewPassword::Plain(SecretString::from(p)));
        user.phone_number = Some(PhoneNumber::from_japanese(PHONE).unwrap());
        let added = self.auth.add_user(user, "test", &self.randomness, self.now()).await.unwrap();
        assert!(matches!(added, UserAdded::Done(_)));
    }

    pub(crate) async fn try_password(&self, password: &str) -> PasswordOutcome {
        let password = SecretString::from(password);
        let (client, now) = (client(), self.now());
        self.auth
            .verify_password("alice", &password, &client, None, &self.randomness, now)
            .await
            .unwrap()
    }

    /// A pending login on the way to this path and query.
    pub(crate) async fn pending(
        &self,
        path: &str,
        query: Option<&str>,
    ) -> (PendingToken, PendingLogin) {
        let PasswordOutcome::Verified(verified) = self.try_password(PASSWORD).await else {
            panic!("not verified")
        };
        let app = AppName::new("shop").unwrap();
        let destination = Destination::new(app, path, query.map(str::to_owned)).unwrap();
        let now = self.now();
        self.auth
            .open_pending(verified, destination, &client(), &self.randomness, now)
            .await
            .unwrap()
    }

    pub(crate) async fn session(&self) -> SessionToken {
        let (_, login) = self.pending("/", None).await;
        let now = self.now();
        let evidence = Evidence::new([AuthenticationMethod::OTP, AuthenticationMethod::SMS], now);
        let recorded = self.auth.record_evidence(&login, &SMS_OTP, evidence, now).await;
        let Recorded::Done { login, .. } = recorded.unwrap() else { panic!("gone") };
        let completed = self.auth.complete(&login, &client(), &self.randomness, now).await;
        match completed.unwrap() {
            Completed::Opened { token, .. } => token,
            other => panic!("not opened: {other:?}"),
        }
    }
}

pub(crate) fn client() -> ClientFacts {
    ClientFacts::new([192, 0, 2, 1].into(), "ja")
}
