//! The contract of an enrolment, clause by clause.

use std::fmt::Debug;

use super::{candidate::namesakes, limit::ended, login::TestLogin, names::check_names, race::race};
use crate::{
    Credential, EnrolStep, FlowId, MfaPlugin, PluginError, Prompt, Services, Step, Subject,
    Submission,
};

/// How often one call is polled before the other, in the races of two calls.
const LEADS: usize = 4;

/// Not that of [`start`].
const ANOTHER_SEED: u64 = 2;

/// A plugin whose enrolment is checked, with what the checks need.
pub trait EnrolCandidate: Debug + Send + Sync {
    /// Returns the plugin. It has an enrolment.
    fn plugin(&self) -> &dyn MfaPlugin;

    /// Returns a user who can enrol.
    fn subject(&self) -> Subject;

    /// Returns other users, whom no response of [`subject`](Self::subject) may enrol. Default: as that of
    /// [`Candidate::other_subjects`](super::Candidate::other_subjects).
    fn other_subjects(&self) -> Vec<Subject> {
        namesakes(&self.subject())
    }

    /// Whether the plugin draws the secret of each credential, as for an app. Not so if the credential is
    /// what the user brings, such as a phone number or the public key of a passkey. Default: returns true.
    fn has_drawn_secret(&self) -> bool {
        true
    }

    /// Returns the right response to the prompt of the enrolment, which may show a new secret.
    fn right_response(&self, prompt: &Prompt) -> Submission;

    /// Returns a response that has the right form and is wrong.
    fn wrong_response(&self) -> Submission;

    /// Returns the right answer of a login with `credential`.
    fn right_answer(&self, credential: &Credential) -> Submission;

    /// Returns the services of the host. Default: none.
    fn services(&self) -> Services {
        Services::new()
    }

    /// Returns texts that appear in no audit event, error or `Debug`. Called at the end of a check.
    /// Default: none.
    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A clause of the contract of [`Enrol`](crate::Enrol).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum EnrolClause {
    /// Clause 1.
    BeginIsRepeatable = 1,
    /// Clause 2. As in [`Clause::OneRightAnswerOneDone`](super::Clause::OneRightAnswerOneDone), the calls
    /// take turns on one task. Also checks that each enrolment has a secret of its own.
    EnrolledIsVerified,
    /// Clause 3. A fresh candidate takes the place of another node.
    CredentialIsComplete,
    /// Clause 4. Also checks that names fit into forms.
    FailuresHaveTheirForm,
    /// Clause 5. Each call may take five seconds of real time.
    EveryCallEnds,
    /// Clause 6.
    NoLeaks,
    /// Clause 7.
    RemoveIsRepeatable,
}

impl EnrolClause {
    /// Every clause, in the order of the contract.
    pub const ALL: [Self; 7] = [
        Self::BeginIsRepeatable,
        Self::EnrolledIsVerified,
        Self::CredentialIsComplete,
        Self::FailuresHaveTheirForm,
        Self::EveryCallEnds,
        Self::NoLeaks,
        Self::RemoveIsRepeatable,
    ];
}

/// Checks the plugin's enrolment against every clause of the contract. `fresh` returns a new candidate.
///
/// # Panics
///
/// If a clause does not hold. The message names it.
pub async fn check_enrolment<C: EnrolCandidate>(fresh: impl Fn() -> C) {
    for clause in EnrolClause::ALL {
        check_enrolment_clause(clause, &fresh).await;
    }
}

/// Checks the plugin's enrolment against one clause. Faults that other clauses name do not count here.
///
/// # Panics
///
/// If the clause does not hold.
pub async fn check_enrolment_clause<C: EnrolCandidate>(clause: EnrolClause, fresh: impl Fn() -> C) {
    match clause {
        EnrolClause::BeginIsRepeatable => begin_is_repeatable(&fresh()).await,
        EnrolClause::EnrolledIsVerified => {
            a_wrong_response_enrols_nothing(&fresh()).await;
            for lead in 0..LEADS {
                one_right_response_enrols_once(&fresh(), lead).await;
            }
            a_response_of_another_enrols_nothing(&fresh).await;
            each_enrolment_has_its_secret(&fresh).await;
        }
        EnrolClause::CredentialIsComplete => {
            a_credential_is_complete(&fresh(), &fresh()).await;
        }
        EnrolClause::FailuresHaveTheirForm => failures_have_their_form(&fresh()).await,
        EnrolClause::EveryCallEnds => every_call_ends(&fresh()).await,
        EnrolClause::NoLeaks => no_leaks(&fresh()).await,
        EnrolClause::RemoveIsRepeatable => remove_is_repeatable(&fresh()).await,
    }
}

async fn begin_is_repeatable(candidate: &dyn EnrolCandidate) {
    let flow = start(candidate);
    let mut open = None;
    for call in ["begin", "a repeated begin", "begin after its state was lost"] {
        match ended(flow.begin_enrolment()).await {
            Some(Ok(EnrolStep::Prompt(prompt))) if call == "a repeated begin" => {
                let is_open = open.as_ref() == Some(&prompt);
                // Without the prompts, which may show a secret.
                assert!(is_open, "enrolment 1: {call} returned another prompt");
            }
            Some(Ok(EnrolStep::Prompt(prompt))) => open = Some(prompt),
            Some(other) => panic!("enrolment 1: {call} returned {other:?}"),
            None => return,
        }
        if call == "a repeated begin" {
            flow.set_state(None);
        }
    }
}

async fn a_wrong_response_enrols_nothing(candidate: &dyn EnrolCandidate) {
    let flow = start(candidate);
    if begun(&flow).await.is_none() {
        return;
    }
    for response in [&candidate.wrong_response(), &Submission::new()] {
        let submitted = ended(flow.submit_enrolment(response)).await;
        assert!(!is_enrolled(&submitted), "enrolment 2: a wrong response enrolled the user");
    }
}

async fn one_right_response_enrols_once(candidate: &dyn EnrolCandidate, lead: usize) {
    let flow = start(candidate);
    let Some(prompt) = begun(&flow).await else { return };
    let response = candidate.right_response(&prompt);
    // Tabs, each with the state of `begin`.
    let tabs: [_; 3] = std::array::from_fn(|_| {
        let tab = start(candidate);
        tab.set_state(flow.state());
        tab
    });
    let [one, two, three] = &tabs;
    let submit = async |tab: &TestLogin<'_>| ended(tab.submit_enrolment(&response)).await;
    let (first, second) = race(lead, submit(one), submit(two)).await;
    if first.is_none() || second.is_none() {
        return;
    }
    let enrolled = [&first, &second].into_iter().filter(|given| is_enrolled(given)).count();
    assert_eq!(
        enrolled, 1,
        "enrolment 2: Enrolled from {enrolled} of two parallel right responses"
    );
    let again = submit(three).await;
    assert!(!is_enrolled(&again), "enrolment 2: the same response enrolled the user again");
}

async fn a_response_of_another_enrols_nothing<C: EnrolCandidate>(fresh: &impl Fn() -> C) {
    for (other, whose) in others(&fresh()) {
        let candidate = fresh();
        let (flow, another) = (start(&candidate), start_another(&candidate, other.clone()));
        let Some(prompt) = begun(&flow).await else { return };
        let response = candidate.right_response(&prompt);
        begun(&another).await;
        let given = ended(another.submit_enrolment(&response)).await;
        assert!(!is_enrolled(&given), "enrolment 2: the response of another {whose} was accepted");

        let candidate = fresh();
        let (flow, another) = (start(&candidate), start_another(&candidate, other));
        begun(&flow).await;
        let Some(prompt) = begun(&another).await else { continue };
        let given = ended(flow.submit_enrolment(&candidate.right_response(&prompt))).await;
        assert!(
            !is_enrolled(&given),
            "enrolment 2: the response of another {whose}, who began later, was accepted"
        );
    }
}

async fn each_enrolment_has_its_secret<C: EnrolCandidate>(fresh: &impl Fn() -> C) {
    let candidate = fresh();
    if !candidate.has_drawn_secret() {
        return;
    }
    let Some(first) = enrolled(&candidate, &start(&candidate)).await else { return };
    let is_same = |other: Option<Credential>| {
        let bytes = first.expose_bytes();
        // A credential without bytes is for clause 3.
        !bytes.is_empty() && other.is_some_and(|other| other.expose_bytes() == bytes)
    };
    for (other, whose) in others(&candidate) {
        let other = enrolled(&candidate, &start_another(&candidate, other)).await;
        assert!(!is_same(other), "enrolment 2: another {whose} has the same secret");
    }
    let candidate = fresh();
    let other = enrolled(&candidate, &start(&candidate).with_seed(ANOTHER_SEED)).await;
    assert!(!is_same(other), "enrolment 2: the secret does not depend on the host's randomness");
}

async fn a_credential_is_complete(candidate: &dyn EnrolCandidate, node: &dyn EnrolCandidate) {
    let Some(credential) = enrolled(candidate, &start(candidate)).await else { return };
    let answer = node.right_answer(&credential);
    let subject = node.subject().with_credential(credential);
    let login = TestLogin::new(node.plugin(), subject, node.services());
    match ended(login.begin()).await {
        Some(Ok(Step::Prompt(_))) => {}
        Some(other) => panic!("enrolment 3: begin with the new credential returned {other:?}"),
        None => return,
    }
    match ended(login.submit(&answer)).await {
        Some(Ok(Step::Done(_))) | None => {}
        Some(other) => panic!("enrolment 3: a login with the new credential returned {other:?}"),
    }
}

async fn failures_have_their_form(candidate: &dyn EnrolCandidate) {
    let flow = start(candidate);
    let Some(prompt) = begun(&flow).await else { return };
    check_names("enrolment 4", &prompt);
    for response in [&candidate.wrong_response(), &Submission::new()] {
        match ended(flow.submit_enrolment(response)).await {
            Some(Ok(EnrolStep::Prompt(prompt))) => {
                assert!(prompt.rejection.is_some(), "enrolment 4: no rejection");
                check_names("enrolment 4", &prompt);
            }
            None | Some(Ok(EnrolStep::Denied(_) | EnrolStep::Enrolled(_))) => {}
            Some(other) => panic!("enrolment 4: a wrong response returned {other:?}"),
        }
    }
}

async fn every_call_ends(candidate: &dyn EnrolCandidate) {
    let flow = start(candidate);
    let begun = ended(flow.begin_enrolment()).await.expect("enrolment 5: begin did not end");
    let Ok(EnrolStep::Prompt(prompt)) = begun else { return };
    let wrong = candidate.wrong_response();
    ended(flow.submit_enrolment(&wrong)).await.expect("enrolment 5: submit did not end").ok();
    let right = candidate.right_response(&prompt);
    ended(flow.submit_enrolment(&right)).await.expect("enrolment 5: submit did not end").ok();
    let unknown = unknown_credential();
    ended(flow.remove_credential(&unknown)).await.expect("enrolment 5: remove did not end").ok();
}

async fn no_leaks(candidate: &dyn EnrolCandidate) {
    let faulty = TestLogin::new(candidate.plugin(), candidate.subject(), Services::new());
    ended(faulty.begin_enrolment()).await;
    let flow = start(candidate);
    let unlucky = start(candidate);
    unlucky.fail_randomness(true);
    ended(unlucky.begin_enrolment()).await;
    if let Some(prompt) = begun(&flow).await {
        ended(flow.submit_enrolment(&candidate.wrong_response())).await;
        ended(flow.submit_enrolment(&candidate.right_response(&prompt))).await;
    }
    let plugin = format!("{:?}", candidate.plugin());
    for secret in candidate.secrets() {
        for login in [&faulty, &unlucky, &flow] {
            let audit = format!("{:?}", login.audit().events());
            assert!(!login.seen().contains(&secret), "enrolment 6: an error shows a secret");
            assert!(!audit.contains(&secret), "enrolment 6: the audit trail shows a secret");
        }
        assert!(!plugin.contains(&secret), "enrolment 6: Debug shows a secret");
    }
}

async fn remove_is_repeatable(candidate: &dyn EnrolCandidate) {
    let host = start(candidate);
    let credential = enrolled(candidate, &host).await.unwrap_or_else(unknown_credential);
    let unknown = unknown_credential();
    for removed in [&credential, &credential, &unknown] {
        let removed = ended(host.remove_credential(removed)).await;
        let is_good = removed.as_ref().is_none_or(Result::is_ok);
        assert!(is_good, "enrolment 7: remove returned {removed:?}");
    }
}

/// What a call returned; `None` if it did not end.
type Given = Option<Result<EnrolStep, PluginError>>;

fn is_enrolled(given: &Given) -> bool {
    matches!(given, Some(Ok(EnrolStep::Enrolled(_))))
}

fn start(candidate: &dyn EnrolCandidate) -> TestLogin<'_> {
    TestLogin::new(candidate.plugin(), candidate.subject(), candidate.services())
}

/// Returns an enrolment of `subject` next to the one of [`start`], with randomness of its own.
fn start_another(candidate: &dyn EnrolCandidate, subject: Subject) -> TestLogin<'_> {
    TestLogin::new(candidate.plugin(), subject, candidate.services())
        .with_flow(FlowId::new("another-enrolment"))
        .with_seed(ANOTHER_SEED)
}

/// Returns those who enrol next to the candidate's user: others, and the same user once more.
fn others(candidate: &dyn EnrolCandidate) -> Vec<(Subject, &'static str)> {
    let others = candidate.other_subjects().into_iter().map(|subject| (subject, "user"));
    others.chain([(candidate.subject(), "enrolment")]).collect()
}

/// Begins an enrolment. Returns its prompt; `None` leaves the fault to clauses 1 and 5.
async fn begun(flow: &TestLogin<'_>) -> Option<Prompt> {
    match ended(flow.begin_enrolment()).await {
        Some(Ok(EnrolStep::Prompt(prompt))) => Some(prompt),
        _ => None,
    }
}

/// Enrols the user. `None` leaves the fault to clauses 1, 2 and 5.
async fn enrolled(candidate: &dyn EnrolCandidate, flow: &TestLogin<'_>) -> Option<Credential> {
    let prompt = begun(flow).await?;
    match ended(flow.submit_enrolment(&candidate.right_response(&prompt))).await {
        Some(Ok(EnrolStep::Enrolled(credential))) => Some(credential),
        _ => None,
    }
}

fn unknown_credential() -> Credential {
    Credential::new("no-such-credential", [])
}
