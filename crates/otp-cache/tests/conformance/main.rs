//! The conformance suite itself: a plain store that keeps the contracts passes, and each store with a
//! flaw is caught by the clause that it breaks, and by its name.

mod flawed;
mod flawed_notes;
mod flawed_notifier;
mod harness;
mod notes;
mod notifier;

use std::sync::Arc;

use otp_cache::{
    ChallengeStore, Quota,
    conformance::{self, Fault, Faulty, Kit, challenge_store, quota},
    memory::MemoryStore,
};
use tokio::runtime::Runtime;

use self::{
    flawed::{Disk, Flaw, Flawed},
    harness::{is_broken, runtime},
};

/// Room of the stores that have a bound.
const SMALL: u32 = 16;

/// The names of all clauses that a store with this flaw does not pass.
fn caught(flaw: Flaw) -> Vec<String> {
    let runtime = runtime();
    let mut caught = Vec::new();
    let mut check = |name: &str, clause: &mut dyn FnMut(&Runtime)| {
        if is_broken(|| clause(&runtime)) {
            caught.push(name.to_owned());
        }
    };
    let kit = || Kit::new(Flawed::new(flaw));
    for clause in challenge_store::clauses() {
        check(clause.name(), &mut |runtime| runtime.block_on(clause.check(kit())));
    }
    for clause in quota::clauses() {
        let name = format!("quota::{}", clause.name());
        check(&name, &mut |runtime| runtime.block_on(clause.check(kit())));
    }
    let small = || Kit::new(Flawed::with_capacity(flaw, SMALL as usize));
    let disk = Disk::default();
    let reopened = || std::future::ready(Flawed::on(disk.clone(), flaw));
    let shared = Arc::new(Flawed::new(flaw));
    let kit = Kit::new(Arc::clone(&shared));
    check("clause_7_acknowledged_means_kept", &mut |runtime| {
        runtime.block_on(challenge_store::clause_7_acknowledged_means_kept(reopened));
    });
    check("clause_8_full_means_refuse", &mut |runtime| {
        runtime.block_on(challenge_store::clause_8_full_means_refuse(&small(), SMALL));
    });
    check("clause_9_failed_means_refused", &mut |runtime| {
        runtime.block_on(challenge_store::clause_9_failed_means_refused(&kit, &*shared));
    });
    check("quota::clause_3_fails_closed", &mut |runtime| {
        runtime.block_on(quota::clause_3_fails_closed(&kit, &*shared));
    });
    check("quota::clause_6_full_means_refuse", &mut |runtime| {
        runtime.block_on(quota::clause_6_full_means_refuse(&small(), SMALL));
    });
    check("quota::clause_7_acknowledged_means_kept", &mut |runtime| {
        runtime.block_on(quota::clause_7_acknowledged_means_kept(reopened));
    });
    caught
}

#[track_caller]
fn is_caught(flaw: Flaw, by: &str) {
    let caught = caught(flaw);
    assert!(
        caught.iter().any(|name| name == by),
        "{flaw:?} must be caught by {by}; it was by {caught:?}"
    );
}

#[test]
fn a_sound_store_of_a_third_party_passes_every_clause() {
    assert_eq!(caught(Flaw::None), [""; 0]);
}

#[test]
fn a_store_that_counts_too_little_is_caught_by_clause_1() {
    is_caught(Flaw::CountsOnACopy, "clause_1_counted_first");
    is_caught(Flaw::CountsNoSubject, "clause_1_counted_first");
}

#[test]
fn a_store_with_two_winners_is_caught_by_clause_2() {
    is_caught(Flaw::ConsumesOnACopy, "clause_2_one_winner");
    is_caught(Flaw::ConsumesAgain, "clause_2_one_winner");
}

#[test]
fn a_store_that_forgets_is_caught_by_clause_3() {
    is_caught(Flaw::ResendForgets, "clause_3_nothing_forgets");
    is_caught(Flaw::OpenForgets, "clause_3_nothing_forgets");
}

#[test]
fn a_store_with_a_clock_of_its_own_is_caught_by_clause_4() {
    is_caught(Flaw::HasItsOwnClock, "clause_4_the_callers_clock_decides");
    is_caught(Flaw::IsLate, "clause_4_the_callers_clock_decides");
}

#[test]
fn a_store_that_resends_something_else_or_too_often_is_caught_by_clause_5() {
    is_caught(Flaw::ResendsAnotherCode, "clause_5_a_resend_is_the_same_challenge");
    is_caught(Flaw::ResendsOnACopy, "clause_5_a_resend_is_the_same_challenge");
}

#[test]
fn a_store_that_keeps_the_older_challenge_is_caught_by_clause_6() {
    is_caught(Flaw::KeepsTheOlder, "clause_6_the_newest_replaces");
}

#[test]
fn a_store_that_answers_before_it_writes_is_caught_by_clause_7() {
    is_caught(Flaw::AnswersBeforeItWrites, "clause_7_acknowledged_means_kept");
}

#[test]
fn a_store_that_evicts_or_takes_too_much_is_caught_by_clause_8() {
    is_caught(Flaw::Evicts, "clause_8_full_means_refuse");
    is_caught(Flaw::NeverFull, "clause_8_full_means_refuse");
}

#[test]
fn a_store_that_answers_during_an_outage_is_caught_by_clause_9() {
    is_caught(Flaw::FailsOpen, "clause_9_failed_means_refused");
    is_caught(Flaw::SaysDone, "clause_9_failed_means_refused");
}

#[test]
fn a_store_that_mixes_subjects_up_is_caught_by_clause_10() {
    is_caught(Flaw::MixesSubjects, "clause_10_subjects_are_apart");
}

#[test]
fn a_store_that_takes_two_steps_is_caught_by_clause_11() {
    let by = "clause_11_dropped_means_once_or_not_at_all";
    is_caught(Flaw::OpensInTwoSteps, by);
    is_caught(Flaw::ConsumesInTwoSteps, by);
}

#[test]
fn a_store_with_any_other_rule_is_caught_beside_the_pure_rules() {
    for flaw in [Flaw::CountsNoSubject, Flaw::OpenForgets, Flaw::IsLate, Flaw::ConsumesAgain] {
        is_caught(flaw, "decides_as_the_pure_rules");
    }
}

#[test]
fn histories_of_a_store_that_loses_counts_or_has_two_winners_have_no_order() {
    is_caught(Flaw::CountsOnACopy, "histories_are_linearizable");
    is_caught(Flaw::ConsumesOnACopy, "histories_are_linearizable");
}

#[test]
fn flawed_quotas_are_caught_by_the_clause_that_they_break() {
    is_caught(Flaw::ChargesOnACopy, "quota::clause_1_never_more");
    is_caught(Flaw::ChargesAKeyOnce, "quota::clause_1_never_more");
    is_caught(Flaw::ChargesOneByOne, "quota::clause_2_all_or_none");
    is_caught(Flaw::GrantsInAnOutage, "quota::clause_3_fails_closed");
    is_caught(Flaw::HasItsOwnClock, "quota::clause_4_the_callers_clock_decides");
    is_caught(Flaw::RefundsAll, "quota::clause_5_a_refund_gives_back_what_was_charged");
    is_caught(Flaw::RefundsTwice, "quota::clause_5_a_refund_gives_back_what_was_charged");
    is_caught(Flaw::Evicts, "quota::clause_6_full_means_refuse");
    is_caught(Flaw::NeverFull, "quota::clause_6_full_means_refuse");
    is_caught(Flaw::AnswersBeforeItWrites, "quota::clause_7_acknowledged_means_kept");
    is_caught(Flaw::ChargesByTheMillisecond, "quota::decides_as_the_pure_rule");
}

/// Whether the call happened or not, the caller cannot know: both have to be bearable.
#[tokio::test]
async fn a_store_whose_calls_or_answers_get_lost_fails_closed() {
    for fault in [Fault::NotDone, Fault::Done] {
        let store = Arc::new(Faulty::new(MemoryStore::new()).with_outage(fault));
        conformance::failed_means_refused(Arc::clone(&store), &*store).await;
    }
}

/// A store that is known by one of the traits only.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_trait_is_enough() {
    let store: Arc<dyn ChallengeStore> = Arc::new(MemoryStore::new());
    conformance::run_challenge_store(|| async { Arc::clone(&store) }).await;
    let quota: Arc<dyn Quota> = Arc::new(MemoryStore::new());
    conformance::run_quota(|| async { Arc::clone(&quota) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_wrapper_conforms() {
    conformance::run(|| async { Faulty::new(MemoryStore::new()) }).await;
}
