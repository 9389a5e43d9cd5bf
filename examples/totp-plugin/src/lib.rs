//! Codes from an authenticator app (RFC 6238) as a factor: a complete plugin.
//!
//! To use it, a host adds it where it lists its plugins (in the gateway: `GatewayBuilder::with_factor`), and the
//! factor's name to its rules.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use mfa_plugin_api::{
    ActionId, AuthenticationMethod, Denied, Descriptor, Evidence, FactorId, Field, FieldKind,
    FlowContext, Message, MfaPlugin, PluginError, PluginState, Prompt, Rejection, RejectionKind,
    Reply, Step, Submission, Unavailable,
};
use otp_core::{
    AttemptLimiter, LockedOut, LockoutState, Policy,
    oath::{self, Drift, Totp},
};

/// The factor `totp`.
///
/// Each user's app, last step and limiter are in the memory of this process, which keeps the example short: a restart
/// forgets failures and locks, and a second process has its own. A real plugin keeps them in a store, where counting
/// is one atomic step, and checking and recording another.
#[derive(Debug)]
pub struct TotpPlugin {
    descriptor: Descriptor,
    policy: Policy,
    users: Mutex<HashMap<String, Enrolled>>,
}

#[derive(Debug)]
struct Enrolled {
    app: Totp,
    last: Option<oath::Step>,
    limiter: AttemptLimiter,
}

impl Default for TotpPlugin {
    fn default() -> Self {
        let factor = FactorId::new("totp").expect("`totp` is a factor name");
        Self {
            descriptor: Descriptor::new(factor),
            policy: Policy::default(),
            users: Mutex::default(),
        }
    }
}

impl TotpPlugin {
    /// Enrols an app for the user with this id.
    pub fn enrol(&self, user: impl Into<String>, app: Totp) {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        users.insert(user.into(), Enrolled { app, last: None, limiter: AttemptLimiter::new() });
    }

    /// Calls `f` with the user's enrolment. Returns *unavailable* without enrolment.
    fn with_user(&self, context: &FlowContext<'_>, f: impl FnOnce(&mut Enrolled) -> Step) -> Reply {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        let step = match users.get_mut(context.subject.id()) {
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
        Ok(self.with_user(context, |user| {
            match user.limiter.lockout_state(&self.policy, context.now) {
                LockoutState::Open => Step::Prompt(ask(&user.app)),
                LockoutState::Locked { until } => denied(LockedOut::Locked { until }),
                LockoutState::Blocked => denied(LockedOut::Blocked),
            }
        }))
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
        let users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        let user = users.get(context.subject.id()).filter(|_| context.state.is_some());
        Ok(user.map(|user| Step::Prompt(ask(&user.app))))
    }
}
