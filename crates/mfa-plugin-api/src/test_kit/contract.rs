//! The contract of a plugin, clause by clause.

use std::{fmt::Debug, time::Duration};

use super::{limit::within, login::TestLogin};
use crate::{ActionId, Message, MfaPlugin, Prompt, Services, Step, Subject, Submission};

/// How long a call may wait in real time. Waits on a paused timer take none.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// A plugin to check, with what the checks need.
pub trait Candidate: Debug + Send + Sync {
    /// Returns the plugin.
    fn plugin(&self) -> &dyn MfaPlugin;

    /// Returns a user who can use the factor.
    fn subject(&self) -> Subject;

    /// Returns the right submission for the open prompt.
    fn right_answer(&self) -> Submission;

    /// Returns a submission that has the right form and is wrong.
    fn wrong_answer(&self) -> Submission;

    /// Returns the services of the host. Default: none.
    fn services(&self) -> Services {
        Services::new()
    }

    /// Returns how many messages the factor has sent so far. Default: 0.
    fn messages_sent(&self) -> usize {
        0
    }

    /// Returns texts that must not appear anywhere: codes, numbers, keys. Called at the end of each check.
    /// Default: none.
    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Checks the plugin against the contract. `fresh` returns a new candidate for each clause.
///
/// # Panics
///
/// If a clause does not hold. The message names it.
pub async fn check_contract<C: Candidate>(fresh: impl Fn() -> C) {
    begin_is_repeatable(&fresh()).await;
    a_wrong_submission_satisfies_nothing(&fresh()).await;
    the_right_submission_satisfies_the_factor_once(&fresh()).await;
    status_and_unknown_actions_change_nothing(&fresh()).await;
    a_missing_service_satisfies_nothing(&fresh()).await;
    if fresh().plugin().live_status().is_some() {
        waiting_ends_and_changes_nothing(&fresh()).await;
    }
}

/// Clause 1.
async fn begin_is_repeatable(candidate: &dyn Candidate) {
    let login = start(candidate);
    prompted("begin", login.begin().await.expect("begin succeeds"));
    let sent = candidate.messages_sent();
    assert!(sent <= 1, "contract 1: begin sent {sent} messages");
    prompted("begin, the second time", login.begin().await.expect("begin succeeds"));
    login.set_state(None);
    prompted("begin, with its state lost", login.begin().await.expect("begin succeeds"));
    assert_eq!(candidate.messages_sent(), sent, "contract 1: a repeated begin sent again");
    is_clean(candidate, &login);
}

/// Clause 4: the user's mistakes are prompts or denials, not faults.
async fn a_wrong_submission_satisfies_nothing(candidate: &dyn Candidate) {
    let login = start(candidate);
    prompted("begin", login.begin().await.expect("begin succeeds"));
    let empty = Submission::new();
    for answer in [&candidate.wrong_answer(), &empty] {
        match login.submit(answer).await {
            Ok(Step::Prompt(prompt)) => {
                assert!(prompt.rejection.is_some(), "contract 4: no rejection");
                check_names(&prompt);
            }
            Ok(Step::Denied(_)) => {}
            other => panic!("contract 4: a wrong submission returned {other:?}"),
        }
    }
    is_clean(candidate, &login);
}

/// Clause 3.
async fn the_right_submission_satisfies_the_factor_once(candidate: &dyn Candidate) {
    let login = start(candidate);
    prompted("begin", login.begin().await.expect("begin succeeds"));
    let state = login.state();
    let answer = candidate.right_answer();
    match login.submit(&answer).await {
        Ok(Step::Done(evidence)) => {
            assert!(!evidence.methods.is_empty(), "contract 3: evidence without a method");
            assert!(evidence.verified_at <= login.now(), "contract 3: evidence from the future");
        }
        other => panic!("contract 3: the right submission returned {other:?}"),
    }
    // Another tab, which still has the state of `begin`.
    let tab = start(candidate);
    tab.set_state(state);
    let again = tab.submit(&answer).await;
    assert!(
        !matches!(again, Ok(Step::Done(_))),
        "contract 3: the same submission was accepted twice"
    );
    is_clean(candidate, &login);
    is_clean(candidate, &tab);
}

/// What the documentation of `status` and `action` promises.
async fn status_and_unknown_actions_change_nothing(candidate: &dyn Candidate) {
    let login = start(candidate);
    let before = login.status().await.expect("status succeeds");
    assert_eq!(before, None, "status: a prompt before begin");
    let prompt = prompted("begin", login.begin().await.expect("begin succeeds"));
    let sent = candidate.messages_sent();
    for _ in 0..3 {
        let status = login.status().await.expect("status succeeds").expect("status has the prompt");
        assert_eq!(status.fields, prompt.fields, "status: other fields than the prompt");
    }
    let unknown = ActionId::new("no-such-action");
    prompted("an unknown action", login.action(&unknown).await.expect("action succeeds"));
    assert_eq!(candidate.messages_sent(), sent, "status or an unknown action sent a message");
    let done = login.submit(&candidate.right_answer()).await;
    assert!(matches!(done, Ok(Step::Done(_))), "status or an unknown action closed the prompt");
    is_clean(candidate, &login);
}

/// Clause 3: without its services a plugin satisfies no factor.
async fn a_missing_service_satisfies_nothing(candidate: &dyn Candidate) {
    let services = Services::new();
    let login = TestLogin::new(candidate.plugin(), candidate.subject(), services);
    let begun = login.begin().await;
    assert!(!matches!(begun, Ok(Step::Done(_))), "contract 3: begin satisfied the factor");
    is_clean(candidate, &login);
}

/// Clause 7.
async fn waiting_ends_and_changes_nothing(candidate: &dyn Candidate) {
    let login = start(candidate);
    prompted("begin", login.begin().await.expect("begin succeeds"));
    let sent = candidate.messages_sent();
    let shown = login.status().await.expect("status succeeds").expect("status has the prompt");
    let outdated = Prompt::new(Message::new("outdated"));
    for shown in [&outdated, &shown] {
        let waited = within(LONGEST_WAIT, login.changed(shown)).await;
        let waited = waited.expect("contract 7: changed did not return; is the timer paused?");
        assert!(waited.is_ok(), "contract 7: changed returned {waited:?}");
    }
    assert_eq!(candidate.messages_sent(), sent, "contract 7: waiting sent a message");
    let done = login.submit(&candidate.right_answer()).await;
    assert!(matches!(done, Ok(Step::Done(_))), "contract 7: waiting closed the prompt");
    is_clean(candidate, &login);
}

fn start(candidate: &dyn Candidate) -> TestLogin<'_> {
    TestLogin::new(candidate.plugin(), candidate.subject(), candidate.services())
}

#[track_caller]
fn prompted(call: &str, step: Step) -> Prompt {
    match step {
        Step::Prompt(prompt) => {
            check_names(&prompt);
            prompt
        }
        other => panic!("{call}: no prompt but {other:?}"),
    }
}

/// Names go into forms and catalogues: ASCII letters, digits, `-` and `_`, each once.
fn check_names(prompt: &Prompt) {
    let is_name = |name: &str| {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        !name.is_empty() && name.bytes().all(is_plain)
    };
    let fields: Vec<&str> = prompt.fields.iter().map(|field| field.name.as_ref()).collect();
    let actions: Vec<&str> = prompt.actions.iter().map(|action| action.id.as_str()).collect();
    for names in [&fields, &actions] {
        for (at, name) in names.iter().enumerate() {
            assert!(is_name(name), "{name:?} is no name for a form");
            assert!(!names[..at].contains(name), "{name:?} occurs twice");
        }
    }
    let labels = prompt.fields.iter().map(|field| &field.label);
    let buttons = prompt.actions.iter().map(|action| &action.label);
    let others = prompt.texts.iter().chain(&prompt.help).chain([&prompt.title]);
    for message in labels.chain(buttons).chain(others) {
        assert!(is_name(message.key()), "{:?} is no key of a catalogue", message.key());
    }
}

/// Clause 6.
#[track_caller]
fn is_clean(candidate: &dyn Candidate, login: &TestLogin<'_>) {
    let audit = format!("{:?}", login.audit().events());
    let plugin = format!("{:?}", candidate.plugin());
    for secret in candidate.secrets() {
        for (place, text) in [
            ("a reply", login.seen()),
            ("the audit trail", audit.clone()),
            ("Debug", plugin.clone()),
        ] {
            assert!(!text.contains(&secret), "contract 6: {place} shows a secret");
        }
    }
}
