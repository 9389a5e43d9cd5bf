//! A factor that the user approves on a phone, with the flaws that the kit has to find.

use std::{collections::HashSet, sync::Mutex, time::Duration};

use async_trait::async_trait;
use mfa_plugin_api::{
    ActionId, AuthenticationMethod, Descriptor, Evidence, FactorId, FlowContext, Message,
    MfaPlugin, PluginError, PluginState, Prompt, Reply, Step, Subject, Submission,
    test_kit::Candidate,
};

use crate::post::{login, user};

/// What is wrong with approvals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PushFlaw {
    None,
    ApprovesEachLogin,
    TakesTwice,
}

/// Asks the user to approve the login on a phone.
#[derive(Debug)]
pub(crate) struct Push {
    descriptor: Descriptor,
    flaw: PushFlaw,
    /// The login that the phone shows.
    shown: Mutex<String>,
    approved: Mutex<HashSet<String>>,
}

impl Push {
    pub(crate) fn new(flaw: PushFlaw) -> Self {
        let descriptor = Descriptor::new(FactorId::from_static("push"));
        Self { descriptor, flaw, shown: Mutex::default(), approved: Mutex::default() }
    }

    fn key(&self, context: &FlowContext<'_>) -> String {
        match self.flaw {
            PushFlaw::ApprovesEachLogin => user(context),
            _ => login(context),
        }
    }

    fn ask() -> Step {
        Step::Prompt(Prompt::new(Message::new("push-title")))
    }
}

#[async_trait]
impl MfaPlugin for Push {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    async fn begin(&self, context: &FlowContext<'_>) -> Result<Reply, PluginError> {
        *self.shown.lock().unwrap() = self.key(context);
        Ok(Reply::new(Self::ask()).with_state(PluginState::from_bytes("asked")))
    }

    async fn submit(
        &self,
        context: &FlowContext<'_>,
        _: &Submission,
    ) -> Result<Reply, PluginError> {
        self.begin(context).await
    }

    async fn action(&self, context: &FlowContext<'_>, _: &ActionId) -> Result<Reply, PluginError> {
        self.begin(context).await
    }

    async fn status(&self, context: &FlowContext<'_>) -> Result<Option<Step>, PluginError> {
        let key = self.key(context);
        let is_approved = if self.flaw == PushFlaw::TakesTwice {
            let is_approved = self.approved.lock().unwrap().contains(&key);
            tokio::time::sleep(Duration::from_millis(1)).await;
            self.approved.lock().unwrap().remove(&key);
            is_approved
        } else {
            self.approved.lock().unwrap().remove(&key)
        };
        Ok(match (context.state, is_approved) {
            (None, _) => None,
            (Some(_), false) => Some(Self::ask()),
            (Some(_), true) => {
                let methods = [AuthenticationMethod::new("pop")];
                Some(Step::Done(Evidence::new(methods, context.now)))
            }
        })
    }
}

impl Candidate for Push {
    fn plugin(&self) -> &dyn MfaPlugin {
        self
    }

    fn subject(&self) -> Subject {
        Subject::new("test", "alice")
    }

    fn right_answer(&self) -> Submission {
        Submission::new()
    }

    fn wrong_answer(&self) -> Submission {
        Submission::new()
    }

    fn approve(&self) -> bool {
        let shown = self.shown.lock().unwrap().clone();
        self.approved.lock().unwrap().insert(shown);
        true
    }
}
