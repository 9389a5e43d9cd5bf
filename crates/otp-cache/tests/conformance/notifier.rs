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

const C1: &str = "clause_1_every_subscription_wakes";
const C2: &str = "clause_2_nothing_is_lost";
const C3: &str = "clause_3_subjects_are_apart";
const C4: &str = "clause_4_a_wake_up_is_used_once";
const C5: &str = "clause_5_bounded";
const C6: &str = "clause_6_a_lost_connection_wakes";

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
    check(C5, &mut || {
        let kit = Kit::new(Flawed::with_capacity(flaw, SMALL as usize));
        paused_runtime().block_on(notifier::clause_5_bounded(&kit, SMALL));
    });
    check(C6, &mut || {
        let nodes = Flawed::pair(flaw);
        let outage = nodes[0].clone();
        let kit = Kit::over(nodes);
        let clause = notifier::clause_6_a_lost_connection_wakes(&kit, &outage);
        paused_runtime().block_on(clause);
    });
    caught
}

/// Whether exactly these clauses find the flaw.
#[track_caller]
fn is_caught(flaw: Flaw, by: &[&str]) {
    assert_eq!(caught(flaw), by, "{flaw:?}");
}

#[test]
fn a_sound_notifier_passes_every_clause() {
    assert_eq!(caught(Flaw::None), [""; 0]);
}

#[test]
fn flawed_notifiers_are_caught_by_the_clause_that_they_break() {
    // Every clause waits for a notification on each node, so the first three break most of them.
    is_caught(Flaw::KnowsOneNode, &[C1, C2, C3, C4, C6]);
    is_caught(Flaw::WakesOne, &[C1, C2, C3, C4, C5, C6]);
    is_caught(Flaw::ForgetsWithoutAWaiter, &[C1, C2, C3, C4, C5, C6]);
    is_caught(Flaw::LosesADroppedWait, &[C2]);
    is_caught(Flaw::MixesSubjects, &[C3]);
    is_caught(Flaw::StaysAwake, &[C2, C4]);
    is_caught(Flaw::NeverFull, &[C5]);
    is_caught(Flaw::CountsTheDropped, &[C5]);
    is_caught(Flaw::Evicts, &[C5]);
    is_caught(Flaw::SleepsThroughAnOutage, &[C6]);
    is_caught(Flaw::Hangs, &[C6]);
    is_caught(Flaw::IgnoresALag, &[C2]);
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
