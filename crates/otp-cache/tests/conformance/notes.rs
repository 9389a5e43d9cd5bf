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

const C1: &str = "clause_1_found_until_it_expires";
const C2: &str = "clause_2_the_callers_clock_decides";
const C2_TIME: &str = "clause_2_own_expiry_only_sweeps";
const C3: &str = "clause_3_keys_are_apart";
const C4: &str = "clause_4_the_last_one_replaces";
const C5: &str = "clause_5_acknowledged_means_kept";
const C6: &str = "clause_6_full_means_refuse";
const C7: &str = "clause_7_an_outage_is_an_error_in_time";

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
    check(C2_TIME, &mut || {
        let store = Arc::new(Flawed::new(flaw));
        let kit = Kit::new(Arc::clone(&store));
        let pass_time = async |time| store.pass_time(time);
        runtime.block_on(notes::clause_2_own_expiry_only_sweeps(&kit, pass_time));
    });
    let disk = Disk::default();
    check(C5, &mut || {
        let open = || ready(Flawed::on(disk.clone(), flaw));
        runtime.block_on(notes::clause_5_acknowledged_means_kept(open));
    });
    check(C6, &mut || {
        let kit = Kit::new(Flawed::with_capacity(flaw, SMALL as usize));
        runtime.block_on(notes::clause_6_full_means_refuse(&kit, SMALL));
    });
    check(C7, &mut || {
        let store = Arc::new(Flawed::new(flaw));
        let kit = Kit::new(Arc::clone(&store));
        let clause = notes::clause_7_an_outage_is_an_error_in_time(&kit, &*store);
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
fn a_sound_store_passes_every_clause() {
    assert_eq!(caught(Flaw::None), [""; 0]);
}

#[test]
fn flawed_stores_are_caught_by_the_clause_that_they_break() {
    is_caught(Flaw::IsLate, &[C1, C2, C4]);
    is_caught(Flaw::CutsNothingOff, &[C1]);
    is_caught(Flaw::HasItsOwnClock, &[C2]);
    is_caught(Flaw::NotesExpire, &[C2_TIME]);
    // Other clauses may meet two such keys by chance.
    assert!(caught(Flaw::ShortensKeys).contains(&C3));
    is_caught(Flaw::KeepsTheFirst, &[C4, C5]);
    is_caught(Flaw::KeepsTheLongerLife, &[C4]);
    is_caught(Flaw::WritesInTwoSteps, &[C4]);
    is_caught(Flaw::ReturnsBeforeItWrites, &[C5]);
    is_caught(Flaw::Evicts, &[C6]);
    is_caught(Flaw::NeverFull, &[C6]);
    is_caught(Flaw::SweepsNothing, &[C6]);
    for flaw in [Flaw::FindsNothingInAnOutage, Flaw::SaysDone, Flaw::Hangs, Flaw::ForgetsInAnOutage]
    {
        is_caught(flaw, &[C7]);
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
