//! An authentication module over stores in memory, two test factors, and browsers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use auth_module::{
    Administration, AppName, AuthError, AuthModule, AuthParts, AuthSettings, Destination,
    FactorChoice, HashParameters, HashedPasswords, HasherLimits, LoginName, MemoryAuditTrail,
    MemorySessions, MemoryUsers, NewPassword, NewUser, PasswordAttempt, PasswordCheck,
    PasswordHasher, PasswordVerdict, PathPattern, PendingToken, PhoneTagKey, Policy, Requirement,
    Rule, Session, SessionToken, Sessions, UserAdded,
};
use mfa_controller::{
    Controller, LivePrompt, LoginRequest, LoginStep, Pending, PromptStep, Watched,
};
use mfa_plugin_api::{ActionId, ClientFacts, FactorId, MfaPlugin, Submission};
use otp_cache::{LocalNotifier, memory::MemoryStore};
use otp_core::PhoneNumber;
use secrecy::SecretString;
use testkit::{ManualClock, SeededRandomness};

use crate::dummy::Dummy;

pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const PHONE: &str = "09012345678";
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// A host without HTTP.
pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) auth: Arc<AuthModule>,
    pub(crate) audit: MemoryAuditTrail,
    pub(crate) sessions: Arc<dyn Sessions>,
    pub(crate) passwords: Arc<Passwords>,
    pub(crate) controller: Controller,
    pub(crate) first: Arc<Dummy>,
    pub(crate) second: Arc<Dummy>,
}

/// Checks passwords. A test can make every right one outdated.
#[derive(Debug)]
pub(crate) struct Passwords {
    hashed: HashedPasswords,
    must_change: AtomicBool,
}

impl Passwords {
    pub(crate) fn outdate(&self) {
        self.must_change.store(true, Ordering::SeqCst);
    }
}

#[async_trait]
impl PasswordCheck for Passwords {
    async fn check(&self, attempt: &PasswordAttempt<'_>) -> Result<PasswordVerdict, AuthError> {
        let verdict = self.hashed.check(attempt).await?;
        Ok(match verdict {
            PasswordVerdict::Verified(user) if self.must_change.load(Ordering::SeqCst) => {
                PasswordVerdict::MustChange(user.id)
            }
            verdict => verdict,
        })
    }

    fn users_changed(&self) {
        self.hashed.users_changed();
    }
}

pub(crate) fn factor(name: &'static str) -> FactorId {
    FactorId::new(name).unwrap()
}

/// A destination in the application, from a path with an optional query.
pub(crate) fn destination(url: &str) -> Destination {
    let (path, query) = match url.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (url, None),
    };
    Destination::new(AppName::new("app").unwrap(), path, query).unwrap()
}

fn policy() -> Policy {
    let needs = |factors: &[&'static str]| {
        let factors = factors.iter().map(|&name| factor(name));
        Requirement::new(std::iter::once(FactorId::PASSWORD).chain(factors)).unwrap()
    };
    let fresh = |factor| needs(&["first"]).with_step_up([factor], 10 * MINUTE).unwrap();
    let protect =
        |path, requirement| Rule::protected(PathPattern::parse(path).unwrap(), requirement);
    let rules = vec![
        protect("/both/", needs(&["first", "second"])),
        protect("/fresh/", fresh(factor("first"))),
        protect("/password/", fresh(FactorId::PASSWORD)),
        protect("/absent/", needs(&["absent"])),
    ];
    Policy::new(needs(&["first"]), rules).unwrap()
}

/// A policy that asks for the password and one of `alternatives` everywhere.
pub(crate) fn either(alternatives: &[&'static str]) -> Policy {
    let choice = FactorChoice::any(alternatives.iter().map(|&name| factor(name))).unwrap();
    let requirement = Requirement::new([FactorId::PASSWORD.into(), choice]).unwrap();
    Policy::new(requirement, Vec::new()).unwrap()
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::build(policy(), Arc::new(MemorySessions::new(10_000))).await
    }

    pub(crate) async fn with_policy(policy: Policy) -> Self {
        Self::build(policy, Arc::new(MemorySessions::new(10_000))).await
    }

    pub(crate) async fn with_sessions(sessions: Arc<dyn Sessions>) -> Self {
        Self::build(policy(), sessions).await
    }

    async fn build(policy: Policy, sessions: Arc<dyn Sessions>) -> Self {
        let users = Arc::new(MemoryUsers::new());
        // The cheapest allowed hash: no test here measures its cost.
        let hasher =
            PasswordHasher::new(HashParameters::new(4096, 1, 1).unwrap(), HasherLimits::default());
        let hashed = HashedPasswords::new(users.clone(), hasher.clone(), [8; 32]);
        let passwords = Arc::new(Passwords { hashed, must_change: AtomicBool::new(false) });
        let audit = MemoryAuditTrail::new();
        let cache = Arc::new(MemoryStore::new());
        let auth = Arc::new(AuthModule::new(AuthParts {
            users: users.clone(),
            passwords: passwords.clone(),
            administration: Some(Administration { users, hasher }),
            sessions: Arc::clone(&sessions),
            otp_cache: cache.clone(),
            notes: cache,
            notifier: Arc::new(LocalNotifier::new()),
            audit: Arc::new(audit.clone()),
            policy,
            settings: AuthSettings::new("test", PhoneTagKey::from_bytes([9; 32])),
        }));
        let clock = ManualClock::new();
        let mut alice = NewUser::new(LoginName::parse("alice").unwrap());
        alice.password = Some(NewPassword::Plain(SecretString::from(PASSWORD)));
        alice.phone_number = Some(PhoneNumber::from_japanese(PHONE).unwrap());
        let randomness = Arc::new(SeededRandomness::new(1));
        let added = auth.add_user(alice, "test", &*randomness, clock.now()).await.unwrap();
        assert!(matches!(added, UserAdded::Done(_)));

        let (first, second) = (Dummy::new("first", "plum"), Dummy::new("second", "pear"));
        let plugins: Vec<Arc<dyn MfaPlugin>> = vec![first.clone(), second.clone()];
        let controller = Controller::new(Arc::clone(&auth), plugins, randomness).unwrap();
        Self { clock, auth, audit, sessions, passwords, controller, first, second }
    }

    pub(crate) fn client() -> ClientFacts {
        ClientFacts::new([192, 0, 2, 1].into(), "en")
    }

    pub(crate) async fn login(&self, password: &str, url: &str) -> LoginStep {
        let request = LoginRequest {
            username: "alice",
            password: &SecretString::from(password),
            client: &Self::client(),
            known_browser: None,
            destination: destination(url),
        };
        self.controller.login(request, self.clock.now()).await
    }

    /// Logs in with the right password and returns the pending token.
    pub(crate) async fn begun(&self, url: &str) -> PendingToken {
        new_token(self.login(PASSWORD, url).await)
    }

    pub(crate) async fn submit(&self, token: &PendingToken, word: &str) -> LoginStep {
        self.submit_for(token, None, word).await
    }

    pub(crate) async fn submit_for(
        &self,
        token: &PendingToken,
        factor: Option<&FactorId>,
        word: &str,
    ) -> LoginStep {
        let submission = Submission::new().with("word", word);
        let now = self.clock.now();
        self.controller.submit(token, factor, submission, &Self::client(), now).await
    }

    pub(crate) async fn action(&self, token: &PendingToken, action: &str) -> LoginStep {
        let now = self.clock.now();
        self.controller.action(token, None, ActionId::new(action), &Self::client(), now).await
    }

    pub(crate) async fn view(&self, token: &PendingToken) -> LoginStep {
        self.controller.view(token, &Self::client(), self.clock.now()).await
    }

    /// What an event stream has to do.
    pub(crate) async fn watched(&self, token: &PendingToken) -> Watched {
        self.controller.watch(token, &Self::client(), self.clock.now()).await
    }

    /// The prompt of an event stream, if one is open.
    pub(crate) async fn watch(&self, token: &PendingToken) -> Option<LivePrompt> {
        match self.watched(token).await {
            Watched::Prompt(live) => Some(*live),
            Watched::Moved | Watched::Ended => None,
        }
    }

    pub(crate) async fn session(&self, token: &SessionToken) -> Option<Session> {
        self.auth.load_session(token, self.clock.now()).await.unwrap()
    }

    /// A session for `/`.
    pub(crate) async fn logged_in(&self) -> SessionToken {
        let token = self.begun("/").await;
        session_token(self.submit(&token, "plum").await)
    }
}

#[track_caller]
pub(crate) fn prompted(step: LoginStep) -> PromptStep {
    match step {
        LoginStep::Prompt(step) => step,
        other => panic!("not a prompt: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn pending(step: LoginStep) -> Pending {
    match step {
        LoginStep::Prompt(step) => step.pending,
        LoginStep::Unavailable(step) => step.pending,
        LoginStep::Denied(step) => step.pending,
        other => panic!("nothing pending: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn new_token(step: LoginStep) -> PendingToken {
    pending(step).new_token.expect("a new token")
}

#[track_caller]
pub(crate) fn session_token(step: LoginStep) -> SessionToken {
    match step {
        LoginStep::Finished(finished) => finished.session_token,
        other => panic!("not finished: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn rejection(step: LoginStep) -> String {
    let rejection = prompted(step).prompt.rejection.expect("a rejection");
    rejection.message.key().to_owned()
}
