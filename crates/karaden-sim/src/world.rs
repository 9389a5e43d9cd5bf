//! The model: messages, their delivery, and the settings that decide it.

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

pub use self::outcome::{Carrier, Intervention, Outcome};
pub(crate) use self::{
    bulk::{BulkJob, BulkStatus, BulkStore, Refused, Rejection, Row, URL_LIFETIME},
    history::{History, Selection},
    message::{Message, Owner, SendRequest, Stage, Texts},
    number::Number,
    outcome::is_restricted,
    schedule::Due,
    text::{utf16_units, weighed_units},
};
use self::{outcome::Plan, schedule::Schedule, short::ShortKey};
use crate::{
    config::{Delivery, Quirks, SimConfig},
    fault::Faults,
    id::{Id, Ids, Sequence},
    operation::Api,
    time::Instant,
};

/// All state that changes. One lock guards it, so every operation is short.
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
    /// For each project, whether it has a callback URL.
    has_callback_url: Vec<bool>,
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
            has_callback_url: config
                .projects
                .iter()
                .map(|one| one.callback_url.is_some())
                .collect(),
            seed,
        }
    }

    /// Accepts a message and plans its delivery.
    pub(crate) fn accept(&mut self, mut request: SendRequest, now: Instant) -> &mut Message {
        self.make_room(request.bytes());
        let mut plan = Plan::new(
            request.to,
            request.earliest(now),
            request.limited_at,
            request.consent_on,
            &self.delivery,
        );
        self.overtake_waiting(&mut plan, request.to, now);
        let mut short_keys = Vec::new();
        if request.is_shorten {
            let sequence = self.history.next_sequence();
            let seed = self.seed ^ sequence;
            request.texts = request.texts.map(|text| short::shorten(text, seed, &mut short_keys));
            self.short_urls.extend(short_keys.iter().map(|key| (*key, sequence)));
        }
        let wants_callbacks = self.wants_callbacks(request.owner);
        let message = self.history.push(request, short_keys.into(), plan, now);
        if wants_callbacks {
            self.schedule.add_results(message);
        }
        message
    }

    /// Returns a message of `owner`; `None` if it does not exist or belongs to another owner.
    pub(crate) fn owned(&self, owner: Owner, id: Id) -> Option<&Message> {
        self.history.find(id).filter(|message| message.request.owner == owner)
    }

    /// Cancels a message; `None` if it is not waiting at `now`.
    pub(crate) fn cancel(&mut self, id: Id, now: Instant) -> Option<&Message> {
        let message = self.history.find_mut(id)?;
        if message.stage(now) != Stage::Waiting {
            return None;
        }
        self.schedule.remove_results(message);
        message.canceled_at = Some(now);
        Some(message)
    }

    /// Changes the delivery of a message; `false` if its state is final.
    pub(crate) fn intervene(&mut self, id: Id, action: Intervention, now: Instant) -> bool {
        let Some(owner) = self.history.find(id).map(|message| message.request.owner) else {
            return false;
        };
        let wants_callbacks = self.wants_callbacks(owner);
        let Some(message) = self.history.find_mut(id) else { return false };
        if !message.is_open(now) {
            return false;
        }
        self.schedule.remove_results(message);
        message.plan.intervene(action, now);
        if wants_callbacks {
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

    /// Counts a click on a short URL; `false` if no URL has this key.
    pub(crate) fn click(&mut self, key: &str) -> bool {
        let Ok(key) = ShortKey::try_from(key.as_bytes()) else { return false };
        let Some(sequence) = self.short_urls.get(&key) else { return false };
        let Some(message) = self.history.at_mut(*sequence) else { return false };
        message.clicks = message.clicks.saturating_add(1);
        true
    }

    /// Deletes all messages and keeps all settings.
    pub(crate) fn delete_messages(&mut self) {
        self.history.clear();
        self.schedule.clear();
        self.short_urls.clear();
    }

    fn wants_callbacks(&self, owner: Owner) -> bool {
        owner.api == Api::Sms && self.has_callback_url.get(usize::from(owner.index)) == Some(&true)
    }

    fn make_room(&mut self, bytes: usize) {
        while self.history.is_full_for(bytes) {
            let Some(message) = self.history.drop_oldest() else { return };
            self.schedule.remove_results(&message);
            for key in &message.short_keys {
                self.short_urls.remove(key);
            }
        }
    }

    /// In the delivery mode "out of order": if the previous message to `to` is waiting, the new one
    /// arrives now and the previous one a millisecond later.
    fn overtake_waiting(&mut self, plan: &mut Plan, to: Number, now: Instant) {
        if !plan.waits_for_next {
            return;
        }
        let previous = self.history.newest_first(Selection::Number(to)).next();
        let waiting =
            previous.filter(|message| message.plan.waits_for_next && message.is_open(now));
        let Some(sequence) = waiting.map(|message| message.sequence) else { return };
        plan.waits_for_next = false;
        plan.result_at = plan.sent_at;
        let after = plan.result_at.plus(Duration::from_millis(1));
        let Some(message) = self.history.at_mut(sequence) else { return };
        let planned = self.schedule.has_results(message);
        self.schedule.remove_results(message);
        message.plan.waits_for_next = false;
        message.plan.result_at = after.max(message.plan.sent_at);
        if planned {
            self.schedule.add_results(message);
        }
    }
}
