//! Codes from an authenticator app (RFC 6238) as a factor: a whole plugin, checked against the contract.
//!
//! ```text
//! cargo run -p mfa-plugin-api --features test-kit --example totp_factor
//! ```
//!
//! A host adds the plugin where it lists its plugins, and the factor's name to its rules.
#![expect(clippy::print_stdout, reason = "the program shows what happens")]

use std::{
    collections::HashMap,
    error::Error,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use mfa_plugin_api::{
    ActionId, AuthenticationMethod, Denied, Descriptor, Evidence, FactorId, Field, FieldKind,
    FlowContext, Message, MfaPlugin, PluginError, PluginState, Prompt, Rejection, RejectionKind,
    Reply, Services, Step, Subject, Submission, Unavailable,
    test_kit::{Candidate, TestLogin, check_contract},
};
use otp_core::{
    AttemptLimiter, LockedOut, LockoutState, Policy,
    oath::{self, Algorithm, Drift, OathSecret, Totp},
};

// --- the plugin ---------------------------------------------------------------------------------

/// The factor `totp`.
///
/// Each user's app, last step and limiter are in the memory of this process, which keeps the example short: a restart
/// forgets failures and locks, and a second process has its own. A real plugin keeps them in a store, where counting
/// is one atomic step, and checking and recording another.
#[derive(Debug)]
struct TotpPlugin {
    descriptor: Descriptor,
    policy: Policy,
    users: Mutex<HashMap<User, Enrolled>>,
}

/// Tenant and id: two tenants may have users with the same id.
type User = (String, String);

fn user(subject: &Subject) -> User {
    (subject.tenant().to_owned(), subject.id().to_owned())
}

#[derive(Debug)]
struct Enrolled {
    app: Totp,
    last: Option<oath::Step>,
    limiter: AttemptLimiter,
}

impl Default for TotpPlugin {
    fn default() -> Self {
        Self {
            descriptor: Descriptor::new(FactorId::from_static("totp")),
            policy: Policy::default(),
            users: Mutex::default(),
        }
    }
}

impl TotpPlugin {
    /// Enrols an app for this user.
    fn enrol(&self, subject: &Subject, app: Totp) {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        users.insert(user(subject), Enrolled { app, last: None, limiter: AttemptLimiter::new() });
    }

    /// Returns the step for a user who has not typed the right code.
    fn open(&self, user: &Enrolled, now: SystemTime) -> Step {
        match user.limiter.lockout_state(&self.policy, now) {
            LockoutState::Open => Step::Prompt(ask(&user.app)),
            LockoutState::Locked { until } => denied(LockedOut::Locked { until }),
            LockoutState::Blocked => denied(LockedOut::Blocked),
        }
    }

    /// Calls `f` with the user's enrolment. Returns *unavailable* without enrolment.
    fn with_user(&self, context: &FlowContext<'_>, f: impl FnOnce(&mut Enrolled) -> Step) -> Reply {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        let step = match users.get_mut(&user(context.subject)) {
            Some(user) => f(user),
            None => Step::Unavailable(Unavailable::new(Message::new("totp-not-enrolled"))),
        };
        // The only state is that the factor has begun.
        Reply::new(step).with_state(PluginState::from_bytes("begun"))
    }
}

fn denied(locked_out: LockedOut) -> Step {
    Step::Denied(match locked_out {
        LockedOut::Blocked => Denied::new(Message::new("totp-blocked")),
        LockedOut::Locked { until } => {
            Denied::new(Message::new("totp-locked").with("until", until)).with_until(until)
        }
    })
}

fn ask(app: &Totp) -> Prompt {
    let kind = FieldKind::OneTimeCode { digits: app.format().len() };
    Prompt::new(Message::new("totp-title"))
        .with_text(Message::new("totp-text"))
        .with_field(Field::new("code", kind, Message::new("totp-label")))
}

fn reject(app: &Totp, kind: RejectionKind, key: &'static str) -> Step {
    let rejection = Rejection::new(kind, Message::new(key)).with_field("code");
    Step::Prompt(ask(app).with_rejection(rejection))
}

#[async_trait]
impl MfaPlugin for TotpPlugin {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    async fn begin(&self, context: &FlowContext<'_>) -> Result<Reply, PluginError> {
        Ok(self.with_user(context, |user| self.open(user, context.now)))
    }

    async fn submit(
        &self,
        context: &FlowContext<'_>,
        submission: &Submission,
    ) -> Result<Reply, PluginError> {
        Ok(self.with_user(context, |user| {
            let typed = submission.value("code").unwrap_or_default();
            let Ok(typed) = user.app.format().normalise(typed) else {
                return reject(&user.app, RejectionKind::Malformed, "totp-malformed");
            };
            // Counted before it is compared, so that parallel attempts gain nothing. `last` refuses a used code.
            let attempt = match user.limiter.begin_attempt(&self.policy, context.now) {
                Ok(attempt) => attempt,
                Err(locked_out) => return denied(locked_out),
            };
            match user.app.verify(&typed, context.now, Drift::default(), user.last) {
                Ok(step) => {
                    user.last = Some(step);
                    user.limiter.succeed(attempt);
                    Step::Done(Evidence::new([AuthenticationMethod::OTP], context.now))
                }
                Err(_) => reject(&user.app, RejectionKind::Wrong, "totp-wrong"),
            }
        }))
    }

    async fn action(&self, context: &FlowContext<'_>, _: &ActionId) -> Result<Reply, PluginError> {
        self.begin(context).await
    }

    async fn status(&self, context: &FlowContext<'_>) -> Result<Option<Step>, PluginError> {
        if context.state.is_none() {
            return Ok(None);
        }
        Ok(Some(self.with_user(context, |user| self.open(user, context.now)).step))
    }
}

// --- what the checks of the contract need -------------------------------------------------------

/// How long a code is shown.
const PERIOD: Duration = Duration::from_secs(30);

/// Returns the app of a user. A host shows its secret to the user as a QR code (`otp_core::oath::Otpauth`).
fn app() -> Result<Totp, Box<dyn Error>> {
    Ok(Totp::new(OathSecret::random(Algorithm::Sha1), Algorithm::Sha1, 6, PERIOD)?)
}

/// The plugin, and the app of Alice.
#[derive(Debug)]
struct Alice {
    plugin: TotpPlugin,
    app: Totp,
}

impl Alice {
    fn new(app: &Totp) -> Self {
        let alice = Self { plugin: TotpPlugin::default(), app: app.clone() };
        alice.plugin.enrol(&alice.subject(), app.clone());
        alice
    }

    fn login(&self) -> TestLogin<'_> {
        TestLogin::new(&self.plugin, self.subject(), Services::new())
    }

    /// Returns what Alice types at `now`.
    fn right_at(&self, now: SystemTime) -> Submission {
        Submission::new().with("code", self.app.code(now).expose_secret())
    }

    /// Returns a code that is not accepted at `now`.
    fn wrong_at(&self, now: SystemTime) -> Submission {
        let right = [now - PERIOD, now, now + PERIOD].map(|at| self.app.code(at));
        let is_wrong = |typed: &&str| right.iter().all(|code| code.expose_secret() != *typed);
        // Of four codes, at most three are right.
        let wrong = ["000000", "000001", "000002", "000003"].into_iter().find(is_wrong);
        Submission::new().with("code", wrong.unwrap_or_default())
    }
}

impl Candidate for Alice {
    fn plugin(&self) -> &dyn MfaPlugin {
        &self.plugin
    }

    fn subject(&self) -> Subject {
        Subject::new("example", "alice")
    }

    fn right_answer(&self) -> Submission {
        self.right_at(self.login().now())
    }

    fn wrong_answer(&self) -> Submission {
        self.wrong_at(self.login().now())
    }

    fn secrets(&self) -> Vec<String> {
        let code = self.app.code(self.login().now());
        vec![code.expose_secret().to_owned(), self.app.secret().expose_base32().to_string()]
    }
}

// --- a walk through it --------------------------------------------------------------------------

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let alice = Alice::new(&app()?);
    let login = alice.login();

    let Step::Prompt(prompt) = login.begin().await? else { return Err("no prompt".into()) };
    println!("asked:     {} ({})", prompt.title.key(), prompt.fields[0].name);
    let Step::Prompt(prompt) = login.submit(&alice.wrong_at(login.now())).await? else {
        return Err("a wrong code was not rejected".into());
    };
    println!("rejected:  {}", prompt.rejection.ok_or("no rejection")?.message.key());
    let Step::Done(evidence) = login.submit(&alice.right_at(login.now())).await? else {
        return Err("the right code was not accepted".into());
    };
    println!("satisfied: amr {}", evidence.methods[0].as_str());

    // Somebody guesses. Then not even the right code is accepted until the lock ends.
    let login = alice.login();
    login.advance(PERIOD);
    login.begin().await?;
    for _ in 0..Policy::default().attempts_per_subject() {
        assert!(matches!(login.submit(&alice.wrong_at(login.now())).await?, Step::Prompt(_)));
    }
    let Step::Denied(denied) = login.submit(&alice.right_at(login.now())).await? else {
        return Err("a locked user was not denied".into());
    };
    let lock = denied.until.ok_or("blocked for ever")?.duration_since(login.now())?;
    println!("locked:    for {} minutes", lock.as_secs() / 60);
    login.advance(lock);
    assert!(matches!(login.begin().await?, Step::Prompt(_)));
    assert!(matches!(login.submit(&alice.right_at(login.now())).await?, Step::Done(_)));

    let app = app()?;
    check_contract(|| Alice::new(&app)).await;
    println!("the plugin passes the contract");
    Ok(())
}
