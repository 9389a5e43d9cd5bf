//! Each clause of the contract finds the flaws planted for it, and no other clause does.
#![cfg(feature = "test-kit")]
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod post;
mod push;

use std::collections::BTreeSet;

use async_trait::async_trait;
use mfa_plugin_api::{
    ActionId, Descriptor, FactorId, FlowContext, Message, MfaPlugin, PluginError, Reply, Step,
    Subject, Submission, Unavailable,
    test_kit::{Candidate, Clause, check_clause, check_contract},
};

use crate::{
    post::{Flaw, Post},
    push::{Push, PushFlaw},
};

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
        (Flaw::AsksForOtherField, Clause::BeginIsRepeatable, "a repeated begin asks for"),
        (Flaw::AsksForOtherText, Clause::BeginIsRepeatable, "a repeated begin asks for"),
        (Flaw::BadFieldName, Clause::NamesFitIntoForms, "is no name for a form"),
        (Flaw::CountsAfterComparing, Clause::GuessesAreBounded, "200 parallel wrong ones"),
        (Flaw::CountsPerLogin, Clause::GuessesAreBounded, "a new login accepted an answer"),
        (Flaw::CountsWithLostUpdates, Clause::GuessesAreBounded, "200 parallel wrong ones"),
        (Flaw::CountsInState, Clause::GuessesAreBounded, "accepted after 100 wrong ones"),
        (Flaw::DoneAtBegin, Clause::DoneIsVerified, "begin satisfied the factor"),
        (Flaw::DoneWithoutMethod, Clause::DoneIsVerified, "evidence without a method"),
        (Flaw::FaultOnUnknownAction, Clause::FailuresHaveTheirForm, "an unknown action"),
        (Flaw::FaultWhenWrong, Clause::FailuresHaveTheirForm, "a wrong answer returned Err"),
        (Flaw::HangsInSubmit, Clause::EveryCallEnds, "a wrong answer did not end"),
        (Flaw::HangsWhenStalled, Clause::EveryCallEnds, "does not respond"),
        (Flaw::IgnoresLogin, Clause::DoneIsVerified, "the answer of another login satisfied"),
        (Flaw::IgnoresTenant, Clause::DoneIsVerified, "the answer of another user satisfied"),
        (
            Flaw::LastWordForAll,
            Clause::DoneIsVerified,
            "one answer satisfied the factor for either",
        ),
        (Flaw::OneWordForAll, Clause::DoneIsVerified, "the answer of another user satisfied"),
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
        (Flaw::TriesWithoutLimit, Clause::TriesAreBounded, "called the provider 100 times"),
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

#[tokio::test(start_paused = true)]
async fn an_approval_elsewhere_counts_as_the_right_answer() {
    check_contract(|| Push::new(PushFlaw::None)).await;
    for (flaw, clause, words) in [
        (PushFlaw::ApprovesEachLogin, Clause::DoneIsVerified, "the answer of another login"),
        (PushFlaw::TakesTwice, Clause::OneRightAnswerOneDone, "Done from 2 of two parallel"),
    ] {
        let broken = broken(move |clause| check_clause(clause, move || Push::new(flaw))).await;
        let [(found, said)] = &*broken else { panic!("{flaw:?}: {broken:?}") };
        assert_eq!(*found, clause, "{flaw:?}: {said}");
        assert!(said.contains(words), "{flaw:?}: {said}");
    }
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
