//! A module over stores in memory, with the users alice and bob.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::{Duration, SystemTime},
};

use auth_module::{
    Account, Administration, AppName, AuthModule, AuthParts, AuthSettings, Completed, Decision,
    Destination, HashParameters, HashSource as _, HashedPasswords, HasherLimits,
    KnownBrowserCookie, KnownBrowserKey, LoginName, MemoryAuditTrail, MemorySessions, MemoryUsers,
    NewPassword, NewUser, PasswordHasher, PasswordOutcome, PasswordVerified, PathPattern,
    PendingLogin, PendingToken, PhoneTagKey, Policy, Recorded, RequestFacts, Requirement, Rule,
    Session, SessionToken, Sessions, User, UserAdded,
};
use mfa_plugin_api::{AuthenticationMethod, ClientFacts, Evidence, FactorId};
use otp_cache::{LocalNotifier, memory::MemoryStore};
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
    pub(crate) users: MemoryUsers,
    pub(crate) sessions: Arc<dyn Sessions>,
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

pub(crate) fn prefix(text: &str) -> PathPattern {
    PathPattern::parse(text).unwrap()
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

pub(crate) fn settings() -> AuthSettings {
    AuthSettings::new("test", PhoneTagKey::from_bytes([9; 32]))
        .with_known_browser_key(KnownBrowserKey::from_bytes([6; 32]))
}

fn parts(
    users: &MemoryUsers,
    sessions: &Arc<dyn Sessions>,
    otp_cache: &Arc<MemoryStore>,
    audit: &MemoryAuditTrail,
    hasher: &PasswordHasher,
) -> AuthParts {
    AuthParts {
        users: Arc::new(users.clone()),
        passwords: hashed(users, hasher),
        administration: Some(Administration {
            users: Arc::new(users.clone()),
            hasher: hasher.clone(),
        }),
        sessions: Arc::clone(sessions),
        otp_cache: Arc::clone(otp_cache) as _,
        notes: Arc::clone(otp_cache) as _,
        notifier: Arc::new(LocalNotifier::new()),
        audit: Arc::new(audit.clone()),
        policy: policy(),
        settings: settings(),
    }
}

/// Checks passwords against the hashes of `users`.
pub(crate) fn hashed(users: &MemoryUsers, hasher: &PasswordHasher) -> Arc<HashedPasswords> {
    Arc::new(HashedPasswords::new(Arc::new(users.clone()), hasher.clone(), [8; 32]))
}

/// The parts that hash with `hasher`, both to check and to set a password.
pub(crate) fn with_hasher(
    users: &MemoryUsers,
    hasher: &PasswordHasher,
    parts: AuthParts,
) -> AuthParts {
    let administration = Administration { users: Arc::new(users.clone()), hasher: hasher.clone() };
    AuthParts { passwords: hashed(users, hasher), administration: Some(administration), ..parts }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_sessions(Arc::new(MemorySessions::new(1000))).await
    }

    pub(crate) async fn with_sessions(sessions: Arc<dyn Sessions>) -> Self {
        let world = Self::empty(sessions);
        world.add("alice", Some(ALICE_PASSWORD), Some(ALICE_PHONE), &["admins"]).await;
        world.add("bob", Some("bob's own password"), None, &[]).await;
        world
    }

    fn empty(sessions: Arc<dyn Sessions>) -> Self {
        let users = MemoryUsers::new();
        let audit = MemoryAuditTrail::new();
        let hasher = PasswordHasher::new(cheap(), HasherLimits::default());
        let otp_cache = Arc::new(MemoryStore::new());
        let auth = Arc::new(AuthModule::new(parts(&users, &sessions, &otp_cache, &audit, &hasher)));
        Self {
            auth,
            clock: ManualClock::new(),
            randomness: SeededRandomness::new(1),
            otp_cache,
            audit,
            hasher,
            users,
            sessions,
        }
    }

    /// A second module over the same stores, with some parts replaced.
    pub(crate) fn module_with(&self, change: impl FnOnce(AuthParts) -> AuthParts) -> AuthModule {
        let Self { users, sessions, otp_cache, audit, hasher, .. } = self;
        AuthModule::new(change(parts(users, sessions, otp_cache, audit, hasher)))
    }

    /// The user and the hash of the password.
    pub(crate) async fn account(&self, name: &str) -> Account {
        self.users.account(&LoginName::parse(name).unwrap()).await.unwrap().unwrap()
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
        self.try_password_in(name, password, client, None).await
    }

    /// Tries a password in a browser with this known-browser cookie.
    pub(crate) async fn try_password_in(
        &self,
        name: &str,
        password: &str,
        client: &ClientFacts,
        browser: Option<&str>,
    ) -> PasswordOutcome {
        let (password, now) = (SecretString::from(password), self.now());
        let browser = browser.map(KnownBrowserCookie::new);
        let randomness = &self.randomness;
        let tried = self.auth.verify_password(name, &password, client, browser, randomness, now);
        tried.await.unwrap()
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
        self.finish(&login, &client()).await
    }

    /// The known-browser cookie after a login.
    pub(crate) async fn known_browser(&self, name: &str) -> String {
        self.known_browser_after(name, ALICE_PASSWORD, None).await
    }

    /// The known-browser cookie after a login in a browser that has one already.
    pub(crate) async fn known_browser_after(
        &self,
        name: &str,
        password: &str,
        cookie: Option<&str>,
    ) -> String {
        let (_, session) = self.session(name, password).await;
        let cookie = cookie.map(KnownBrowserCookie::new);
        let remembered = self.auth.remember_browser(&session, cookie, &self.randomness, self.now());
        remembered.unwrap().expect("the settings have a key").to_string()
    }

    /// A session of alice's that is opened from `client`.
    pub(crate) async fn session_from(
        &self,
        name: &str,
        client: ClientFacts,
    ) -> (SessionToken, Session) {
        let (_, login) = self.pending(name, ALICE_PASSWORD, "/").await;
        self.finish(&login, &client).await
    }

    async fn finish(&self, login: &PendingLogin, client: &ClientFacts) -> (SessionToken, Session) {
        let login = self.record_sms(login).await;
        let completed = self.auth.complete(&login, client, &self.randomness, self.now()).await;
        match completed.unwrap() {
            Completed::Opened { token, session, .. } => (token, session),
            other => panic!("not opened: {other:?}"),
        }
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
