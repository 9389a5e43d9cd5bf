//! What the simulator remembers: messages, their fate, and the switches that decide it.

mod bulk;
mod history;
mod message;
mod number;
mod outcome;
mod schedule;
mod short;
mod text;

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

pub use self::outcome::{Carrier, Outcome};
pub(crate) use self::{
    bulk::{BulkJob, BulkStore, Refused, Rejection, Row, URL_LIFE},
    history::{History, Selection},
    message::{Message, Owner, SendRequest, Stage, Texts},
    number::Number,
    outcome::{Intervention, is_restricted},
    schedule::Due,
    text::utf16_units,
};
use self::{outcome::Plan, schedule::Schedule, short::ShortKey};

use crate::{
    config::{Delivery, Quirks, SimConfig},
    fault::Faults,
    id::{Id, Ids, Sequence},
    operation::Api,
    time::Instant,
};

/// Everything that changes, behind one lock. Every operation under it is short.
pub(crate) struct World {
    pub(crate) history: History,
    pub(crate) bulk: BulkStore,
    pub(crate) schedule: Schedule,
    pub(crate) delivery: Delivery,
    pub(crate) quirks: Quirks,
    pub(crate) faults: Faults,
    /// The send list of each push account.
    send_lists: Vec<HashSet<u64>>,
    short_urls: HashMap<ShortKey, Sequence>,
    /// Which projects want callbacks.
    calls_back: Vec<bool>,
    seed: u64,
}

impl World {
    pub(crate) fn new(config: &SimConfig, seed: u64) -> Self {
        Self {
            history: History::new(Ids::new(seed), config.history),
            bulk: BulkStore::new(Ids::new(!seed)),
            schedule: Schedule::default(),
            delivery: config.delivery,
            quirks: config.quirks.clone(),
            faults: Faults::default(),
            send_lists: vec![HashSet::new(); config.push_accounts.len()],
            short_urls: HashMap::new(),
            calls_back: config.projects.iter().map(|one| one.callback_url.is_some()).collect(),
            seed,
        }
    }

    /// Accepts a message and plans its delivery.
    pub(crate) fn accept(&mut self, mut request: SendRequest, now: Instant) -> &mut Message {
        self.make_room();
        let mut plan = Plan::new(
            request.to,
            request.earliest(now),
            request.limited_at,
            request.checks_history,
            &self.delivery,
        );
        self.swap_with_waiting(&mut plan, request.to, now);
        let mut short_keys = Vec::new();
        if request.is_shorten {
            let sequence = self.history.next_sequence();
            let seed = self.seed ^ sequence;
            request.texts = request.texts.map(|text| short::shorten(text, seed, &mut short_keys));
            self.short_urls.extend(short_keys.iter().map(|key| (*key, sequence)));
        }
        let calls_back = self.calls_back(request.owner);
        let message = self.history.push(request, short_keys.into(), plan, now);
        if calls_back {
            self.schedule.add_results(message);
        }
        message
    }

    /// A message of an owner; another owner's is as good as none.
    pub(crate) fn owned(&self, owner: Owner, id: Id) -> Option<&Message> {
        self.history.find(id).filter(|message| message.request.owner == owner)
    }

    /// Cancels a message, if it is still waiting at `now`.
    pub(crate) fn cancel(&mut self, id: Id, now: Instant) -> Option<&Message> {
        let message = self.history.find_mut(id)?;
        if message.stage(now) != Stage::Waiting {
            return None;
        }
        self.schedule.forget(message);
        message.canceled_at = Some(now);
        Some(message)
    }

    /// Changes the fate of a message that is still open; `false` if it is not.
    pub(crate) fn intervene(&mut self, id: Id, what: Intervention, now: Instant) -> bool {
        let Some(owner) = self.history.find(id).map(|message| message.request.owner) else {
            return false;
        };
        let calls_back = self.calls_back(owner);
        let Some(message) = self.history.find_mut(id) else { return false };
        if !message.is_open(now) {
            return false;
        }
        self.schedule.forget(message);
        message.plan.change(what, now);
        if calls_back {
            self.schedule.add_results(message);
        }
        true
    }

    pub(crate) fn send_list(&mut self, owner: Owner) -> &mut HashSet<u64> {
        let index = usize::from(owner.index);
        if self.send_lists.len() <= index {
            self.send_lists.resize_with(index + 1, HashSet::new);
        }
        &mut self.send_lists[index]
    }

    /// Counts a click on a short URL; `false` if there is none with this key.
    pub(crate) fn click(&mut self, key: &str) -> bool {
        let Ok(key) = ShortKey::try_from(key.as_bytes()) else { return false };
        let Some(sequence) = self.short_urls.get(&key) else { return false };
        let Some(message) = self.history.at_mut(*sequence) else { return false };
        message.clicks = message.clicks.saturating_add(1);
        true
    }

    /// Forgets every message; switches stay.
    pub(crate) fn forget_messages(&mut self) {
        self.history.clear();
        self.schedule.clear();
        self.short_urls.clear();
    }

    fn calls_back(&self, owner: Owner) -> bool {
        owner.api == Api::Sms && self.calls_back.get(usize::from(owner.index)) == Some(&true)
    }

    fn make_room(&mut self) {
        while self.history.is_full() {
            let Some(message) = self.history.drop_oldest() else { return };
            self.schedule.forget(&message);
            for key in &message.short_keys {
                self.short_urls.remove(key);
            }
        }
    }

    /// Out of order: the message that waited arrives just after the new one.
    fn swap_with_waiting(&mut self, plan: &mut Plan, to: Number, now: Instant) {
        if !plan.swaps {
            return;
        }
        let before = self.history.newest_first(Selection::Number(to)).next();
        let waiting = before.filter(|message| message.plan.swaps && message.is_open(now));
        let Some(sequence) = waiting.map(|message| message.sequence) else { return };
        plan.swaps = false;
        plan.result_at = plan.sent_at;
        let after = plan.result_at.plus(Duration::from_millis(1));
        let Some(message) = self.history.at_mut(sequence) else { return };
        let planned = self.schedule.has_results(message);
        self.schedule.forget(message);
        message.plan.swaps = false;
        message.plan.result_at = after.max(message.plan.sent_at);
        if planned {
            self.schedule.add_results(message);
        }
    }
}
