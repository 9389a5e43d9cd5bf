//! Each clause of the contract of an enrolment finds the flaws planted for it, and no other clause does.
#![cfg(feature = "test-kit")]
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fmt,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use async_trait::async_trait;
use mfa_plugin_api::{
    ActionId, Arg, AuditEvent, AuthenticationMethod, Credential, Denied, Descriptor, Enrol,
    EnrolReply, EnrolStep, Evidence, FactorId, Field, FieldKind, FlowContext, Message, MfaPlugin,
    PluginError, PluginState, Prompt, Rejection, RejectionKind, Reply, Step, Subject, Submission,
    Unavailable,
    test_kit::{
        Candidate, EnrolCandidate, EnrolClause, check_contract, check_enrolment,
        check_enrolment_clause,
    },
};

/// What is wrong with the enrolment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    DrawsAtEachBegin,
    DrawsOnce,
    EnrolsAnything,
    EnrolsAtBegin,
    EnrolsInParallel,
    EnrolsTwice,
    FaultWhenWrong,
    HangsInSubmit,
    IgnoresFlow,
    IgnoresTenant,
    KeepsTheKey,
    LastWordForAll,
    LeaksIntoAudit,
    LeaksIntoDebug,
    OneWordForAll,
    RefusesUnknown,
    SaysNothingWhenWrong,
    TakesTheFlowForTheWord,
}

const MAX_FAILURES: usize = 5;

/// A list of words that the user writes down. The enrolment shows a word and asks for it; so does a login.
struct Words {
    descriptor: Descriptor,
    flaw: Flaw,
    /// The words that enrolments show, by flow.
    shown: Mutex<HashMap<String, Shown>>,
    /// The flows of enrolment that have ended.
    enrolled: Mutex<HashSet<String>>,
    /// The words of a plugin that keeps them.
    kept: Mutex<HashMap<String, String>>,
    failures: AtomicUsize,
    used: Mutex<HashSet<String>>,
}

struct Shown {
    flow: String,
    word: String,
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_shown = self.flaw == Flaw::LeaksIntoDebug;
        let words = is_shown.then(|| self.words());
        f.debug_struct("Words")
            .field("flaw", &self.flaw)
            .field("words", &words)
            .finish_non_exhaustive()
    }
}

impl Words {
    fn new(flaw: Flaw) -> Self {
        Self {
            descriptor: Descriptor::new(FactorId::from_static("words")),
            flaw,
            shown: Mutex::default(),
            enrolled: Mutex::default(),
            kept: Mutex::default(),
            failures: AtomicUsize::new(0),
            used: Mutex::default(),
        }
    }

    /// Returns under which name the word of this enrolment is kept.
    fn key(&self, context: &FlowContext<'_>) -> String {
        let (tenant, user) = (context.subject.tenant(), context.subject.id());
        match self.flaw {
            Flaw::OneWordForAll | Flaw::LastWordForAll => String::new(),
            Flaw::IgnoresFlow => format!("{tenant} {user}"),
            Flaw::IgnoresTenant => user.to_owned(),
            _ => format!("{tenant} {user} {}", context.flow),
        }
    }

    /// Draws a word, unless this enrolment has one.
    fn open(&self, context: &FlowContext<'_>) -> Result<String, PluginError> {
        let mut bytes = [0; 8];
        context.randomness.fill(&mut bytes)?;
        let flow = context.flow.to_string();
        let word = match self.flaw {
            Flaw::DrawsOnce => "plum".to_owned(),
            Flaw::TakesTheFlowForTheWord => format!("plum-of-{flow}"),
            _ => format!("plum-{:016x}", u64::from_le_bytes(bytes)),
        };
        let mut shown = self.shown.lock().unwrap();
        let is_new = shown.get(&self.key(context)).is_none_or(|shown| match self.flaw {
            Flaw::DrawsAtEachBegin => true,
            Flaw::LastWordForAll => shown.flow != flow,
            _ => false,
        });
        if is_new {
            shown.insert(self.key(context), Shown { flow, word });
        }
        Ok(shown[&self.key(context)].word.clone())
    }

    fn word(&self, context: &FlowContext<'_>) -> Option<String> {
        let shown = self.shown.lock().unwrap();
        shown.get(&self.key(context)).map(|shown| shown.word.clone())
    }

    fn words(&self) -> Vec<String> {
        self.shown.lock().unwrap().values().map(|shown| shown.word.clone()).collect()
    }

    fn prompt() -> Prompt {
        let field = Field::new("word", FieldKind::Secret, Message::new("word-label"));
        Prompt::new(Message::new("word-title")).with_field(field)
    }

    fn wrong() -> Prompt {
        let wrong = Rejection::new(RejectionKind::Wrong, Message::new("word-wrong"));
        Self::prompt().with_rejection(wrong)
    }

    fn has_credential(&self, subject: &Subject, typed: Option<&str>) -> bool {
        let is_typed = |word: &str| typed.is_none_or(|typed| typed == word);
        subject.credentials().iter().any(|credential| {
            let kept = self.kept.lock().unwrap().get(credential.id()).cloned();
            let word = kept.unwrap_or_else(|| {
                String::from_utf8(credential.expose_bytes().to_vec()).unwrap_or_default()
            });
            !word.is_empty() && is_typed(&word)
        })
    }

    fn credential(&self, flow: &str, word: String) -> Credential {
        if self.flaw == Flaw::KeepsTheKey {
            self.kept.lock().unwrap().insert(flow.to_owned(), word);
            return Credential::new(flow, []);
        }
        Credential::new(flow, word)
    }

    /// Whether this is the first right response of the flow.
    async fn take(&self, flow: &str) -> bool {
        let flow = flow.to_owned();
        match self.flaw {
            Flaw::EnrolsTwice => true,
            Flaw::EnrolsInParallel => {
                let is_first = !self.enrolled.lock().unwrap().contains(&flow);
                tokio::task::yield_now().await;
                self.enrolled.lock().unwrap().insert(flow);
                is_first
            }
            _ => self.enrolled.lock().unwrap().insert(flow),
        }
    }
}

#[async_trait]
impl MfaPlugin for Words {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    async fn begin(&self, context: &FlowContext<'_>) -> Result<Reply, PluginError> {
        if !self.has_credential(context.subject, None) {
            let missing = Unavailable::new(Message::new("word-not-enrolled"));
            return Ok(Reply::new(Step::Unavailable(missing)));
        }
        let state = PluginState::from_bytes("asked");
        Ok(Reply::new(Step::Prompt(Self::prompt())).with_state(state))
    }

    async fn submit(
        &self,
        context: &FlowContext<'_>,
        typed: &Submission,
    ) -> Result<Reply, PluginError> {
        if self.failures.fetch_add(1, SeqCst) >= MAX_FAILURES {
            return Ok(Reply::new(Step::Denied(Denied::new(Message::new("word-blocked")))));
        }
        let typed = typed.value("word").unwrap_or_default();
        if self.has_credential(context.subject, Some(typed))
            && self.used.lock().unwrap().insert(typed.to_owned())
        {
            let methods = [AuthenticationMethod::new("kba")];
            return Ok(Reply::new(Step::Done(Evidence::new(methods, context.now))));
        }
        let state = PluginState::from_bytes("asked");
        Ok(Reply::new(Step::Prompt(Self::wrong())).with_state(state))
    }

    async fn action(&self, context: &FlowContext<'_>, _: &ActionId) -> Result<Reply, PluginError> {
        MfaPlugin::begin(self, context).await
    }

    async fn status(&self, context: &FlowContext<'_>) -> Result<Option<Step>, PluginError> {
        Ok(context.state.map(|_| Step::Prompt(Self::prompt())))
    }

    fn enrolment(&self) -> Option<&dyn Enrol> {
        Some(self)
    }
}

#[async_trait]
impl Enrol for Words {
    async fn begin(&self, context: &FlowContext<'_>) -> Result<EnrolReply, PluginError> {
        let word = self.open(context)?;
        if self.flaw == Flaw::EnrolsAtBegin {
            let credential = self.credential(context.flow.as_str(), word);
            return Ok(EnrolReply::new(EnrolStep::Enrolled(credential)));
        }
        if self.flaw == Flaw::LeaksIntoAudit {
            context.audit.record(AuditEvent::new("words.shown").with("word", &word));
        }
        let text = Message::new("word-text").with("word", word);
        Ok(EnrolReply::new(EnrolStep::Prompt(Self::prompt().with_text(text))))
    }

    async fn submit(
        &self,
        context: &FlowContext<'_>,
        typed: &Submission,
    ) -> Result<EnrolReply, PluginError> {
        let flow = context.flow.as_str();
        let word = self.word(context).unwrap_or_default();
        let is_right = !word.is_empty() && typed.value("word") == Some(&*word);
        if is_right && self.take(flow).await || !is_right && self.flaw == Flaw::EnrolsAnything {
            return Ok(EnrolReply::new(EnrolStep::Enrolled(self.credential(flow, word))));
        }
        let prompt = match self.flaw {
            Flaw::FaultWhenWrong => {
                let source = "a wrong word".into();
                return Err(PluginError::Internal { context: "comparing", source });
            }
            Flaw::HangsInSubmit if !is_right => std::future::pending().await,
            Flaw::SaysNothingWhenWrong => Self::prompt(),
            _ => Self::wrong(),
        };
        Ok(EnrolReply::new(EnrolStep::Prompt(prompt)))
    }

    async fn remove(&self, _: &FlowContext<'_>, gone: &Credential) -> Result<(), PluginError> {
        let was_known = self.enrolled.lock().unwrap().remove(gone.id());
        if self.flaw == Flaw::RefusesUnknown && !was_known {
            let source = "an unknown credential".into();
            return Err(PluginError::Internal { context: "removing", source });
        }
        Ok(())
    }
}

impl EnrolCandidate for Words {
    fn plugin(&self) -> &dyn MfaPlugin {
        self
    }

    fn subject(&self) -> Subject {
        Subject::new("test", "alice")
    }

    fn right_response(&self, prompt: &Prompt) -> Submission {
        let shown = prompt.texts.first().and_then(|text| text.args().next());
        let Some((_, Arg::Text(word))) = shown else { panic!("the prompt shows no word") };
        Submission::new().with("word", word.clone())
    }

    fn wrong_response(&self) -> Submission {
        Submission::new().with("word", "prune")
    }

    fn right_answer(&self, credential: &Credential) -> Submission {
        let word = String::from_utf8(credential.expose_bytes().to_vec()).unwrap();
        Submission::new().with("word", word)
    }

    fn secrets(&self) -> Vec<String> {
        self.words()
    }
}

/// The word of an enrolled user.
const WORD: &str = "plum-of-the-kitchen";

/// The same plugin, with a user who is enrolled.
#[derive(Debug)]
struct Enrolled(Words);

impl Candidate for Enrolled {
    fn plugin(&self) -> &dyn MfaPlugin {
        &self.0
    }

    fn subject(&self) -> Subject {
        Subject::new("test", "alice").with_credential(self.0.credential("kitchen", WORD.to_owned()))
    }

    fn right_answer(&self) -> Submission {
        Submission::new().with("word", WORD)
    }

    fn wrong_answer(&self) -> Submission {
        Submission::new().with("word", "prune")
    }

    fn secrets(&self) -> Vec<String> {
        vec![WORD.to_owned()]
    }
}

#[tokio::test]
async fn a_plugin_without_a_flaw_passes_both_contracts() {
    check_enrolment(|| Words::new(Flaw::None)).await;
    check_contract(|| Enrolled(Words::new(Flaw::None))).await;
}

#[tokio::test]
async fn each_flaw_breaks_exactly_its_clause() {
    let planted = [
        (Flaw::DrawsAtEachBegin, EnrolClause::BeginIsRepeatable, "returned another prompt"),
        (Flaw::DrawsOnce, EnrolClause::EnrolledIsVerified, "another user was accepted"),
        (Flaw::EnrolsAnything, EnrolClause::EnrolledIsVerified, "a wrong response enrolled"),
        (Flaw::EnrolsAtBegin, EnrolClause::BeginIsRepeatable, "begin returned Ok(Enrolled"),
        (Flaw::EnrolsInParallel, EnrolClause::EnrolledIsVerified, "from 2 of two parallel"),
        (Flaw::EnrolsTwice, EnrolClause::EnrolledIsVerified, "from 2 of two parallel"),
        (Flaw::FaultWhenWrong, EnrolClause::FailuresHaveTheirForm, "returned Err"),
        (Flaw::HangsInSubmit, EnrolClause::EveryCallEnds, "submit did not end"),
        (Flaw::IgnoresFlow, EnrolClause::EnrolledIsVerified, "another enrolment was accepted"),
        (Flaw::IgnoresTenant, EnrolClause::EnrolledIsVerified, "another user was accepted"),
        (Flaw::LastWordForAll, EnrolClause::EnrolledIsVerified, "who began later"),
        (Flaw::OneWordForAll, EnrolClause::EnrolledIsVerified, "another user was accepted"),
        (Flaw::TakesTheFlowForTheWord, EnrolClause::EnrolledIsVerified, "host's randomness"),
        (Flaw::KeepsTheKey, EnrolClause::CredentialIsComplete, "returned Ok(Unavailable"),
        (Flaw::LeaksIntoAudit, EnrolClause::NoLeaks, "the audit trail shows a secret"),
        (Flaw::LeaksIntoDebug, EnrolClause::NoLeaks, "Debug shows a secret"),
        (Flaw::RefusesUnknown, EnrolClause::RemoveIsRepeatable, "remove returned"),
        (Flaw::SaysNothingWhenWrong, EnrolClause::FailuresHaveTheirForm, "no rejection"),
    ];
    for (flaw, clause, words) in planted {
        let tasks = EnrolClause::ALL.map(|clause| {
            let check = check_enrolment_clause(clause, move || Words::new(flaw));
            (clause, tokio::spawn(check))
        });
        let mut broken = Vec::new();
        for (clause, task) in tasks {
            let Err(failed) = task.await else { continue };
            let panic = failed.into_panic();
            let said = panic.downcast_ref::<String>().map(String::as_str);
            let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
            broken.push((clause, said.unwrap_or_default().to_owned()));
        }
        assert_eq!(broken.len(), 1, "{flaw:?}: {broken:?}");
        assert_eq!(broken[0].0, clause, "{flaw:?}: {broken:?}");
        let number = format!("enrolment {}: ", clause as u8);
        assert!(broken[0].1.contains(&number), "{flaw:?}: {broken:?}");
        assert!(broken[0].1.contains(words), "{flaw:?}: {broken:?}");
    }
    let found: BTreeSet<EnrolClause> = planted.into_iter().map(|(_, clause, _)| clause).collect();
    assert_eq!(found, BTreeSet::from(EnrolClause::ALL), "a clause without a planted flaw");
}

#[test]
fn a_reply_of_an_enrolment_does_not_show_its_secrets() {
    let text = Message::new("word-text").with("word", "plum");
    let prompt = Prompt::new(Message::new("word-title")).with_text(text);
    let credential = Credential::new("1", "pear");
    for step in [EnrolStep::Prompt(prompt), EnrolStep::Enrolled(credential.clone())] {
        let reply = EnrolReply::new(step).with_state(PluginState::from_bytes("peach"));
        let shown = format!("{reply:?}");
        for secret in ["plum", "pear", "112, 101", "peach"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
    let subject = format!("{:?}", Subject::new("t", "alice").with_credential(credential));
    assert!(subject.contains("Credential(\"1\", 4 bytes)"), "{subject}");
}
