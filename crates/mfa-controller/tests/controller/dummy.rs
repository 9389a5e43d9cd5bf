//! A factor that asks for a word, and fails on demand.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::SystemTime,
};

use async_trait::async_trait;
use mfa_plugin_api::{
    Action, ActionId, AuthenticationMethod, Denied, Descriptor, Evidence, FactorId, Field,
    FieldKind, FlowContext, LiveStatus, MAX_LIVE_WAIT, Message, MfaPlugin, Notice, PluginError,
    PluginState, Prompt, Rejection, RejectionKind, Reply, Step, Submission, Unavailable,
};
use otp_cache::Notifier;
use otp_core::SubjectKey;
use tokio::sync::{Notify, Semaphore};

/// What the next call does instead of its usual work.
#[derive(Debug, Clone)]
pub(crate) enum Next {
    Break,
    Deny(Option<SystemTime>),
    Hang,
    Miss,
    /// As `Miss`, until an instant.
    MissUntil(SystemTime),
    Outage,
    Panic,
    Satisfy,
    Show(Box<Prompt>),
}

/// Asks for its word. Unlike a real factor it accepts the right word any number of times, so that only the
/// controller keeps a login from completing twice.
#[derive(Debug)]
pub(crate) struct Dummy {
    descriptor: Descriptor,
    word: &'static str,
    next: Mutex<VecDeque<Next>>,
    calls: Mutex<Vec<&'static str>>,
    is_approved: AtomicBool,
    /// Notified when `begin` is called.
    pub(crate) entered: Notify,
    /// What `begin` then waits for, so that a test can stop it halfway.
    pub(crate) gate: Semaphore,
}

impl Dummy {
    pub(crate) fn new(factor: &'static str, word: &'static str) -> Arc<Self> {
        Arc::new(Self {
            descriptor: Descriptor::new(FactorId::new(factor).unwrap()),
            word,
            next: Mutex::default(),
            calls: Mutex::default(),
            is_approved: AtomicBool::new(false),
            entered: Notify::new(),
            gate: Semaphore::new(1_000),
        })
    }

    pub(crate) fn next(&self, next: Next) {
        self.next.lock().unwrap().push_back(next);
    }

    /// Makes the next call return `prompt`.
    pub(crate) fn show_next(&self, prompt: Prompt) {
        self.next(Next::Show(Box::new(prompt)));
    }

    /// Satisfies the factor elsewhere. The next status is *done*, once.
    pub(crate) fn approve(&self) {
        self.is_approved.store(true, SeqCst);
    }

    pub(crate) fn calls(&self) -> Vec<&'static str> {
        self.calls.lock().unwrap().clone()
    }

    pub(crate) fn prompt() -> Prompt {
        Prompt::new(Message::new("word-title"))
            .with_field(Field::new("word", FieldKind::Text, Message::new("word-label")))
            .with_action(Action::new(ActionId::from_static("nudge"), Message::new("word-nudge")))
    }

    fn ask(&self, change: impl FnOnce(Prompt) -> Prompt) -> Reply {
        let state = PluginState::from_bytes(self.descriptor.factor.as_str());
        Reply::new(Step::Prompt(change(Self::prompt()))).with_state(state)
    }

    fn done(&self, now: SystemTime) -> Reply {
        let method = AuthenticationMethod::new(self.descriptor.factor.as_str().to_owned());
        Reply::new(Step::Done(Evidence::new([method], now)))
    }

    /// Records the call, and does what the test asked for instead.
    async fn called(
        &self,
        call: &'static str,
        context: &FlowContext<'_>,
    ) -> Option<Result<Reply, PluginError>> {
        self.calls.lock().unwrap().push(call);
        if call != "begin" {
            let state = context.state.map(PluginState::as_bytes);
            assert_eq!(state, Some(context.factor.as_str().as_bytes()), "the plugin's own state");
        }
        let next = self.next.lock().unwrap().pop_front()?;
        let failed = || Box::new(std::fmt::Error);
        let state = PluginState::from_bytes(context.factor.as_str());
        Some(match next {
            Next::Break => Err(PluginError::Internal { context: "breaking", source: failed() }),
            Next::Deny(until) => {
                let mut denied = Denied::new(Message::new("word-denied"));
                denied.until = until;
                Ok(Reply::new(Step::Denied(denied)).with_state(state))
            }
            Next::Hang => std::future::pending().await,
            Next::Miss => {
                let missing = Unavailable::new(Message::new("word-missing"));
                Ok(Reply::new(Step::Unavailable(missing)).with_state(state))
            }
            Next::MissUntil(retry_at) => {
                let missing =
                    Unavailable::new(Message::new("word-missing")).with_retry_at(retry_at);
                Ok(Reply::new(Step::Unavailable(missing)).with_state(state))
            }
            Next::Outage => Err(PluginError::Outage { context: "asking", source: failed() }),
            Next::Panic => panic!("a plugin that panics"),
            Next::Satisfy => Ok(self.done(context.now)),
            Next::Show(prompt) => Ok(self.ask(|_| *prompt)),
        })
    }
}

#[async_trait]
impl MfaPlugin for Dummy {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    async fn begin(&self, context: &FlowContext<'_>) -> Result<Reply, PluginError> {
        self.entered.notify_one();
        let _pass = self.gate.acquire().await.unwrap();
        match self.called("begin", context).await {
            Some(reply) => reply,
            None => Ok(self.ask(|prompt| prompt)),
        }
    }

    async fn submit(
        &self,
        context: &FlowContext<'_>,
        typed: &Submission,
    ) -> Result<Reply, PluginError> {
        if let Some(reply) = self.called("submit", context).await {
            return reply;
        }
        Ok(match typed.value("word") {
            Some(word) if word == self.word => self.done(context.now),
            _ => self.ask(|prompt| {
                let wrong = Rejection::new(RejectionKind::Wrong, Message::new("word-wrong"));
                prompt.with_rejection(wrong.with_field("word"))
            }),
        })
    }

    async fn action(
        &self,
        context: &FlowContext<'_>,
        action: &ActionId,
    ) -> Result<Reply, PluginError> {
        if let Some(reply) = self.called("action", context).await {
            return reply;
        }
        Ok(self.ask(|prompt| match action.as_str() {
            "nudge" => prompt.with_notice(Notice::new(Message::new("word-nudged"))),
            _ => prompt,
        }))
    }

    async fn status(&self, context: &FlowContext<'_>) -> Result<Option<Step>, PluginError> {
        match self.called("status", context).await {
            Some(reply) => reply.map(|reply| Some(reply.step)),
            None if self.is_approved.swap(false, SeqCst) => {
                // As with a store that responds later: a caller that is dropped here loses the approval.
                tokio::task::yield_now().await;
                Ok(Some(self.done(context.now).step))
            }
            None => Ok(Some(Step::Prompt(Self::prompt()))),
        }
    }

    fn live_status(&self) -> Option<&dyn LiveStatus> {
        Some(self)
    }
}

#[async_trait]
impl LiveStatus for Dummy {
    /// Waits for a notification, as a plugin does whose messages are reported on.
    async fn changed(&self, context: &FlowContext<'_>, _: &Prompt) -> Result<(), PluginError> {
        let subject = SubjectKey::derive(context.subject.tenant(), context.subject.id());
        let notifier = context.services.find::<Arc<dyn Notifier>>().expect("the host has one");
        let mut news = notifier.subscribe(subject).expect("room");
        if let Some(reply) = self.called("changed", context).await {
            return reply.map(drop);
        }
        // A wait that ends by itself is no news.
        let _ = tokio::time::timeout(MAX_LIVE_WAIT, news.changed()).await;
        Ok(())
    }
}
