//! The contract of a plugin, clause by clause.

use std::fmt::Debug;

use crate::{
    ActionId, MfaPlugin, Prompt, Services, Step, Subject, Submission, test_kit::TestLogin,
};

/// A plugin with what is needed to try it out.
pub trait Candidate: Debug + Send + Sync {
    /// The plugin.
    fn plugin(&self) -> &dyn MfaPlugin;

    /// A user who can use the factor.
    fn subject(&self) -> Subject;

    /// The right answer to the prompt that is open now.
    fn right_answer(&self) -> Submission;

    /// An answer of the right form that is wrong.
    fn wrong_answer(&self) -> Submission;

    /// What the host hands out. Default: nothing.
    fn services(&self) -> Services {
        Services::new()
    }

    /// How many messages the factor has sent so far, if it sends any. Default: none.
    fn messages_sent(&self) -> usize {
        0
    }

    /// Texts that must not show anywhere: codes, numbers, keys. Asked for at the end of each check.
    /// Default: none.
    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Tries the plugin against the contract. `fresh` makes a new one for each clause.
///
/// # Panics
///
/// With the clause that does not hold.
pub async fn check_contract<C: Candidate>(fresh: impl Fn() -> C) {
    begin_may_come_again(&fresh()).await;
    a_wrong_answer_satisfies_nothing(&fresh()).await;
    the_right_answer_satisfies_the_factor_once(&fresh()).await;
    status_and_unknown_actions_change_nothing(&fresh()).await;
    a_missing_service_lets_nobody_in(&fresh()).await;
}

/// Clauses 1 and 2.
async fn begin_may_come_again(candidate: &dyn Candidate) {
    let login = start(candidate);
    prompted("begin", login.begin().await.expect("begin answers"));
    let sent = candidate.messages_sent();
    assert!(sent <= 1, "contract 1: begin sent {sent} messages");
    prompted("begin, the second time", login.begin().await.expect("begin answers"));
    login.set_state(None);
    prompted("begin, with its state lost", login.begin().await.expect("begin answers"));
    assert_eq!(candidate.messages_sent(), sent, "contract 1: begin, come again, sent again");
    is_clean(candidate, &login);
}

/// Clause 3: the user's mistakes are prompts or denials, not faults.
async fn a_wrong_answer_satisfies_nothing(candidate: &dyn Candidate) {
    let login = start(candidate);
    prompted("begin", login.begin().await.expect("begin answers"));
    let empty = Submission::new();
    for answer in [&candidate.wrong_answer(), &empty] {
        match login.submit(answer).await {
            Ok(Step::Prompt(prompt)) => {
                assert!(prompt.rejection.is_some(), "contract 3: no word about what was wrong");
                check_names(&prompt);
            }
            Ok(Step::Denied(_)) => {}
            other => panic!("contract 3: a wrong answer made {other:?}"),
        }
    }
    is_clean(candidate, &login);
}

/// Clause 2.
async fn the_right_answer_satisfies_the_factor_once(candidate: &dyn Candidate) {
    let login = start(candidate);
    prompted("begin", login.begin().await.expect("begin answers"));
    let state = login.state();
    let answer = candidate.right_answer();
    match login.submit(&answer).await {
        Ok(Step::Done(evidence)) => {
            assert!(!evidence.methods.is_empty(), "contract 2: evidence of no method");
            assert!(evidence.verified_at <= login.now(), "contract 2: evidence from the future");
        }
        other => panic!("contract 2: the right answer made {other:?}"),
    }
    // Another tab, with the state from before.
    let tab = start(candidate);
    tab.set_state(state);
    let again = tab.submit(&answer).await;
    assert!(!matches!(again, Ok(Step::Done(_))), "contract 2: the same answer was taken twice");
    is_clean(candidate, &login);
    is_clean(candidate, &tab);
}

/// What the methods `status` and `action` say of themselves.
async fn status_and_unknown_actions_change_nothing(candidate: &dyn Candidate) {
    let login = start(candidate);
    let before = login.status().await.expect("status answers");
    assert_eq!(before, None, "status: a prompt before the beginning");
    let prompt = prompted("begin", login.begin().await.expect("begin answers"));
    let sent = candidate.messages_sent();
    for _ in 0..3 {
        let status = login.status().await.expect("status answers").expect("status has the prompt");
        assert_eq!(status.fields, prompt.fields, "status: other fields than the prompt");
    }
    let unknown = ActionId::new("no-such-action");
    prompted("an unknown action", login.action(&unknown).await.expect("action answers"));
    assert_eq!(candidate.messages_sent(), sent, "status or an unknown action sent a message");
    let done = login.submit(&candidate.right_answer()).await;
    assert!(matches!(done, Ok(Step::Done(_))), "status or an unknown action spoilt the prompt");
    is_clean(candidate, &login);
}

/// Without what it needs a plugin fails; it does not go on without.
async fn a_missing_service_lets_nobody_in(candidate: &dyn Candidate) {
    let services = Services::new();
    let login = TestLogin::new(candidate.plugin(), candidate.subject(), services);
    let begun = login.begin().await;
    assert!(!matches!(begun, Ok(Step::Done(_))), "contract 2: begin satisfied the factor");
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

/// Names go into forms and catalogues: plain ASCII, each once.
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
            assert!(!names[..at].contains(name), "{name:?} stands twice");
        }
    }
    let labels = prompt.fields.iter().map(|field| &field.label);
    let buttons = prompt.actions.iter().map(|action| &action.label);
    let others = prompt.texts.iter().chain(&prompt.help).chain([&prompt.title]);
    for message in labels.chain(buttons).chain(others) {
        assert!(is_name(message.key()), "{:?} is no key of a catalogue", message.key());
    }
}

/// Clause 5.
#[track_caller]
fn is_clean(candidate: &dyn Candidate, login: &TestLogin<'_>) {
    let audit = format!("{:?}", login.audit().events());
    let plugin = format!("{:?}", candidate.plugin());
    for secret in candidate.secrets() {
        for (place, text) in [
            ("an answer", login.seen()),
            ("the audit trail", audit.clone()),
            ("Debug", plugin.clone()),
        ] {
            assert!(!text.contains(&secret), "contract 5: {place} shows a secret");
        }
    }
}
