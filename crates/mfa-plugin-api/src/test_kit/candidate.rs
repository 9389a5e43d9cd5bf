//! What a plugin to check offers the checks, and the logins of its user.

use std::fmt::Debug;

use super::{limit::ended, login::TestLogin};
use crate::{
    ActionId, FlowId, MfaPlugin, PluginError, Prompt, Services, Step, Subject, Submission,
};

/// A plugin to check, with what the checks need.
pub trait Candidate: Debug + Send + Sync {
    /// Returns the plugin.
    fn plugin(&self) -> &dyn MfaPlugin;

    /// Returns a user who can use the factor.
    fn subject(&self) -> Subject;

    /// Returns other users, whom no answer of [`subject`](Self::subject) may satisfy. Those who can use the
    /// factor have secrets of their own. Default: the same id in another tenant, and another id, both with
    /// the attributes of `subject` and without its credentials.
    fn other_subjects(&self) -> Vec<Subject> {
        namesakes(&self.subject())
    }

    /// Returns the right submission for the prompt that was opened last.
    fn right_answer(&self) -> Submission;

    /// Returns a submission that has the right form and is wrong.
    fn wrong_answer(&self) -> Submission;

    /// Satisfies the factor elsewhere, as a user does who approves a login on a phone, and returns true.
    /// Then the checks ask for the status instead of submitting the right answer. Default: returns false.
    fn approve(&self) -> bool {
        false
    }

    /// Whether an answer satisfies only the login that it was made for. A code in a message does, a code of an
    /// app does not. Asked after `begin`. An approval elsewhere is always for one login. Default: whether the
    /// factor has sent a message.
    fn is_bound_to_login(&self) -> bool {
        self.messages_sent() > 0
    }

    /// Returns the services of the host. Default: none.
    fn services(&self) -> Services {
        Services::new()
    }

    /// Makes every provider behind the plugin stop responding, so that its calls never end. Providers whose
    /// own contract bounds their calls need not. Default: does nothing.
    fn stall(&self) {}

    /// Returns how many messages the factor has sent so far. Default: 0.
    fn messages_sent(&self) -> usize {
        0
    }

    /// Makes every provider of messages behind the plugin refuse them from now on, and returns true. Default:
    /// returns false, for a factor that sends none.
    fn refuse_messages(&self) -> bool {
        false
    }

    /// Returns how often the factor has called a provider since
    /// [`refuse_messages`](Self::refuse_messages). Default: 0.
    fn messages_refused(&self) -> usize {
        0
    }

    /// Returns texts that must not appear anywhere: codes, numbers, keys. Called at the end of a check.
    /// Default: none.
    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }

    /// Returns what the plugin has logged so far, if the test captures it. Default: nothing.
    fn log(&self) -> String {
        String::new()
    }
}

/// What a call returned; `None` if it did not end.
pub(super) type Given = Option<Result<Option<Step>, PluginError>>;

/// How the candidate's user satisfies the factor.
pub(super) enum RightAnswer {
    /// By an approval elsewhere, which `status` reports.
    Approved,
    Submitted(Submission),
}

impl RightAnswer {
    pub(super) fn of(candidate: &dyn Candidate) -> Self {
        if candidate.approve() { Self::Approved } else { Self::Submitted(candidate.right_answer()) }
    }

    pub(super) async fn give(&self, login: &TestLogin<'_>) -> Given {
        match self {
            Self::Approved => ended(login.status()).await,
            Self::Submitted(answer) => ended(login.submit(answer)).await.map(|step| step.map(Some)),
        }
    }
}

pub(super) fn is_done(given: &Given) -> bool {
    matches!(given, Some(Ok(Some(Step::Done(_)))))
}

pub(super) fn start(candidate: &dyn Candidate) -> TestLogin<'_> {
    TestLogin::new(candidate.plugin(), candidate.subject(), candidate.services())
}

/// Returns a login of `subject` next to the one of [`start`], with randomness of its own.
pub(super) fn start_another(
    candidate: &dyn Candidate,
    subject: Subject,
    number: usize,
) -> TestLogin<'_> {
    TestLogin::new(candidate.plugin(), subject, candidate.services())
        .with_flow(FlowId::new(format!("another-login-{number}")))
        // 1 is the seed of `start`.
        .with_seed(2 + number as u64)
}

/// Returns users whom no plugin may take for `subject`.
pub(super) fn namesakes(subject: &Subject) -> Vec<Subject> {
    let (tenant, id) = (subject.tenant(), subject.id());
    vec![
        subject.namesake(format!("{tenant}-2"), id.to_owned()),
        subject.namesake(tenant.to_owned(), format!("{id}-2")),
    ]
}

pub(super) fn without_services(candidate: &dyn Candidate) -> TestLogin<'_> {
    TestLogin::new(candidate.plugin(), candidate.subject(), Services::new())
}

/// Begins the factor. Returns its prompt; `None` leaves the fault to clauses 1, 3 and 6.
pub(super) async fn begun(login: &TestLogin<'_>) -> Option<Prompt> {
    match ended(login.begin()).await {
        Some(Ok(Step::Prompt(prompt))) => Some(prompt),
        _ => None,
    }
}

pub(super) fn unknown_action() -> ActionId {
    ActionId::from_static("no-such-action")
}
