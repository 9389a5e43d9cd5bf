//! The contract checks find each planted flaw.
#![cfg(feature = "test-kit")]

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};

use async_trait::async_trait;
use mfa_plugin_api::{
    ActionId, AuditEvent, AuthenticationMethod, Descriptor, Evidence, FactorId, Field, FieldKind,
    FlowContext, LiveStatus, MAX_LIVE_WAIT, Message, MfaPlugin, PluginError, PluginState, Prompt,
    Rejection, RejectionKind, Reply, Services, Step, Subject, Submission,
    test_kit::{Candidate, check_contract},
};

/// What is wrong with the plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    AcceptsAnything,
    AcceptsTwice,
    BadFieldName,
    DoneAtBegin,
    LeaksIntoAudit,
    LeaksIntoState,
    ReportsAFault,
    SaysNothingWhenWrong,
    SendsOnStatus,
    SendsOnUnknownAction,
    SendsTwice,
    SendsWhileWaiting,
    StatusBeforeBegin,
    WaitsForEver,
}

/// Sends a word and asks for it.
#[derive(Debug)]
struct Post {
    descriptor: Descriptor,
    flaw: Flaw,
    sent: AtomicUsize,
    is_answered: AtomicBool,
}

const WORD: &str = "secret-plum";

impl Post {
    fn new(flaw: Flaw) -> Self {
        let factor = FactorId::new("post").expect("a valid name");
        let (sent, is_answered) = (AtomicUsize::new(0), AtomicBool::new(false));
        Self { descriptor: Descriptor::new(factor), flaw, sent, is_answered }
    }

    fn send(&self) {
        self.sent.fetch_add(1, SeqCst);
    }

    fn prompt(&self) -> Prompt {
        let name = if self.flaw == Flaw::BadFieldName { "the word" } else { "word" };
        let field = Field::new(name, FieldKind::Text, Message::new("word-label"));
        Prompt::new(Message::new("word-title")).with_field(field)
    }

    fn ask(&self, prompt: Prompt) -> Reply {
        let state = if self.flaw == Flaw::LeaksIntoState { WORD } else { "asked" };
        Reply::new(Step::Prompt(prompt)).with_state(PluginState::from_bytes(state))
    }

    fn done(context: &FlowContext<'_>) -> Reply {
        let methods = [AuthenticationMethod::new("kba")];
        Reply::new(Step::Done(Evidence::new(methods, context.now)))
    }
}

#[async_trait]
impl MfaPlugin for Post {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    async fn begin(&self, context: &FlowContext<'_>) -> Result<Reply, PluginError> {
        context.services.find::<Arc<str>>().ok_or(PluginError::MissingService("a post office"))?;
        if self.flaw == Flaw::DoneAtBegin {
            return Ok(Self::done(context));
        }
        if self.flaw == Flaw::LeaksIntoAudit {
            context.audit.record(AuditEvent::new("post.sent").with("word", WORD));
        }
        if self.flaw == Flaw::SendsTwice || self.sent.load(SeqCst) == 0 {
            self.send();
        }
        Ok(self.ask(self.prompt()))
    }

    async fn submit(
        &self,
        context: &FlowContext<'_>,
        typed: &Submission,
    ) -> Result<Reply, PluginError> {
        let is_right = typed.value("word").or(typed.value("the word")) == Some(WORD);
        let is_first = !is_right || !self.is_answered.swap(true, SeqCst);
        let is_taken = is_right && (is_first || self.flaw == Flaw::AcceptsTwice);
        if is_taken || self.flaw == Flaw::AcceptsAnything {
            return Ok(Self::done(context));
        }
        if self.flaw == Flaw::SaysNothingWhenWrong {
            return Ok(self.ask(self.prompt()));
        }
        let wrong = Rejection::new(RejectionKind::Wrong, Message::new("word-wrong"));
        Ok(self.ask(self.prompt().with_rejection(wrong)))
    }

    async fn action(&self, _: &FlowContext<'_>, _: &ActionId) -> Result<Reply, PluginError> {
        if self.flaw == Flaw::SendsOnUnknownAction {
            self.send();
        }
        Ok(self.ask(self.prompt()))
    }

    async fn status(&self, context: &FlowContext<'_>) -> Result<Option<Prompt>, PluginError> {
        let has_begun = context.state.is_some();
        if self.flaw == Flaw::SendsOnStatus && has_begun {
            self.send();
        }
        Ok((has_begun || self.flaw == Flaw::StatusBeforeBegin).then(|| self.prompt()))
    }

    fn live_status(&self) -> Option<&dyn LiveStatus> {
        Some(self)
    }
}

#[async_trait]
impl LiveStatus for Post {
    async fn changed(&self, _: &FlowContext<'_>, shown: &Prompt) -> Result<(), PluginError> {
        if self.flaw == Flaw::ReportsAFault {
            return Err(PluginError::MissingService("a postman"));
        }
        if self.flaw == Flaw::SendsWhileWaiting {
            self.send();
        }
        if self.flaw == Flaw::WaitsForEver {
            std::future::pending::<()>().await;
        }
        if *shown == self.prompt() {
            tokio::time::sleep(MAX_LIVE_WAIT).await;
        }
        Ok(())
    }
}

impl Candidate for Post {
    fn plugin(&self) -> &dyn MfaPlugin {
        self
    }

    fn subject(&self) -> Subject {
        Subject::new("test", "alice")
    }

    fn right_answer(&self) -> Submission {
        Submission::new().with("word", WORD)
    }

    fn wrong_answer(&self) -> Submission {
        Submission::new().with("word", "prune")
    }

    fn services(&self) -> Services {
        Services::new().with::<Arc<str>>("post office".into())
    }

    fn messages_sent(&self) -> usize {
        self.sent.load(SeqCst)
    }

    fn secrets(&self) -> Vec<String> {
        vec![WORD.to_owned()]
    }
}

#[tokio::test(start_paused = true)]
async fn a_plugin_without_a_flaw_passes() {
    check_contract(|| Post::new(Flaw::None)).await;
}

#[tokio::test(start_paused = true)]
async fn every_flaw_is_found_and_named() {
    for (flaw, words) in [
        (Flaw::AcceptsAnything, "contract 4: a wrong submission returned Ok(Done"),
        (Flaw::AcceptsTwice, "contract 3: the same submission was accepted twice"),
        (Flaw::BadFieldName, "is no name for a form"),
        (Flaw::DoneAtBegin, "begin: no prompt but Done"),
        (Flaw::LeaksIntoAudit, "contract 6: the audit trail shows a secret"),
        (Flaw::LeaksIntoState, "contract 6: a reply shows a secret"),
        (Flaw::SaysNothingWhenWrong, "contract 4: no rejection"),
        (Flaw::SendsOnStatus, "status or an unknown action sent a message"),
        (Flaw::SendsOnUnknownAction, "status or an unknown action sent a message"),
        (Flaw::SendsTwice, "contract 1: a repeated begin sent again"),
        (Flaw::ReportsAFault, "contract 7: changed returned Err"),
        (Flaw::SendsWhileWaiting, "contract 7: waiting sent a message"),
        (Flaw::StatusBeforeBegin, "status: a prompt before begin"),
        (Flaw::WaitsForEver, "contract 7: changed did not return"),
    ] {
        let checked = tokio::spawn(check_contract(move || Post::new(flaw)));
        let panic = checked.await.expect_err("the flaw is found").into_panic();
        let said = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or_default();
        assert!(said.contains(words), "{flaw:?}: {said}");
    }
}
