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
use otp_core::oath::{self, Drift, Totp};

/// After this many wrong codes only an administrator can unblock the user.
const MAX_FAILURES: u8 = 10;

/// The factor `totp`.
///
/// Users and their last steps are in memory, which keeps the example short. A real plugin keeps both in a store,
/// where checking and recording are one atomic method.
#[derive(Debug)]
pub struct TotpPlugin {
    descriptor: Descriptor,
    users: Mutex<HashMap<String, Enrolled>>,
}

#[derive(Debug)]
struct Enrolled {
    app: Totp,
    last: Option<oath::Step>,
    failures: u8,
}

impl Default for TotpPlugin {
    fn default() -> Self {
        let factor = FactorId::new("totp").expect("`totp` is a factor name");
        Self { descriptor: Descriptor::new(factor), users: Mutex::default() }
    }
}

impl TotpPlugin {
    /// Enrols an app for the user with this id.
    pub fn enrol(&self, user: impl Into<String>, app: Totp) {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        users.insert(user.into(), Enrolled { app, last: None, failures: 0 });
    }

    /// Calls `f` with the user's enrolment. Returns *denied* for a blocked user, *unavailable* without enrolment.
    fn with_user(&self, context: &FlowContext<'_>, f: impl FnOnce(&mut Enrolled) -> Step) -> Reply {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        let step = match users.get_mut(context.subject.id()) {
            Some(user) if user.failures >= MAX_FAILURES => {
                Step::Denied(Denied::new(Message::new("totp-blocked")))
            }
            Some(user) => f(user),
            None => Step::Unavailable(Unavailable::new(Message::new("totp-not-enrolled"))),
        };
        // The only state is that the factor has begun.
        Reply::new(step).with_state(PluginState::from_bytes("begun"))
    }
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
        Ok(self.with_user(context, |user| Step::Prompt(ask(&user.app))))
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
            user.failures += 1;
            match user.app.verify(&typed, context.now, Drift::default(), user.last) {
                Ok(step) => {
                    (user.last, user.failures) = (Some(step), 0);
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
