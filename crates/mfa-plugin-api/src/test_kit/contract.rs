//! The contract of a plugin, clause by clause.

use super::{
    candidate::{
        Candidate, Given, RightAnswer, begun, is_done, start, start_another, unknown_action,
        without_services,
    },
    guesses::{MAX_GUESSES, guesses_are_bounded},
    limit::ended,
    login::TestLogin,
    names::check_names,
    others::an_answer_of_another_satisfies_nothing,
    race::race,
    repeated::asks_the_same,
};
use crate::{Message, Prompt, Step, Submission};

/// How often one call is polled before the other, in the races of two calls.
const LEADS: usize = 4;

/// A clause of the contract of [`MfaPlugin`](crate::MfaPlugin).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Clause {
    /// Clause 1. A repeated prompt has the same title and fields. Its paragraphs may have other keys, such as
    /// news about a message, but not another value of an argument. Durations and instants may differ.
    BeginIsRepeatable = 1,
    /// Clause 2. The two calls take turns on one task, so this finds a race that spans an `await`. It does
    /// not find a race between two threads.
    OneRightAnswerOneDone,
    /// Clause 3.
    DoneIsVerified,
    /// Clause 4. The guesses are made in one login, over 101 logins, and at once. A candidate whose limits on
    /// messages are wide allows all these logins. Parallel answers take turns on one task, as in clause 2, and
    /// the right one begins last.
    GuessesAreBounded,
    /// Clause 5.
    FailuresHaveTheirForm,
    /// Clause 6. Each call may take five seconds of real time.
    EveryCallEnds,
    /// Clause 7.
    NoRandomnessNoChallenge,
    /// Clause 8.
    NoLeaks,
    /// Clause 9.
    StatusChangesNothing,
    /// Clause 10.
    WaitingEnds,
    /// Clause 11.
    NamesFitIntoForms,
    /// Clause 12. One hundred tries at one instant, half of them in one login, may call the provider twenty times.
    /// A candidate whose [`refuse_messages`](Candidate::refuse_messages) returns false passes.
    TriesAreBounded,
}

impl Clause {
    /// Every clause, in the order of the contract.
    pub const ALL: [Self; 12] = [
        Self::BeginIsRepeatable,
        Self::OneRightAnswerOneDone,
        Self::DoneIsVerified,
        Self::GuessesAreBounded,
        Self::FailuresHaveTheirForm,
        Self::EveryCallEnds,
        Self::NoRandomnessNoChallenge,
        Self::NoLeaks,
        Self::StatusChangesNothing,
        Self::WaitingEnds,
        Self::NamesFitIntoForms,
        Self::TriesAreBounded,
    ];
}

/// Checks the plugin against every clause of the contract. `fresh` returns a new candidate.
///
/// # Panics
///
/// If a clause does not hold. The message names it.
pub async fn check_contract<C: Candidate>(fresh: impl Fn() -> C) {
    for clause in Clause::ALL {
        check_clause(clause, &fresh).await;
    }
}

/// Checks the plugin against one clause. Faults that other clauses name do not count here, so a plugin that
/// cannot begin passes most of them.
///
/// # Panics
///
/// If the clause does not hold.
pub async fn check_clause<C: Candidate>(clause: Clause, fresh: impl Fn() -> C) {
    match clause {
        Clause::BeginIsRepeatable => begin_is_repeatable(&fresh()).await,
        Clause::OneRightAnswerOneDone => {
            for lead in 0..LEADS {
                one_right_answer_one_done(&fresh(), lead).await;
            }
        }
        Clause::DoneIsVerified => {
            done_is_verified(&fresh()).await;
            a_wrong_answer_satisfies_nothing(&fresh()).await;
            a_missing_service_satisfies_nothing(&fresh()).await;
            an_answer_of_another_satisfies_nothing(&fresh).await;
        }
        Clause::GuessesAreBounded => guesses_are_bounded(&fresh).await,
        Clause::FailuresHaveTheirForm => failures_have_their_form(&fresh()).await,
        Clause::EveryCallEnds => {
            every_call_ends(&fresh()).await;
            every_call_ends_without_providers(&fresh()).await;
        }
        Clause::NoRandomnessNoChallenge => {
            begin_without_randomness_leaves_nothing(&fresh()).await;
            calls_without_randomness_fail(&fresh()).await;
        }
        Clause::NoLeaks => no_leaks(&fresh()).await,
        Clause::StatusChangesNothing => status_changes_nothing(&fresh()).await,
        Clause::WaitingEnds => {
            if fresh().plugin().live_status().is_some() {
                waiting_ends(&fresh()).await;
            }
        }
        Clause::NamesFitIntoForms => names_fit_into_forms(&fresh()).await,
        Clause::TriesAreBounded => tries_are_bounded(&fresh()).await,
    }
}

async fn begin_is_repeatable(candidate: &dyn Candidate) {
    let login = start(candidate);
    let mut open: Option<Prompt> = None;
    for call in ["begin", "a repeated begin", "begin after its state was lost"] {
        match ended(login.begin()).await {
            Some(Ok(Step::Prompt(prompt))) => {
                let asks_the_same = open.as_ref().is_none_or(|open| asks_the_same(open, &prompt));
                assert!(asks_the_same, "contract 1: {call} asks for something else");
                open = Some(prompt);
            }
            None | Some(Ok(Step::Done(_))) => return,
            Some(other) => panic!("contract 1: {call} returned {other:?}"),
        }
        let sent = candidate.messages_sent();
        assert!(sent <= 1, "contract 1: {call} sent message {sent}");
        if call == "a repeated begin" {
            login.set_state(None);
        }
    }
}

async fn one_right_answer_one_done(candidate: &dyn Candidate, lead: usize) {
    let login = start(candidate);
    if begun(&login).await.is_none() {
        return;
    }
    let answer = RightAnswer::of(candidate);
    // Tabs, each with the state of `begin`.
    let tabs: [_; 3] = std::array::from_fn(|_| {
        let tab = start(candidate);
        tab.set_state(login.state());
        tab
    });
    let (first, second) = race(lead, answer.give(&tabs[0]), answer.give(&tabs[1])).await;
    if first.is_none() || second.is_none() {
        return;
    }
    let accepted = [&first, &second].into_iter().filter(|given| is_done(given)).count();
    assert_eq!(accepted, 1, "contract 2: Done from {accepted} of two parallel right answers");
    let again = answer.give(&tabs[2]).await;
    assert!(!is_done(&again), "contract 2: the same answer was accepted again");
}

async fn done_is_verified(candidate: &dyn Candidate) {
    let login = start(candidate);
    match ended(login.begin()).await {
        Some(Ok(Step::Done(_))) => panic!("contract 3: begin satisfied the factor"),
        Some(Ok(Step::Prompt(_))) => {}
        _ => return,
    }
    match RightAnswer::of(candidate).give(&login).await {
        Some(Ok(Some(Step::Done(evidence)))) => {
            assert!(!evidence.methods.is_empty(), "contract 3: evidence without a method");
            assert!(evidence.verified_at <= login.now(), "contract 3: evidence from the future");
        }
        Some(other) => panic!("contract 3: the right answer returned {other:?}"),
        None => {}
    }
}

async fn a_wrong_answer_satisfies_nothing(candidate: &dyn Candidate) {
    let login = start(candidate);
    if begun(&login).await.is_none() {
        return;
    }
    for answer in [&candidate.wrong_answer(), &Submission::new()] {
        let submitted = ended(login.submit(answer)).await;
        let is_done = matches!(submitted, Some(Ok(Step::Done(_))));
        assert!(!is_done, "contract 3: a wrong answer satisfied the factor");
    }
}

async fn a_missing_service_satisfies_nothing(candidate: &dyn Candidate) {
    let login = without_services(candidate);
    let begun = ended(login.begin()).await;
    let is_done = matches!(begun, Some(Ok(Step::Done(_))));
    assert!(!is_done, "contract 3: begin without services satisfied the factor");
}

async fn failures_have_their_form(candidate: &dyn Candidate) {
    let login = start(candidate);
    let Some(prompt) = begun(&login).await else { return };
    if !prompt.fields.is_empty() {
        for answer in [&candidate.wrong_answer(), &Submission::new()] {
            match ended(login.submit(answer)).await {
                Some(Ok(Step::Prompt(prompt))) => {
                    assert!(prompt.rejection.is_some(), "contract 5: no rejection");
                }
                None | Some(Ok(Step::Denied(_) | Step::Done(_))) => {}
                Some(other) => panic!("contract 5: a wrong answer returned {other:?}"),
            }
        }
    }
    match ended(login.action(&unknown_action())).await {
        None | Some(Ok(Step::Prompt(_) | Step::Denied(_))) => {}
        Some(other) => panic!("contract 5: an unknown action returned {other:?}"),
    }
}

async fn every_call_ends(candidate: &dyn Candidate) {
    let login = start(candidate);
    let begun = ended(login.begin()).await.expect("contract 6: begin did not end");
    if !matches!(begun, Ok(Step::Prompt(_))) {
        return;
    }
    ended(login.status()).await.expect("contract 6: status did not end").ok();
    ended(login.action(&unknown_action())).await.expect("contract 6: action did not end").ok();
    let wrong = candidate.wrong_answer();
    ended(login.submit(&wrong)).await.expect("contract 6: a wrong answer did not end").ok();
    let right = RightAnswer::of(candidate).give(&login).await;
    right.expect("contract 6: a right answer did not end").ok();
}

async fn every_call_ends_without_providers(candidate: &dyn Candidate) {
    candidate.stall();
    let login = start(candidate);
    let begun = ended(login.begin()).await;
    begun.expect("contract 6: begin waits for a provider that does not respond").ok();
}

async fn begin_without_randomness_leaves_nothing(candidate: &dyn Candidate) {
    let login = start(candidate);
    login.fail_randomness(true);
    let failed = ended(login.begin()).await;
    if login.randomness_failures() == 0 {
        return;
    }
    match failed {
        None => return,
        Some(Err(_) | Ok(Step::Unavailable(_))) => {}
        Some(other) => panic!("contract 7: begin without randomness returned {other:?}"),
    }
    assert_eq!(candidate.messages_sent(), 0, "contract 7: begin without randomness sent a message");
    login.fail_randomness(false);
    match ended(login.begin()).await {
        Some(Ok(Step::Prompt(_))) => {}
        Some(other) => panic!("contract 7: begin after a failure of randomness returned {other:?}"),
        None => return,
    }
    let given = RightAnswer::of(candidate).give(&login).await;
    assert!(
        is_done(&given) || given.is_none(),
        "contract 7: a half-made challenge stayed: {given:?}"
    );
}

async fn calls_without_randomness_fail(candidate: &dyn Candidate) {
    let login = start(candidate);
    if begun(&login).await.is_none() {
        return;
    }
    login.fail_randomness(true);
    let failed = ended(login.action(&unknown_action())).await.map(|given| given.map(Some));
    refused(&login, "an action", 0, &failed);
    let before = login.randomness_failures();
    let submitted = ended(login.submit(&candidate.wrong_answer())).await;
    refused(&login, "a wrong answer", before, &submitted.map(|given| given.map(Some)));
    let before = login.randomness_failures();
    let given = RightAnswer::of(candidate).give(&login).await;
    refused(&login, "a right answer", before, &given);
}

/// Fails if a call missed randomness, as `before` tells, and succeeded nevertheless.
#[track_caller]
fn refused(login: &TestLogin<'_>, call: &str, before: usize, given: &Given) {
    let is_refused = matches!(given, None | Some(Err(_) | Ok(Some(Step::Unavailable(_)))));
    assert!(
        is_refused || login.randomness_failures() == before,
        "contract 7: {call} without randomness returned {given:?}"
    );
}

async fn no_leaks(candidate: &dyn Candidate) {
    let faulty = without_services(candidate);
    ended(faulty.begin()).await;
    let unlucky = start(candidate);
    unlucky.fail_randomness(true);
    ended(unlucky.begin()).await;
    let login = start(candidate);
    ended(login.begin()).await;
    ended(login.status()).await;
    ended(login.action(&unknown_action())).await;
    ended(login.submit(&candidate.wrong_answer())).await;
    ended(login.submit(&Submission::new())).await;
    RightAnswer::of(candidate).give(&login).await;
    let plugin = format!("{:?}", candidate.plugin());
    let log = candidate.log();
    for secret in candidate.secrets() {
        for login in [&faulty, &unlucky, &login] {
            let audit = format!("{:?}", login.audit().events());
            assert!(!login.seen().contains(&secret), "contract 8: a reply or error shows a secret");
            assert!(!audit.contains(&secret), "contract 8: the audit trail shows a secret");
        }
        assert!(!plugin.contains(&secret), "contract 8: Debug shows a secret");
        assert!(!log.contains(&secret), "contract 8: the log shows a secret");
    }
}

async fn status_changes_nothing(candidate: &dyn Candidate) {
    let login = start(candidate);
    match ended(login.status()).await {
        None | Some(Ok(None)) => {}
        Some(other) => panic!("contract 9: status before begin returned {other:?}"),
    }
    let Some(prompt) = begun(&login).await else { return };
    let sent = candidate.messages_sent();
    // More often than any limit on attempts.
    for _ in 0..=MAX_GUESSES {
        match ended(login.status()).await {
            Some(Ok(Some(Step::Prompt(status)))) => {
                assert_eq!(
                    status.fields, prompt.fields,
                    "contract 9: other fields than the prompt"
                );
            }
            Some(other) => panic!("contract 9: status returned {other:?}"),
            None => return,
        }
    }
    if ended(login.action(&unknown_action())).await.is_none() {
        return;
    }
    let is_silent = candidate.messages_sent() == sent;
    assert!(is_silent, "contract 9: status or an unknown action sent a message");
    let given = RightAnswer::of(candidate).give(&login).await;
    let is_open = is_done(&given) || given.is_none();
    assert!(is_open, "contract 9: status or an unknown action closed the prompt");
}

async fn waiting_ends(candidate: &dyn Candidate) {
    let login = start(candidate);
    if begun(&login).await.is_none() {
        return;
    }
    let Some(Ok(Some(Step::Prompt(shown)))) = ended(login.status()).await else { return };
    let sent = candidate.messages_sent();
    let outdated = Prompt::new(Message::new("outdated"));
    for shown in [&outdated, &shown] {
        let waited = ended(login.changed(shown)).await;
        let waited = waited.expect("contract 10: changed did not return; is the timer paused?");
        assert!(waited.is_ok(), "contract 10: changed returned {waited:?}");
    }
    assert_eq!(candidate.messages_sent(), sent, "contract 10: waiting sent a message");
    let given = RightAnswer::of(candidate).give(&login).await;
    assert!(is_done(&given) || given.is_none(), "contract 10: waiting closed the prompt");
}

/// How many times `tries_are_bounded` begins, and how many of them may call the provider.
const TRIES: usize = 100;
const MAX_CALLS: usize = 20;

async fn tries_are_bounded(candidate: &dyn Candidate) {
    if !candidate.refuse_messages() {
        return;
    }
    let login = start(candidate);
    for nth in 0..TRIES {
        let begun = if nth % 2 == 0 {
            ended(login.begin()).await
        } else {
            ended(start_another(candidate, candidate.subject(), nth).begin()).await
        };
        if begun.is_none() {
            return;
        }
    }
    let calls = candidate.messages_refused();
    assert!(calls <= MAX_CALLS, "contract 12: {TRIES} tries called the provider {calls} times");
}

async fn names_fit_into_forms(candidate: &dyn Candidate) {
    let login = start(candidate);
    let mut steps = vec![ended(login.begin()).await.and_then(Result::ok)];
    steps.push(ended(login.status()).await.and_then(Result::ok).flatten());
    let action = unknown_action();
    steps.push(ended(login.action(&action)).await.and_then(Result::ok));
    let wrong = candidate.wrong_answer();
    steps.push(ended(login.submit(&wrong)).await.and_then(Result::ok));
    for step in steps.into_iter().flatten() {
        if let Step::Prompt(prompt) = step {
            check_names("contract 11", &prompt);
        }
    }
}
