//! The suite of notes finds each planted flaw.

use std::{future::ready, sync::Arc};

use otp_cache::{
    DeliveryNotes,
    conformance::{self, Fault, Faulty, Kit, notes},
    memory::MemoryStore,
};

use crate::{
    flawed_notes::{Disk, Flaw, Flawed},
    harness::{is_broken, paused_runtime, runtime},
};

/// Room of the stores that have a bound.
const SMALL: u32 = 16;

/// The names of all clauses that a store with this flaw does not pass.
fn caught(flaw: Flaw) -> Vec<&'static str> {
    let mut caught = Vec::new();
    let mut check = |name, clause: &mut dyn FnMut()| {
        if is_broken(clause) {
            caught.push(name);
        }
    };
    let runtime = runtime();
    for clause in notes::clauses() {
        check(clause.name(), &mut || {
            runtime.block_on(clause.check(Kit::new(Flawed::new(flaw))));
        });
    }
    let disk = Disk::default();
    check("clause_5_acknowledged_means_kept", &mut || {
        let open = || ready(Flawed::on(disk.clone(), flaw));
        runtime.block_on(notes::clause_5_acknowledged_means_kept(open));
    });
    check("clause_6_full_means_refuse", &mut || {
        let kit = Kit::new(Flawed::with_capacity(flaw, SMALL as usize));
        runtime.block_on(notes::clause_6_full_means_refuse(&kit, SMALL));
    });
    check("clause_7_an_outage_is_an_error_in_time", &mut || {
        let store = Arc::new(Flawed::new(flaw));
        let kit = Kit::new(Arc::clone(&store));
        let clause = notes::clause_7_an_outage_is_an_error_in_time(&kit, &*store);
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
fn a_sound_store_passes_every_clause() {
    assert_eq!(caught(Flaw::None), [""; 0]);
}

#[test]
fn flawed_stores_are_caught_by_the_clause_that_they_break() {
    is_caught(Flaw::IsLate, "clause_1_found_until_it_expires");
    is_caught(Flaw::CutsNothingOff, "clause_1_found_until_it_expires");
    is_caught(Flaw::HasItsOwnClock, "clause_2_the_callers_clock_decides");
    is_caught(Flaw::ShortensKeys, "clause_3_keys_are_apart");
    is_caught(Flaw::KeepsTheFirst, "clause_4_the_last_one_replaces");
    is_caught(Flaw::KeepsTheLongerLife, "clause_4_the_last_one_replaces");
    is_caught(Flaw::WritesInTwoSteps, "clause_4_the_last_one_replaces");
    is_caught(Flaw::ReturnsBeforeItWrites, "clause_5_acknowledged_means_kept");
    is_caught(Flaw::Evicts, "clause_6_full_means_refuse");
    is_caught(Flaw::NeverFull, "clause_6_full_means_refuse");
    is_caught(Flaw::SweepsNothing, "clause_6_full_means_refuse");
    for flaw in [Flaw::FindsNothingInAnOutage, Flaw::SaysDone, Flaw::Hangs, Flaw::ForgetsInAnOutage]
    {
        is_caught(flaw, "clause_7_an_outage_is_an_error_in_time");
    }
}

#[tokio::test]
async fn notes_whose_calls_or_replies_get_lost_are_an_error() {
    for fault in [Fault::NotDone, Fault::Done] {
        let store = Arc::new(Faulty::new(MemoryStore::new()).with_outage(fault));
        let kit = Kit::new(Arc::clone(&store));
        notes::clause_7_an_outage_is_an_error_in_time(&kit, &*store).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn notes_known_by_their_trait_only_conform() {
    let store: Arc<dyn DeliveryNotes> = Arc::new(MemoryStore::new());
    conformance::run_delivery_notes(|| async { vec![Arc::clone(&store)] }).await;
}
