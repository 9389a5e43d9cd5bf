//! What the simulator remembers: messages, their fate, and the switches that decide it.

mod history;
mod message;
mod number;
mod outcome;
mod text;

pub(crate) use history::{Along, History};
pub(crate) use message::{Draft, Message, Owner, Stage, Texts};
pub(crate) use number::Number;
pub(crate) use outcome::{Plan, is_restricted};
pub(crate) use text::utf16_units;

pub use message::Api;
pub use outcome::{Carrier, DeliveryMode, Outcome};

use crate::config::{Delivery, Quirks};
use crate::fault::Faults;
use crate::id::Id;
use crate::time::Instant;

/// Everything that changes, behind one lock. Every operation under it is short.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) history: History,
    pub(crate) delivery: Delivery,
    pub(crate) quirks: Quirks,
    pub(crate) faults: Faults,
}

/// What the sender of a message says about it.
#[derive(Debug)]
pub(crate) struct NewMessage {
    pub(crate) owner: Owner,
    pub(crate) to: Number,
    pub(crate) texts: Texts,
    pub(crate) tags: Vec<Box<str>>,
    pub(crate) service_id: u64,
    pub(crate) is_shorten: bool,
    pub(crate) parts: Option<u16>,
    pub(crate) scheduled_at: Option<Instant>,
    pub(crate) limited_at: Option<Instant>,
    pub(crate) checks_history: bool,
    pub(crate) error: Option<Box<str>>,
}

impl World {
    /// Accepts a message and decides its fate.
    pub(crate) fn accept(&mut self, new: NewMessage, now: Instant) -> &mut Message {
        let start = new.scheduled_at.map_or(now, |at| at.max(now));
        let mut plan = Plan::new(new.to, start, new.limited_at, new.checks_history, &self.delivery);
        self.swap_with_waiting(&mut plan, new.to, now);
        self.history.push(Draft {
            owner: new.owner,
            to: new.to,
            texts: new.texts,
            tags: new.tags,
            service_id: new.service_id,
            is_shorten: new.is_shorten,
            parts: new.parts,
            scheduled_at: new.scheduled_at,
            limited_at: new.limited_at,
            accepted_at: now,
            plan,
            error: new.error,
        })
    }

    /// A message of an owner; another owner's is as good as none.
    pub(crate) fn owned(&self, owner: Owner, id: Id) -> Option<&Message> {
        self.history.find(id).filter(|message| message.owner == owner)
    }

    /// Out of order: the message that waited arrives just after the new one.
    fn swap_with_waiting(&mut self, plan: &mut Plan, to: Number, now: Instant) {
        if !plan.swaps {
            return;
        }
        let before = self.history.newest_first(Along::Number(to)).next();
        let waiting = before.filter(|message| {
            message.plan.swaps && message.arrived_at(now).is_none() && message.is_open(now)
        });
        let Some(sequence) = waiting.map(|message| message.sequence) else { return };
        plan.swaps = false;
        plan.result_at = plan.sent_at;
        let after = plan.result_at.plus(std::time::Duration::from_millis(1));
        if let Some(message) = self.history.at_mut(sequence) {
            message.plan.swaps = false;
            message.plan.result_at = after.max(message.plan.sent_at);
        }
    }
}
