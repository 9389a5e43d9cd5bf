//! The suite of notifiers finds each planted flaw.

use std::sync::Arc;

use otp_cache::{
    LocalNotifier, Notifier,
    conformance::{self, Kit, notifier},
};

use crate::{
    flawed_notifier::{Flaw, Flawed},
    harness::{is_broken, paused_runtime},
};

/// Room of the notifiers that have a bound.
const SMALL: u32 = 8;

/// The names of all clauses that a notifier with this flaw does not pass.
fn caught(flaw: Flaw) -> Vec<&'static str> {
    let mut caught = Vec::new();
    let mut check = |name, clause: &mut dyn FnMut()| {
        if is_broken(clause) {
            caught.push(name);
        }
    };
    for clause in notifier::clauses() {
        check(clause.name(), &mut || {
            paused_runtime().block_on(clause.check(Kit::over(Flawed::pair(flaw))));
        });
    }
    check("clause_5_bounded", &mut || {
        let kit = Kit::new(Flawed::with_capacity(flaw, SMALL as usize));
        paused_runtime().block_on(notifier::clause_5_bounded(&kit, SMALL));
    });
    check("clause_6_a_lost_connection_wakes", &mut || {
        let nodes = Flawed::pair(flaw);
        let outage = nodes[0].clone();
        let kit = Kit::over(nodes);
        let clause = notifier::clause_6_a_lost_connection_wakes(&kit, &outage);
        paused_runtime().block_on(clause);
    });
    caught
}

#[track_caller]
fn is_caught(flaw: Flaw, by: &str) {
    let caught = caught(flaw);
    assert!(caught.contains(&by), "{flaw:?} must be caught by {by}; it was by {caught:?}");
}

#[test]
fn a_sound_notifier_passes_every_clause() {
    assert_eq!(caught(Flaw::None), [""; 0]);
}

#[test]
fn flawed_notifiers_are_caught_by_the_clause_that_they_break() {
    is_caught(Flaw::KnowsOneNode, "clause_1_every_subscription_wakes");
    is_caught(Flaw::WakesOne, "clause_1_every_subscription_wakes");
    is_caught(Flaw::ForgetsWithoutAWaiter, "clause_2_nothing_is_lost");
    is_caught(Flaw::LosesADroppedWait, "clause_2_nothing_is_lost");
    is_caught(Flaw::MixesSubjects, "clause_3_subjects_are_apart");
    is_caught(Flaw::StaysAwake, "clause_4_a_wake_up_is_used_once");
    is_caught(Flaw::NeverFull, "clause_5_bounded");
    is_caught(Flaw::CountsTheDropped, "clause_5_bounded");
    is_caught(Flaw::Evicts, "clause_5_bounded");
    is_caught(Flaw::SleepsThroughAnOutage, "clause_6_a_lost_connection_wakes");
    is_caught(Flaw::Hangs, "clause_6_a_lost_connection_wakes");
}

#[tokio::test]
async fn the_notifier_of_one_process_conforms() {
    let notifier = LocalNotifier::new();
    conformance::run_notifier(|| async { vec![notifier.clone(), notifier.clone()] }).await;
    let kit = Kit::new(LocalNotifier::with_capacity(SMALL as usize));
    notifier::clause_5_bounded(&kit, SMALL).await;
}

#[tokio::test]
async fn a_notifier_known_by_its_trait_only_conforms() {
    let notifier: Arc<dyn Notifier> = Arc::new(LocalNotifier::new());
    conformance::run_notifier(|| async { vec![Arc::clone(&notifier)] }).await;
}
