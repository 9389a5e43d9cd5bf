//! Each clause of the contract finds the flaws planted for it, and no other clause does.
#![cfg(feature = "test-kit")]
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::{
    collections::BTreeSet,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use async_trait::async_trait;
use mfa_plugin_api::{
    ActionId, AuditEvent, AuthenticationMethod, Denied, Descriptor, Evidence, FactorId, Field,
    FieldKind, FlowContext, LiveStatus, MAX_LIVE_WAIT, Message, MfaPlugin, PluginError,
    PluginState, Prompt, Rejection, RejectionKind, Reply, Services, Step, Subject, Submission,
    Unavailable,
    test_kit::{Candidate, Clause, check_clause, check_contract},
};

/// What is wrong with the plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    AcceptsAnything,
    AcceptsInParallel,
    AcceptsTwice,
    BadFieldName,
    CountsInState,
    DoneAtBegin,
    DoneWithoutMethod,
    FaultOnUnknownAction,
    FaultWhenWrong,
    HangsInSubmit,
    HangsWhenStalled,
    IgnoresRandomness,
    LeaksIntoAudit,
    LeaksIntoDebug,
    LeaksIntoError,
    LeaksIntoLog,
    LeaksIntoPrompt,
    LeaksIntoState,
    OpensBeforeRandomness,
    ReportsAFault,
    SaysNothingWhenWrong,
    SendsBeforeRandomness,
    SendsOnStatus,
    SendsOnUnknownAction,
    SendsTwice,
    SendsWhileWaiting,
    StatusBeforeBegin,
    StatusCounts,
    UnlimitedGuesses,
    WaitsForEver,
}

const MAX_FAILURES: usize = 5;

/// Draws a word, sends it and asks for it.
struct Post {
    descriptor: Descriptor,
    flaw: Flaw,
    is_open: AtomicBool,
    is_answered: AtomicBool,
    is_stalled: AtomicBool,
    failures: AtomicUsize,
    sent: AtomicUsize,
    word: Mutex<Option<String>>,
    log: Mutex<String>,
}

impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.word().filter(|_| self.flaw == Flaw::LeaksIntoDebug);
        f.debug_struct("Post")
            .field("flaw", &self.flaw)
            .field("word", &word)
            .finish_non_exhaustive()
    }
}

impl Post {
    fn new(flaw: Flaw) -> Self {
        Self {
            descriptor: Descriptor::new(FactorId::from_static("post")),
            flaw,
            is_open: AtomicBool::new(false),
            is_answered: AtomicBool::new(false),
            is_stalled: AtomicBool::new(false),
            failures: AtomicUsize::new(0),
            sent: AtomicUsize::new(0),
            word: Mutex::default(),
            log: Mutex::default(),
        }
    }

    fn word(&self) -> Option<String> {
        self.word.lock().unwrap().clone()
    }

    async fn send(&self) {
        if self.is_stalled.load(SeqCst) && self.flaw == Flaw::HangsWhenStalled {
            std::future::pending::<()>().await;
        }
        self.sent.fetch_add(1, SeqCst);
    }

    /// Draws the word, unless this login has one.
    async fn open(&self, context: &FlowContext<'_>) -> Result<(), PluginError> {
        if self.flaw == Flaw::SendsBeforeRandomness && self.sent.load(SeqCst) == 0 {
            self.send().await;
        }
        let mut bytes = [0; 8];
        if self.flaw == Flaw::OpensBeforeRandomness && self.is_open.swap(true, SeqCst) {
            return Ok(());
        }
        let drawn = context.randomness.fill(&mut bytes);
        if self.flaw != Flaw::IgnoresRandomness {
            drawn?;
        }
        if !self.is_open.swap(true, SeqCst) || self.flaw == Flaw::OpensBeforeRandomness {
            *self.word.lock().unwrap() = Some(format!("plum-{:016x}", u64::from_le_bytes(bytes)));
        }
        Ok(())
    }

    fn prompt(&self) -> Prompt {
        let name = if self.flaw == Flaw::BadFieldName { "the word" } else { "word" };
        let field = Field::new(name, FieldKind::Text, Message::new("word-label"));
        let prompt = Prompt::new(Message::new("word-title")).with_field(field);
        match self.word() {
            Some(word) if self.flaw == Flaw::LeaksIntoPrompt => {
                prompt.with_text(Message::new("word-text").with("word", word))
            }
            _ => prompt,
        }
    }

    fn ask(&self, failures: usize, prompt: Prompt) -> Reply {
        let state = match self.flaw {
            Flaw::LeaksIntoState => self.word().unwrap_or_default(),
            Flaw::CountsInState => "x".repeat(failures),
            _ => "asked".to_owned(),
        };
        Reply::new(Step::Prompt(prompt)).with_state(PluginState::from_bytes(state))
    }

    fn done(&self, context: &FlowContext<'_>) -> Reply {
        let methods = match self.flaw {
            Flaw::DoneWithoutMethod => Vec::new(),
            _ => vec![AuthenticationMethod::new("kba")],
        };
        Reply::new(Step::Done(Evidence::new(methods, context.now)))
    }

    /// Whether this is the first right answer.
    async fn take(&self) -> bool {
        match self.flaw {
            Flaw::AcceptsTwice => true,
            Flaw::AcceptsInParallel => {
                let was_answered = self.is_answered.load(SeqCst);
                tokio::task::yield_now().await;
                self.is_answered.store(true, SeqCst);
                !was_answered
            }
            _ => !self.is_answered.swap(true, SeqCst),
        }
    }

    fn count(&self, context: &FlowContext<'_>) -> usize {
        match self.flaw {
            Flaw::UnlimitedGuesses => 0,
            Flaw::CountsInState => {
                context.state.map_or(0, |state| state.as_bytes().len().saturating_add(1))
            }
            _ => self.failures.fetch_add(1, SeqCst) + 1,
        }
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
            return Ok(self.done(context));
        }
        self.open(context).await?;
        if self.flaw == Flaw::LeaksIntoAudit {
            let word = self.word().unwrap_or_default();
            context.audit.record(AuditEvent::new("post.sent").with("word", word));
        }
        if self.flaw == Flaw::LeaksIntoLog {
            self.log.lock().unwrap().push_str(&self.word().unwrap_or_default());
        }
        if self.flaw == Flaw::SendsTwice || self.sent.load(SeqCst) == 0 {
            self.send().await;
        }
        Ok(self.ask(0, self.prompt()))
    }

    async fn submit(
        &self,
        context: &FlowContext<'_>,
        typed: &Submission,
    ) -> Result<Reply, PluginError> {
        let failures = self.count(context);
        if failures > MAX_FAILURES {
            return Ok(Reply::new(Step::Denied(Denied::new(Message::new("word-blocked")))));
        }
        let typed = typed.value("word").or(typed.value("the word")).unwrap_or_default();
        let is_right = self.word().is_some_and(|word| word == typed);
        if is_right && self.take().await || !is_right && self.flaw == Flaw::AcceptsAnything {
            return Ok(self.done(context));
        }
        match self.flaw {
            Flaw::HangsInSubmit if !is_right => std::future::pending().await,
            Flaw::FaultWhenWrong => {
                let source = "a wrong word".into();
                return Err(PluginError::Internal { context: "comparing", source });
            }
            Flaw::SaysNothingWhenWrong => return Ok(self.ask(failures, self.prompt())),
            _ => {}
        }
        let wrong = Rejection::new(RejectionKind::Wrong, Message::new("word-wrong"));
        Ok(self.ask(failures, self.prompt().with_rejection(wrong)))
    }

    async fn action(&self, _: &FlowContext<'_>, _: &ActionId) -> Result<Reply, PluginError> {
        match self.flaw {
            Flaw::SendsOnUnknownAction => self.send().await,
            Flaw::FaultOnUnknownAction => return Err(PluginError::MissingService("an action")),
            Flaw::LeaksIntoError => {
                let source = self.word().unwrap_or_default().into();
                return Err(PluginError::Outage { context: "asking", source });
            }
            _ => {}
        }
        Ok(self.ask(0, self.prompt()))
    }

    async fn status(&self, context: &FlowContext<'_>) -> Result<Option<Step>, PluginError> {
        let has_begun = context.state.is_some();
        match self.flaw {
            Flaw::SendsOnStatus if has_begun => self.send().await,
            Flaw::StatusCounts => {
                self.failures.fetch_add(1, SeqCst);
            }
            _ => {}
        }
        let is_shown = has_begun || self.flaw == Flaw::StatusBeforeBegin;
        Ok(is_shown.then(|| Step::Prompt(self.prompt())))
    }

    fn live_status(&self) -> Option<&dyn LiveStatus> {
        Some(self)
    }
}

#[async_trait]
impl LiveStatus for Post {
    async fn changed(&self, _: &FlowContext<'_>, shown: &Prompt) -> Result<(), PluginError> {
        match self.flaw {
            Flaw::ReportsAFault => return Err(PluginError::MissingService("a postman")),
            Flaw::SendsWhileWaiting => self.send().await,
            Flaw::WaitsForEver => std::future::pending::<()>().await,
            _ => {}
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
        Submission::new().with("word", self.word().unwrap_or_default())
    }

    fn wrong_answer(&self) -> Submission {
        Submission::new().with("word", "prune")
    }

    fn services(&self) -> Services {
        Services::new().with::<Arc<str>>("post office".into())
    }

    fn stall(&self) {
        self.is_stalled.store(true, SeqCst);
    }

    fn messages_sent(&self) -> usize {
        self.sent.load(SeqCst)
    }

    fn secrets(&self) -> Vec<String> {
        self.word().into_iter().collect()
    }

    fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }
}

/// Returns the clauses that `check` finds broken, each with what it says.
async fn broken<F>(check: impl Fn(Clause) -> F) -> Vec<(Clause, String)>
where
    F: Future<Output = ()> + Send + 'static,
{
    // Started before the first `await`, so that all run at once.
    let tasks: Vec<_> =
        Clause::ALL.into_iter().map(|clause| (clause, tokio::spawn(check(clause)))).collect();
    let mut broken = Vec::new();
    for (clause, task) in tasks {
        let Err(failed) = task.await else { continue };
        let panic = failed.into_panic();
        let said = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or_default();
        broken.push((clause, said.to_owned()));
    }
    broken
}

#[tokio::test(start_paused = true)]
async fn a_plugin_without_a_flaw_passes() {
    check_contract(|| Post::new(Flaw::None)).await;
}

#[tokio::test(start_paused = true)]
async fn each_flaw_breaks_exactly_its_clause() {
    let planted = [
        (Flaw::AcceptsAnything, Clause::DoneIsVerified, "a wrong answer satisfied the factor"),
        (Flaw::AcceptsInParallel, Clause::OneRightAnswerOneDone, "Done from 2 of two parallel"),
        (Flaw::AcceptsTwice, Clause::OneRightAnswerOneDone, "Done from 2 of two parallel"),
        (Flaw::BadFieldName, Clause::NamesFitIntoForms, "is no name for a form"),
        (Flaw::CountsInState, Clause::GuessesAreBounded, "accepted after 100 wrong ones"),
        (Flaw::DoneAtBegin, Clause::DoneIsVerified, "begin satisfied the factor"),
        (Flaw::DoneWithoutMethod, Clause::DoneIsVerified, "evidence without a method"),
        (Flaw::FaultOnUnknownAction, Clause::FailuresHaveTheirForm, "an unknown action"),
        (Flaw::FaultWhenWrong, Clause::FailuresHaveTheirForm, "a wrong answer returned Err"),
        (Flaw::HangsInSubmit, Clause::EveryCallEnds, "a wrong answer did not end"),
        (Flaw::HangsWhenStalled, Clause::EveryCallEnds, "does not respond"),
        (Flaw::IgnoresRandomness, Clause::NoRandomnessNoChallenge, "returned Ok(Prompt"),
        (Flaw::LeaksIntoAudit, Clause::NoLeaks, "the audit trail shows a secret"),
        (Flaw::LeaksIntoDebug, Clause::NoLeaks, "Debug shows a secret"),
        (Flaw::LeaksIntoLog, Clause::NoLeaks, "the log shows a secret"),
        (Flaw::LeaksIntoPrompt, Clause::NoLeaks, "a reply or error shows a secret"),
        (Flaw::LeaksIntoState, Clause::NoLeaks, "a reply or error shows a secret"),
        (Flaw::OpensBeforeRandomness, Clause::NoRandomnessNoChallenge, "a half-made challenge"),
        (Flaw::SaysNothingWhenWrong, Clause::FailuresHaveTheirForm, "no rejection"),
        (Flaw::SendsBeforeRandomness, Clause::NoRandomnessNoChallenge, "sent a message"),
        (Flaw::SendsOnStatus, Clause::StatusChangesNothing, "sent a message"),
        (Flaw::SendsOnUnknownAction, Clause::StatusChangesNothing, "sent a message"),
        (Flaw::SendsTwice, Clause::BeginIsRepeatable, "a repeated begin sent message 2"),
        (Flaw::ReportsAFault, Clause::WaitingEnds, "changed returned Err"),
        (Flaw::SendsWhileWaiting, Clause::WaitingEnds, "waiting sent a message"),
        (Flaw::StatusBeforeBegin, Clause::StatusChangesNothing, "status before begin"),
        (Flaw::StatusCounts, Clause::StatusChangesNothing, "closed the prompt"),
        (Flaw::UnlimitedGuesses, Clause::GuessesAreBounded, "accepted after 100 wrong ones"),
        (Flaw::WaitsForEver, Clause::WaitingEnds, "changed did not return"),
    ];
    // All at once: a call that hangs takes its five seconds of real time.
    let checks = planted.map(|(flaw, clause, words)| {
        let check = broken(move |clause| check_clause(clause, move || Post::new(flaw)));
        (flaw, clause, words, tokio::spawn(check))
    });
    for (flaw, clause, words, check) in checks {
        let broken = check.await.unwrap();
        assert_eq!(broken.len(), 1, "{flaw:?}: {broken:?}");
        assert_eq!(broken[0].0, clause, "{flaw:?}: {broken:?}");
        let number = format!("contract {}: ", clause as u8);
        assert!(broken[0].1.contains(&number), "{flaw:?}: {broken:?}");
        assert!(broken[0].1.contains(words), "{flaw:?}: {broken:?}");
    }
    let found: BTreeSet<Clause> = planted.into_iter().map(|(_, clause, _)| clause).collect();
    assert_eq!(found, BTreeSet::from(Clause::ALL), "a clause without a planted flaw");
}

/// An error that shows a secret also has the wrong form: two clauses find it.
#[tokio::test(start_paused = true)]
async fn a_secret_in_an_error_is_found() {
    let broken = broken(|clause| check_clause(clause, || Post::new(Flaw::LeaksIntoError))).await;
    assert!(broken.iter().any(|(clause, _)| *clause == Clause::NoLeaks), "{broken:?}");
}

/// Asks the user to approve the login on a phone.
#[derive(Debug)]
struct Push {
    descriptor: Descriptor,
    is_racy: bool,
    is_approved: AtomicBool,
}

impl Push {
    fn new(is_racy: bool) -> Self {
        let descriptor = Descriptor::new(FactorId::from_static("push"));
        Self { descriptor, is_racy, is_approved: AtomicBool::new(false) }
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

    async fn begin(&self, _: &FlowContext<'_>) -> Result<Reply, PluginError> {
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
        let is_approved = if self.is_racy {
            let is_approved = self.is_approved.load(SeqCst);
            tokio::time::sleep(Duration::from_millis(1)).await;
            self.is_approved.store(false, SeqCst);
            is_approved
        } else {
            self.is_approved.swap(false, SeqCst)
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
        self.is_approved.store(true, SeqCst);
        true
    }
}

#[tokio::test(start_paused = true)]
async fn an_approval_elsewhere_counts_as_the_right_answer() {
    check_contract(|| Push::new(false)).await;
    let broken = broken(|clause| check_clause(clause, || Push::new(true))).await;
    let [(Clause::OneRightAnswerOneDone, said)] = &*broken else { panic!("{broken:?}") };
    assert!(said.contains("Done from 2 of two parallel"), "{said}");
}

/// Nobody can use it.
#[derive(Debug)]
struct Closed(Descriptor);

#[async_trait]
impl MfaPlugin for Closed {
    fn descriptor(&self) -> &Descriptor {
        &self.0
    }

    async fn begin(&self, _: &FlowContext<'_>) -> Result<Reply, PluginError> {
        Ok(Reply::new(Step::Unavailable(Unavailable::new(Message::new("closed")))))
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

    async fn status(&self, _: &FlowContext<'_>) -> Result<Option<Step>, PluginError> {
        Ok(None)
    }
}

impl Candidate for Closed {
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
}

/// The other clauses cannot begin, and leave the fault to clause 1.
#[tokio::test]
async fn a_plugin_that_cannot_begin_breaks_clause_1() {
    let closed = || Closed(Descriptor::new(FactorId::from_static("closed")));
    let broken = broken(|clause| check_clause(clause, closed)).await;
    let [(Clause::BeginIsRepeatable, said)] = &*broken else { panic!("{broken:?}") };
    assert!(said.contains("contract 1: begin returned Ok(Unavailable"), "{said}");
}
