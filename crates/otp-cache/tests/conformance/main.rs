//! The conformance suite itself: a plain store that keeps the contracts passes, and each store with a
//! flaw is caught by the clause that it breaks, and by its name.

mod flawed;
mod flawed_notes;
mod flawed_notifier;
mod harness;
mod notes;
mod notifier;

use std::{sync::Arc, time::Duration};

use otp_cache::{
    ChallengeStore, Quota,
    conformance::{self, Fault, Faulty, Kit, challenge_store, quota},
    memory::MemoryStore,
};
use tokio::{runtime::Runtime, time::timeout};

use self::{
    flawed::{Disk, Flaw, Flawed},
    harness::{is_broken, paused_runtime, runtime},
};

/// Room of the stores that have a bound.
const SMALL: u32 = 16;

/// The longest that a call of these stores may take. They answer at once.
const LIMIT: Duration = Duration::from_secs(5);

const C1: &str = "clause_1_counted_first";
const C2: &str = "clause_2_one_winner";
const C3: &str = "clause_3_nothing_forgets";
const C4: &str = "clause_4_the_callers_clock_decides";
const C4_TIME: &str = "clause_4_own_expiry_only_sweeps";
const C5: &str = "clause_5_a_resend_is_the_same_challenge";
const C6: &str = "clause_6_the_newest_replaces";
const C7: &str = "clause_7_acknowledged_means_kept";
const C8: &str = "clause_8_full_means_refuse";
const C9: &str = "clause_9_failed_means_refused";
const C10: &str = "clause_10_subjects_are_apart";
const C11: &str = "clause_11_dropped_means_once_or_not_at_all";
const C12: &str = "clause_12_every_call_ends_in_time";
const RULES: &str = "decides_as_the_pure_rules";
const HISTORIES: &str = "histories_are_linearizable";

const Q1: &str = "quota::clause_1_never_more";
const Q2: &str = "quota::clause_2_all_or_none";
const Q3: &str = "quota::clause_3_fails_closed";
const Q4: &str = "quota::clause_4_the_callers_clock_decides";
const Q4_TIME: &str = "quota::clause_4_own_expiry_only_sweeps";
const Q5: &str = "quota::clause_5_a_refund_gives_back_what_was_charged";
const Q6: &str = "quota::clause_6_full_means_refuse";
const Q7: &str = "quota::clause_7_acknowledged_means_kept";
const Q8: &str = "quota::clause_8_every_call_ends_in_time";
const Q_RULE: &str = "quota::decides_as_the_pure_rule";
const Q_HISTORIES: &str = "quota::histories_are_linearizable";

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
    check(C7, &mut |runtime| {
        runtime.block_on(challenge_store::clause_7_acknowledged_means_kept(reopened));
    });
    check(C8, &mut |runtime| {
        runtime.block_on(challenge_store::clause_8_full_means_refuse(&small(), SMALL));
    });
    let timed = Arc::new(Flawed::new(flaw));
    let timed_kit = Kit::new(Arc::clone(&timed));
    let pass_time = async |time| timed.pass_time(time);
    check(C4_TIME, &mut |runtime| {
        let clause = challenge_store::clause_4_own_expiry_only_sweeps(&timed_kit, pass_time);
        runtime.block_on(clause);
    });
    check(Q4_TIME, &mut |runtime| {
        runtime.block_on(quota::clause_4_own_expiry_only_sweeps(&timed_kit, pass_time));
    });
    // A store that hangs in an outage fails the clauses about outages too.
    let patience = Duration::from_secs(60);
    check(C9, &mut |_| {
        let clause = challenge_store::clause_9_failed_means_refused(&kit, &*shared);
        paused_runtime().block_on(async { timeout(patience, clause).await }).expect("it ends");
    });
    let shared = Arc::new(Flawed::new(flaw));
    let kit = Kit::new(Arc::clone(&shared));
    check(C12, &mut |_| {
        let clause = challenge_store::clause_12_every_call_ends_in_time(&kit, &*shared, LIMIT);
        paused_runtime().block_on(clause);
    });
    let shared = Arc::new(Flawed::new(flaw));
    let kit = Kit::new(Arc::clone(&shared));
    check(Q3, &mut |_| {
        let clause = quota::clause_3_fails_closed(&kit, &*shared);
        paused_runtime().block_on(async { timeout(patience, clause).await }).expect("it ends");
    });
    let shared = Arc::new(Flawed::new(flaw));
    let kit = Kit::new(Arc::clone(&shared));
    check(Q8, &mut |_| {
        paused_runtime().block_on(quota::clause_8_every_call_ends_in_time(&kit, &*shared, LIMIT));
    });
    check(Q6, &mut |runtime| {
        runtime.block_on(quota::clause_6_full_means_refuse(&small(), SMALL));
    });
    check(Q7, &mut |runtime| {
        runtime.block_on(quota::clause_7_acknowledged_means_kept(reopened));
    });
    caught
}

/// Whether the clauses `must` find the flaw, and no others but `may`: those that a race meets, or not.
#[track_caller]
fn is_caught(flaw: Flaw, must: &[&str], may: &[&str]) {
    let caught = caught(flaw);
    let missed: Vec<_> = must.iter().filter(|name| !caught.iter().any(|by| by == *name)).collect();
    assert!(missed.is_empty(), "{flaw:?} is not caught by {missed:?}; it is by {caught:?}");
    let others: Vec<_> =
        caught.iter().filter(|by| !must.iter().chain(may).any(|name| by == name)).collect();
    assert!(others.is_empty(), "{flaw:?} is also caught by {others:?}");
}

#[test]
fn a_sound_store_of_a_third_party_passes_every_clause() {
    assert_eq!(caught(Flaw::None), [""; 0]);
}

/// The first store that one writes for a database of rows. It loses acknowledged challenges and acknowledged
/// attempts of a subject without a row.
#[test]
fn a_store_that_locks_only_rows_that_exist_is_caught_in_every_run() {
    for _ in 0..7 {
        is_caught(Flaw::LocksOnlyRowsThatExist, &[C1, C6, HISTORIES], &[]);
    }
}

#[test]
fn a_store_that_counts_too_little_is_caught_by_clause_1() {
    is_caught(Flaw::CountsOnACopy, &[C1, HISTORIES], &[C2, C3, C11]);
    is_caught(
        Flaw::CountsNoSubject,
        &[C1, C3, C4, C4_TIME, C7, C8, C9, C11, RULES, HISTORIES],
        &[],
    );
}

#[test]
fn a_store_with_two_winners_is_caught_by_clause_2() {
    is_caught(Flaw::ConsumesOnACopy, &[C2, HISTORIES], &[]);
    is_caught(Flaw::ConsumesAgain, &[C2, C3, C7, C9, C11, RULES, HISTORIES], &[]);
}

#[test]
fn a_store_that_forgets_is_caught_by_clause_3() {
    is_caught(Flaw::ResendForgets, &[C2, C3, RULES, HISTORIES], &[]);
    is_caught(Flaw::OpenForgets, &[C1, C3, C4, C4_TIME, C7, RULES, HISTORIES], &[]);
}

#[test]
fn a_store_with_a_clock_of_its_own_is_caught_by_clause_4() {
    let others = [C1, C3, C5, C6, C8, C10, C11, RULES, HISTORIES];
    is_caught(Flaw::HasItsOwnClock, &[C4, C4_TIME, Q4], &others);
    is_caught(Flaw::IsLate, &[C4, C4_TIME, RULES], &[C1, C2, C5, C7, HISTORIES]);
}

#[test]
fn a_store_that_a_wrong_clock_locks_is_caught_by_clause_4() {
    is_caught(Flaw::LocksUntilTheClockCatchesUp, &[C4, RULES], &[]);
    is_caught(Flaw::ChargesWhenTheClockHasCaughtUp, &[Q4, Q_RULE], &[]);
}

#[test]
fn a_store_that_deletes_by_the_backends_clock_is_caught_by_clause_4() {
    is_caught(Flaw::RecordsExpire, &[C4_TIME], &[]);
    is_caught(Flaw::RecordsExpireWithTheNewest, &[C4_TIME], &[]);
    is_caught(Flaw::KeysExpire, &[Q4_TIME], &[]);
}

#[test]
fn a_store_that_resends_something_else_or_too_often_is_caught_by_clause_5() {
    is_caught(Flaw::ResendsAnotherCode, &[C5, RULES, HISTORIES], &[]);
    is_caught(Flaw::ResendsOnACopy, &[C5, HISTORIES], &[C3]);
}

#[test]
fn a_store_that_keeps_the_older_challenge_or_loses_another_is_caught_by_clause_6() {
    is_caught(Flaw::KeepsTheOlder, &[C6, RULES, HISTORIES], &[]);
    is_caught(Flaw::OpensOnACopy, &[C6, HISTORIES], &[C1, C3]);
}

#[test]
fn a_store_that_answers_before_it_writes_is_caught_by_clause_7() {
    is_caught(Flaw::AnswersBeforeItWrites, &[C7, Q7], &[]);
}

#[test]
fn a_store_that_evicts_or_takes_too_much_is_caught_by_clause_8() {
    is_caught(Flaw::Evicts, &[C8, Q6], &[]);
    is_caught(Flaw::NeverFull, &[C8, Q6], &[]);
}

#[test]
fn a_store_that_answers_during_an_outage_is_caught_by_clause_9() {
    is_caught(Flaw::FailsOpen, &[C9, C12], &[]);
    is_caught(Flaw::SaysDone, &[C9], &[]);
}

#[test]
fn a_store_that_is_wrong_about_a_proof_is_caught_by_clause_9() {
    is_caught(Flaw::KeepsTheProof, &[C9], &[]);
    is_caught(Flaw::ReturnsASpentProof, &[C9], &[]);
}

#[test]
fn a_store_that_mixes_subjects_up_is_caught_by_clause_10() {
    is_caught(Flaw::MixesSubjects, &[C10], &[]);
}

#[test]
fn a_store_that_takes_two_steps_is_caught_by_clause_11() {
    is_caught(Flaw::OpensInTwoSteps, &[C8, C11, RULES], &[HISTORIES]);
    is_caught(Flaw::ConsumesInTwoSteps, &[C4, C11, RULES], &[HISTORIES]);
}

#[test]
fn a_store_that_waits_for_its_backend_is_caught_by_clause_12() {
    is_caught(Flaw::Hangs, &[C9, C12, Q3, Q8], &[]);
}

/// Each of these is sound but for one method, and only when two calls meet.
#[test]
fn a_lost_update_or_an_old_value_of_any_method_has_no_order() {
    is_caught(Flaw::DeliversOnACopy, &[HISTORIES], &[]);
    is_caught(Flaw::RevokesOnACopy, &[HISTORIES], &[]);
    is_caught(Flaw::UnlocksOnACopy, &[HISTORIES], &[]);
    is_caught(Flaw::LoadsFromAReplica, &[HISTORIES], &[]);
    is_caught(Flaw::ReadsTheStatusFromAReplica, &[HISTORIES], &[]);
}

#[test]
fn flawed_quotas_are_caught_by_the_clause_that_they_break() {
    is_caught(Flaw::ChargesOnACopy, &[Q1, Q_HISTORIES], &[Q2]);
    is_caught(Flaw::LocksOnlyKeysThatExist, &[Q1, Q_HISTORIES], &[Q2]);
    is_caught(Flaw::ChargesAKeyOnce, &[Q1], &[]);
    is_caught(Flaw::ChargesOneByOne, &[Q1, Q2, Q5], &[]);
    is_caught(Flaw::GrantsInAnOutage, &[Q3, Q8], &[]);
    is_caught(Flaw::RefundsAll, &[Q4_TIME, Q5, Q7], &[Q_HISTORIES]);
    is_caught(Flaw::RefundsTwice, &[Q5], &[]);
    is_caught(Flaw::RefundsOnACopy, &[Q_HISTORIES], &[Q1]);
    is_caught(Flaw::ChargesByTheMillisecond, &[Q_RULE], &[]);
}

/// Whether the call happened or not, the caller cannot know: both have to be bearable.
#[tokio::test]
async fn a_store_whose_calls_or_answers_get_lost_fails_closed() {
    for fault in [Fault::NotDone, Fault::Done, Fault::Conflict] {
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
