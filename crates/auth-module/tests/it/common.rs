//! A module over a fresh SQLite file (or memory), with alice and bob in it.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::{Duration, SystemTime},
};

use auth_module::{
    AppName, AuditTrail as _, AuthModule, AuthParts, AuthSettings, Completed, Decision,
    Destination, HashParameters, HasherLimits, LoginName, MemoryAuditTrail, NewPassword, NewUser,
    PasswordHasher, PasswordOutcome, PasswordVerified, PathPrefix, PendingLogin, PendingToken,
    PhoneTagKey, Policy, Recorded, RequestFacts, Requirement, Rule, Session, SessionStore,
    SessionToken, User, UserAdded, UserDirectory,
};
use auth_store_sqlite::Database;
use mfa_plugin_api::{AuthenticationMethod, ClientFacts, Evidence, FactorId};
use otp_cache::memory::MemoryStore;
use otp_core::PhoneNumber;
use secrecy::SecretString;
use testkit::{ManualClock, SeededRandomness};

pub(crate) const ALICE_PASSWORD: &str = "correct horse battery";
pub(crate) const ALICE_PHONE: &str = "09012345678";
pub(crate) const SMS_OTP: FactorId = FactorId::from_static("sms-otp");
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

pub(crate) struct World {
    pub(crate) auth: Arc<AuthModule>,
    pub(crate) clock: ManualClock,
    pub(crate) randomness: SeededRandomness,
    pub(crate) otp_cache: Arc<MemoryStore>,
    pub(crate) audit: MemoryAuditTrail,
    pub(crate) hasher: PasswordHasher,
    pub(crate) directory: Arc<dyn UserDirectory>,
    pub(crate) sessions: Arc<dyn SessionStore>,
    pub(crate) database: Database,
    pub(crate) folder: tempfile::TempDir,
}

/// The cheapest hash that is allowed: the tests look at what is done, not at what it costs.
pub(crate) fn cheap() -> HashParameters {
    HashParameters::new(4096, 1, 1).unwrap()
}

pub(crate) fn policy() -> Policy {
    let both = || Requirement::new([FactorId::PASSWORD, SMS_OTP]).unwrap();
    let admin = both().with_step_up([SMS_OTP], 10 * MINUTE).unwrap();
    Policy::new(
        both(),
        vec![
            Rule::public(prefix("/public/")),
            Rule::protected(prefix("/low/"), Requirement::new([FactorId::PASSWORD]).unwrap()),
            Rule::protected(prefix("/admin/"), admin.with_group("admins")),
        ],
    )
    .unwrap()
}

pub(crate) fn prefix(text: &str) -> PathPrefix {
    PathPrefix::parse(text).unwrap()
}

pub(crate) fn app() -> AppName {
    AppName::new("shop").unwrap()
}

/// A destination in the application, from a path with an optional query.
pub(crate) fn destination(url: &str) -> Destination {
    let (path, query) = match url.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (url, None),
    };
    Destination::new(app(), path, query).unwrap()
}

fn settings() -> AuthSettings {
    AuthSettings::new("test", PhoneTagKey::from_bytes([9; 32]))
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path().join("auth.db")).await.unwrap();
        let sessions = Arc::new(database.sessions());
        Self::with_sessions(folder, database, sessions).await
    }

    pub(crate) async fn with_sessions(
        folder: tempfile::TempDir,
        database: Database,
        sessions: Arc<dyn SessionStore>,
    ) -> Self {
        let directory: Arc<dyn UserDirectory> = Arc::new(database.directory());
        let audit = MemoryAuditTrail::new();
        let hasher = PasswordHasher::new(cheap(), HasherLimits::default());
        let otp_cache = Arc::new(MemoryStore::new());
        let parts = AuthParts {
            directory: Arc::clone(&directory),
            sessions: Arc::clone(&sessions),
            challenges: Arc::clone(&otp_cache) as _,
            quota: Arc::clone(&otp_cache) as _,
            audit: Arc::new(audit.clone()),
            hasher: hasher.clone(),
            policy: policy(),
            settings: settings(),
        };
        let world = Self {
            auth: Arc::new(AuthModule::new(parts)),
            clock: ManualClock::new(),
            randomness: SeededRandomness::new(1),
            otp_cache,
            audit,
            hasher,
            directory,
            sessions,
            database,
            folder,
        };
        world.add("alice", Some(ALICE_PASSWORD), Some(ALICE_PHONE), &["admins"]).await;
        world.add("bob", Some("bob's own password"), None, &[]).await;
        world
    }

    /// A second module over the same stores, with some parts replaced.
    pub(crate) fn module_with(&self, change: impl FnOnce(AuthParts) -> AuthParts) -> AuthModule {
        AuthModule::new(change(AuthParts {
            directory: Arc::clone(&self.directory),
            sessions: Arc::clone(&self.sessions),
            challenges: Arc::clone(&self.otp_cache) as _,
            quota: Arc::clone(&self.otp_cache) as _,
            audit: Arc::new(self.audit.clone()),
            hasher: self.hasher.clone(),
            policy: policy(),
            settings: settings(),
        }))
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.clock.now()
    }

    pub(crate) async fn add(
        &self,
        name: &str,
        password: Option<&str>,
        phone: Option<&str>,
        groups: &[&str],
    ) -> User {
        let name = LoginName::parse(name).unwrap();
        let mut user = NewUser::new(name.clone());
        user.password = password.map(|p| NewPassword::Plain(SecretString::from(p)));
        user.phone_number = phone.map(|p| PhoneNumber::from_japanese(p).unwrap());
        user.groups = groups.iter().map(|&g| g.to_owned()).collect();
        let added = self.auth.add_user(user, "test", &self.randomness, self.now()).await.unwrap();
        assert!(matches!(added, UserAdded::Done(_)));
        self.user(name.as_str()).await
    }

    pub(crate) async fn user(&self, name: &str) -> User {
        self.auth.find_user(&LoginName::parse(name).unwrap()).await.unwrap().unwrap()
    }

    pub(crate) async fn try_password(&self, name: &str, password: &str) -> PasswordOutcome {
        self.try_password_from(name, password, &client()).await
    }

    pub(crate) async fn try_password_from(
        &self,
        name: &str,
        password: &str,
        client: &ClientFacts,
    ) -> PasswordOutcome {
        let password = SecretString::from(password);
        let now = self.now();
        self.auth.verify_password(name, &password, client, &self.randomness, now).await.unwrap()
    }

    pub(crate) async fn verified(&self, name: &str, password: &str) -> PasswordVerified {
        match self.try_password(name, password).await {
            PasswordOutcome::Verified(verified) => verified,
            other => panic!("not verified: {other:?}"),
        }
    }

    pub(crate) async fn alice_pending(&self, url: &str) -> (PendingToken, PendingLogin) {
        self.pending("alice", ALICE_PASSWORD, url).await
    }

    async fn pending(&self, name: &str, password: &str, url: &str) -> (PendingToken, PendingLogin) {
        let verified = self.verified(name, password).await;
        let (client, to, now) = (client(), destination(url), self.now());
        let opened = self.auth.open_pending(verified, to, &client, &self.randomness, now);
        opened.await.unwrap()
    }

    /// What the module decides about a request for `path`.
    pub(crate) fn decide(
        &self,
        path: &str,
        session: Option<&Session>,
        now: SystemTime,
    ) -> Decision {
        let app = app();
        let mut facts = RequestFacts::new(&app, "GET", path, client().address, now);
        if let Some(session) = session {
            facts = facts.with_user(session.user_facts());
        }
        self.auth.decide(&facts)
    }

    pub(crate) async fn record_sms(&self, login: &PendingLogin) -> PendingLogin {
        let evidence = sms_evidence(self.now());
        let recorded = self.auth.record_evidence(login, &SMS_OTP, evidence, self.now()).await;
        match recorded.unwrap() {
            Recorded::Done { login, missing } => {
                assert_eq!(missing, []);
                login
            }
            Recorded::Gone => panic!("the login is gone"),
        }
    }

    pub(crate) async fn complete(&self, login: &PendingLogin) -> Completed {
        self.auth.complete(login, &client(), &self.randomness, self.now()).await.unwrap()
    }

    pub(crate) async fn alice_session(&self) -> (SessionToken, Session) {
        self.session("alice", ALICE_PASSWORD).await
    }

    pub(crate) async fn session(&self, name: &str, password: &str) -> (SessionToken, Session) {
        let (_, login) = self.pending(name, password, "/").await;
        let login = self.record_sms(&login).await;
        match self.complete(&login).await {
            Completed::Opened { token, session, .. } => (token, session),
            other => panic!("not opened: {other:?}"),
        }
    }

    /// Waits until everything that was queued for the file is written.
    pub(crate) async fn settle(&self) {
        self.database.audit_trail().flush().await.unwrap();
    }

    pub(crate) fn events(&self) -> Vec<&'static str> {
        self.audit.records().iter().map(|record| record.event).collect()
    }
}

pub(crate) fn client() -> ClientFacts {
    client_at([192, 0, 2, 1])
}

pub(crate) fn client_at(address: [u8; 4]) -> ClientFacts {
    ClientFacts::new(IpAddr::V4(Ipv4Addr::from(address)), "ja")
}

pub(crate) fn sms_evidence(at: SystemTime) -> Evidence {
    Evidence::new([AuthenticationMethod::OTP, AuthenticationMethod::SMS], at)
}
