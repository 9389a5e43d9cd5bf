//! A factor that sends a word, with the flaws that the kit has to find.

use std::{
    collections::{HashMap, HashSet},
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
    Unavailable, test_kit::Candidate,
};

/// What is wrong with the plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    AcceptsAnything,
    AcceptsInParallel,
    AcceptsTwice,
    AsksForOtherField,
    AsksForOtherText,
    BadFieldName,
    CountsAfterComparing,
    CountsInState,
    CountsPerLogin,
    CountsWithLostUpdates,
    DoneAtBegin,
    DoneWithoutMethod,
    FaultOnUnknownAction,
    FaultWhenWrong,
    HangsInSubmit,
    HangsWhenStalled,
    IgnoresLogin,
    IgnoresRandomness,
    IgnoresTenant,
    LastWordForAll,
    LeaksIntoAudit,
    LeaksIntoDebug,
    LeaksIntoError,
    LeaksIntoLog,
    LeaksIntoPrompt,
    LeaksIntoState,
    OneWordForAll,
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
    TriesWithoutLimit,
    WaitsForEver,
}

const MAX_FAILURES: usize = 5;
const MAX_REFUSED: usize = 3;

/// Draws a word for each login, sends it and asks for it.
pub(crate) struct Post {
    descriptor: Descriptor,
    flaw: Flaw,
    is_stalled: AtomicBool,
    is_refusing: AtomicBool,
    refused: AtomicUsize,
    sent: AtomicUsize,
    /// How often a login began.
    begun: AtomicUsize,
    /// By login.
    words: Mutex<HashMap<String, Word>>,
    /// The logins for which a word was about to be drawn.
    opened: Mutex<HashSet<String>>,
    last: Mutex<Option<String>>,
    /// By user.
    failures: Mutex<HashMap<String, usize>>,
    log: Mutex<String>,
}

struct Word {
    login: String,
    text: String,
    is_answered: bool,
}

pub(crate) fn user(context: &FlowContext<'_>) -> String {
    format!("{} {}", context.subject.tenant(), context.subject.id())
}

pub(crate) fn login(context: &FlowContext<'_>) -> String {
    format!("{} {}", user(context), context.flow)
}

impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.last_word().filter(|_| self.flaw == Flaw::LeaksIntoDebug);
        f.debug_struct("Post")
            .field("flaw", &self.flaw)
            .field("word", &word)
            .finish_non_exhaustive()
    }
}

impl Post {
    pub(crate) fn new(flaw: Flaw) -> Self {
        Self {
            descriptor: Descriptor::new(FactorId::from_static("post")),
            flaw,
            is_stalled: AtomicBool::new(false),
            is_refusing: AtomicBool::new(false),
            refused: AtomicUsize::new(0),
            sent: AtomicUsize::new(0),
            begun: AtomicUsize::new(0),
            words: Mutex::default(),
            opened: Mutex::default(),
            last: Mutex::default(),
            failures: Mutex::default(),
            log: Mutex::default(),
        }
    }

    /// Returns under which name the word of this login is kept.
    fn key(&self, context: &FlowContext<'_>) -> String {
        match self.flaw {
            Flaw::OneWordForAll | Flaw::LastWordForAll => String::new(),
            Flaw::IgnoresLogin => user(context),
            Flaw::IgnoresTenant => context.subject.id().to_owned(),
            _ => login(context),
        }
    }

    fn word(&self, context: &FlowContext<'_>) -> Option<String> {
        let words = self.words.lock().unwrap();
        words.get(&self.key(context)).map(|word| word.text.clone())
    }

    fn last_word(&self) -> Option<String> {
        self.last.lock().unwrap().clone()
    }

    async fn send(&self) {
        if self.is_stalled.load(SeqCst) && self.flaw == Flaw::HangsWhenStalled {
            std::future::pending::<()>().await;
        }
        self.sent.fetch_add(1, SeqCst);
    }

    /// Draws the word and sends it, unless this login has one.
    async fn open(&self, context: &FlowContext<'_>) -> Result<(), PluginError> {
        let (key, login) = (self.key(context), login(context));
        let is_new = self.opened.lock().unwrap().insert(key.clone());
        if self.flaw == Flaw::SendsBeforeRandomness && is_new {
            self.send().await;
        }
        if self.flaw == Flaw::OpensBeforeRandomness && !is_new {
            return Ok(());
        }
        let mut bytes = [0; 8];
        let drawn = context.randomness.fill(&mut bytes);
        if self.flaw != Flaw::IgnoresRandomness {
            drawn?;
        }
        let is_drawn = {
            let mut words = self.words.lock().unwrap();
            let open = words.get(&key);
            let is_drawn =
                open.is_none_or(|word| self.flaw == Flaw::LastWordForAll && word.login != login);
            if is_drawn {
                let text = format!("plum-{:016x}", u64::from_le_bytes(bytes));
                *self.last.lock().unwrap() = Some(text.clone());
                words.insert(key, Word { login, text, is_answered: false });
            }
            is_drawn
        };
        if is_drawn && self.flaw != Flaw::SendsBeforeRandomness || self.flaw == Flaw::SendsTwice {
            self.send().await;
        }
        Ok(())
    }

    fn prompt(&self, context: &FlowContext<'_>) -> Prompt {
        let name = if self.flaw == Flaw::BadFieldName { "the word" } else { "word" };
        let begun = self.begun.load(SeqCst);
        let label = match self.flaw {
            Flaw::AsksForOtherField => Message::new("word-label").with("page", begun.to_string()),
            _ => Message::new("word-label"),
        };
        let text = if self.flaw == Flaw::AsksForOtherText {
            Message::new("word-page").with("page", begun as u64)
        } else {
            // News, and a time that passes, may change while the prompt is open.
            let news = if begun < 2 { "word-sending" } else { "word-sent" };
            Message::new(news).with("for", Duration::from_secs(begun as u64))
        };
        let field = Field::new(name, FieldKind::Text, label);
        let prompt = Prompt::new(Message::new("word-title")).with_text(text).with_field(field);
        match self.word(context) {
            Some(word) if self.flaw == Flaw::LeaksIntoPrompt => {
                prompt.with_text(Message::new("word-text").with("word", word))
            }
            _ => prompt,
        }
    }

    fn ask(&self, failures: usize, prompt: Prompt) -> Reply {
        let state = match self.flaw {
            Flaw::LeaksIntoState => self.last_word().unwrap_or_default(),
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
    async fn take(&self, context: &FlowContext<'_>) -> bool {
        let key = self.key(context);
        let answer = || {
            let mut words = self.words.lock().unwrap();
            let word = words.get_mut(&key);
            word.is_some_and(|word| !std::mem::replace(&mut word.is_answered, true))
        };
        match self.flaw {
            Flaw::AcceptsTwice => true,
            Flaw::AcceptsInParallel => {
                let was_answered = self.words.lock().unwrap().get(&key).unwrap().is_answered;
                tokio::task::yield_now().await;
                answer();
                !was_answered
            }
            _ => answer(),
        }
    }

    fn failures(&self, context: &FlowContext<'_>) -> usize {
        self.failures.lock().unwrap().get(&user(context)).copied().unwrap_or_default()
    }

    /// Counts an answer before it is compared.
    async fn count(&self, context: &FlowContext<'_>) -> usize {
        match self.flaw {
            Flaw::CountsAfterComparing => self.failures(context) + 1,
            Flaw::CountsInState => {
                context.state.map_or(0, |state| state.as_bytes().len().saturating_add(1))
            }
            Flaw::CountsPerLogin => self.count_one(login(context)),
            Flaw::CountsWithLostUpdates => {
                let failures = self.failures(context) + 1;
                tokio::task::yield_now().await;
                self.failures.lock().unwrap().insert(user(context), failures);
                failures
            }
            Flaw::UnlimitedGuesses => 0,
            _ => self.count_one(user(context)),
        }
    }

    fn count_one(&self, whose: String) -> usize {
        let mut failures = self.failures.lock().unwrap();
        let failures = failures.entry(whose).or_default();
        *failures += 1;
        *failures
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
        if self.is_refusing.load(SeqCst) {
            if self.flaw == Flaw::TriesWithoutLimit || self.refused.load(SeqCst) < MAX_REFUSED {
                self.refused.fetch_add(1, SeqCst);
            }
            return Ok(Reply::new(Step::Unavailable(Unavailable::new(Message::new("post-shut")))));
        }
        self.begun.fetch_add(1, SeqCst);
        self.open(context).await?;
        if self.flaw == Flaw::LeaksIntoAudit {
            let word = self.last_word().unwrap_or_default();
            context.audit.record(AuditEvent::new("post.sent").with("word", word));
        }
        if self.flaw == Flaw::LeaksIntoLog {
            self.log.lock().unwrap().push_str(&self.last_word().unwrap_or_default());
        }
        Ok(self.ask(0, self.prompt(context)))
    }

    async fn submit(
        &self,
        context: &FlowContext<'_>,
        typed: &Submission,
    ) -> Result<Reply, PluginError> {
        let failures = self.count(context).await;
        if failures > MAX_FAILURES {
            return Ok(Reply::new(Step::Denied(Denied::new(Message::new("word-blocked")))));
        }
        let typed = typed.value("word").or(typed.value("the word")).unwrap_or_default();
        let is_right = self.word(context).is_some_and(|word| word == typed);
        if is_right && self.take(context).await || !is_right && self.flaw == Flaw::AcceptsAnything {
            return Ok(self.done(context));
        }
        match self.flaw {
            Flaw::CountsAfterComparing => {
                tokio::task::yield_now().await;
                self.count_one(user(context));
            }
            Flaw::HangsInSubmit if !is_right => std::future::pending().await,
            Flaw::FaultWhenWrong => {
                let source = "a wrong word".into();
                return Err(PluginError::Internal { context: "comparing", source });
            }
            Flaw::SaysNothingWhenWrong => return Ok(self.ask(failures, self.prompt(context))),
            _ => {}
        }
        let wrong = Rejection::new(RejectionKind::Wrong, Message::new("word-wrong"));
        Ok(self.ask(failures, self.prompt(context).with_rejection(wrong)))
    }

    async fn action(&self, context: &FlowContext<'_>, _: &ActionId) -> Result<Reply, PluginError> {
        match self.flaw {
            Flaw::SendsOnUnknownAction => self.send().await,
            Flaw::FaultOnUnknownAction => return Err(PluginError::MissingService("an action")),
            Flaw::LeaksIntoError => {
                let source = self.last_word().unwrap_or_default().into();
                return Err(PluginError::Outage { context: "asking", source });
            }
            _ => {}
        }
        Ok(self.ask(0, self.prompt(context)))
    }

    async fn status(&self, context: &FlowContext<'_>) -> Result<Option<Step>, PluginError> {
        let has_begun = context.state.is_some();
        match self.flaw {
            Flaw::SendsOnStatus if has_begun => self.send().await,
            Flaw::StatusCounts => {
                self.count_one(user(context));
            }
            _ => {}
        }
        let is_shown = has_begun || self.flaw == Flaw::StatusBeforeBegin;
        Ok(is_shown.then(|| Step::Prompt(self.prompt(context))))
    }

    fn live_status(&self) -> Option<&dyn LiveStatus> {
        Some(self)
    }
}

#[async_trait]
impl LiveStatus for Post {
    async fn changed(&self, context: &FlowContext<'_>, shown: &Prompt) -> Result<(), PluginError> {
        match self.flaw {
            Flaw::ReportsAFault => return Err(PluginError::MissingService("a postman")),
            Flaw::SendsWhileWaiting => self.send().await,
            Flaw::WaitsForEver => std::future::pending::<()>().await,
            _ => {}
        }
        if *shown == self.prompt(context) {
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
        Submission::new().with("word", self.last_word().unwrap_or_default())
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

    fn refuse_messages(&self) -> bool {
        self.is_refusing.store(true, SeqCst);
        true
    }

    fn messages_refused(&self) -> usize {
        self.refused.load(SeqCst)
    }

    fn secrets(&self) -> Vec<String> {
        self.words.lock().unwrap().values().map(|word| word.text.clone()).collect()
    }

    fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }
}
