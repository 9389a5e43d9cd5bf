//! A factor for users who lost their phone: a recovery code that works once.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use mfa_plugin_api::{
    ActionId, AuthenticationMethod, Denied, Descriptor, Evidence, FactorId, Field, FieldKind,
    FlowContext, Message, MfaPlugin, PluginError, PluginState, Prompt, Rejection, RejectionKind,
    Reply, Step, Subject, Submission, Unavailable,
};

const MAX_FAILURES: u8 = 5;

/// The factor `recovery-code`. A real plugin keeps its codes in a store, as digests.
struct RecoveryCodes {
    descriptor: Descriptor,
    issued: Mutex<HashMap<User, Issued>>,
}

/// Tenant and id: two tenants may have users with the same id.
type User = (String, String);

fn user(subject: &Subject) -> User {
    (subject.tenant().to_owned(), subject.id().to_owned())
}

struct Issued {
    code: String,
    failures: u8,
}

impl RecoveryCodes {
    /// Returns the factor without codes.
    fn new() -> Self {
        let descriptor = Descriptor::new(FactorId::from_static("recovery-code"));
        Self { descriptor, issued: Mutex::default() }
    }

    /// Issues `code` to this user. It replaces an older one.
    fn issue(&self, subject: &Subject, code: String) {
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        issued.insert(user(subject), Issued { code, failures: 0 });
    }

    /// Returns the step for a user who has not typed the right code.
    fn ask(&self, context: &FlowContext<'_>, rejection: Option<Rejection>) -> Step {
        let issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        match issued.get(&user(context.subject)) {
            None => Step::Unavailable(Unavailable::new(Message::new("recovery-none"))),
            Some(issued) if issued.failures >= MAX_FAILURES => {
                Step::Denied(Denied::new(Message::new("recovery-blocked")))
            }
            Some(_) => {
                let field = Field::new("code", FieldKind::Secret, Message::new("recovery-label"));
                let mut prompt = Prompt::new(Message::new("recovery-title")).with_field(field);
                prompt.rejection = rejection;
                Step::Prompt(prompt)
            }
        }
    }

    /// Whether `typed` is the user's code. Counting, comparing and deleting are one step under the lock.
    fn take(&self, subject: &Subject, typed: &str) -> bool {
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        let user = user(subject);
        let Some(found) = issued.get_mut(&user) else { return false };
        if found.failures >= MAX_FAILURES {
            return false;
        }
        found.failures += 1;
        let is_right = found.code == typed;
        if is_right {
            issued.remove(&user);
        }
        is_right
    }
}

/// Shows no code.
impl fmt::Debug for RecoveryCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecoveryCodes").finish_non_exhaustive()
    }
}

/// Returns `step` with the state of this plugin: that the factor has begun.
fn reply(step: Step) -> Reply {
    Reply::new(step).with_state(PluginState::from_bytes("begun"))
}

#[async_trait]
impl MfaPlugin for RecoveryCodes {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    async fn begin(&self, context: &FlowContext<'_>) -> Result<Reply, PluginError> {
        Ok(reply(self.ask(context, None)))
    }

    async fn submit(
        &self,
        context: &FlowContext<'_>,
        submission: &Submission,
    ) -> Result<Reply, PluginError> {
        let typed = submission.value("code").unwrap_or_default();
        if self.take(context.subject, typed) {
            let methods = [AuthenticationMethod::OTP];
            return Ok(reply(Step::Done(Evidence::new(methods, context.now))));
        }
        let wrong = Rejection::new(RejectionKind::Wrong, Message::new("recovery-wrong"));
        Ok(reply(self.ask(context, Some(wrong.with_field("code")))))
    }

    async fn action(&self, context: &FlowContext<'_>, _: &ActionId) -> Result<Reply, PluginError> {
        self.begin(context).await // the prompt has no actions
    }

    async fn status(&self, context: &FlowContext<'_>) -> Result<Option<Step>, PluginError> {
        Ok(context.state.map(|_| self.ask(context, None)))
    }
}

#[cfg(test)]
mod tests {
    use mfa_plugin_api::test_kit::{Candidate, check_contract};

    use super::*;

    #[derive(Debug)]
    struct Alice(RecoveryCodes);

    impl Candidate for Alice {
        fn plugin(&self) -> &dyn MfaPlugin {
            &self.0
        }

        fn subject(&self) -> Subject {
            Subject::new("example", "alice")
        }

        fn right_answer(&self) -> Submission {
            Submission::new().with("code", "k7wq-2mfd")
        }

        fn wrong_answer(&self) -> Submission {
            Submission::new().with("code", "k7wq-2mfe")
        }

        fn secrets(&self) -> Vec<String> {
            vec!["k7wq-2mfd".to_owned()]
        }
    }

    #[tokio::test]
    async fn keeps_the_contract() {
        check_contract(|| {
            let alice = Alice(RecoveryCodes::new());
            alice.0.issue(&alice.subject(), "k7wq-2mfd".to_owned());
            alice
        })
        .await;
    }
}
