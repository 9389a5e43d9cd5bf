//! Recorded histories of charges and refunds of one key under load, checked against one value.

use std::time::{Duration, SystemTime};

use otp_core::gcra::{self, Rate, Tat};

use crate::{
    Charge, Charged, Quota, QuotaRefused,
    conformance::{
        amounts::hourly,
        dice::Dice,
        history::{History, Ticks},
        kit::Kit,
        linear::{Event, Model, is_linearizable, shown},
    },
};

/// Callers of one history, all at once.
const CALLERS: usize = 6;

/// Calls of each caller.
const TURNS: usize = 5;

/// Histories.
const ROUNDS: u64 = 24;

#[derive(Clone, Copy, Debug)]
enum Call {
    Charge { events: u32, at: SystemTime },
    Refund(Duration),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Granted { left: u32 },
    Refused(QuotaRefused),
    Refunded,
}

/// One key that executes one call after the other.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Sequential {
    tat: Tat,
    rate: Rate,
}

impl Model for Sequential {
    type Call = Call;
    type Answer = Answer;

    fn step(&mut self, call: &Call) -> Answer {
        match *call {
            Call::Charge { events, at } => match gcra::charge(self.tat, &self.rate, events, at) {
                gcra::Decision::Granted(granted) => {
                    self.tat = granted.tat;
                    Answer::Granted { left: granted.left }
                }
                gcra::Decision::Refused { until } => {
                    Answer::Refused(QuotaRefused { which: 0, until: Some(until) })
                }
                gcra::Decision::TooLarge => Answer::Refused(QuotaRefused { which: 0, until: None }),
            },
            Call::Refund(span) => {
                self.tat = gcra::refund(self.tat, span);
                Answer::Refunded
            }
        }
    }
}

/// Six callers at once charge one key that the store has never heard of, and refund some of it. The results must be
/// those of some order that real time allows. A call that failed may have happened or not.
///
/// Calls of several keys are not recorded: a backend may hold some of their charges for a moment (clause 2).
///
/// # Panics
///
/// If no order explains the results.
pub async fn histories_are_linearizable<S: Quota>(kit: &Kit<S>) {
    for round in 0..ROUNDS {
        let rate = hourly(8);
        let history = record_history(kit, rate, round).await;
        let model = Sequential { tat: Tat::default(), rate };
        assert!(
            is_linearizable(&model, &history),
            "quota clauses 1 and 5: no order of these calls explains the answers:\n{}",
            shown(&history)
        );
    }
}

async fn record_history<S: Quota>(
    kit: &Kit<S>,
    rate: Rate,
    round: u64,
) -> Vec<Event<Call, Answer>> {
    let (ticks, now) = (Ticks::default(), kit.start());
    let one = Charge::new(kit.quota_key(), rate);
    let race = |number: usize, store: std::sync::Arc<S>| {
        let mut dice = Dice::new(round * 64 + number as u64);
        let mut history = History::new(&ticks);
        async move {
            let mut receipts = Vec::new();
            for _ in 0..TURNS {
                match receipts.pop() {
                    Some(receipt) if dice.below(2) == 0 => {
                        refund(&mut history, &*store, &receipt, now).await;
                    }
                    kept => {
                        receipts.extend(kept);
                        let charge = one.with_events(1 + dice.small(2));
                        receipts.extend(charged(&mut history, &*store, charge, now).await);
                    }
                }
            }
            history.events
        }
    };
    // Over several threads, or in one task, in which all have begun before one continues.
    let callers = if round.is_multiple_of(2) {
        kit.in_turn(CALLERS, race).await
    } else {
        kit.at_once(CALLERS, race).await
    };
    // What was lost shows at the end, even if no call of the race saw it.
    let mut alone = History::new(&ticks);
    charged(&mut alone, &*kit.node(), one.with_events(0), now).await;
    let mut events = alone.events;
    events.extend(callers.into_iter().flatten());
    events
}

async fn charged<S: Quota>(
    history: &mut History<Call, Answer>,
    store: &S,
    charge: Charge,
    at: SystemTime,
) -> Option<Charged> {
    let call = Call::Charge { events: charge.events, at };
    let charges = [charge];
    let answer = store.charge(&charges, at);
    let seen = |seen: &Result<Charged, QuotaRefused>| match seen {
        Ok(charged) => Answer::Granted { left: charged.left() },
        Err(refused) => Answer::Refused(*refused),
    };
    history.record(call, answer, seen).await?.ok()
}

async fn refund<S: Quota>(
    history: &mut History<Call, Answer>,
    store: &S,
    receipt: &Charged,
    at: SystemTime,
) {
    let span = receipt.refunds(at).map(|(_, span)| span).sum();
    history.record(Call::Refund(span), store.refund(receipt, at), |()| Answer::Refunded).await;
}
